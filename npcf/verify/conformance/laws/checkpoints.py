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


@law("A run may be cut before its first step.", given=ANY, needs=TRAIN)
def runs_may_be_cut_before_their_first_step(impl: Any, p: Run) -> None:
    same_run(joined(impl, p, 0), train(impl, p))


@law("A run may go on one step at a time.", given=ANY, needs=TRAIN)
def runs_may_go_step_by_step(impl: Any, p: Run) -> None:
    params, state, losses = p.params, None, []
    for i in range(len(p.lrs)):
        params, loss, state = train(impl, part(p, i, i + 1), params, state)
        losses.append(loss)
    same_run(Trained(params, np.concatenate(losses), state), train(impl, p))


@law("Going on does not use up the state: it may be gone on from twice.", given=ANY, needs=TRAIN)
def a_state_may_be_used_twice(impl: Any, p: Run) -> None:
    first = train(impl, p)
    second = train(impl, p, first.params, first.state)
    same_run(train(impl, p, first.params, first.state), second)


@law(
    "A state belongs to its run: another run started afresh does not touch it.",
    given=ANY,
    needs=TRAIN,
)
def states_belong_to_their_runs(impl: Any, p: Run) -> None:
    first = train(impl, p)
    start = copied(first.params)
    want = train(impl, p, start, first.state)
    train(impl, p._replace(batches=p.batches[::-1]))
    same_run(train(impl, p, start, first.state), want)


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


@law("Loading gives back the tables, to the bit.", given=ANY, needs=SAVING)
def tables_are_loaded_as_they_were_saved(impl: Any, p: Run) -> None:
    trained = train(impl, p)
    for params, state in ((p.params, None), (trained.params, trained.state)):
        same_params(impl.load(impl.save(params, state))[0], params)


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


@law("Saving does not disturb the run.", given=ANY, needs=SAVING)
def saving_does_not_disturb_the_run(impl: Any, p: Run) -> None:
    first = train(impl, p)
    before, want = copied(first.params), train(impl, p, first.params, first.state)
    impl.save(first.params, first.state)
    same_params(first.params, before)
    same_run(train(impl, p, first.params, first.state), want)


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


@law("Saving what was loaded saves the same.", given=ANY, needs=SAVING)
def a_second_save_loads_like_the_first(impl: Any, p: Run) -> None:
    trained = train(impl, p)
    once = impl.load(impl.save(trained.params, trained.state))
    twice = impl.load(impl.save(*once))
    same_params(twice[0], trained.params)
    same_run(train(impl, p, *twice), train(impl, p, trained.params, trained.state))


@law("Two saved runs do not mix.", given=ANY, needs=SAVING)
def saved_runs_do_not_mix(impl: Any, p: Run) -> None:
    one, other = train(impl, p), train(impl, part(p, 0, 1))
    data = impl.save(one.params, one.state)
    impl.load(impl.save(other.params, other.state))
    params, state = impl.load(data)
    same_params(params, one.params)
    same_run(train(impl, p, params, state), train(impl, p, one.params, one.state))
