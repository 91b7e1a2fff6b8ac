r"""Adam without a gradient: what many missed steps do to a row, in one short sum.

After the missed steps s + 1 .. t, with r_h = 1 / (1 - beta2**h) and a_h = lr_h / (1 - beta1**h),

    m_t = B1(s, t) m_s        v_t = B2(s, t) v_s        B(s, t) = product of the betas of s + 1 .. t
    w_t = D(s, t) w_s - m_s * sum_h c_h / (sqrt(v_s) x_h + eps)
    c_h = D(h, t) B1(s, h) a_h        x_h = sqrt(r_h B2(s, h))        D = product of 1 - lr wd

Only the sum is hard: each entry has its own v.  But x_h changes slowly.  Cut the steps into *spans*
in which x_h stays within a factor exp(WIDTH), and let x be its value in the middle.  With
A = sqrt(v) x, y = A / (A + eps), which lies in [0, 1] whatever v is, and delta_h = x_h / x - 1,

    1 / (sqrt(v) x_h + eps) = 1 / (A + eps) / (1 + y delta_h)
                            = 1 / (A + eps) sum_n (-delta_h)**n y**n

    sum_h c_h / (sqrt(v) x_h + eps) = 1 / (A + eps) sum_n S_n y**n     S_n = sum_h c_h (-delta_h)**n

S_n does not know the row.  The table `moments` holds running sums over the steps of a span of
(-delta_h)**n times the part of c_h that depends on h; S_n of any range within a span is a
difference of two rows of it, times a factor.  So a row costs a polynomial of TERMS terms for each
span that it missed, and none once B1 has become negligible beside sqrt(B2), however long it was
absent.

Truncation: |delta|**TERMS / (1 - |delta|) of the sum, |delta| <= exp(WIDTH / 2) - 1: 9e-8 for
float32, 3.2e-14 for float64, whose spans are shorter.  All is relative to the beginning of a span,
so that nothing overflows on long runs.  m = v = 0 is safe, and infinite v, which never moves again.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit, part, stage
from npcf.kernels.fused.lanes import rowwise

TERMS = 12
WIDTH = {np.dtype(np.float32): 0.45, np.dtype(np.float64): 0.144}
NEGLIGIBLE = {np.dtype(np.float32): 2.0**-27, np.dtype(np.float64): 2.0**-60}
GONE = 1e-34  # what is left of m below this part of it is taken for nothing
NEVER = 2**62
SHORTEST = 1e-4  # a span ends when B1 within it falls below this, lest differences cancel


class Spans(NamedTuple):
    """What all parameters share; step h is row h, and row 0 is where the history begins."""

    span_of: Any  # (history + 1,) the span to which each step belongs
    start: Any  # (history + 2,) the last step before each span; a large number after the last one
    centre: Any  # (history + 1,) x of each span, taking B2 from its start
    inside: Any  # (history + 1,) B1 from the start of the span to each step
    outside: Any  # (history + 1,) 1 / inside
    half_power: Any  # (history + 1,) beta2**(h / 2)
    half_growth: Any  # (history + 1,) beta2**(-h / 2)
    count: Any  # (1,) the number of spans
    negligible: float
    sums: Any  # (TERMS,) room


@stage
def make_up_rows(tables, spans, side, n_rows, now):
    """Bring `n_rows` rows, which `side` lists, up to step `now` in both tables of the side."""
    for n in range(n_rows):
        row, since = side.rows[n], side.since[n]
        if since >= now:
            continue
        span = spans.span_of[since + 1]
        start, last = spans.start[span], False
        b1 = spans.outside[since] if start < since else 1.0  # B1(since, start)
        while not last:
            end = min(spans.start[span + 1], now)
            x = spans.centre[span]
            if start < since:  # the span's earlier steps are not the row's to make up
                x *= spans.half_growth[since - start]
            else:
                x *= spans.half_power[start - since]
            b1_start, b1 = b1, b1 * spans.inside[end]
            fades = b1 < spans.negligible * spans.half_power[end - since]  # beside its own sqrt(v)
            last = end == now or fades or b1 < GONE
            left_m, left_v = 1.0, 1.0
            if last:
                left_m, left_v = remaining(spans, span, b1, now), spans.half_power[now - since] ** 2
            here = x, left_m, left_v, b1_start, start, since, end, now
            leave_span(tables[0], spans, row, here)
            leave_span(tables[1], spans, row, here)
            span, start = span + 1, end


@part
def leave_span(table, spans, row, here):
    """Apply the steps of one span, which ends at step `end`, to a row."""
    x, left_m, left_v, b1_start, start, since, end, now = here
    left_w = 1.0 if start > since else table.shrink[now] * table.regrow[since]
    scale = b1_start * table.shrink[now] * table.regrow[start]
    high, low = table.moments[end], table.moments[max(start, since)]
    difference((spans.sums, high, low), (scale, scale if start < since else 0.0))
    rows = table.w[row], table.m[row], table.v[row]
    pass_span(rows, (left_w, left_m, left_v, x, table.eps, spans.sums))


@part
def remaining(spans, span, b1, now):
    """Return `b1` times B1 from the end of `span` to `now`, or 0 if next to nothing is left."""
    while spans.start[span + 1] < now and b1 > GONE:
        span += 1
        b1 *= spans.inside[min(spans.start[span + 1], now)]
    return b1 if b1 > GONE else 0.0


def polynomial(terms, y):
    """Return sum_n terms[n] y**n by pairs, pairs of pairs, ...: fewer wait for each other."""
    while len(terms) > 1:
        pairs = [low + high * y for low, high in zip(terms[::2], terms[1::2], strict=False)]
        terms, y = [*pairs, *terms[2 * len(pairs) :]], y * y
    return terms[0]


@rowwise
def difference(sums, high, low, scale, old):
    """Return S_n of a range of steps, from two rows of `moments`."""
    return (high * scale - low * old,)


@partial(rowwise, terms=TERMS)
def pass_span(w, m, v, left_w, left_m, left_v, x, eps, *sums):
    """Return w - m / (A + eps) * sum_n S_n y**n, m and v after a span; `left` of each remains."""
    over = 1 / (np.sqrt(v) * x + eps)
    y = 1 - eps * over
    return left_w * w - m * over * polynomial(sums, y), left_m * m, left_v * v


@jit
def extend(spans, moments, shrink, rates, beta1, v_scale, before, half_width):
    """Append steps to the tables of one parameter each: rates (P, n); beta1, v_scale (n,)."""
    for i in range(beta1.size):
        h, span = before + i + 1, spans.count[0] - 1
        if span < 0 or leaves_span(spans, span, h, v_scale[i], half_width):
            span += 1
            spans.count[0] = span + 1
            spans.start[span], spans.start[span + 1] = h - 1, NEVER
            spans.centre[span] = np.sqrt(v_scale[i]) * spans.half_power[1] * np.exp(-half_width)
        start, first = spans.start[span], h - 1 == spans.start[span]
        spans.span_of[h] = span
        spans.inside[h] = beta1[i] * (1.0 if first else spans.inside[h - 1])
        spans.outside[h] = 1 / spans.inside[h]
        delta, x = 0.0, np.sqrt(v_scale[i]) * spans.half_power[h - start]
        if spans.centre[span] > 0:
            delta = x / spans.centre[span] - 1
        for p in range(rates.shape[0]):
            term = rates[p, i] * spans.inside[h] * shrink[p, start] / shrink[p, h]
            for n in range(TERMS):
                moments[p, h, n] = term + (0.0 if first else moments[p, h - 1, n])
                term *= -delta


@part
def leaves_span(spans, span, h, v_scale, half_width):
    """Whether step `h` must begin a new span: its x is too far off, or too little is left of m.

    Where beta2 is 0 all x are, and each step is a span.
    """
    x = np.sqrt(v_scale) * spans.half_power[h - spans.start[span]]
    return x <= spans.centre[span] * np.exp(-half_width) or spans.inside[h - 1] < SHORTEST


def empty_spans(capacity: int, beta2: float, dtype: Any) -> Spans:
    """Return spans for up to `capacity` steps, none of them there yet."""
    span_of, start = np.zeros((2, capacity + 2), np.int64)
    centre, inside, outside = np.zeros((3, capacity + 1))
    half_power = np.sqrt(beta2) ** np.arange(capacity + 1)
    with np.errstate(divide="ignore", over="ignore"):  # not used where it is not finite
        half_growth = 1 / half_power
    count, negligible = np.zeros(1, np.int64), NEGLIGIBLE[np.dtype(dtype)]
    sums = np.empty(TERMS)
    return Spans(
        span_of, start, centre, inside, outside, half_power, half_growth, count, negligible, sums
    )
