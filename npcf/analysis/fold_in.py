r"""Fold-in: the factors and bias of a new user from a few ratings, all item tables held fixed.

    minimise   J(p, b) = sum_i (f(q_i . p + b + c_i) - r_i)**2  +  wd (|p|**2 + b**2)

over the items i that the user rated; wd is `weight_decay`, f the identity or the sigmoid range of
the model.  The sum is no mean: wd weighs less the more ratings there are.  With x = (p, b), the
rows a_i = (q_i, 1), o_i = c_i (the logit of a user who is all zeros) and z = A x + o:

    grad J = 2 A^T (f'(z) * (f(z) - r)) + 2 wd x
    Hess J = 2 A^T diag(f'(z)**2 + (f(z) - r) f''(z)) A + 2 wd

Closed form.  Without a range J is quadratic, and x solves the least squares problem of the stacked
rows [A; sqrt(wd) 1] x ~ [r - o; 0] (ridge).  With a range the same is done on the logits t_i of the
ratings, each equation weighed by f'(t_i), because f(z) - r ~ f'(t) (z - t) near t: an
approximation, and where the gradient method starts.  A rating at or beyond an end of the range has
no logit; it is moved inside by 1 % of the range first.

Gradient.  Newton's method on J itself, with the Gauss-Newton matrix (f'' left out, which is always
positive definite for wd > 0) where Hess J is not positive definite, and with step halving, until
the gradient is no larger than its own rounding.  The gradient is the model's hand-written backward.

Without a range J is strongly convex, Hess J >= 2 wd, so any x lies within |grad J(x)| / (2 wd) of
the minimum: both methods agree within the sum of these two.  With a range J may have several
minima; this finds one at which the gradient vanishes, no worse than the start.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from npcf._renamed import renamed_arguments
from npcf._types import FloatArray
from npcf.analysis.fold_in_problem import FoldInProblem, with_user
from npcf.analysis.predictor import Predictor, require_predictor
from npcf.analysis.recommend import best_rows, item_frame
from npcf.analysis.rows import clipped, find_rows, predict_rows
from npcf.errors import (
    DataError,
    DivergenceError,
    SettingError,
    ShapeError,
    as_array,
    require_choice,
    require_count,
    require_flag,
    require_number,
    require_real,
)

MOST_STEPS = 200


class NewUser(NamedTuple):
    """A folded-in user: factors (K,) and bias in float64, and how well they minimise J."""

    factors: FloatArray
    bias: float
    gradient_norm: float  # |grad J|, at the answer
    gradient_rounding: float  # what of it may be rounding
    predictor: Predictor
    rated: Any  # rows of the rated items

    def predict(self, items: Any, *, clip: tuple[float, float] | None = None) -> FloatArray:
        """Return predictions (n,) for the ids `items`."""
        rows = find_rows(self.predictor.item_vocab, items, "items", "raise")
        return clipped(self._predict_rows(rows), clip)

    def recommend(self, n: int = 10, *, exclude_seen: bool = True) -> pd.DataFrame:
        """Return the `n` best items: row, item, title, prediction, without those just rated."""
        require_count("n", n)
        vocab = self.predictor.item_vocab
        candidates = np.arange(vocab.first_row, len(vocab))
        excluded = (
            self.rated if require_flag("exclude_seen", exclude_seen) else np.zeros(0, np.intp)
        )
        found = best_rows(candidates, self._predict_rows(candidates), n, excluded)
        return item_frame(self.predictor, *found)

    def _predict_rows(self, items: Any) -> FloatArray:
        model = with_user(self.predictor.model, self.factors, self.bias)
        return predict_rows(model, np.zeros(len(items), np.intp), items)


@renamed_arguments(wd="weight_decay")
def fold_in(
    predictor: Predictor,
    items: Any,
    ratings: Any,
    *,
    weight_decay: float = 0.1,
    method: str = "gradient",
) -> NewUser:
    """Return the factors and bias of a new user.

    Parameters
    ----------
    items, ratings : ids, which may repeat, and the rating that the user gave to each.
    weight_decay : wd of J; positive.
    method : "closed": ridge in closed form, approximate where the model has a range; "gradient":
        the minimum of J itself.
    """
    require_predictor(predictor)
    require_choice("method", method, ("closed", "gradient"))
    weight_decay = require_number("weight_decay", weight_decay)
    if weight_decay == 0:
        reason = "must be positive: few ratings do not fix p"
        raise SettingError("weight_decay", reason, "Use 0.1.", value=0)
    rows = find_rows(predictor.item_vocab, items, "items", "raise")
    problem = FoldInProblem(predictor.model, rows, _ratings_of(ratings, len(rows)), weight_decay)
    x = problem.closed()
    if method == "gradient":
        x = _newton(problem, x)
    factors, bias = problem.split(x)
    norm, rounding = (
        float(np.linalg.norm(v)) for v in (problem.gradient(x), problem.gradient_rounding(x))
    )
    return NewUser(factors, bias, norm, rounding, predictor, rows)


def _newton(problem: FoldInProblem, x: FloatArray) -> FloatArray:
    """Descend from x until the gradient is rounding, or no step makes J smaller.

    Near the minimum J is flat to rounding: there a step may also halve the gradient instead.
    """
    value = lowest = problem.value(x)
    for _ in range(MOST_STEPS):
        gradient = problem.gradient(x)
        if (np.abs(gradient) <= problem.gradient_rounding(x)).all():
            break
        step = _direction(*problem.hessians(x), gradient)
        if not np.isfinite(step).all():
            raise DivergenceError("fold_in", "met a step that is not finite", "Raise weight_decay.")
        flat = lowest + 2 * problem.value_rounding(x)
        half, slope = 0.5 * np.linalg.norm(gradient), float(gradient @ step)
        for size in 2.0 ** -np.arange(41):
            there = x - size * step
            value_there = problem.value(there)
            if value_there <= value - 1e-4 * size * slope or (
                value_there <= flat and np.linalg.norm(problem.gradient(there)) < half
            ):
                break
        else:
            return x
        x, value = there, value_there
        lowest = min(lowest, value)
    return x


def _direction(full: FloatArray, gauss_newton: FloatArray, gradient: FloatArray) -> FloatArray:
    try:
        np.linalg.cholesky(full)
    except np.linalg.LinAlgError:  # not positive definite: its step may lead upwards
        full = gauss_newton
    step: FloatArray = np.linalg.solve(full, gradient)
    return step


def _ratings_of(ratings: Any, n: int) -> FloatArray:
    values = as_array("ratings", ratings)
    if values.shape != (n,):
        problem = f"shape {values.shape} for {n} items"
        raise ShapeError("ratings", problem, "Give one rating for each item.")
    if not n:
        raise DataError("ratings", "is empty", "Give at least one rating.")
    require_real("ratings", values)
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(bad.argmax())
        raise DataError("ratings", f"{values[at]} is not finite", "Leave it out.", position=at)
    return values.astype(np.float64)
