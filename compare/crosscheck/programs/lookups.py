"""Models that look up other rows than the ones that were asked for."""

import torch
from torch import nn

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import (
    BookColumn,
    BookParams,
    Embeddings,
    NoBias,
    TwoColumns,
    squash,
)


@wrong_model("users_and_items_swapped", real=(12,))
class ItemsFirst(Embeddings):
    """The frame was item, user, rating; the model still reads it that way."""

    def forward(self, x):
        items, users = x[:, 0], x[:, 1]
        dot = (self.user_factors(users) * self.item_factors(items)).sum(1)
        bias = self.user_bias(users).squeeze(1) + self.item_bias(items).squeeze(1)
        return squash(dot + bias, self.y_range)


@wrong_model("users_and_items_swapped", real=(12,))
class ArgumentsSwapped(TwoColumns):
    """forward(items, users), called as model(users, items)."""

    def forward(self, items, users):
        return super().forward(users, items)


@wrong_model("users_counted_from_1", "ids_one_too_low", real=(8,))
class UsersFromOne(BookParams):
    """User numbers of MovieLens begin at 1, so one is taken off; ids come as rows already."""

    def forward(self, x):
        rows = x[:, 0] - 1
        res = (self.user_factors[rows] * self.movie_factors[x[:, 1]]).sum(dim=1)
        res = res + self.user_bias[rows] + self.movie_bias[x[:, 1]]
        return squash(res, self.y_range)


@wrong_model("ids_one_too_low", "lookup_off_by_one", real=(8, 11))
class BothFromOne(TwoColumns):
    """Both ids are taken to begin at 1."""

    def forward(self, users, items):
        return super().forward(users - 1, items - 1)


@wrong_model("ids_one_too_low", "lookup_off_by_one", real=(8,))
class BothFromOneEmbedding(Embeddings):
    """The same on Embedding layers, which refuse row -1."""

    def forward(self, x):
        return super().forward(x - 1)


@wrong_model("items_shifted_by_an_unknown", "ids_one_too_high", real=(14,))
class UnknownItemFirst(BookColumn):
    """Row 0 of the item tables is '#na#', as fastai's vocabulary has it; ids are shifted for it."""

    def forward(self, x):
        return super().forward(
            torch.stack([x[:, 0], (x[:, 1] + 1) % len(self.movie_bias.weight)], 1)
        )


@wrong_model("row_0_looked_up_as_zeros", real=(22,))
class PaddingMasked(Embeddings):
    """Id 0 is taken for padding and masked."""

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        in_use_u = (users != 0).unsqueeze(1).to(self.user_bias.weight.dtype)
        in_use_i = (items != 0).unsqueeze(1).to(self.user_bias.weight.dtype)
        u, i = self.user_factors(users) * in_use_u, self.item_factors(items) * in_use_i
        bias = self.user_bias(users) * in_use_u + self.item_bias(items) * in_use_i
        return squash((u * i).sum(1) + bias.squeeze(1), self.y_range)


@wrong_model("row_modulo_256", sizes=("ml-100k",), needs="more than 256 rows")
class BytesForIds(BookParams):
    """Ids are kept in bytes to save memory."""

    def forward(self, x):
        return super().forward(x.to(torch.uint8).long())


@wrong_model("table_reshaped_not_transposed", real=(7,))
class ViewForPermute(NoBias):
    """Factors are kept as columns and brought into rows by `view`."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__(n_users, n_items, n_factors, y_range)
        self.n_factors = n_factors

    def forward(self, x):
        factors_first = self.u.weight.t().contiguous()  # (K, U)
        u = factors_first.view(-1, self.n_factors)[x[:, 0]]
        return squash((u * self.m(x[:, 1])).sum(1), self.y_range)


@wrong_model("user_bias_by_item")
class BiasOfTheWrongId(TwoColumns):
    """A copied line: the user's bias is looked up by the item's id."""

    def forward(self, users, items):
        logit = (self.P[users] * self.Q[items]).sum(-1)
        return squash(logit + self.bu[items] + self.bi[items], self.y_range)


@wrong_model("bias_tables_swapped")
class BiasTablesSwapped(Embeddings):
    """Each bias is looked up by the other id."""

    def forward(self, x):
        users, items = x.unbind(1)
        dot = (self.user_factors(users) * self.item_factors(items)).sum(-1)
        bias = self.user_bias(items) + self.item_bias(users)
        return squash(dot + bias[:, 0], self.y_range)


@wrong_model("n_items", stage=("mapping", "data", "output", "contract"), real=(13,))
class SizeOfTheUsers(NoBias):
    """`nn.Embedding(n_users, ...)` was copied for the items too."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__(n_users, n_users, n_factors, y_range)


@wrong_model(stage="output", real=(9,))
class VocabularyOfTheBatch(BookParams):
    """Ids are encoded anew for each batch, as if it were all there is."""

    def forward(self, x):
        users = torch.unique(x[:, 0], return_inverse=True)[1]
        items = torch.unique(x[:, 1], return_inverse=True)[1]
        return super().forward(torch.stack([users, items], 1))


@wrong_model(stage="output", real=(10,))
class OneEncoderForBoth(nn.Module):
    """One encoder was fitted to users, then to items, whose codes it now gives to both."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__()
        self.embed_user = nn.Embedding(n_users, n_factors)
        self.embed_item = nn.Embedding(n_items, n_factors)
        self.y_range = y_range
        codes = {}
        for row in torch.randperm(n_items).tolist():  # in order of appearance
            codes.setdefault(row, len(codes))
        self.codes = torch.tensor([codes[row] for row in range(n_items)])

    def forward(self, x):
        user = self.embed_user(
            self.codes[x[:, 0] % len(self.codes)] % self.embed_user.num_embeddings
        )
        item = self.embed_item(self.codes[x[:, 1]])
        return squash((user * item).sum(1), self.y_range)
