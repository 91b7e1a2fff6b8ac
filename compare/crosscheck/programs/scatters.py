"""Lookups whose backward pass adds up the gradient of a row in another way."""

import torch
from torch import nn

from compare.crosscheck.programs.entering import wrong_model
from compare.crosscheck.right import BookParams, Embeddings, NoBias, TwoColumns, squash


def looking_up(scatter):
    """An embedding lookup with its gradient by hand: scatter(grad of the table, ids, d_out)."""

    class Lookup(torch.autograd.Function):
        @staticmethod
        def forward(ctx, table, ids):
            ctx.save_for_backward(ids)
            ctx.shape = table.shape
            return table[ids]

        @staticmethod
        def backward(ctx, d_out):
            (ids,) = ctx.saved_tensors
            return scatter(d_out.new_zeros(ctx.shape), ids, d_out), None

    return Lookup.apply


class WithLookup(BookParams):
    """A model that looks up by a function of its own."""

    lookup = None

    def forward(self, x):
        lookup, users, items = type(self).lookup, x[:, 0], x[:, 1]
        dot = (lookup(self.user_factors, users) * lookup(self.movie_factors, items)).sum(1)
        bias = lookup(self.user_bias, users) + lookup(self.movie_bias, items)
        return squash(dot + bias, self.y_range)


def assign(grad, ids, d_out):
    for row, d in zip(ids.tolist(), d_out, strict=True):
        grad[row] = d
    return grad


@wrong_model("repeated_rows_keep_last", stage="gradient", real=(23,))
class Assigned(WithLookup):
    """grad[row] = d where += was meant."""

    lookup = staticmethod(looking_up(assign))


def assign_vectorised(grad, ids, d_out):
    grad[ids] += d_out  # with repeated ids, one of them is kept
    return grad


@wrong_model(
    "repeated_rows_keep_last", "repeated_rows_keep_first", stage="gradient", real=(23,),
    needs="repeated ids; which one is kept is torch's affair",
)  # fmt: skip
class AssignedVectorised(WithLookup):
    """grad[ids] += d, as if it added up."""

    lookup = staticmethod(looking_up(assign_vectorised))


def assign_once(grad, ids, d_out):
    seen = set()
    for row, d in zip(ids.tolist(), d_out, strict=True):
        if row not in seen:
            grad[row] = d
            seen.add(row)
    return grad


@wrong_model("repeated_rows_keep_first", stage="gradient")
class FirstMentionOnly(WithLookup):
    """Each row is given its gradient once."""

    lookup = staticmethod(looking_up(assign_once))


def average(grad, ids, d_out):
    return grad.index_reduce_(0, ids, d_out, "mean", include_self=False)


@wrong_model("repeated_rows_averaged", stage="gradient")
class Averaged(WithLookup):
    """index_reduce with "mean"."""

    lookup = staticmethod(looking_up(average))


@wrong_model("repeated_rows_averaged", stage="gradient")
class ScaleByFrequency(Embeddings):
    """scale_grad_by_freq=True divides a row's gradient by how often it is named."""

    def __init__(self, *sizes):
        super().__init__(*sizes, scale_grad_by_freq=True)


@wrong_model("row_0_without_gradient", stage=("gradient", "contract"), real=(22,))
class PaddingIndex(Embeddings):
    """padding_idx=0, and row 0 is somebody."""

    def __init__(self, *sizes):
        super().__init__(*sizes, padding_idx=0)


def all_but_the_last(grad, ids, d_out):
    for b in range(len(ids) - 1):
        grad[ids[b]] += d_out[b]
    return grad


@wrong_model("last_rating_without_gradient", stage="gradient")
class LoopEndsEarly(WithLookup):
    """range(len(ids) - 1)."""

    lookup = staticmethod(looking_up(all_but_the_last))


def in_half(grad, ids, d_out):
    return grad.index_add_(0, ids, d_out.half().to(grad.dtype))


@wrong_model("gradients_rounded", stage="gradient")
class GradientsInHalf(WithLookup):
    """Gradients are sent in half precision."""

    lookup = staticmethod(looking_up(in_half))


def in_bfloat16(grad, ids, d_out):
    return grad.index_add_(0, ids, d_out.bfloat16().to(grad.dtype))


@wrong_model("gradients_rounded", stage="gradient")
class GradientsInBfloat16(WithLookup):
    """The same in bfloat16."""

    lookup = staticmethod(looking_up(in_bfloat16))


def subtract(grad, ids, d_out):
    return grad.index_add_(0, ids, d_out, alpha=-1)


@wrong_model("gradients_subtracted", stage="gradient")
class Subtracted(WithLookup):
    """The descent's minus sign is in the gradient already."""

    lookup = staticmethod(looking_up(subtract))


def count(grad, ids, d_out):
    return grad.index_add_(0, ids, torch.ones_like(d_out))


@wrong_model("gradients_counted", stage="gradient")
class Counted(WithLookup):
    """Ones are added where the gradient was meant."""

    lookup = staticmethod(looking_up(count))


@wrong_model("gradient_detached", stage=("gradient", "contract"))
class ItemsDetached(TwoColumns):
    """.detach() on one side, as a target network has it."""

    def forward(self, users, items):
        dot = (self.P[users] * self.Q[items].detach()).sum(1)
        return squash(dot + self.bu[users] + self.bi[items], self.y_range)


@wrong_model("gradient_detached", stage=("gradient", "contract"))
class DataOfTheBias(Embeddings):
    """`.weight.data[...]` cuts the bias off from the graph."""

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        dot = (self.user_factors(users) * self.item_factors(items)).sum(1)
        bias = self.user_bias.weight.data[users, 0] + self.item_bias(items)[:, 0]
        return squash(dot + bias, self.y_range)


@wrong_model("gradient_detached", stage=("gradient", "contract"))
class UnderNoGrad(NoBias):
    """One lookup is made under no_grad."""

    def forward(self, x):
        with torch.no_grad():
            u = self.u(x[:, 0])
        return squash((u * self.m(x[:, 1])).sum(1), self.y_range)


@wrong_model(stage="suspicious contract", real=(28,), needs="to know that it was not meant")
class Frozen(NoBias):
    """`from_pretrained` freezes unless it is told not to: also what a person may want."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__(n_users, n_items, n_factors, y_range)
        self.m = nn.Embedding.from_pretrained(torch.randn(n_items, n_factors) * 0.1)


@wrong_model("gradient_scaled", stage="gradient")
class GradientScaledByDepth(Embeddings):
    """A hook left from an experiment makes the users' gradient a tenth."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.user_factors.weight.register_hook(lambda g: g * 0.1)
