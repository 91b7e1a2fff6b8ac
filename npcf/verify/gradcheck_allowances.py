r"""What a numerical gradient of somebody's function may differ by, from one assumption.

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
                         is the second E; the truncation by Richardson
    random direction     the same along v, E weighted by |v|, once more for the product <g, v>
    adjoint identity     as the complex step, weighted by |v|, and once more for the products

For an entry that f does not read all of this is zero, but for the underflow: about 1e-186.
"""

from typing import NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import require_count
from npcf.verify.gradcheck_numeric import COMPLEX_STEP
from npcf.verify.gradcheck_subject import Subject
from npcf.verify.precision import Precision

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

    def of_f(self, subject: Subject) -> FloatArray:
        """Return noise (M,), the error of each output."""
        inherited = np.abs(self.jacobian) @ np.abs(subject.x)
        noise: FloatArray = self.gamma * (self.reach + inherited)
        return noise

    def of_vjp(self, subject: Subject, w: FloatArray) -> FloatArray:
        """Return E (N,), the error of each entry of the gradient for the upstream gradient w."""
        slopes = np.abs(self.jacobian) + self.reach[:, None] * self.fading
        inherited = _sensitivity(subject, w)
        error: FloatArray = self.gamma * (np.abs(w) @ slopes + inherited)
        error += self.n * self.precision.eta
        return error

    def underflow(self, w: FloatArray) -> float:
        """Return what the complex step may lose: below the smallest normal number digits go."""
        largest = np.abs(self.jacobian).max(initial=0.0)
        lost = self.n * self.precision.tiny / COMPLEX_STEP
        return float(lost * np.abs(w).sum() * (1 + largest))


def rounding_of(
    subject: Subject, roundings: int | None, jacobian: FloatArray, fading: FloatArray
) -> Rounding:
    """Fill in the assumption."""
    n = chain(subject, roundings)
    return Rounding(n, subject.precision, jacobian, fading, reach(subject))


def reach(subject: Subject) -> FloatArray:
    """Return |f| + |f - f(0)| (M,); where f has no value at 0, |f|."""
    start = subject.out_or_nan(np.zeros_like(subject.x))
    away = np.where(np.isfinite(start), np.abs(subject.value - start), 0.0)
    result: FloatArray = np.abs(subject.value) + away
    return result


def chain(subject: Subject, roundings: int | None) -> int:
    """Return n, the longest chain of roundings."""
    own = ROUNDINGS if roundings is None else require_count("roundings", roundings, low=0)
    return own + subject.value.size + subject.x.size


def _sensitivity(subject: Subject, w: FloatArray) -> FloatArray:
    """Return sum_i |H_ji x_i| (N,) from central differences of vjp."""
    total = np.zeros_like(subject.x)
    for i in np.flatnonzero(subject.x):
        up, down = subject.x.copy(), subject.x.copy()
        up[i] *= 1 + subject.step
        down[i] *= 1 - subject.step
        with np.errstate(all="ignore"):
            total += np.abs(subject.pull(w, up) - subject.pull(w, down)) / (2 * subject.step)
    return total
