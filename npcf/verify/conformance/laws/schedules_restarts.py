"""Laws of the schedules that begin again, or go down in stairs."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._schedules import allowed, close, half_cosine, values
from npcf.verify.strategies import Schedule, schedules

RESTARTS, STAIRS = schedules("cosine_restarts"), schedules("step_decay")
ETA = PRECISION[np.dtype(np.float64)].eta  # a power may underflow


def restarts(p: Schedule) -> list[int]:
    """Return the steps at which a cycle begins."""
    begins, length = [0], p.settings["cycle_len"]
    while begins[-1] + length < p.settings["n_steps"]:
        begins.append(begins[-1] + length)
        length *= p.settings["cycle_mult"]
    return begins


@law("Every cycle begins at lr_max.", given=RESTARTS, needs=("cosine_restarts",))
def restarts_begin_at_the_maximum(impl: Any, p: Schedule) -> None:
    begins, top = restarts(p), p.settings["lr_max"]
    lr = values(impl, p)
    assert len(lr) == p.settings["n_steps"]
    size = allowed(len(lr), max(top, p.settings["lr_min"]))
    assert_within(lr[begins], np.full(len(begins), top), size, "first of a cycle")


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


@law(
    "The first cycle is the `cosine` of its length.",
    given=RESTARTS,
    needs=("cosine_restarts", "cosine"),
)
def restarts_begin_with_the_cosine(impl: Any, p: Schedule) -> None:
    length, top, low = (p.settings[name] for name in ("cycle_len", "lr_max", "lr_min"))
    first = values(impl, p)[:length]
    want = impl.cosine(length, top, low)[: len(first)]
    assert_within(first, want, allowed(length, 2 * max(top, low)), "lr")


@law("More steps only add to the end.", given=RESTARTS, needs=("cosine_restarts",))
def restarts_are_lengthened_at_their_end(impl: Any, p: Schedule) -> None:
    longer = values(impl, p, n_steps=p.settings["n_steps"] + 7)
    size = max(p.settings["lr_max"], p.settings["lr_min"])
    close(values(impl, p), longer[:-7], 2 * size)


@law("Cycles of one length repeat.", given=RESTARTS, needs=("cosine_restarts",))
def restarts_of_one_length_repeat(impl: Any, p: Schedule) -> None:
    lr, length = values(impl, p, cycle_mult=1), p.settings["cycle_len"]
    size = max(p.settings["lr_max"], p.settings["lr_min"])
    before = lr[: max(len(lr) - length, 0)]
    assert_within(lr[length:], before, allowed(len(lr), 2 * size), "lr")


@law("A stair is lr gamma**(t // step_size).", given=STAIRS, needs=("step_decay",))
def step_decay_is_its_formula(impl: Any, p: Schedule) -> None:
    n, lr, size, gamma = p.settings.values()
    want = lr * float(gamma) ** (np.arange(n) // size)
    assert_within(values(impl, p), want, allowed(n, want) + ETA, "lr")


@law("A stair is level between its steps, to the bit.", given=STAIRS, needs=("step_decay",))
def step_decay_is_level_between_steps(impl: Any, p: Schedule) -> None:
    lr, size = values(impl, p), p.settings["step_size"]
    for begin in range(0, len(lr), size):
        stair = lr[begin : begin + size]
        assert (stair == stair[0]).all(), f"the stair at step {begin} is not level"


@law("A stair begins with step_size steps at lr itself.", given=STAIRS, needs=("step_decay",))
def step_decay_begins_at_lr(impl: Any, p: Schedule) -> None:
    first = values(impl, p)[: p.settings["step_size"]]
    assert (first == p.settings["lr"]).all(), f"the first stair is {first[0]}"


@law("Each stair is gamma times the one before.", given=STAIRS, needs=("step_decay",))
def step_decay_multiplies_by_gamma(impl: Any, p: Schedule) -> None:
    n, _, size, gamma = p.settings.values()
    lr = values(impl, p)
    lower, upper = lr[size:], lr[: max(n - size, 0)]
    assert_within(lower, gamma * upper, allowed(n, gamma * upper) + ETA, "stair")


@law("More steps only add to the end of a stair.", given=STAIRS, needs=("step_decay",))
def step_decay_is_lengthened_at_its_end(impl: Any, p: Schedule) -> None:
    longer = values(impl, p, n_steps=p.settings["n_steps"] + 7)
    close(values(impl, p), longer[:-7], 2 * p.settings["lr"])
