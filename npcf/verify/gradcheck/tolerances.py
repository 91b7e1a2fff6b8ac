r"""How far a numerical gradient may lie from a right one.

Functions
---------
u is that of the precision which f computes in: float32 for JAX without x64, whatever it is given.

Assumption (mixed stability; Higham 2002, section 1.5).  What f and vjp compute is what exact
arithmetic would give, had every input, every upstream gradient, every saved output and every term
of the result been off by at most gamma_n = n u / (1 - n u) of itself, n the longest chain of
roundings: `roundings` + M + N, for sums over all M outputs and N inputs.

With J (M, N) the Jacobian, w (M,) the upstream gradient and H = dg/dx, from differences of vjp,

    f_b   noise_b = gamma_n (reach_b + sum_i |J_bi x_i|)
    g_j   E_j     = gamma_n (sum_b |w_b| (|J_bj| + reach_b fading_bj) + sum_i |H_ji x_i|)

reach_b fading_bj is what a saved output makes of a saturated slope: tanh' = 1 - t**2, where t is
off by u t, is off by 2 u however small it is.  Where J decays like exp(-x / length), dJ/df is
1 / length, the fading; reach_b = |f_b| + |f_b - f_b(0)| is how large a number on the way may be
(a sigmoid times 5 minus 5 ends at 0).

    complex step         E + 2 E: the same factors in complex arithmetic; and its underflow / h
    central differences  2 E + sum_b |w_b| ((noise_b + gamma_n |f_b(x +- h)|) / h + truncation_bj):
                         f is rounded where the step leads to, and there J is another by h H, which
                         is the second E; the truncation by Richardson, and in float32, whose step
                         is long, how much g bends over it
    random direction     the same along v, E weighted by |v|, once more for the product <g, v>
    adjoint identity     as the complex step, weighted by |v|, and once more for the products

For an entry that f does not read all of this is zero, but for the underflow: about 1e-186.

Models
------
The gradient carries its running-error bound E (`npcf.verify.running_error`), the loss L its own.

    complex step         E + 2 E, and the underflow of its products, 8 eta / h (1 + 2 R M)
    central differences  2 E + 2 E_L / (2 h) + h**2 / 6 max |L'''|
    random direction     sum |v_j| (E_j + gamma_n M_j) + E_L / h + h**2 / 6 max |L'''| along v
    adjoint identity     three times sum |v_j| (E_j + gamma_n M_j), and the underflow

with M_j = sum_b |w_b J_bj| and n = 2 N + 3 B + 8: the N additions of the product, and those of a
logit, 2 K + 2 <= N.  Along one entry the logit z_b moves with slope a_b (a factor of the other
side, or 1), so L''' is the mean of a_b**3 f'''(z_b), f the squared error as a function of the
logit.  With the range, |sigmoid'| <= 1/4, |sigmoid''| <= 0.0963, |sigmoid'''| <= 1/8 and M, the
farthest that a rating lies from an end of the range, give

    |f'''| <= 2 (3 R**2 0.0963 / 4 + M R / 8)       |f''| <= 2 (R**2 / 16 + 0.0963 M R)

without it f''' = 0 and f'' = 2.  Along v, with V the directions of the looked-up rows,
z' = V_p . q + p . V_q + V_bu + V_bi, z'' = 2 V_p . V_q and L''' = mean (f''' z'**3 + 3 f'' z' z'').
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params
from npcf.errors import require_count
from npcf.models import PairModel
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas
from npcf.verify.gradcheck.numeric import COMPLEX_STEP
from npcf.verify.gradcheck.subject import DOUBLE, FlatFunction
from npcf.verify.precision import Precision
from npcf.verify.running_error import RunningError

TABLES = ("user_factors", "item_factors", "user_bias", "item_bias")
ROUNDINGS = 16  # an exp of 6 u, and ten products, sums and quotients


class Rounding(NamedTuple):
    """The assumption, filled in for one function at one place."""

    n: int  # the longest chain
    precision: Precision  # that f computes in
    jacobian: FloatArray  # (M, N)
    fading: FloatArray  # (M, N)
    reach: FloatArray  # (M,)

    @property
    def gamma(self) -> float:
        """Return the relative error of the longest chain."""
        return float(self.precision.gamma(self.n))

    def of_f(self, subject: FlatFunction) -> FloatArray:
        """Return noise (M,), the error of each output."""
        inherited = np.abs(self.jacobian) @ np.abs(subject.x)
        noise: FloatArray = self.gamma * (self.reach + inherited)
        return noise

    def of_vjp(self, subject: FlatFunction, w: FloatArray) -> FloatArray:
        """Return E (N,), the error of each entry of the gradient for the upstream gradient w."""
        slopes = np.abs(self.jacobian) + self.reach[:, None] * self.fading
        inherited = _sensitivity(subject, w)
        error: FloatArray = self.gamma * (np.abs(w) @ slopes + inherited)
        return error + self.n * self.precision.eta

    def underflow(self, w: FloatArray) -> float:
        """Return what the complex step may lose: below the smallest normal number digits go."""
        largest = np.abs(self.jacobian).max(initial=0.0)
        lost = self.n * self.precision.tiny / COMPLEX_STEP
        return float(lost * np.abs(w).sum() * (1 + largest))


def rounding_of(
    subject: FlatFunction, roundings: int | None, jacobian: FloatArray, fading: FloatArray
) -> Rounding:
    """Fill in the assumption."""
    n = chain(subject, roundings)
    return Rounding(n, subject.precision, jacobian, fading, reach(subject))


def reach(subject: FlatFunction) -> FloatArray:
    """Return |f| + |f - f(0)| (M,); where f has no value at 0, |f|."""
    start = subject.out_or_nan(np.zeros_like(subject.x))
    away = np.where(np.isfinite(start), np.abs(subject.value - start), 0.0)
    result: FloatArray = np.abs(subject.value) + away
    return result


def chain(subject: FlatFunction, roundings: int | None) -> int:
    """Return n, the longest chain of roundings."""
    own = ROUNDINGS if roundings is None else require_count("roundings", roundings, low=0)
    return own + subject.value.size + subject.x.size


def _sensitivity(subject: FlatFunction, w: FloatArray) -> FloatArray:
    """Return sum_i |H_ji x_i| (N,) from central differences of vjp."""
    total = np.zeros_like(subject.x)
    for i in np.flatnonzero(subject.x):
        up, down = subject.x.copy(), subject.x.copy()
        up[i] *= 1 + subject.step
        down[i] *= 1 - subject.step
        with np.errstate(all="ignore"):
            total += np.abs(subject.pull(w, up) - subject.pull(w, down)) / (2 * subject.step)
    return total


def bend(subject: FlatFunction, w: FloatArray, v: FloatArray) -> float:
    """Return |<g(x + h v) - 2 g(x) + g(x - h v), v>|, where f computes in float32; else 0.

    A central difference is the mean of <g, v> over its step.  Where g has a peak narrower than
    that, which Richardson's estimate does not see, the mean is another, and g itself tells.
    """
    if subject.precision is DOUBLE:  # its step is a thousand times as short
        return 0.0
    h = subject.step
    with np.errstate(all="ignore"):
        above, below = (subject.pull(w, subject.x + side * h * v) for side in (1, -1))
        found = abs(float((above - 2 * subject.pull(w) + below) @ v))
    return found if np.isfinite(found) else 0.0


class OfModel:
    """The tolerances of a model's loss and predictions; directions are vectors (N,)."""

    def __init__(self, model: PairModel, pairs: Any, rating: FloatArray, step: float):
        self._f, self._step, self._size = Formulas(RunningError()), step, rating.size
        self._params, (users, items) = model.core_params(), pairs.T
        self._ids = users, items
        pred, self._tape = self._f.forward(self._params, users, items, model.y_range, model.mean)
        residual = self._f.residual(pred, self._f.n.array(rating))
        self._noise = float(self._f.loss(residual).bound) / step
        self._d_pred = self._f.loss_gradient(residual, self._f.n.number(1))
        low, high = model.y_range or (0.0, 0.0)
        height, farthest = high - low, float(max(np.abs(rating - end).max() for end in (low, high)))
        self._third = 2 * (3 * height**2 * 0.0963 / 4 + farthest * height / 8)
        self._second = 2 * (height**2 / 16 + 0.0963 * farthest * height) if model.y_range else 2.0
        self._underflow = 8 * DOUBLE.eta / COMPLEX_STEP * (1 + 2 * height * farthest)

    def complex_step(self) -> FloatArray:
        """Return what each entry of the gradient may differ by (N,)."""
        return 3 * self._error(self._d_pred) + self._underflow

    def central_differences(self) -> FloatArray:
        """Return what each entry of the gradient may differ by (N,)."""
        cubes = [np.abs(rows) ** 3 for rows in self._rows(self._params)[:2]]
        truncation = self._scattered(np.ones(self._size), *cubes) * self._third / self._size
        bent = self._step**2 / 6 * truncation
        return 2 * self._error(self._d_pred) + self._noise + bent

    def random_direction(self, v: FloatArray) -> float:
        """Return what the slope of the loss along v may differ by."""
        (p, q, *_), (v_p, v_q, *biases) = self._rows(self._params), self._rows(self._tables(v))
        second = 2 * np.abs((v_p * v_q).sum(axis=1))
        slope = np.abs((v_p * q + p * v_q).sum(axis=1) + sum(biases)) + self._step * second
        third = (self._third * slope**3 + 3 * self._second * slope * second).mean()
        return self._product(v, self._d_pred) + self._noise + float(self._step**2 / 6 * third)

    def adjoint_identity(self, v: FloatArray, w: FloatArray) -> float:
        """Return what <v, J^T w> and <J v, w> may differ by."""
        lost = self._underflow * float(np.abs(v).sum())
        return 3 * self._product(v, self._f.n.array(w)) + lost

    def _product(self, v: FloatArray, upstream: Any) -> float:
        """Return the error of <v, J^T w>: sum |v_j| (E_j + gamma_n M_j)."""
        gamma = DOUBLE.gamma(2 * v.size + 3 * self._size + 8)
        d_logit, y_range = upstream, self._tape.y_range
        if y_range is not None:
            limits = self._f.n.numbers(*y_range)
            d_logit = self._f.range_backward(upstream, self._tape.s, *limits)
        rows = [np.abs(rows) for rows in self._rows(self._params)[:2]]
        sizes = self._scattered(d_logit.magnitude, *rows)
        return float((np.abs(v) * (self._error(upstream) + gamma * sizes)).sum())

    def _error(self, upstream: Any) -> FloatArray:
        """Return E (N,), the running error of each entry of the gradient."""
        gradients = self._f.backward(upstream, self._tape)
        return self._flat({name: array.bound for name, array in gradients.items()})

    def _scattered(self, d_logit: FloatArray, p: FloatArray, q: FloatArray) -> FloatArray:
        """Return (N,), the gradient of <d_logit, logit> had the looked-up rows been p and q."""
        tape = self._tape._replace(p=p, q=q, s=None)
        return self._flat(Formulas(Floats()).backward(d_logit, tape))

    def _rows(self, tables: Params) -> list[FloatArray]:
        """Return the looked-up rows of the tables: factors, then biases if there are any."""
        names = [name for name in TABLES if name in tables]
        return [tables[name][self._ids[name.startswith("item")]] for name in names]

    def _tables(self, flat: FloatArray) -> Params:
        parts = np.split(flat, np.cumsum([table.size for table in self._params.values()])[:-1])
        pairs = zip(self._params.items(), parts, strict=True)
        return {name: part.reshape(table.shape) for (name, table), part in pairs}

    def _flat(self, tables: Params) -> FloatArray:
        return np.concatenate([np.ravel(tables[name]) for name in self._params])
