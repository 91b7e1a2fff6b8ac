"""Laws of stopping and going on: a run cut anywhere, saved and loaded, ends with the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._runs import (
    TRAIN,
    Trained,
    copied,
    part,
    same_params,
    same_run,
    train,
)
from npcf.verify.strategies import Problem, Run, hostile_problems, runs

ANY = Drawn(runs())
SAVING = (*TRAIN, "save", "load")


def assert_cut_anywhere(impl: Any, p: Run, between: Callable[[Trained], Any]) -> None:
    """Raise AssertionError unless a run stopped before any step goes on with the same bits."""
    whole = train(impl, p)
    for at in range(1, len(p.lrs) + 1):
        first = train(impl, part(p, 0, at))
        rest = train(impl, part(p, at, len(p.lrs)), *between(first))
        same_run(rest._replace(losses=np.concatenate([first.losses, rest.losses])), whole)


@law("A run may be cut in two anywhere: the state carries what the rest needs.",
     given=ANY, needs=TRAIN)  # fmt: skip
def runs_may_be_cut_anywhere(impl: Any, p: Run) -> None:
    assert_cut_anywhere(impl, p, lambda first: (first.params, first.state))


@law("Going on does not use up the state: it may be gone on from twice.", given=ANY, needs=TRAIN)
def a_state_may_be_used_twice(impl: Any, p: Run) -> None:
    first = train(impl, p)
    second = train(impl, p, first.params, first.state)
    same_run(train(impl, p, first.params, first.state), second)


@law("A run saved and loaded before any step ends with the bits of one never stopped.",
     given=ANY, needs=SAVING)  # fmt: skip
def runs_resume_at_every_step(impl: Any, p: Run) -> None:
    assert_cut_anywhere(impl, p, lambda first: impl.load(impl.save(first.params, first.state)))


@law("NaN, infinities, signed zeros and subnormals are loaded as they were saved.",
     given=hostile_problems(), needs=("save", "load"))  # fmt: skip
def special_numbers_are_loaded_as_they_were_saved(impl: Any, p: Problem) -> None:
    loaded, _ = impl.load(impl.save(p.params, None))
    same_params(loaded, p.params)
    for name, table in p.params.items():
        assert (np.signbit(loaded[name]) == np.signbit(table)).all(), f"a sign in {name}"


@law("A save is bytes, and of the moment: later changes do not reach it.", given=ANY, needs=SAVING)
def saves_are_of_the_moment(impl: Any, p: Run) -> None:
    first = train(impl, p)
    params = copied(first.params)
    data = impl.save(params, first.state)
    assert isinstance(data, bytes), f"save returned {type(data).__name__}"
    for table in params.values():
        table[...] = 7
    train(impl, p, first.params, first.state)
    loaded, state = impl.load(data)
    same_params(loaded, first.params)
    same_run(train(impl, p, loaded, state), train(impl, p, first.params, first.state))
