r"""How far a numerical gradient may lie from a right one: derived for each entry.

The gradient carries its running-error bound E (`npcf.verify.bounded`).

Complex step: it multiplies the same factors, with at most twice the roundings, in complex
arithmetic, E + 2 E; its products may underflow by the smallest subnormal, eta, which dividing by h
magnifies: + 8 eta / h (1 + 2 R M).

Central differences: E, the rounding of two losses, 2 E_loss / (2 h), and the truncation of the
quotient, h**2 / 6 max |L'''|.  Along one entry that enters the logit z_b of rating b with
slope a_b (a factor of the other side, or 1 for a bias), L''' is the mean of a_b**3 f'''(z_b).  With
the range, f = (low + R sigmoid(z) - y)**2.  From |sigmoid'| <= 1/4, |sigmoid''| <= 0.0963,
|sigmoid'''| <= 1/8 and |low + R sigmoid(z) - y| <= max(|low - y|, |high - y|) = M follows
|f'''| <= 2 (3 R**2 0.0963 / 4 + M R / 8).  Without the range f''' = 0.  Likewise
|f''| <= 2 (R**2 / 16 + 0.0963 M R), without the range 2, which directions need
(`npcf.verify.gradcheck_directions`).
"""

from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.models import PairModel
from npcf.verify.bounded import PRECISION
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError

COMPLEX_STEP = 1e-200
FLOAT64 = PRECISION[np.dtype(np.float64)]
OVERFLOW = -700.0  # complex exp(-z) is inf + nan i for z below -709
CENTRAL_STEP = float(np.finfo(np.float64).eps) ** (1 / 3)  # where both error terms balance


def allowances(model: PairModel, pairs: Any, rating: FloatArray) -> dict[str, Params]:
    """Return what each entry may differ by, for each method: the module docstring's formulas."""
    params, (users, items) = model.core_params(), pairs.T
    f = Formulas(RunningError())
    _, loss, grads = f.loss_and_gradients(params, users, items, rating, model.y_range, model.mean)
    quotient = loss.tolerance / (2 * CENTRAL_STEP)
    bend = CENTRAL_STEP**2 / 6 * third_derivative(model, rating) / rating.size
    underflow = underflow_of_complex_step(model, rating)
    cubes = {
        "user_factors": (users, np.abs(params["item_factors"][items]) ** 3),
        "item_factors": (items, np.abs(params["user_factors"][users]) ** 3),
        "user_bias": (users, np.ones(len(users))),
        "item_bias": (items, np.ones(len(items))),
    }
    complex_step, central = {}, {}
    for name, table in model.params.items():
        truncation = np.zeros(params[name].shape)
        np.add.at(truncation, cubes[name][0], bend * cubes[name][1])
        rounding = grads[name].tolerance
        complex_step[name] = (1.5 * rounding + underflow).reshape(table.shape)
        central[name] = (rounding + quotient + truncation).reshape(table.shape)
    return {"complex step": complex_step, "central differences": central}


def third_derivative(model: PairModel, rating: FloatArray) -> float:
    """Bound |f'''| of one squared error as a function of its logit."""
    height = _height(model)
    return 2 * (3 * height**2 * 0.0963 / 4 + _largest_error(model, rating) * height / 8)


def second_derivative(model: PairModel, rating: FloatArray) -> float:
    """Bound |f''| of one squared error as a function of its logit."""
    if model.y_range is None:
        return 2.0
    height = _height(model)
    return 2 * (height**2 / 16 + 0.0963 * _largest_error(model, rating) * height)


def underflow_of_complex_step(model: PairModel, rating: FloatArray) -> float:
    """Bound what the products of one complex step lose below the smallest subnormal."""
    farthest = 2 * _height(model) * _largest_error(model, rating)
    return 8 * FLOAT64.eta / COMPLEX_STEP * (1 + farthest)


def _height(model: PairModel) -> float:
    """Return R = high - low; 0 without a range."""
    return 0.0 if model.y_range is None else float(model.y_range[1] - model.y_range[0])


def _largest_error(model: PairModel, rating: FloatArray) -> float:
    """Return M, the farthest that a rating lies from an end of the range."""
    ends = model.y_range or (0.0, 0.0)
    return float(max(np.abs(rating - end).max() for end in ends))
