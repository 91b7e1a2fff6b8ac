"""Mistakes of live programs in the loss and the gradients: to be diagnosed, no mutants."""
# fmt: off

from functools import partial
from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import clip, mistake
from npcf.verify.mistakes.operations import FACTORS, ITEMS, USERS

live = partial(mistake, live=True)


def _value(x: Any) -> Any:
    return getattr(x, "value", x)


def _huber(f: Any, e: Any, delta: float) -> Any:
    near, far = e * e * 0.5, (f.n.abs(e) + -delta / 2) * f.n.number(delta)
    return f.n.sum(f.n.where(abs(_value(e)) < delta, near, far)) / f.n.size(e)


def _logcosh(f: Any, e: Any) -> Any:
    """|e| + log(1 + exp(-2 |e|)) - log 2, whose slope is at most 1."""
    size = abs(_value(e))
    value = size + np.log1p(np.exp(-2 * size)) - np.log(2)
    out = f.n.array(np.asarray(value, getattr(f.n, "dtype", float)))
    error = getattr(e, "error", None)
    if error is not None:
        out = type(e)(value, error + 16 * e.precision.u * (size + 1), e.precision)
    return f.n.sum(out) / f.n.size(e)


live("loss_negated", "The loss has the wrong sign: training climbs.", "Minimise the square.",
     loss=lambda f, e: f.loss(e) * -1, loss_gradient=lambda f, e, d: f.loss_gradient(e, d) * -1)
live("loss_half_sum", "The loss is half the sum of squares.", "Take the mean of squares.",
     loss=lambda f, e: f.n.sum(e * e) * 0.5,
     loss_gradient=lambda f, e, d: f.n.product(f.n.number(1), e, d))
live("loss_huber", "The loss is Huber's: absolute far from the rating.", "F.mse_loss.",
     loss=lambda f, e, delta=1.0: _huber(f, e, delta),
     loss_gradient=lambda f, e, d, delta=1.0: clip(f, e, -delta, delta) * (
         f.n.number(1) / f.n.size(e)) * d)
live("loss_smooth_l1", "The loss is smooth L1 with another beta.", "F.mse_loss.",
     loss=lambda f, e, delta=0.5: _huber(f, e, delta) * (1 / delta),
     loss_gradient=lambda f, e, d, delta=0.5: clip(f, e, -delta, delta) * (
         f.n.number(1 / delta) / f.n.size(e)) * d)
live("loss_logcosh", "The loss is the mean of log(cosh(error)).", "F.mse_loss.",
     loss=_logcosh,
     loss_gradient=lambda f, e, d: (f.sigmoid(e * 2) * 2 + -1) * (
         f.n.number(1) / f.n.size(e)) * d)
live("loss_not_reduced", "The loss is not reduced: one number for each rating.",
     "reduction='mean'.", loss=lambda f, e: e * e,
     loss_gradient=lambda f, e, d: f.n.product(f.n.number(2), e, d))
live("loss_detached", "The prediction is detached from the loss: nothing learns.",
     "Do not detach the prediction, nor take .data or .item() of it.",
     loss_gradient=lambda f, e, d: f.loss_gradient(e, d) * 0)
live("loss_scaled", "The loss is multiplied by a constant.", "F.mse_loss.",
     loss=lambda f, e, factor=1.0: f.loss(e) * f.n.number(factor),
     loss_gradient=lambda f, e, d, factor=1.0: f.loss_gradient(e, d) * f.n.number(factor))
live("loss_by_a_constant", "The sum of squares is divided by a constant, not by the batch size.",
     "Divide by the number of ratings in the batch.",
     loss=lambda f, e, size=1.0: f.n.sum(e * e) * (f.n.number(1) / f.n.number(size)),
     loss_gradient=lambda f, e, d, size=1.0: f.n.product(
         f.n.number(2) / f.n.number(size), e, d))
live("ratings_truncated", "Ratings become whole numbers: halves are cut off.",
     "Keep them floating: rating.float(), not rating.long().",
     residual=lambda f, pred, rating: f.residual(pred, f.n.array(np.trunc(_value(rating)))))
live("ratings_in_float32", "Ratings pass through float32.", "Keep their dtype.",
     residual=lambda f, pred, rating: f.residual(pred, f.n.array(
         _value(rating).astype(np.float32).astype(float))))
live("ratings_shifted", "A constant is added to the ratings.", "Use them as they are.",
     residual=lambda f, pred, rating, by=0.0: f.residual(pred, rating + f.n.number(by)))
live("ratings_scaled", "The ratings are multiplied by a constant.", "Use them as they are.",
     residual=lambda f, pred, rating, factor=1.0: f.residual(pred, rating * f.n.number(factor)))
live("ratings_in_another_order", "The ratings are those of other places in the batch.",
     "Keep ratings and ids in one order.",
     options=({"order": "reversed"}, {"order": "next"}, {"order": "previous"},
              {"order": "sorted"}),
     residual=lambda f, pred, rating, order: f.residual(
         pred, f.n.take(rating, _order(_value(rating), order))))


def _order(rating: Any, order: str) -> Any:
    places = np.arange(len(rating))
    return {"reversed": places[::-1], "next": np.roll(places, -1), "previous": np.roll(places, 1),
            "sorted": np.argsort(rating, kind="stable")}[order]


# -- gradients -------------------------------------------------------------------------------------

live("gradient_scaled", "The gradient of a table is multiplied by a constant.",
     "Remove the hook that scales it.", sites=(USERS, ITEMS, FACTORS),
     scatter=lambda f, d, ids, n, factor=1.0: f.scatter(d, ids, n) * f.n.number(factor))
live("gradients_clamped", "Every entry of a gradient is clamped.", "Remove the hook that clamps.",
     scatter=lambda f, d, ids, n, limit=1.0: clip(f, f.scatter(d, ids, n), -limit, limit))
