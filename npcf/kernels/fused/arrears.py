"""Rows whose weights have waited make up for the steps that they owe: `moment_tables`, applied.

Each row passes one span of steps after another; most rows have one only.  A dozen numbers say what
a span does to a row.  They are worked out for some rows first, and then these rows pass, so that
the arithmetic of rows does not wait for searches in tables.
"""

from functools import partial

import numpy as np

from npcf.kernels._jit import part, stage
from npcf.kernels.fused.lanes import multiply_add, rowwise
from npcf.kernels.fused.moment_tables import FIRST, ROOM, TERMS
from npcf.kernels.fused.prefetch import LINE, ask_for

GONE = 1e-34  # what is left of m below this part of it is taken for nothing
AHEAD = 4  # rows


@stage
def make_up_rows(tables, spans, side, n_rows, now):
    """Bring `n_rows` rows, which `side` lists, up to step `now` in both tables of the side."""
    n_passes = 0
    for n in range(n_rows):
        since, moved = steps_made(side.since[n])
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
            spans.rows[n_passes] = side.rows[n]
            note_pass(tables, spans, n_passes, (left_m, left_v, x), here)
            n_passes += 1
            if n_passes == ROOM:
                pass_spans(tables, spans, n_passes)
                n_passes = 0
            span, start = span + 1, end
            if not last:
                b1 *= spans.entry[span]
    pass_spans(tables, spans, n_passes)


@part
def steps_made(mark):
    """Return the last step that a row's averages have made, and the last one of its weights."""
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
def note_pass(tables, spans, n, both, here):
    """Write down the numbers with which a row passes a span, which ends at step `end`."""
    b1, start, moved, end, now = here
    for k in range(2):
        table = tables[k]
        if k == 1 and table.alike:
            break
        numbers = spans.passes[k, n]
        numbers[0] = 1.0 if start > moved else table.shrink[now] * table.regrow[moved]
        numbers[1], numbers[2], x = both
        numbers[3] = x * table.per_eps
        scale = b1 * table.shrink[now] * table.regrow[start] * table.per_eps
        high, low = table.moments[end], table.moments[max(start, moved)]
        difference((numbers[FIRST:], high, low), (scale, scale if start < moved else 0.0))


@stage
def pass_spans(tables, spans, n_passes):
    """Let the rows that were written down pass."""
    for k in range(2):
        table = tables[k]
        passes = spans.passes[0 if table.alike else k]
        for n in range(n_passes):
            row, ahead = spans.rows[n], spans.rows[min(n + AHEAD, n_passes - 1)]
            for column in range(0, table.w.shape[1], LINE // table.w.itemsize):
                ask_for(table.w, ahead, column)
                ask_for(table.m, ahead, column)
                ask_for(table.v, ahead, column)
            pass_span((table.w[row], table.m[row], table.v[row]), (passes[n],))


@rowwise
def difference(sums, high, low, scale, old):
    """Return S_n of a range of steps, from two rows of `moments`."""
    return (high * scale - low * old,)


@partial(rowwise, terms={dtype: FIRST + terms for dtype, terms in TERMS.items()})
def pass_span(w, m, v, left_w, left_m, left_v, x, *sums):
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
