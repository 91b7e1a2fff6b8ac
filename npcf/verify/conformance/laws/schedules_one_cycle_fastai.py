"""Laws of fastai's one-cycle schedule, whose end is never reached."""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._schedules import (
    FLOAT32_PLACE,
    allowed,
    close,
    half_cosine,
    values,
)
from npcf.verify.strategies import Schedule, schedules

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


@law("fastai's cycle begins at lr_max / div.", given=FASTAI, needs=("one_cycle_fastai",))
def fastai_begins_at_its_start(impl: Any, p: Schedule) -> None:
    lr, mom = values(impl, p)
    assert len(lr) == len(mom) == p.settings["n_steps"]
    (start, _, _), (first, _, _) = fastai_points(p)
    close(lr[:1], [start], p.settings["lr_max"])
    close(mom[:1], [first], 1.0, "mom")


@law(
    "A cycle of fastai's rises to its maximum and falls from it.",
    given=Drawn(schedules("one_cycle_fastai", min_steps=8)).map(
        lambda p: p._replace(settings=p.settings | {"div": 25.0})
    ),
    needs=("one_cycle_fastai",),
)
def fastai_rises_then_falls(impl: Any, p: Schedule) -> None:
    lr = values(impl, p)[0]
    rises, _ = fastai_phases(p)
    top = int(rises.sum())  # the first step of the fall, at the maximum or past it
    assert (np.diff(lr[:top]) > 0).all(), "lr falls while it should rise"
    assert (np.diff(lr[top:]) < 0).all(), "lr rises while it should fall"


@law(
    "At step pct_start n_steps fastai's lr is lr_max, and its momentum the middle one.",
    given=FASTAI.filter(lambda p: (p.settings["pct_start"] * p.settings["n_steps"]).is_integer()),
    needs=("one_cycle_fastai",),
)
def fastai_peaks_at_pct_start(impl: Any, p: Schedule) -> None:
    peak = int(p.settings["pct_start"] * p.settings["n_steps"])
    for got, points in zip(values(impl, p), fastai_points(p), strict=True):
        assert_within(got[peak], points[1], fastai_allowed(p, points)[peak], "peak")


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
    "div moves the rise only, div_final the fall only.",
    given=FASTAI,
    needs=("one_cycle_fastai",),
)
def fastai_divisors_have_a_phase_each(impl: Any, p: Schedule) -> None:
    rises, _ = fastai_phases(p)
    lr = values(impl, p)[0]
    size = allowed(len(lr), p.settings["lr_max"]) + fastai_allowed(p, fastai_points(p)[0])
    for name, same in (("div", ~rises), ("div_final", rises)):
        other = values(impl, p, **{name: 1.5 * p.settings[name]})[0]
        assert_within(other[same], lr[same], size[same], f"lr with another {name}")


@law("The momenta do not touch the rate.", given=FASTAI, needs=("one_cycle_fastai",))
def fastai_rate_ignores_the_momenta(impl: Any, p: Schedule) -> None:
    lr, mom = values(impl, p, moms=(0.5, 0.5, 0.5))
    assert_same_bits(lr, values(impl, p)[0], "lr with other momenta")
    close(mom, np.full(len(mom), 0.5), 0.5, "constant momentum")


@law(
    "Twice lr_max is twice the rate, and the same momentum.",
    given=FASTAI,
    needs=("one_cycle_fastai",),
)
def fastai_scales_with_lr_max(impl: Any, p: Schedule) -> None:
    top = p.settings["lr_max"]
    (lr, mom), (twice, same) = values(impl, p), values(impl, p, lr_max=2 * top)
    close(twice, 2 * lr, 2 * top)
    assert_same_bits(same, mom, "mom with another lr_max")


@law(
    "The number of epochs cuts the cycle and does not bend it.",
    given=FASTAI,
    needs=("one_cycle_fastai",),
)
def fastai_epochs_are_parts_of_one_cycle(impl: Any, p: Schedule) -> None:
    one = values(impl, p, n_epochs=1)
    for got, want, points in zip(values(impl, p), one, fastai_points(p), strict=True):
        assert_within(got, want, 2 * fastai_allowed(p, points), "in epochs")


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
