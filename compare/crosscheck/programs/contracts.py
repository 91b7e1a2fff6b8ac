"""Models that break what is agreed before any number: state, dtype, mode, chance."""

import torch
from torch import nn

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import BookParams, Embeddings, NoBias, squash


@wrong_model("random-output", stage=("contract", "output"), real=(5,))
class DropoutStaysOn(NoBias):
    """Dropout in a model that is still in training mode."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.drop = nn.Dropout(0.25)

    def forward(self, x):
        u, m = self.drop(self.u(x[:, 0])), self.drop(self.m(x[:, 1]))
        return squash((u * m).sum(1), self.y_range)


@wrong_model("max_norm_in_place", stage=("contract", "output"), real=(21,))
class MaxNorm(Embeddings):
    """max_norm renormalises rows in place when they are looked up."""

    def __init__(self, *sizes):
        super().__init__(*sizes, max_norm=1.0)


@wrong_model("padding_row_cleared", stage=("contract", "output"))
class PaddingRowCleared(BookParams):
    """Row 0 is set to zeros in the table itself at each call."""

    def forward(self, x):
        with torch.no_grad():
            self.user_factors[0] = 0
            self.movie_factors[0] = 0
        return super().forward(x)
