"""Laws of the schedules that go one way: a line, a power, half a cosine."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_within
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._schedules import (
    allowed,
    close,
    half_cosine,
    moves_towards,
    values,
)
from npcf.verify.strategies import Schedule, schedules

LINES, POWERS, COSINES = schedules("linear"), schedules("exponential"), schedules("cosine")


def ends(p: Schedule) -> tuple[int, float, float]:
    """Return (n_steps, start, end)."""
    n_steps, start, end = p.settings.values()
    return n_steps, start, end


def relative(p: Schedule) -> float:
    """Return the relative error that a power of the quotient of the ends may have."""
    n, start, end = ends(p)
    return float(allowed(n, 1.0, 1 + abs(np.log(end / start))))


@law(
    "Every step of a line is n_steps-th of the way: start + t / n_steps (end - start).",
    given=LINES,
    needs=("linear",),
)
def linear_is_its_formula(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    close(values(impl, p), start + np.arange(n) / n * (end - start), max(start, end))


@law("A line begins at its start.", given=LINES, needs=("linear",))
def linear_begins_at_its_start(impl: Any, p: Schedule) -> None:
    _, start, end = ends(p)
    close(values(impl, p)[:1], [start], max(start, end))


@law("A line's end is where step n_steps would be.", given=LINES, needs=("linear",))
def linear_stops_one_step_before_its_end(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    lr = values(impl, p)
    assert len(lr) == n, f"{len(lr)} values for {n} steps"
    size = 2 * max(start, end)
    assert_within(lr[-1] + (end - start) / n, end, allowed(n, size), "one step beyond the last")


@law("A line goes in equal steps.", given=LINES, needs=("linear",))
def linear_goes_in_equal_steps(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    steps = np.diff(values(impl, p))
    assert_within(steps, np.full(n - 1, (end - start) / n), allowed(n, 2 * max(start, end)), "step")


@law("A line read backwards is the line between exchanged ends.", given=LINES, needs=("linear",))
def linear_backwards_is_the_other_line(impl: Any, p: Schedule) -> None:
    _, start, end = ends(p)
    there, back = values(impl, p), values(impl, p, start=end, end=start)
    close(there[1:], back[:0:-1], max(start, end))


@law("Twice the steps pass through the same rates of a line.", given=LINES, needs=("linear",))
def linear_is_refined_by_more_steps(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    close(values(impl, p, n_steps=2 * n)[::2], values(impl, p), 2 * max(start, end))


@law("Exponential is start (end / start)**(t / n_steps).", given=POWERS, needs=("exponential",))
def exponential_is_its_formula(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    want = start * (end / start) ** (np.arange(n) / n)
    assert_within(values(impl, p), want, relative(p) * want, "lr")


@law("Exponential has one quotient all the way.", given=POWERS, needs=("exponential",))
def exponential_has_one_quotient(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    lr = values(impl, p)
    want = np.full(n - 1, (end / start) ** (1 / n))
    assert_within(lr[1:] / lr[:-1], want, 2 * relative(p) * want, "quotient")


@law(
    "Exponential begins at its start, and one quotient beyond its last step is its end.",
    given=POWERS,
    needs=("exponential",),
)
def exponential_runs_from_start_to_end(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    lr = values(impl, p)
    got = [lr[0], lr[-1] * (end / start) ** (1 / n)]
    assert_within(got, [start, end], 2 * relative(p) * np.array([start, end]), "ends")


@law(
    "Exponential there, times exponential back, is start end at every step.",
    given=POWERS,
    needs=("exponential",),
)
def exponential_backwards_is_the_other_one(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    product = values(impl, p) * values(impl, p, start=end, end=start)
    want = np.full(n, start * end)
    assert_within(product, want, 2 * relative(p) * want, "product")


@law(
    "A cosine is lr_min + (lr_max - lr_min) (1 + cos(pi t / n_steps)) / 2.",
    given=COSINES,
    needs=("cosine",),
)
def cosine_is_its_formula(impl: Any, p: Schedule) -> None:
    n, top, low = ends(p)
    close(values(impl, p), half_cosine(top, low, np.arange(n) / n), max(top, low))


@law("A cosine begins at lr_max.", given=COSINES, needs=("cosine",))
def cosine_begins_at_its_maximum(impl: Any, p: Schedule) -> None:
    _, top, low = ends(p)
    close(values(impl, p)[:1], [top], max(top, low))


@law("A cosine goes one way only.", given=COSINES, needs=("cosine",))
def cosine_goes_one_way(impl: Any, p: Schedule) -> None:
    _, top, low = ends(p)
    moves_towards(values(impl, p), top, low)


@law(
    "A cosine turned by half a turn is itself: lr_t + lr_(n-t) = lr_max + lr_min.",
    given=COSINES,
    needs=("cosine",),
)
def cosine_is_symmetric(impl: Any, p: Schedule) -> None:
    n, top, low = ends(p)
    lr = values(impl, p)[1:]
    close(lr + lr[::-1], np.full(n - 1, top + low), 2 * max(top, low))


@law("Twice the steps pass through the same rates of a cosine.", given=COSINES, needs=("cosine",))
def cosine_is_refined_by_more_steps(impl: Any, p: Schedule) -> None:
    n, top, low = ends(p)
    close(values(impl, p, n_steps=2 * n)[::2], values(impl, p), 2 * max(top, low))


@law(
    "A schedule in rates twice as large is twice the schedule.",
    given=COSINES,
    needs=("cosine", "linear", "exponential"),
)
def schedules_scale_with_their_rates(impl: Any, p: Schedule) -> None:
    n, top, low = ends(p)
    low = low or top / 3  # exponential reaches no zero
    for call in (impl.cosine, impl.linear, impl.exponential):
        size = allowed(n, 2 * max(top, low), 1 + abs(np.log(top / low)))
        assert_within(call(n, 2 * top, 2 * low), 2 * call(n, top, low), size, "lr")


@law("A schedule of one step is its start.", given=COSINES, needs=("cosine", "linear"))
def one_step_is_the_start(impl: Any, p: Schedule) -> None:
    _, top, low = ends(p)
    for call in (impl.cosine, impl.linear):
        close(call(1, top, low), [top], max(top, low))
