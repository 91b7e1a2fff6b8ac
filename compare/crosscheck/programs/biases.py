"""Models whose biases are left out, of the wrong sign, or joined by a constant."""

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import BookColumn, BookParams, Embeddings, TwoColumns, squash


@wrong_model("user_bias_left_out")
class NoUserBias(BookParams):
    """`res += ` was overwritten by `res = `."""

    def forward(self, x):
        res = (self.user_factors[x[:, 0]] * self.movie_factors[x[:, 1]]).sum(dim=1)
        return squash(res + self.movie_bias[x[:, 1]], self.y_range)


@wrong_model("item_bias_left_out")
class NoItemBias(TwoColumns):
    """Declared and never added."""

    def forward(self, users, items):
        dot = (self.P[users] * self.Q[items]).sum(1)
        return squash(dot + self.bu[users], self.y_range)


@wrong_model("item_bias_left_out")
class UnarySum(Embeddings):
    """A line break in the wrong place: the second line is a statement of its own."""

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        logit = (self.user_factors(users) * self.item_factors(items)).sum(1)
        logit = logit + self.user_bias(users).squeeze(1)
        +self.item_bias(items).squeeze(1)  # noqa: B018
        return squash(logit, self.y_range)


@wrong_model("item_bias_subtracted")
class ItemBiasSubtracted(BookColumn):
    """Baselines are subtracted, from the prediction instead of from the rating."""

    def forward(self, x):
        res = (self.user_factors(x[:, 0]) * self.movie_factors(x[:, 1])).sum(1, keepdim=True)
        return squash(res + self.user_bias(x[:, 0]) - self.movie_bias(x[:, 1]), self.y_range)


@wrong_model("batch_mean_added")
class MeanOfAllRatings(TwoColumns):
    """Koren's mu is added, which the model that was meant does not have."""

    def forward(self, users, items):
        logit = 0.25 + self.bu[users] + self.bi[items] + (self.P[users] * self.Q[items]).sum(1)
        return squash(logit, self.y_range)


@wrong_model("batch_mean_added", y_range=None)
class MeanWithoutRange(Embeddings):
    """The same without a range."""

    def forward(self, x):
        return super().forward(x) + 3.5


@wrong_model("mean_beside_the_range", "another_range")
class MeanAfterTheRange(BookParams):
    """The mean is added to what was squashed already."""

    def forward(self, x):
        return super().forward(x) + 0.5
