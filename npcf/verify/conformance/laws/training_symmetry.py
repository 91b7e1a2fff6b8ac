"""Laws of what training cannot see: names of rows, sides, the order inside a batch, the origin."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._runs import (
    SIDES,
    TRAIN,
    Trained,
    assert_agree,
    on_batches,
    train,
)
from npcf.verify.strategies import Run, runs

ANY = Drawn(runs())
RANGED = runs(y_range=st.just((-1.0, 4.5)))
OTHER = {
    "user_factors": "item_factors", "item_factors": "user_factors",
    "user_bias": "item_bias", "item_bias": "user_bias",
}  # fmt: skip


def relabelled(p: Run, side: str) -> tuple[Run, Any]:
    """Return the run with the rows of one side in reverse order, and the order."""
    tables = [name for name in p.params if SIDES[name] == side]
    order = np.arange(len(p.params[tables[0]]))[::-1]
    params = p.params | {name: np.ascontiguousarray(p.params[name][order]) for name in tables}
    batches = [(order[u], i, y) if side == "users" else (u, order[i], y) for u, i, y in p.batches]
    return p._replace(params=params, batches=batches), order


def assert_relabelling_is_not_seen(impl: Any, p: Run, side: str) -> None:
    other, order = relabelled(p, side)
    got = train(impl, other)
    back = {
        name: table[order] if SIDES[name] == side else table for name, table in got.params.items()
    }
    assert_agree(got._replace(params=back), train(impl, p), p, p)


@law(
    "Which user has which row does not matter: row 0 is one like any other.", given=ANY, needs=TRAIN
)
def users_may_be_relabelled(impl: Any, p: Run) -> None:
    assert_relabelling_is_not_seen(impl, p, "users")


@law(
    "Which item has which row does not matter: row 0 is one like any other.", given=ANY, needs=TRAIN
)
def items_may_be_relabelled(impl: Any, p: Run) -> None:
    assert_relabelling_is_not_seen(impl, p, "items")


@law("Users and items may change sides.", given=ANY, needs=TRAIN)
def sides_may_be_exchanged(impl: Any, p: Run) -> None:
    other = p._replace(
        params={name: p.params[OTHER[name]] for name in p.params},
        batches=[(items, users, rating) for users, items, rating in p.batches],
    )
    got = train(impl, other)
    back = {name: got.params[OTHER[name]] for name in got.params}
    assert_agree(got._replace(params=back), train(impl, p), p, p)


@law("The order of the ratings inside a batch does not matter.", given=ANY, needs=TRAIN)
def ratings_of_a_batch_may_be_permuted(impl: Any, p: Run) -> None:
    other = on_batches(p, lambda column: np.ascontiguousarray(column[::-1]))
    assert_agree(train(impl, other), train(impl, p), p, other)


@law("Every rating twice in each batch is every rating once.", given=ANY, needs=TRAIN)
def ratings_of_a_batch_may_be_doubled(impl: Any, p: Run) -> None:
    other = on_batches(p, lambda column: np.concatenate([column, column]))
    assert_agree(train(impl, other), train(impl, p), p, other)


@law("Factors may be reordered.", given=ANY, needs=TRAIN)
def factors_may_be_permuted(impl: Any, p: Run) -> None:
    def turned(params: Any) -> Any:
        return {k: np.ascontiguousarray(t[:, ::-1]) if t.ndim == 2 else t
                for k, t in params.items()}  # fmt: skip

    got = train(impl, p._replace(params=turned(p.params)))
    assert_agree(got._replace(params=turned(got.params)), train(impl, p), p, p)


@law("A factor may change its sign on both sides.", given=ANY, needs=TRAIN)
def factors_may_be_mirrored(impl: Any, p: Run) -> None:
    def mirrored(params: Any) -> Any:
        return {k: -t if t.ndim == 2 else t for k, t in params.items()}

    got = train(impl, p._replace(params=mirrored(p.params)))
    assert_agree(got._replace(params=mirrored(got.params)), train(impl, p), p, p)


@law("Ratings and range may move together.", given=RANGED, needs=TRAIN)
def ratings_may_be_shifted_with_the_range(impl: Any, p: Run) -> None:
    half_stars = [(u, i, np.round(2 * y) / p.dtype.type(2)) for u, i, y in p.batches]
    here = p._replace(batches=half_stars)
    there = p._replace(
        batches=[(u, i, y + p.dtype.type(8)) for u, i, y in half_stars], y_range=(7.0, 12.5)
    )
    assert_agree(train(impl, there), train(impl, here), here, there)


def negated(params: Any) -> Any:
    """Return tables whose logits are minus those of `params`."""
    return {name: -table if name != "item_factors" else table for name, table in params.items()}


@law("Ratings, range and logits may be turned upside down.", given=RANGED, needs=TRAIN)
def ratings_may_be_turned_upside_down(impl: Any, p: Run) -> None:
    other = p._replace(
        params=negated(p.params),
        batches=[(u, i, -y) for u, i, y in p.batches],
        y_range=(-4.5, 1.0),
    )
    got: Trained = train(impl, other)
    want = train(impl, p)
    assert_agree(got._replace(params=negated(got.params)), want, p, other)
