r"""Rounding of lagged (just-in-time) updates, beyond that of updates at every step.

The fused loops do not touch a row outside the batch.  The updates it skips are applied in one go
(*flushed*) when it is in a batch again or when it is read.  In exact arithmetic nothing changes.
`tests.kernels.bounded_run` bounds updates at every step; this module bounds what a flush adds.  A
row skips n steps, p is the working precision, d is double, which holds the factors of all steps.

SGD.  Skipped steps map (w, buf) by M_n .. M_1, multiplied in double in any order.  An entry of M_i
has at most 6 roundings, a product of two matrices 2 more, each relative to the product of absolute
values; multiplying w and buf with the result has 4 in the working precision.  Hence

    |error| <= (gamma_d(8 n) + gamma_p(4)) |M_n| .. |M_1| (|w|, |buf|)

where |1 - a| is counted twice for an entry a of M_i that is a difference from 1.

Adam, decoupled decay.  With m_s, v_s as the last gradient left them,

    w <- D w - m_s sum_h c_h / (sqrt(v_s) x_h + eps)       moved = |m_s| sum_h c_h / (...)

is computed from Chebyshev's series in TERMS powers (`npcf.kernels.fused.adam_lag`).  All
terms of the sum over h have one sign, and in absolute value the powers sum to at most twice it.

  * The series ends: 2 q**TERMS / (1 - q) exp(WIDTH / 4) of moved.
  * Its terms have 3 TERMS + 8 roundings: 2 gamma_p(3 TERMS + 8) of moved.
  * Each c_h and x_h is a product over the skipped steps: 4 (n + 5) roundings in double.
  * A sum over the skipped steps is the difference of two running sums from the beginning of a span.
    Their roundings, n + 4, are relative to the longer sum.  In its steps h < s beta1 has not shrunk
    m below SHORTEST, so that it exceeds the sum wanted by at most

        earlier = |m_s| sum_h a_h / B1(h, s) / (sqrt(v_s) x_s + eps)      B1(h, s) >= SHORTEST

    where x, twice off by exp(WIDTH) / 2 at most, and the powers make 4 of it.
  * D w, a subtraction: 4 roundings of |w| + moved beyond those of every step.

Hence, beyond the rounding of n steps,

    |error of w| <= (2 gamma_p(3 TERMS + 8) + truncation) moved
                    + gamma_d(8 (n + 5)) (moved + earlier) + gamma_p(4) (|w| + moved)
    |error of m| <= gamma_p(5) |m| + GONE |m_s|        |error of v| <= gamma_p(7) |v|

for m is multiplied by one product of betas (a quotient, two products, a conversion, and itself), v
by a power (twice two roundings, a square, a conversion, and itself).
"""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.kernels.fused.adam_lag import SHORTEST, TERMS, WIDTH
from npcf.kernels.fused.lagged_updates import GONE
from npcf.verify.bounded import Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.precision import DOUBLE, quiet
from npcf.verify.running_error import RunningError


class LaggedSGD:
    """One table and its buffer under SGD: how far absolute values reach over the skipped steps."""

    def __init__(self, w: Bounded, buf: Bounded | None):
        self.steps = np.zeros(len(w.value))
        self.reach = self._magnitudes(w, buf)

    def skip(self, setting: dict[str, Any], first: bool) -> None:
        """Let every row skip a step."""
        (a, b), (c, d) = _matrix(setting, first)
        w, buf = self.reach
        self.reach = (abs(a) + 2 * abs(1 - a)) * w + abs(b) * buf, abs(c) * w + abs(d) * buf
        self.steps += 1

    def flushed(self, rows: Any, w: Bounded, buf: Bounded | None) -> list[Bounded | None]:
        """Return the table and its buffer after the flush of `rows` (N,), a mask."""
        late = rows & (self.steps > 0)
        relative = _column(DOUBLE.gamma(8 * self.steps), w) + w.precision.gamma(4)
        found = [
            None if x is None else _widened(x, late, relative * reach)
            for x, reach in zip((w, buf), self.reach, strict=True)
        ]
        self.begin(rows, *found)
        return found

    def begin(self, rows: Any, w: Any, buf: Bounded | None) -> None:
        """Note that `rows` are up to date."""
        for old, new in zip(self.reach, self._magnitudes(w, buf), strict=True):
            old[rows] = new[rows]
        self.steps[rows] = 0

    def _magnitudes(self, w: Bounded, buf: Bounded | None) -> tuple[FloatArray, FloatArray]:
        return w.magnitude, np.zeros_like(w.value) if buf is None else buf.magnitude


