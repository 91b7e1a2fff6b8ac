"""Models whose dot product is another product."""

import torch
import torch.nn.functional as F  # noqa: N812

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import (
    BookColumn,
    BookParams,
    Embeddings,
    NoBias,
    TwoColumns,
    squash,
)


@wrong_model("dot_is_a_mean")
class MeanForSum(NoBias):
    """`.mean(1)` where `.sum(1)` was meant."""

    def forward(self, x):
        u, m = self.u(x[:, 0]), self.m(x[:, 1])
        return squash((u * m).mean(1), self.y_range)


@wrong_model("dot_is_a_mean")
class MeanForSumInTheBook(BookParams):
    """The same with biases."""

    def forward(self, x):
        dot = torch.mean(self.user_factors[x[:, 0]] * self.movie_factors[x[:, 1]], dim=-1)
        return squash(dot + self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]], self.y_range)


@wrong_model("last_factor_left_out")
class SliceToMinusOne(BookColumn):
    """The last column is taken for the bias, which has a table of its own."""

    def forward(self, x):
        u, m = self.user_factors(x[:, 0])[:, :-1], self.movie_factors(x[:, 1])[:, :-1]
        res = (u * m).sum(1, keepdim=True) + self.user_bias(x[:, 0]) + self.movie_bias(x[:, 1])
        return squash(res, self.y_range)


@wrong_model("dot_rounded")
class DotInHalf(Embeddings):
    """Half precision for the product, to save memory."""

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        u, i = self.user_factors(users).half(), self.item_factors(items).half()
        dot = (u * i).sum(1).to(self.user_bias.weight.dtype)
        bias = self.user_bias(users).squeeze(1) + self.item_bias(items).squeeze(1)
        return squash(dot + bias, self.y_range)


@wrong_model("dot_rounded")
class DotInBfloat16(TwoColumns):
    """The same in bfloat16."""

    def forward(self, users, items):
        p, q = self.P[users].bfloat16(), self.Q[items].bfloat16()
        dot = torch.sum(p * q, -1).to(self.P.dtype)
        return squash(dot + self.bu[users] + self.bi[items], self.y_range)


@wrong_model("dot_rounded", dtypes=(torch.float64,))
class DotInFloat(NoBias):
    """`.float()` out of habit, in a float64 model."""

    def forward(self, x):
        u, m = self.u(x[:, 0]).float(), self.m(x[:, 1]).float()
        return squash((u * m).sum(1).double(), self.y_range)


@wrong_model("dot_over_the_batch")
class SumOverTheBatch(NoBias):
    """`.sum(0)` adds up the batch and leaves the factors."""

    def forward(self, x):
        return squash((self.u(x[:, 0]) * self.m(x[:, 1])).sum(0), self.y_range)


@wrong_model("dot_with_the_neighbour")
class NextItem(TwoColumns):
    """Items are shifted by one, as a model of sequences has it."""

    def forward(self, users, items):
        following = torch.cat([items[1:], items[:1]])
        dot = (self.P[users] * self.Q[following]).sum(1)
        return squash(dot + self.bu[users] + self.bi[items], self.y_range)


@wrong_model("rest_of_four_factors", "factors_past_a_vector", sizes=("middle", "ml-100k"),
             needs="K above 4: below, nothing is left of the dot product")  # fmt: skip
class BlocksOfFour(BookParams):
    """A product in blocks of four, without the rest."""

    def forward(self, x):
        u, m = self.user_factors[x[:, 0]], self.movie_factors[x[:, 1]]
        res = torch.zeros(len(x), dtype=u.dtype)
        for block in range(u.shape[1] // 4):
            part = slice(4 * block, 4 * block + 4)
            res = res + (u[:, part] * m[:, part]).sum(1)
        return squash(res + self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]], self.y_range)


@wrong_model("bias_broadcast_to_a_matrix", real=(2,))
class WithoutKeepdim(BookColumn):
    """(B,) + (B, 1) is (B, B)."""

    def forward(self, x):
        users, movies = self.user_factors(x[:, 0]), self.movie_factors(x[:, 1])
        res = (users * movies).sum(dim=1)
        res = res + self.user_bias(x[:, 0]) + self.movie_bias(x[:, 1])
        return squash(res, self.y_range)


@wrong_model("bias_squeezed", real=(3,))
class SqueezeEverything(BookColumn):
    """`.squeeze()` of a batch of one leaves no axis."""

    def forward(self, x):
        return super().forward(x).squeeze()


@wrong_model("bias_squeezed", real=(3,))
class SqueezeTheBias(Embeddings):
    """The product keeps its axis and the result is squeezed with all there is."""

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        dot = torch.bmm(
            self.user_factors(users).unsqueeze(1), self.item_factors(items).unsqueeze(2)
        ).squeeze()
        bias = self.user_bias(users).squeeze() + self.item_bias(items).squeeze()
        return squash(dot + bias, self.y_range)


@wrong_model("dot_divided_by_root_k")
class Temperature(BookParams):
    """The logit is divided by the root of K, as attention does."""

    def forward(self, x):
        users, movies = self.user_factors[x[:, 0]], self.movie_factors[x[:, 1]]
        dot = (users * movies).sum(1) / users.shape[1] ** 0.5
        return squash(dot + self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]], self.y_range)


@wrong_model("cosine")
class CosineSimilarity(NoBias):
    """The angle in the place of the product."""

    def forward(self, x):
        return squash(F.cosine_similarity(self.u(x[:, 0]), self.m(x[:, 1])), self.y_range)
