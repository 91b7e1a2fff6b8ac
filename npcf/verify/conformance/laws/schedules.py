"""Laws of the schedules that go one way: a line, a power, half a cosine."""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._schedules import (
    FLOAT32_PLACE,
    SHORTEST,
    allowed,
    close,
    half_cosine,
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


FASTAI = Drawn(schedules("one_cycle_fastai"))
Points = tuple[float, float, float]


def fastai_points(p: Schedule) -> tuple[Points, Points]:
    """Return the three rates and the three momenta that the phases join."""
    top, s = p.settings["lr_max"], p.settings
    return (top / s["div"], top, top / s["div_final"]), s["moms"]


def fastai_phases(p: Schedule) -> tuple[Any, FloatArray]:
    """Return whether each step rises, and its place in its phase."""
    n, share = p.settings["n_steps"], p.settings["pct_start"]
    position = np.arange(n) / n
    rises = position < share
    return rises, np.where(rises, position / share, (position - share) / (1 - share))


def fastai_allowed(p: Schedule, points: Points) -> Any:
    """Return what a place known to FLOAT32_PLACE / (length of the phase) leaves open.

    A half cosine of height h has slope h pi / 2 sin(pi place) and a second derivative of at most
    h pi**2 / 2.  Where the phases meet, one step may be taken for either: both are level there.
    """
    rises, place = fastai_phases(p)
    share = p.settings["pct_start"]
    error = FLOAT32_PLACE / np.where(rises, share, 1 - share)
    steps = np.abs(np.diff(points))
    height = np.where(rises, *steps)
    slope = np.pi / 2 * np.abs(np.sin(np.pi * place))
    bend = np.pi**2 / 4 * steps.sum() * (FLOAT32_PLACE / min(share, 1 - share)) ** 2
    return height * slope * error + bend + allowed(len(place), max(points))


def fastai_want(p: Schedule, points: Points) -> FloatArray:
    """Return the curve through `points`, in float64."""
    rises, place = fastai_phases(p)
    start, top, end = points
    return np.where(rises, half_cosine(start, top, place), half_cosine(top, end, place))


TORCH = Drawn(schedules("one_cycle_torch"))


def torch_peak(p: Schedule) -> float:
    """Return where the rise ends, in steps."""
    return float(p.settings["pct_start"] * p.settings["n_steps"] - 1)


def torch_want(p: Schedule, points: Points) -> FloatArray:
    """Return the curve through `points`."""
    start, top, end = points
    peak, last = torch_peak(p), p.settings["n_steps"] - 1
    t = np.arange(last + 1)
    # A phase without length is at its end.
    rise = half_cosine(start, top, t / peak if peak else np.ones(last + 1))
    return np.where(t <= peak, rise, half_cosine(top, end, (t - peak) / (last - peak)))


def torch_points(p: Schedule) -> tuple[Points, Points]:
    """Return the three rates and the three momenta that the phases join."""
    top, start = p.settings["max_lr"], p.settings["max_lr"] / p.settings["div_factor"]
    return (start, top, start / p.settings["final_div_factor"]), (0.95, 0.85, 0.95)


RESTARTS, STAIRS = schedules("cosine_restarts"), schedules("step_decay")
ETA = PRECISION[np.dtype(np.float64)].eta  # a power may underflow


def restarts(p: Schedule) -> list[int]:
    """Return the steps at which a cycle begins."""
    begins, length = [0], p.settings["cycle_len"]
    while begins[-1] + length < p.settings["n_steps"]:
        begins.append(begins[-1] + length)
        length *= p.settings["cycle_mult"]
    return begins


@law(
    "Every step of a line is n_steps-th of the way: start + t / n_steps (end - start).",
    given=LINES,
    needs=("linear",),
)
def linear_is_its_formula(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    close(values(impl, p), start + np.arange(n) / n * (end - start), max(start, end))


@law("A line's end is where step n_steps would be.", given=LINES, needs=("linear",))
def linear_stops_one_step_before_its_end(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    lr = values(impl, p)
    assert len(lr) == n, f"{len(lr)} values for {n} steps"
    size = 2 * max(start, end)
    assert_within(lr[-1] + (end - start) / n, end, allowed(n, size), "one step beyond the last")


@law("Exponential is start (end / start)**(t / n_steps).", given=POWERS, needs=("exponential",))
def exponential_is_its_formula(impl: Any, p: Schedule) -> None:
    n, start, end = ends(p)
    want = start * (end / start) ** (np.arange(n) / n)
    assert_within(values(impl, p), want, relative(p) * want, "lr")


@law(
    "A cosine is lr_min + (lr_max - lr_min) (1 + cos(pi t / n_steps)) / 2.",
    given=COSINES,
    needs=("cosine",),
)
def cosine_is_its_formula(impl: Any, p: Schedule) -> None:
    n, top, low = ends(p)
    close(values(impl, p), half_cosine(top, low, np.arange(n) / n), max(top, low))


@law(
    "Each cycle is a cosine, cycle_mult times as long as the one before.",
    given=RESTARTS,
    needs=("cosine_restarts",),
)
def restarts_are_cosines_one_after_another(impl: Any, p: Schedule) -> None:
    lr, length = values(impl, p), p.settings["cycle_len"]
    top, low = p.settings["lr_max"], p.settings["lr_min"]
    for begin in restarts(p):
        got = lr[begin : begin + length]
        want = half_cosine(top, low, np.arange(len(got)) / length)
        assert_within(got, want, allowed(len(lr), max(top, low)), f"cycle at step {begin}")
        length *= p.settings["cycle_mult"]


@law("A stair is lr gamma**(t // step_size).", given=STAIRS, needs=("step_decay",))
def step_decay_is_its_formula(impl: Any, p: Schedule) -> None:
    n, lr, size, gamma = p.settings.values()
    want = lr * float(gamma) ** (np.arange(n) // size)
    assert_within(values(impl, p), want, allowed(n, want) + ETA, "lr")


@law(
    "fastai's lr rises from lr_max / div and falls towards lr_max / div_final, in half cosines.",
    given=FASTAI,
    needs=("one_cycle_fastai",),
)
def fastai_rate_is_two_half_cosines(impl: Any, p: Schedule) -> None:
    points = fastai_points(p)[0]
    assert_within(values(impl, p)[0], fastai_want(p, points), fastai_allowed(p, points), "lr")


@law(
    "fastai's momentum goes through its three values in half cosines.",
    given=FASTAI,
    needs=("one_cycle_fastai",),
)
def fastai_momentum_is_two_half_cosines(impl: Any, p: Schedule) -> None:
    points = fastai_points(p)[1]
    assert_within(values(impl, p)[1], fastai_want(p, points), fastai_allowed(p, points), "mom")


@law(
    "The momentum mirrors the rate: both are at the same place of their half cosines.",
    given=FASTAI.filter(lambda p: p.settings["div"] > 1),
    needs=("one_cycle_fastai",),
)
def fastai_momentum_mirrors_the_rate(impl: Any, p: Schedule) -> None:
    rises, _ = fastai_phases(p)
    rate, momentum = fastai_points(p)
    places, errors = [], []
    for got, points in zip(values(impl, p), (rate, momentum), strict=True):
        height = np.where(rises, points[0] - points[1], points[2] - points[1])
        places.append((got - points[1]) / height)
        errors.append(fastai_allowed(p, points) / np.abs(height))
    assert_within(places[1], places[0], errors[0] + errors[1], "place of mom")


@law(
    "Steps that are not so many equal epochs are refused.",
    given=FASTAI,
    needs=("one_cycle_fastai",),
)
def fastai_refuses_unequal_epochs(impl: Any, p: Schedule) -> None:
    n_steps = p.settings["n_steps"]
    try:
        values(impl, p, n_epochs=n_steps + 1)
    except Exception:
        return
    raise AssertionError(f"{n_steps} steps were cut into {n_steps + 1} epochs")


@law(
    "torch's lr rises to max_lr at step pct_start n - 1 and falls, in half cosines.",
    given=TORCH,
    needs=("one_cycle_torch",),
)
def torch_rate_is_two_half_cosines(impl: Any, p: Schedule) -> None:
    want = torch_want(p, torch_points(p)[0])
    close(values(impl, p)[0], want, p.settings["max_lr"], steepness=1 / SHORTEST)


@law(
    "torch's momentum falls from 0.95 to 0.85 and rises again, in half cosines.",
    given=TORCH,
    needs=("one_cycle_torch",),
)
def torch_momentum_is_two_half_cosines(impl: Any, p: Schedule) -> None:
    want = torch_want(p, torch_points(p)[1])
    close(values(impl, p)[1], want, 1.0, "mom", steepness=1 / SHORTEST)
