r"""Adam without a gradient: what many steps do to a row, in one short sum.

A row of a batch has its gradient, and so its m and v, at step s.  Its w needs no more than these
for step s and for all further steps without a gradient, s .. t: they are skipped until w is needed.
With r_h = 1 / (1 - beta2**h) and a_h = lr_h / (1 - beta1**h),

    m_t = B1(s, t) m_s        v_t = B2(s, t) v_s        B(s, t) = product of the betas of s + 1 .. t
    w_t = D(s - 1, t) w_s-1 - m_s * sum_h c_h / (sqrt(v_s) x_h + eps)                  h = s .. t
    c_h = D(h, t) B1(s, h) a_h        x_h = sqrt(r_h B2(s, h))        D = product of 1 - lr wd

A row's mark is s.  A mark of 0 or below, -s: step s is applied to w as well, and h = s + 1 .. t.

Only the sum is hard: each entry has its own v.  But x_h changes slowly.  Cut the steps into *spans*
in which x_h stays within a factor exp(WIDTH), and let x be its value in the middle.  With
u = eps / (sqrt(v) x + eps), which lies in [0, 1] whatever v is, g_h = sqrt(x_h / x) and
q_h = (g_h - 1) / (g_h + 1), Chebyshev's series of 1 / (z + y) gives

    eps / (sqrt(v) x_h + eps) = u / g_h (1 + 2 sum_{n > 0} (-q_h)**n T_n(1 - 2 u))

and q is so small that TERMS terms are enough.  Sorted by powers of u,

    sum_h c_h / (sqrt(v) x_h + eps) = u sum_n S_n u**n

S_n does not know the row.  The table `moments` holds running sums over the steps of a span of the
part of S_n that depends on h; S_n of any range within a span is a difference of two rows of it,
times a factor.  So a row costs a polynomial of TERMS terms for each span that it skipped, and none
once B1 has become negligible beside sqrt(B2), however long it was absent (`lagged_updates`).

Truncation: 2 q**TERMS / (1 - q) exp(WIDTH / 4) of the sum, q <= tanh(WIDTH / 8): 2.6e-7 for
float32, 2.4e-15 for float64.  Differences cancel no more than 1 / SHORTEST times: 2e-10, 2e-14.
All is relative to the first step of a span, so that nothing overflows on long runs, and betas may
be 0.  m = v = 0 is safe, and infinite v, which never moves again.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit, part

TERMS = {np.dtype(np.float32): 6, np.dtype(np.float64): 12}
WIDTH = {np.dtype(np.float32): 0.55, np.dtype(np.float64): 0.45}
NEGLIGIBLE = {np.dtype(np.float32): 2.0**-27, np.dtype(np.float64): 2.0**-60}
NEVER = 2**62
# a span ends before B1 within it falls below this, lest differences cancel
SHORTEST = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-2}
ROOM = 64  # rows
FIRST = 4  # numbers that `lagged_updates.apply_span` takes before S_0


class Spans(NamedTuple):
    """What all parameters share; step h is row h, and row 0 is where the history begins."""

    span_of: Any  # (history + 1,) the span to which each step belongs
    start: Any  # (history + 2,) the last step before each span; a large number after the last one
    centre: Any  # (history + 1,) x of each span, taking B2 from its first step
    entry: Any  # (history + 1,) beta1 of the first step of each span
    inside: Any  # (history + 1,) B1 from the first step of the span to each step
    outside: Any  # (history + 1,) 1 / inside
    scale: Any  # (history + 1,) x of the span to which each step belongs, taking B2 from that step
    power: Any  # (history + 1,) beta2**h
    half_power: Any  # (history + 1,) beta2**(h / 2)
    count: Any  # (1,) the number of spans
    negligible: float
    half_width: float  # of a span, in log x
    shortest: float
    powers: Any  # (TERMS,) room
    chebyshev: Any  # (TERMS, TERMS) [n, k]: u**k in T_0 for n = 0, in 2 T_n(1 - 2 u) else
    rows: Any  # (ROOM,) room for `lagged_updates`: rows to which a span is applied,
    noted: Any  # (2, ROOM, FIRST + TERMS) what it does to them, in each of two tables


@jit
def extend(spans, moments, shrink, which, rates, beta1, v_scale, before):
    """Append steps to the tables of parameters `which` (P,): rates (P, n); beta1, v_scale (n,).

    Steps beyond `before` that were appended earlier, and then not taken, are overwritten.
    """
    spans.count[0] = spans.span_of[before] + 1 if before else 0
    spans.start[spans.count[0]] = NEVER
    for i in range(beta1.size):
        h, span = before + i + 1, spans.count[0] - 1
        if span < 0 or leaves_span(spans, span, h, beta1[i], v_scale[i]):
            span += 1
            spans.count[0], spans.entry[span] = span + 1, beta1[i]
            spans.start[span], spans.start[span + 1] = h - 1, NEVER
            spans.centre[span] = np.sqrt(v_scale[i]) * np.exp(-spans.half_width)
        start, first = spans.start[span], h - 1 == spans.start[span]
        spans.span_of[h] = span
        spans.inside[h] = 1.0 if first else beta1[i] * spans.inside[h - 1]
        spans.outside[h] = 1 / spans.inside[h]
        x = np.sqrt(v_scale[i]) * spans.half_power[h - start - 1]
        spans.scale[h] = spans.centre[span] / spans.half_power[h - start - 1]
        sort_by_powers(spans, np.sqrt(x / spans.centre[span]))
        for k in range(which.size):
            p = which[k]
            c = rates[k, i] * spans.inside[h] * shrink[p, start] / shrink[p, h]
            for n in range(moments.shape[2]):
                before_h = 0.0 if first else moments[p, h - 1, n]
                moments[p, h, n] = before_h + c * spans.powers[n]


@part
def sort_by_powers(spans, g):
    """Set `powers` to (1 + 2 sum_n (-q)**n T_n(1 - 2 u)) / g, sorted by powers of u."""
    spans.powers[:] = 0
    term = 1 / g
    for n in range(spans.powers.size):
        for power in range(n + 1):
            spans.powers[power] += term * spans.chebyshev[n, power]
        term *= (1 - g) / (1 + g)


@part
def leaves_span(spans, span, h, beta1, v_scale):
    """Whether step `h` must begin a new span: its x is too far off, or too little is left of m.

    Where beta2 is 0 all further x are, and each step is a span.
    """
    x = np.sqrt(v_scale) * spans.half_power[h - spans.start[span] - 1]
    too_far = x <= spans.centre[span] * np.exp(-spans.half_width)
    return too_far or beta1 * spans.inside[h - 1] < spans.shortest


def empty_spans(capacity: int, beta2: float, dtype: Any) -> Spans:
    """Return spans for up to `capacity` steps, none of them there yet."""
    span_of, start = np.zeros((2, capacity + 2), np.int64)
    centre, entry, inside, outside, scale = np.zeros((5, capacity + 1))
    half_power = np.sqrt(beta2) ** np.arange(capacity + 1)
    count, terms = np.zeros(1, np.int64), TERMS[dtype]
    rows, noted = np.empty(ROOM, np.int64), np.empty((2, ROOM, FIRST + terms), dtype)
    return Spans(
        span_of, start, centre, entry, inside, outside, scale, half_power**2, half_power, count,
        NEGLIGIBLE[dtype], WIDTH[dtype] / 2, SHORTEST[dtype], np.empty(terms), chebyshev(terms),
        rows, noted,
    )  # fmt: skip


def grown_spans(old: Spans, capacity: int, beta2: float, dtype: Any) -> Spans:
    """Return the same spans with room for more steps."""
    spans = empty_spans(capacity, beta2, dtype)
    for name in ("span_of", "start", "centre", "entry", "inside", "outside", "scale", "count"):
        array = getattr(old, name)
        getattr(spans, name)[: array.size] = array
    return spans


@cache
def chebyshev(terms: int) -> Any:
    """Return T_0, 2 T_1, 2 T_2, ... of y = 1 - 2 u by powers of u: T_n+1 = 2 y T_n - T_n-1."""
    rows = np.eye(terms)
    rows[1, :2] = 1, -2
    for n in range(2, terms):
        times_u = np.roll(rows[n - 1], 1)
        rows[n] = 2 * rows[n - 1] - 4 * times_u - rows[n - 2]
    rows[1:] *= 2
    rows.flags.writeable = False
    return rows
