"""Mistakes in sigmoid_range and in the mean squared error."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import clip, mistake

# -- the range -------------------------------------------------------------------------------------

mistake("sigmoid_twice_as_steep", "The sigmoid is twice as steep, as tanh(x) / 2 + 1/2 is.",
        "s = 1 / (1 + exp(-x)).", sigmoid=lambda f, x: f.sigmoid(x * 2),
        range_backward=lambda f, d, *at: f.range_backward(d * 2, *at))
mistake("hard_sigmoid", "The sigmoid is the hard one of mobile models.", "s = 1 / (1 + exp(-x)).",
        sigmoid=lambda f, x, slope=1 / 6: clip(f, x * f.n.number(slope) + 0.5, 0.0, 1.0),
        range_backward=lambda f, d, s, low, high, slope=1 / 6: inside(
            f, s, d * (f.height(low, high) * f.n.number(slope)), 0.0, 1.0))
mistake("sigmoid_kept_from_its_ends", "The sigmoid is kept away from 0 and 1, as for a logarithm.",
        "Leave it as it is.",
        sigmoid=lambda f, x, end=1e-7: clip(f, f.sigmoid(x), end, 1 - end),
        range_backward=lambda f, d, s, *at, end=1e-7: inside(
            f, s, f.range_backward(d, s, *at), end * (1 + 1e-6), 1 - end - 1e-7 * end))
mistake("logit_clipped", "The logit is clipped against overflow, far too early.",
        "Let exp overflow: 1 / (1 + inf) is 0.",
        sigmoid=lambda f, x, limit=5.0: f.sigmoid(clip(f, x, -limit, limit)),
        range_backward=lambda f, d, s, *at, limit=5.0: inside(
            f, s, f.range_backward(d, s, *at),
            *_value(f.sigmoid(f.n.array(np.array([-limit, limit]))))))
mistake("sigmoid_in_float32", "exp is computed in float32.", "Keep the dtype of x.",
        sigmoid=lambda f, x: f.n.through(f.sigmoid(f.n.through(x, np.float32)), np.float32))
mistake("range_of_height_high", "The sigmoid is multiplied by high, not by high - low.",
        "s * (high - low) + low.", range_forward=lambda f, s, low, high: s * high + low,
        range_backward=lambda f, d, s, low, high: f.n.product(d, high, f.n.slope(s)))
mistake("range_without_low", "low is not added.", "s * (high - low) + low.",
        range_forward=lambda f, s, low, high: s * f.height(low, high))
mistake("range_clipped", "The logit is clipped to the range and not squashed into it.",
        "s * (high - low) + low.", sigmoid=lambda f, x: x,
        range_forward=lambda f, x, low, high: clip(f, x, _value(low), _value(high)),
        range_backward=lambda f, d, x, low, high: inside(f, x, d, _value(low), _value(high)))
mistake("range_gradient_without_height", "The gradient lacks the factor high - low.",
        "d_out * (high - low) * s * (1 - s).",
        range_backward=lambda f, d, s, low, high: d * f.n.slope(s))
mistake("range_gradient_without_1_minus_s", "The gradient lacks the factor 1 - s.",
        "d_out * (high - low) * s * (1 - s).",
        range_backward=lambda f, d, s, low, high: f.n.product(d, f.height(low, high), s))
mistake("sigmoid_gradient_forgotten", "The gradient of the sigmoid is forgotten.",
        "d_out * (high - low) * s * (1 - s).",
        range_backward=lambda f, d, s, low, high: d * f.height(low, high))
mistake("range_gradient_of_the_output", "The gradient is made of the scaled output, not of s.",
        "Keep s from the forward pass.",
        range_backward=lambda f, d, s, low, high, added=False, height=True: (
            lambda y: f.n.product(*[f.height(low, high)] * height, d, y, 1 - y))(
                s * f.height(low, high) + low if added else s * f.height(low, high)))
mistake("range_gradient_shifted", "A constant stands in the gradient that is not in the forward.",
        "Differentiate what you compute.",
        range_backward=lambda f, d, s, low, high, shift=-1e-6: f.n.product(
            d, f.height(low, high), f.n.slope(s) + f.n.number(shift)))
mistake("range_gradient_floored", "Saturated entries are given a gradient, to keep them learning.",
        "d_out * (high - low) * s * (1 - s), which is 0 there.",
        range_backward=lambda f, d, s, low, high, floor=1e-4: f.n.product(
            d, f.height(low, high), f.n.maximum(f.n.slope(s), floor)))


def inside(f: Any, x: Any, d: Any, low: float, high: float) -> Any:
    """Return a gradient where low < x < high, and 0 elsewhere."""
    value = _value(x)
    return f.n.where((value > low) & (value < high), d, d * 0)


def _value(x: Any) -> Any:
    """Return the floats of an array, or of a setting."""
    return getattr(x, "value", x)


def _by(f: Any, x: Any, e: Any, least: int) -> Any:
    """Return x / (B - 1); for B = 1 as it is, or as dividing by zero has it."""
    size = max(f.n.size(e) - 1, least)
    return x / size if size else x * float("inf")


# -- the loss --------------------------------------------------------------------------------------

mistake("ratings_in_float16", "Ratings pass through float16.", "Keep their dtype.",
        residual=lambda f, pred, rating: f.residual(pred, f.n.through(rating, np.float16)))
mistake("ratings_rounded", "Ratings become whole stars.", "Keep halves.",
        residual=lambda f, pred, rating: f.residual(pred, f.n.array(np.round(_value(rating)))))
mistake("loss_of_all_pairs",
        "The loss averages B * B pairs instead of B: (B, 1) meets (B,) and is broadcast.",
        "Flatten one of them: pred.squeeze(-1) or rating[:, None].",
        residual=lambda f, pred, rating: f.residual(f.n.column(pred), rating),
        loss_gradient=lambda f, e, d: f.n.sum(f.loss_gradient(e, d), axis=1))
mistake("loss_is_the_sum", "The loss is a sum over the batch.", "Take the mean.",
        loss=lambda f, e: f.n.sum(e * e),
        loss_gradient=lambda f, e, d: f.n.product(f.n.number(2), e, d))
mistake("loss_halved", "The loss is half the mean square.", "Do not halve.",
        loss=lambda f, e: f.loss(e) / 2,
        loss_gradient=lambda f, e, d: f.loss_gradient(e, d) / 2)
mistake("loss_absolute", "The loss is the mean absolute error.", "Square the error.",
        loss=lambda f, e: f.n.sum(f.n.abs(e)) / f.n.size(e),
        loss_gradient=lambda f, e, d: f.n.product(
            f.n.number(1) / f.n.size(e), f.n.array(np.sign(_value(e))), d))
mistake("loss_divided_by_b_minus_1", "The loss divides by B - 1, as an unbiased variance does.",
        "Divide by B.", loss=lambda f, e, least=1: _by(f, f.n.sum(e * e), e, least),
        loss_gradient=lambda f, e, d, least=1: _by(f, f.n.product(f.n.number(2), e, d), e, least))
mistake("loss_is_the_root", "The loss is the root of the mean square.",
        "Report the root, train on the mean.",
        loss=lambda f, e: f.n.sqrt(f.n.nonnegative(f.loss(e))),
        loss_gradient=lambda f, e, d: f.loss_gradient(e, d) / (
            f.n.sqrt(f.n.nonnegative(f.loss(e))) * 2))
mistake("loss_added_in_float32", "Squares are added in float32.", "Keep the dtype of pred.",
        loss=lambda f, e, first=False: f.n.sum_through(e * e, np.float32) / f.n.size(e),
        residual=lambda f, pred, rating, first=False: (
            f.n.through(f.residual(*(f.n.through(x, np.float32) for x in (pred, rating))),
                        np.float32) if first else f.residual(pred, rating)),
        loss_gradient=lambda f, e, d, first=False: (
            f.n.through(f.loss_gradient(e, d), np.float32) if first else f.loss_gradient(e, d)))
mistake("loss_gradient_without_2", "The gradient of the loss lacks the factor 2.",
        "2 / B * (pred - rating).", loss_gradient=lambda f, e, d: f.loss_gradient(e, d) / 2)
mistake("loss_gradient_of_the_sum", "The gradient is that of a sum over the batch.",
        "2 / B * (pred - rating).",
        loss_gradient=lambda f, e, d: f.n.product(f.n.number(2), e, d))
mistake("loss_gradient_sign", "The gradient is that of rating - pred.", "2 / B * (pred - rating).",
        loss_gradient=lambda f, e, d: f.loss_gradient(e, d) * -1)
mistake("loss_gradient_by_b_minus_1", "The gradient of the loss divides by B - 1.", "Divide by B.",
        loss_gradient=lambda f, e, d, least=1: _by(f, f.n.product(f.n.number(2), e, d), e, least))
mistake("loss_gradient_clipped", "The gradient of the loss is clipped.", "Do not clip.",
        options=({"limit": 1.0}, {"limit": 0.1}),
        loss_gradient=lambda f, e, d, limit, before=False: f.n.product(
            clip(f, e * 2, -limit, limit) / f.n.size(e) if before else
            clip(f, f.loss_gradient(e, f.n.number(1)), -limit, limit), d))
mistake("upstream_of_the_loss_ignored", "The gradient from above the loss is taken to be 1.",
        "Multiply by d_loss.",
        loss_gradient=lambda f, e, d: f.loss_gradient(e, f.n.number(1)))
