"""Laws of stopping and going on: a run cut anywhere, saved and loaded, ends with the same bits."""

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


def joined(impl: Any, p: Run, at: int) -> Trained:
    """Return the run stopped before step `at` and taken up again."""
    first = train(impl, part(p, 0, at))
    rest = train(impl, part(p, at, len(p.lrs)), first.params, first.state)
    return rest._replace(losses=np.concatenate([first.losses, rest.losses]))


@law(
    "A run may be cut in two anywhere: the state carries what the rest needs.",
    given=ANY,
    needs=TRAIN,
)
def runs_may_be_cut_anywhere(impl: Any, p: Run) -> None:
    whole = train(impl, p)
    for at in range(1, len(p.lrs) + 1):
        same_run(joined(impl, p, at), whole)


@law("Going on does not use up the state: it may be gone on from twice.", given=ANY, needs=TRAIN)
def a_state_may_be_used_twice(impl: Any, p: Run) -> None:
    first = train(impl, p)
    second = train(impl, p, first.params, first.state)
    same_run(train(impl, p, first.params, first.state), second)


@law(
    "A state does not hold the tables: they may be changed before going on.", given=ANY, needs=TRAIN
)
def states_do_not_hold_the_tables(impl: Any, p: Run) -> None:
    first = train(impl, p)
    want = train(impl, p, p.params, first.state)
    for table in first.params.values():
        if table.flags.writeable:
            table[...] = 7
    same_run(train(impl, p, p.params, first.state), want)


@law(
    "A run saved and loaded before any step ends with the bits of one never stopped.",
    given=ANY,
    needs=SAVING,
)
def runs_resume_at_every_step(impl: Any, p: Run) -> None:
    whole = train(impl, p)
    for at in range(1, len(p.lrs) + 1):
        first = train(impl, part(p, 0, at))
        params, state = impl.load(impl.save(first.params, first.state))
        rest = train(impl, part(p, at, len(p.lrs)), params, state)
        same_run(rest._replace(losses=np.concatenate([first.losses, rest.losses])), whole)


@law(
    "nan, infinities, signed zeros and subnormals are loaded as they were saved.",
    given=hostile_problems(),
    needs=("save", "load"),
)
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


@law("Two loads of one save share nothing.", given=ANY, needs=SAVING)
def loads_share_nothing(impl: Any, p: Run) -> None:
    trained = train(impl, p)
    data = impl.save(trained.params, trained.state)
    (params, state), (others, other) = impl.load(data), impl.load(data)
    want = train(impl, p, params, state)
    train(impl, p._replace(batches=p.batches[::-1]), params, state)
    for table in params.values():
        if table.flags.writeable:
            table[...] = 7
    same_run(train(impl, p, others, other), want)
