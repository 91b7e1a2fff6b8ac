"""Losses that are not the mean of squares, or whose gradient is not theirs."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from compare.crosscheck.programs.entering import wrong_loss
from compare.crosscheck.right import BookColumn


@wrong_loss("loss_of_all_pairs", real=(1,))
def ratings_in_a_column(pred, rating):
    return F.mse_loss(pred, rating.view(-1, 1))


@wrong_loss("loss_of_all_pairs", real=(1,), model=BookColumn)
def predictions_in_a_column(pred, rating):
    return nn.MSELoss()(pred, rating)


@wrong_loss("loss_is_the_sum")
def sum_of_squares(pred, rating):
    return F.mse_loss(pred, rating, reduction="sum")


@wrong_loss("loss_is_the_sum")
def squares_by_hand(pred, rating):
    error = rating - pred
    return error.dot(error)


@wrong_loss("loss_halved")
def half_mean_square(pred, rating):
    return 0.5 * ((pred - rating) ** 2).mean()


@wrong_loss("loss_absolute")
def absolute(pred, rating):
    return nn.L1Loss()(pred, rating)


@wrong_loss("loss_divided_by_b_minus_1")
def unbiased(pred, rating):
    return ((pred - rating) ** 2).sum() / (len(rating) - 1)


@wrong_loss("loss_is_the_root")
def rmse(pred, rating):
    return torch.sqrt(F.mse_loss(pred, rating))


@wrong_loss("loss_added_in_float32", dtypes=(torch.float64,))
def in_float(pred, rating):
    return F.mse_loss(pred.float(), rating.float()).double()


@wrong_loss("ratings_in_float16")
def half_ratings(pred, rating):
    target = rating.half().to(pred.dtype)
    return F.mse_loss(pred, target)


@wrong_loss("ratings_rounded")
def whole_stars(pred, rating):
    return F.mse_loss(pred, rating.round())


@wrong_loss("loss_not_reduced", stage=("contract", "loss"))
def not_reduced(pred, rating):
    return F.mse_loss(pred, rating, reduction="none")


class MeanSquare(torch.autograd.Function):
    """Mean of squares with a backward pass by hand; `d_error` is what a program changes."""

    @staticmethod
    def forward(ctx, pred, rating):
        ctx.save_for_backward(pred, rating)
        return (pred - rating).pow(2).mean()

    @staticmethod
    def backward(ctx, grad):
        raise NotImplementedError


@wrong_loss("loss_gradient_without_2")
def factor_forgotten(pred, rating):
    class Loss(MeanSquare):
        @staticmethod
        def backward(ctx, grad):
            pred, rating = ctx.saved_tensors
            return grad * (pred - rating) / pred.numel(), None

    return Loss.apply(pred, rating)


@wrong_loss("loss_gradient_of_the_sum")
def mean_forgotten_in_backward(pred, rating):
    class Loss(MeanSquare):
        @staticmethod
        def backward(ctx, grad):
            pred, rating = ctx.saved_tensors
            return grad * 2 * (pred - rating), None

    return Loss.apply(pred, rating)


@wrong_loss("loss_gradient_sign")
def sign_of_the_error(pred, rating):
    class Loss(MeanSquare):
        @staticmethod
        def backward(ctx, grad):
            pred, rating = ctx.saved_tensors
            return grad * 2 * (rating - pred) / len(pred), None

    return Loss.apply(pred, rating)


@wrong_loss("loss_gradient_by_b_minus_1")
def divisor_of_a_variance(pred, rating):
    class Loss(MeanSquare):
        @staticmethod
        def backward(ctx, grad):
            pred, rating = ctx.saved_tensors
            return grad * 2 * (pred - rating) / (len(pred) - 1), None

    return Loss.apply(pred, rating)


@wrong_loss("loss_gradient_clipped", needs="an error above the clip")
def clipped_gradient(pred, rating):
    class Loss(MeanSquare):
        @staticmethod
        def backward(ctx, grad):
            pred, rating = ctx.saved_tensors
            return grad * (2 * (pred - rating)).clamp(-1, 1) / len(pred), None

    return Loss.apply(pred, rating)


@wrong_loss("upstream_of_the_loss_ignored", needs="a loss that is scaled afterwards",
            only_in_steps=False)  # fmt: skip
def upstream_ignored(pred, rating):
    class Loss(MeanSquare):
        @staticmethod
        def backward(ctx, grad):
            pred, rating = ctx.saved_tensors
            return 2 * (pred - rating) / len(pred), None

    return Loss.apply(pred, rating)


@wrong_loss("loss_huber", "loss_smooth_l1")
def huber(pred, rating):
    return nn.SmoothL1Loss()(pred, rating)


@wrong_loss("loss_logcosh")
def log_cosh(pred, rating):
    return torch.log(torch.cosh(pred - rating)).mean()
