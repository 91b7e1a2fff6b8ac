"""Laws of torch's one-cycle schedule, which reaches its end, and its peak a step early."""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._schedules import SHORTEST, close, half_cosine, values
from npcf.verify.strategies import Schedule, schedules

TORCH = Drawn(schedules("one_cycle_torch"))
Points = tuple[float, float, float]


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


@law(
    "The last step of torch's cycle is at max_lr / div_factor / final_div_factor.",
    given=TORCH,
    needs=("one_cycle_torch",),
)
def torch_reaches_its_end(impl: Any, p: Schedule) -> None:
    lr, mom = values(impl, p)
    assert len(lr) == len(mom) == p.settings["n_steps"]
    close(lr[-1:], [torch_points(p)[0][2]], p.settings["max_lr"] / SHORTEST)
    close(mom[-1:], [0.95], 1 / SHORTEST, "mom")


@law(
    "torch's cycle begins at max_lr / div_factor, if it has time to rise.",
    given=schedules("one_cycle_torch", min_steps=20),
    needs=("one_cycle_torch",),
)
def torch_begins_at_its_start(impl: Any, p: Schedule) -> None:
    lr, mom = values(impl, p)
    close(lr[:1], [torch_points(p)[0][0]], p.settings["max_lr"])
    close(mom[:1], [0.95], 1.0, "mom")


@law(
    "Where pct_start n is whole, torch's lr is max_lr one step before.",
    given=Drawn(schedules("one_cycle_torch", min_steps=20)).filter(
        lambda p: (p.settings["pct_start"] * p.settings["n_steps"]).is_integer()
    ),
    needs=("one_cycle_torch",),
)
def torch_peaks_one_step_before_pct_start(impl: Any, p: Schedule) -> None:
    (lr, mom), peak = values(impl, p), int(torch_peak(p))
    close(lr[peak : peak + 1], [p.settings["max_lr"]], p.settings["max_lr"] / SHORTEST)
    close(mom[peak : peak + 1], [0.85], 1 / SHORTEST, "mom")


@law(
    "torch's lr rises until its peak and falls after it.",
    given=Drawn(schedules("one_cycle_torch", min_steps=8)).map(
        lambda p: p._replace(settings=p.settings | {"div_factor": 25.0})
    ),
    needs=("one_cycle_torch",),
)
def torch_rises_then_falls(impl: Any, p: Schedule) -> None:
    lr, rises = values(impl, p)[0], np.arange(p.settings["n_steps"]) <= torch_peak(p)
    assert (np.diff(lr[rises]) > 0).all(), "lr falls while it should rise"
    assert (np.diff(lr[~rises]) < 0).all(), "lr rises while it should fall"


@law(
    "Twice max_lr is twice torch's rate, and the same momentum.",
    given=TORCH,
    needs=("one_cycle_torch",),
)
def torch_scales_with_max_lr(impl: Any, p: Schedule) -> None:
    top = p.settings["max_lr"]
    (lr, mom), (twice, same) = values(impl, p), values(impl, p, max_lr=2 * top)
    close(twice, 2 * lr, 2 * top)
    assert_same_bits(same, mom, "mom with another max_lr")


@law("final_div_factor moves the fall only.", given=TORCH, needs=("one_cycle_torch",))
def torch_final_divisor_has_the_fall(impl: Any, p: Schedule) -> None:
    lr, mom = values(impl, p)
    other, same = values(impl, p, final_div_factor=2 * p.settings["final_div_factor"])
    rises = np.arange(len(lr)) <= torch_peak(p)
    assert_same_bits(other[rises], lr[rises], "lr of the rise")
    assert_same_bits(same, mom, "mom")
