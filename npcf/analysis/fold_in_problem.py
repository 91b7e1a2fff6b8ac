"""The loss of one new user and its derivatives in float64; the formulas are in `fold_in`."""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.analysis.rows import with_params
from npcf.errors import SettingError
from npcf.models import PairModel
from npcf.ops import mse_backward, mse_forward

MARGIN = 0.01  # of the range: how far inside it a rating must lie to have a logit
U = 2.0**-53


class FoldInProblem:
    """J as a function of x = (p, b), for the ratings of the items `rows`."""

    def __init__(self, model: PairModel, rows: Any, ratings: FloatArray, weight_decay: float):
        tables = {name: table.astype(np.float64) for name, table in model.params.items()}
        self.model, self.rows = with_params(model, tables), rows
        self.ratings, self.weight_decay = ratings, weight_decay
        self.n_factors = tables["user_factors"].shape[1]
        factors = tables["item_factors"][rows]
        ones = np.ones((len(rows), int(model.has_bias)))
        self.a = np.concatenate([factors, ones], axis=1)  # (m, K + 1), or (m, K) without biases
        linear = with_params(self.model, {})
        linear.y_range = None
        self.offset = self._forward(linear, np.zeros(self.a.shape[1]))[0]
        self.low, high = (0.0, 1.0) if model.y_range is None else model.y_range
        self.height = high - self.low
        if not self.height > 0:
            raise SettingError("y_range", "has no height: all ratings are one", "Widen it.")

    def split(self, x: FloatArray) -> tuple[FloatArray, float]:
        """Return p (K,) and b."""
        return x[: self.n_factors], float(x[self.n_factors :].sum())

    def _forward(self, model: PairModel, x: FloatArray) -> tuple[FloatArray, Any]:
        user = with_user(model, *self.split(x))
        pred, cache = user.forward(np.stack([np.zeros_like(self.rows), self.rows], axis=1))
        return pred.reshape(-1), (user, cache, pred.shape)

    def value(self, x: FloatArray) -> float:
        """Return J(x)."""
        pred = self._forward(self.model, x)[0]
        return float(((pred - self.ratings) ** 2).sum() + self.weight_decay * (x * x).sum())

    def gradient(self, x: FloatArray) -> FloatArray:
        """Return grad J by the hand-written backward: m times that of the mean, and the decay."""
        pred, (user, cache, shape) = self._forward(self.model, x)
        d_pred = len(pred) * mse_backward(1.0, mse_forward(pred, self.ratings)[1])
        grads = user.backward(d_pred.reshape(shape), cache)
        parts = [grads["user_factors"][0]]
        if self.model.has_bias:
            parts.append(grads["user_bias"].reshape(-1))
        result: FloatArray = np.concatenate(parts) + 2 * self.weight_decay * x
        return result

    def slopes(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return f(z), f'(z), f''(z), each (m,)."""
        pred = self._forward(self.model, x)[0]
        if self.model.y_range is None:
            return pred, np.ones_like(pred), np.zeros_like(pred)
        s = (pred - self.low) / self.height
        slope = self.height * s * (1 - s)
        return pred, slope, slope * (1 - 2 * s)

    def hessians(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the Hessian and the Gauss-Newton matrix, both symmetric."""
        pred, slope, curvature = self.slopes(x)
        decay = 2 * self.weight_decay * np.eye(len(x))
        full = slope**2 + (pred - self.ratings) * curvature
        gauss_newton = 2 * (self.a.T * slope**2) @ self.a + decay
        return 2 * (self.a.T * full) @ self.a + decay, gauss_newton

    def prediction_rounding(self, x: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Return how far f(z) - r may be off, |A| |x| + |o|, and gamma_(m + K + 16).

        f(z) - r carries gamma (|f| + |r|), and f' times the logit's gamma (|A| |x| + |o|).
        """
        pred, slope, _ = self.slopes(x)
        n = sum(self.a.shape) + 16
        gamma = n * U / (1 - n * U)
        logit = np.abs(self.a) @ np.abs(x) + np.abs(self.offset)
        ends = np.abs(pred) + np.abs(self.ratings) + abs(self.low)
        return gamma * (ends + slope * logit), logit, gamma

    def value_rounding(self, x: FloatArray) -> float:
        """Return how much of J may be rounding: of an e off by d, 2 |e| d + d**2, and the sums."""
        off, _, gamma = self.prediction_rounding(x)
        error = np.abs(self.slopes(x)[0] - self.ratings)
        return float((2 * error * off + off**2).sum() + gamma * self.value(x))

    def gradient_rounding(self, x: FloatArray) -> FloatArray:
        """Return how much of each entry of the gradient may be rounding, to first order.

        f' |e| varies with the logit as fast as f does; products and sums add gamma of all terms.
        """
        off, logit, gamma = self.prediction_rounding(x)
        pred, slope, _ = self.slopes(x)
        error = slope * off + gamma * np.abs(pred - self.ratings) * (logit + 1) * slope
        decay = gamma * self.weight_decay * np.abs(x)
        rounding: FloatArray = 2 * (np.abs(self.a).T @ error + decay)
        return rounding

    def closed(self) -> FloatArray:
        """Return the ridge solution: of J, or of J linearised at the ratings' logits."""
        target, weight = self.ratings, np.ones(len(self.ratings))
        if self.model.y_range is not None:
            s = np.clip((self.ratings - self.low) / self.height, MARGIN, 1 - MARGIN)
            target, weight = np.log(s / (1 - s)), self.height * s * (1 - s)
        n = self.a.shape[1]
        rows = np.concatenate([weight[:, None] * self.a, np.sqrt(self.weight_decay) * np.eye(n)])
        wanted = np.concatenate([weight * (target - self.offset), np.zeros(n)])
        solution: FloatArray = np.linalg.lstsq(rows, wanted)[0]
        return solution


def with_user(model: PairModel, factors: FloatArray, bias: float) -> PairModel:
    """Return `model` with one user, row 0, of these factors and this bias, in its dtype."""
    table = model.params["user_factors"]
    tables = {"user_factors": np.asarray(factors, table.dtype)[None]}
    if model.has_bias:
        old = model.params["user_bias"]
        tables["user_bias"] = np.full((1, *old.shape[1:]), bias, old.dtype)
    return with_params(model, tables)
