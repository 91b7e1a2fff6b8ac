"""Apply the Adam updates that a row has skipped, by the tables of `adam_lag`.

A row takes one span of steps after another; most rows have skipped one span only.  A dozen numbers
say what a span does to a row.  They are computed for ROOM rows first and applied to these rows
afterwards, so that the arithmetic of rows does not wait for searches in tables.
"""

from functools import partial

import numpy as np

from npcf.kernels._jit import part, stage
from npcf.kernels.fused.adam_lag import FIRST, ROOM, TERMS
from npcf.kernels.rowwise import multiply_add, rowwise
from npcf.kernels.simd import LINE, ask_for

GONE = 1e-34  # what is left of m below this part of it is taken for nothing
AHEAD = 4  # rows


@stage
def catch_up(tables, spans, side, n_rows, now):
    """Apply the updates up to step `now` that the `n_rows` rows which `side` lists have skipped."""
    n_noted = 0
    for n in range(n_rows):
        since, moved = steps_applied(side.since[n])
        if moved >= now:
            continue
        span = spans.span_of[moved + 1]
        start, last = spans.start[span], False
        b1 = spans.outside[since] if start < since else spans.entry[span]  # B1(since, h) / inside
        x = spans.scale[since]
        while not last:
            end = min(spans.start[span + 1], now)
            if start >= since:  # a span that begins after the row's averages were last moved
                x = spans.centre[span] * spans.half_power[start + 1 - since]
            b1_here, b1 = b1, b1 * spans.inside[end]
            last = end == now or fades(spans, b1, end - since)
            left_m, left_v = 1.0, 1.0
            if last:
                left_m, left_v = remaining(spans, span, b1, now), spans.power[now - since]
            here = b1_here, start, moved, end, now
            spans.rows[n_noted] = side.rows[n]
            note_span(tables, spans, n_noted, (left_m, left_v, x), here)
            n_noted += 1
            if n_noted == ROOM:
                apply_spans(tables, spans, n_noted)
                n_noted = 0
            span, start = span + 1, end
            if not last:
                b1 *= spans.entry[span]
    apply_spans(tables, spans, n_noted)


@part
def steps_applied(mark):
    """Return the last step applied to a row's averages, and the last one applied to its weights."""
    return (mark, mark - 1) if mark > 0 else (-mark, -mark)


@part
def fades(spans, b1, n_steps):
    """Whether what so many steps leave of m is negligible beside what they leave of sqrt(v)."""
    return b1 < spans.negligible * spans.half_power[n_steps] or b1 < GONE


@part
def remaining(spans, span, b1, now):
    """Return `b1` times B1 from the end of `span` to `now`, or 0 if next to nothing is left."""
    while spans.start[span + 1] < now and b1 > GONE:
        span += 1
        b1 *= spans.entry[span] * spans.inside[min(spans.start[span + 1], now)]
    return b1 if b1 > GONE else 0.0


@part
def note_span(tables, spans, n, both, here):
    """Write down what a span, up to its step `end`, does to a row."""
    b1, start, moved, end, now = here
    for k in range(2):
        table = tables[k]
        if k == 1 and table.alike:
            break
        numbers = spans.noted[k, n]
        numbers[0] = 1.0 if start > moved else table.shrink[now] * table.regrow[moved]
        numbers[1], numbers[2], x = both
        numbers[3] = x * table.per_eps
        scale = b1 * table.shrink[now] * table.regrow[start] * table.per_eps
        high, low = table.moments[end], table.moments[max(start, moved)]
        difference((numbers[FIRST:], high, low), (scale, scale if start < moved else 0.0))


@stage
def apply_spans(tables, spans, n_noted):
    """Apply what was written down."""
    for k in range(2):
        table = tables[k]
        noted = spans.noted[0 if table.alike else k]
        for n in range(n_noted):
            row, ahead = spans.rows[n], spans.rows[min(n + AHEAD, n_noted - 1)]
            for column in range(0, table.w.shape[1], LINE // table.w.itemsize):
                ask_for(table.w, ahead, column)
                ask_for(table.m, ahead, column)
                ask_for(table.v, ahead, column)
            apply_span((table.w[row], table.m[row], table.v[row]), (noted[n],))


@rowwise
def difference(sums, high, low, scale, old):
    """Return S_n of a range of steps, from two rows of `moments`."""
    return (high * scale - low * old,)


@partial(rowwise, terms={dtype: FIRST + terms for dtype, terms in TERMS.items()})
def apply_span(w, m, v, left_w, left_m, left_v, x, *sums):
    """Return w - m u * sum_n S_n u**n, m and v after a span; `left` of each remains."""
    u = 1 / multiply_add(np.sqrt(v), x, 1)
    return left_w * w - m * u * polynomial(sums, u), left_m * m, left_v * v


def polynomial(terms, u):
    """Return sum_n terms[n] u**n: even and odd powers apart, as neither waits for the other."""
    square = u * u
    sums = [terms[-1], terms[-2]]
    for n in range(len(terms) - 3, -1, -1):
        sums.append(multiply_add(sums.pop(0), square, terms[n]))
    return multiply_add(sums[0], u, sums[1])
