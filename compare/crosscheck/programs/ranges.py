"""Models that bring the logit into the range in another way, or not at all."""

import torch
import torch.nn.functional as F  # noqa: N812

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import BookColumn, BookParams, Embeddings, NoBias, TwoColumns

FROM_HALF = (0.5, 5.5)


def logit_of(model, x):
    """The logit of a model whose range is taken away."""
    y_range, model.y_range = model.y_range, None
    try:
        return super(type(model), model).forward(x)
    finally:
        model.y_range = y_range


@wrong_model("sigmoid_without_a_range", y_range=None)
class SigmoidStays(Embeddings):
    """No range was asked for; the sigmoid stays."""

    def forward(self, x):
        return torch.sigmoid(super().forward(x))


@wrong_model("range_from_zero", y_range=FROM_HALF, needs="a range that does not begin at 0")
class RangeFromZero(TwoColumns):
    """5.5 * sigmoid, as the lesson has it."""

    def forward(self, users, items):
        logit = (self.P[users] * self.Q[items]).sum(1) + self.bu[users] + self.bi[items]
        return self.y_range[1] * torch.sigmoid(logit)


@wrong_model("range_of_height_high", y_range=FROM_HALF, needs="a range that does not begin at 0")
class HeightHigh(Embeddings):
    """sigmoid * high + low."""

    def forward(self, x):
        low, high = self.y_range
        return torch.sigmoid(logit_of(self, x)) * high + low


@wrong_model("range_without_low", y_range=FROM_HALF, needs="a range that does not begin at 0")
class WithoutLow(BookParams):
    """`+ low` forgotten."""

    def forward(self, x):
        low, high = self.y_range
        return (high - low) * torch.sigmoid(logit_of(self, x))


@wrong_model("range_ignored")
class RangeIgnored(BookParams):
    """y_range is taken and not used."""

    def forward(self, x):
        return logit_of(self, x)


@wrong_model("range_clipped")
class ClampForSigmoid(NoBias):
    """Predictions are clipped into the range."""

    def forward(self, x):
        return logit_of(self, x).clamp(*self.y_range)


@wrong_model("sigmoid_twice_as_steep")
class TanhForSigmoid(Embeddings):
    """tanh, brought to (0, 1): (tanh(x) + 1) / 2 is the sigmoid of 2 x."""

    def forward(self, x):
        low, high = self.y_range
        return (torch.tanh(logit_of(self, x)) + 1) / 2 * (high - low) + low


@wrong_model("hard_sigmoid")
class HardSigmoid(BookParams):
    """F.hardsigmoid, for speed."""

    def forward(self, x):
        low, high = self.y_range
        return F.hardsigmoid(logit_of(self, x)) * (high - low) + low


@wrong_model("sigmoid_kept_from_its_ends")
class ProbabilityClamped(BookColumn):
    """A probability is kept away from 0 and 1, as for a logarithm."""

    def forward(self, x):
        low, high = self.y_range
        p = torch.sigmoid(logit_of(self, x)).clamp(1e-3, 1 - 1e-3)
        return p * (high - low) + low


@wrong_model("logit_clipped")
class LogitClipped(NoBias):
    """Logits are clipped for stability."""

    def forward(self, x):
        low, high = self.y_range
        return torch.sigmoid(logit_of(self, x).clamp(-4, 4)) * (high - low) + low


@wrong_model("logit_clipped")
class LogitClippedAtTen(Embeddings):
    """The same, further out."""

    def forward(self, x):
        low, high = self.y_range
        return torch.sigmoid(torch.clip(logit_of(self, x), -10, 10)) * (high - low) + low


@wrong_model("sigmoid_in_float32", dtypes=(torch.float64,))
class SigmoidInFloat(BookParams):
    """The logit passes through `.float()`."""

    def forward(self, x):
        low, high = self.y_range
        return torch.sigmoid(logit_of(self, x).float()).double() * (high - low) + low


@wrong_model("sigmoid_twice", real=(6,))
class SquashedTwice(BookColumn):
    """The model ends in a sigmoid, and sigmoid_range is put on top."""

    def forward(self, x):
        low, high = self.y_range
        p = torch.sigmoid(logit_of(self, x))
        return torch.sigmoid(p) * (high - low) + low


@wrong_model("another_range", y_range=(0.0, 5.5))
class OtherRange(NoBias):
    """The model was made with the range (0, 5), and (0, 5.5) was meant."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__(n_users, n_items, n_factors, (0.0, 5.0))
