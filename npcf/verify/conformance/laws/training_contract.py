"""Laws of what training does with its arguments: reads them, keeps them, and refuses wrong ones."""

from functools import partial
from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._runs import (
    TRAIN,
    assert_refused,
    copied,
    on_batches,
    part,
    same_params,
    same_run,
    train,
)
from npcf.verify.strategies import Run, runs

ANY = Drawn(runs())


@law("A run changes none of its arguments.", given=ANY, needs=TRAIN)
def training_changes_no_argument(impl: Any, p: Run) -> None:
    given = p._replace(params=copied(p.params), settings=dict(p.settings), lrs=list(p.lrs))
    given = on_batches(given, np.array)
    train(impl, given)
    same_params(given.params, p.params)
    assert given.settings == p.settings, "the settings have changed"
    assert given.lrs == p.lrs, "the rates have changed"
    for got, want in zip(given.batches, p.batches, strict=True):
        for name, a, b in zip(("users", "items", "rating"), got, want, strict=True):
            assert_same_bits(a, b, name)


@law("The trained tables are no views of those given.", given=ANY, needs=TRAIN)
def trained_tables_are_new(impl: Any, p: Run) -> None:
    for run in (p, part(p, 0, 0)):
        start = copied(p.params)
        for table in train(impl, run, start).params.values():
            if table.flags.writeable:
                table[...] = 7
        same_params(start, p.params)


@law("Tables and batches that cannot be written to will do.", given=ANY, needs=TRAIN)
def read_only_arguments_will_do(impl: Any, p: Run) -> None:
    given = on_batches(p._replace(params=copied(p.params)), np.array)
    for array in (*given.params.values(), *(a for batch in given.batches for a in batch)):
        array.flags.writeable = False
    same_run(train(impl, given), train(impl, p))


@law("int32 and int64 ids train alike.", given=ANY, needs=TRAIN)
def id_dtypes_train_alike(impl: Any, p: Run) -> None:
    batches: list[Any] = [(u.astype(np.int32), i.astype(np.int32), y) for u, i, y in p.batches]
    same_run(train(impl, p._replace(batches=batches)), train(impl, p))


def spoiled(p: Run, users: Any, items: Any) -> Run:
    """Return the run with one more batch, of one rating."""
    batch = (np.array([users]), np.array([items]), np.ones(1, p.dtype))
    return p._replace(batches=[*p.batches, batch], lrs=[*p.lrs, 0.1])


@law("An id outside its table, or negative, is refused in any batch.", given=ANY, needs=TRAIN)
def training_refuses_ids_outside(impl: Any, p: Run) -> None:
    start = copied(p.params)
    n_users, n_items = len(start["user_factors"]), len(start["item_factors"])
    for users, items in ((n_users, 0), (0, n_items), (-1, 0), (0, -1)):
        run = spoiled(p, users, items)
        assert_refused(partial(train, impl, run, start), f"id {(users, items)}")
        same_params(start, p.params)


@law("An empty batch is refused: it has no mean.", given=ANY, needs=TRAIN)
def training_refuses_empty_batches(impl: Any, p: Run) -> None:
    none = np.zeros(0, np.int64)
    run = p._replace(batches=[(none, none, np.zeros(0, p.dtype))], lrs=[0.1])
    assert_refused(lambda: train(impl, run), "an empty batch")