class LaggedAdam:
    """One table under Adam: how far its rows have moved since their last flush."""

    def __init__(self, w: Bounded, m: Bounded, dtype: Any):
        self.steps = np.zeros(len(w.value))
        self.moved, self.earlier = np.zeros((2, *w.value.shape))
        self.largest_m = m.magnitude
        self.rates: list[float] = []
        self.betas: list[float] = []
        q, terms = np.tanh(WIDTH[dtype] / 8), TERMS[dtype]
        self.truncation = 2 * q**terms / (1 - q) * np.exp(WIDTH[dtype] / 4)
        self.series = 2 * w.precision.gamma(3 * terms + 8) + self.truncation
        self.shortest = SHORTEST[dtype]

    @quiet
    def skip(self, setting: dict[str, Any], m: Bounded, v: Bounded, t: int) -> None:
        """Let w of every row lag over step t, which made m and v what they are."""
        beta1, beta2 = setting["betas"]
        self.rates.append(setting["lr"] / (1 - beta1**t))
        self.betas.append(beta1)
        root = np.sqrt(np.maximum(v.value - v.error, 0) / (1 - beta2**t))
        unit = m.magnitude / (root + setting["eps"])
        self.moved += self.rates[-1] * unit
        begins = _column(self.steps == 0, m)  # at the first lagging step its span may be under way
        self.earlier = np.where(begins, self._before() * unit, self.earlier)
        self.largest_m = np.maximum(self.largest_m, m.magnitude)
        self.steps += 1

    def flushed(self, rows: Any, w: Bounded, m: Bounded, v: Bounded) -> list[Bounded]:
        """Return w, m and v after the flush of `rows` (N,), a mask."""
        late, p = rows & (self.steps > 0), w.precision
        in_double = _column(DOUBLE.gamma(8 * (self.steps + 5)), w) * (self.moved + self.earlier)
        last = p.gamma(4) * (w.magnitude + self.moved)
        found = [
            _widened(w, late, self.series * self.moved + in_double + last),
            _widened(m, late, p.gamma(5) * m.magnitude + GONE * self.largest_m),
            _widened(v, late, p.gamma(7) * v.magnitude),
        ]
        self.steps[rows] = 0
        self.moved[rows], self.earlier[rows] = 0, 0
        self.largest_m[rows] = found[1].magnitude[rows]
        return found

    def _before(self) -> float:
        """Return the sum of rates before the last step's that a running sum may hold."""
        total, left = 0.0, 1.0
        for rate, beta in zip(self.rates[-2::-1], self.betas[:0:-1], strict=True):
            left *= beta
            if left < self.shortest / 2:
                break
            total += rate / left
        return total


def _matrix(setting: dict[str, Any], first: bool) -> tuple[tuple[float, float], ...]:
    """Return what a step without a gradient makes of (w, buf), from (1, 0) and (0, 1)."""
    w, buf = (Bounded(unit, 0.0, DOUBLE) for unit in np.eye(2))
    before = None if first else buf
    w, after = Formulas(RunningError()).sgd(w, np.zeros(2), before, **setting)
    return tuple(w.value.tolist()), tuple((buf if after is None else after).value.tolist())


def _column(per_row: FloatArray, like: Bounded) -> FloatArray:
    return per_row.reshape(-1, *[1] * (like.value.ndim - 1))


@quiet
def _widened(x: Bounded, rows: Any, extra: FloatArray) -> Bounded:
    """Return `x` with more of an error in some rows, and what underflows once."""
    more = np.where(_column(rows, x), extra + 2 * x.precision.eta, 0.0)
    return Bounded(x.value, x.error + more, x.precision)
