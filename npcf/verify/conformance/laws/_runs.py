"""What the laws of training share: runs, the same in Bounded numbers, comparing their results."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.conformance.law import Drawn
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import Run

TRAIN = ("train",)
SIDES = {
    "user_factors": "users", "item_factors": "items", "user_bias": "users", "item_bias": "items",
}  # fmt: skip


class Trained(NamedTuple):
    """What `train` of the protocol returns."""

    params: Params
    losses: FloatArray  # (number of batches,)
    state: Any


def train(impl: Any, p: Run, params: Any = None, state: Any = None) -> Trained:
    """Train on the batches of `p`, from its parameters or from where another run stands."""
    start = p.params if params is None else params
    return Trained(*impl.train(start, p.batches, p.y_range, p.rule, p.settings, p.lrs, state))


def part(p: Run, begin: int, end: int) -> Run:
    """Return the steps begin … end - 1 of a run."""
    return p._replace(batches=p.batches[begin:end], lrs=p.lrs[begin:end])


def bounded_run(p: Run) -> tuple[dict[str, Bounded], list[Bounded]]:
    """Return (params, losses) of a run in Bounded numbers."""
    f = Formulas(RunningError(p.dtype))
    params, losses, state = f.n.tables(p.params), [], None
    for t, ((users, items, rating), lr) in enumerate(zip(p.batches, p.lrs, strict=True), 1):
        _, loss, grads = f.loss_and_gradients(params, users, items, rating, p.y_range)
        losses.append(loss)
        settings = p.settings | {"lr": lr}
        w, g = _flat(params, p.params), _flat(grads, p.params)
        w, state = _bounded_step(f, p.rule, w, g, state, t, settings)
        params = _tables(w, p.params)
    return params, losses


def _flat(tables: dict[str, Bounded], names: Iterable[str]) -> Bounded:
    """Return all tables as one vector: the rules move each entry alike."""
    value, error = (
        np.concatenate([getattr(tables[name], part).ravel() for name in names])
        for part in ("value", "error")
    )
    return Bounded(value, error, tables["user_factors"].precision)


def _tables(flat: Bounded, like: Params) -> dict[str, Bounded]:
    """Return the tables that `_flat` joined."""
    tables, at = {}, 0
    for name, table in like.items():
        cut, shape = slice(at, at + table.size), table.shape
        value, error = flat.value[cut].reshape(shape), flat.error[cut].reshape(shape)
        tables[name] = Bounded(value, error, flat.precision)
        at += table.size
    return tables


def _bounded_step(
    f: Formulas, rule: str, w: Bounded, g: Bounded, state: Any, t: int, settings: dict[str, Any]
) -> tuple[Bounded, Any]:
    if rule == "sgd":
        return f.sgd(w, g, state, **settings)
    m, v = state or np.zeros((2, *w.shape))
    w, m, v = f.adam(w, g, m, v, t, **settings)
    return w, (m, v)


def assert_agree(got: Trained, want: Trained, p: Run, q: Run) -> None:
    """Raise AssertionError unless two runs, of exactly equal outcome, agree but for rounding.

    `q` is a rearrangement of `p` with the tables of `p`; each of the two may err by its own bound.
    """
    one = bounded_run(p)
    other = one if q is p else bounded_run(q)
    for name in want.params:
        error = _both(one[0][name], other[0][name])
        assert_within(got.params[name], want.params[name], error, name)
    for i in range(len(want.losses)):
        error = _both(one[1][i], other[1][i])
        assert_within(got.losses[i], want.losses[i], error, f"losses[{i}]")


def _both(one: Bounded, other: Bounded) -> FloatArray:
    """Return how far two evaluations may lie apart, each within its own bound of one number."""
    return np.maximum(one.tolerance, other.tolerance)


def same_params(got: Params, want: Params) -> None:
    """Raise AssertionError unless the tables have the same names and bits."""
    assert set(got) == set(want), f"tables {sorted(got)}, expected {sorted(want)}"
    for name in want:
        assert_same_bits(got[name], want[name], name)


def same_run(got: Trained, want: Trained) -> None:
    """Raise AssertionError unless parameters and losses have the same bits."""
    assert_same_bits(got.losses, want.losses, "losses")
    same_params(got.params, want.params)


def copied(params: Params) -> Params:
    """Return copies of the tables."""
    return {name: np.array(table) for name, table in params.items()}


def absent(p: Run) -> dict[str, Any]:
    """Return, for each table, which of its rows no batch names."""
    named = {side: np.concatenate([batch[i] for batch in p.batches])
             for i, side in enumerate(("users", "items"))}  # fmt: skip
    return {
        name: ~np.isin(np.arange(len(table)), named[SIDES[name]])
        for name, table in p.params.items()
    }


def with_settings(runs: Drawn, **settings: Any) -> Drawn:
    """Return the same runs with some settings fixed."""
    return runs.map(lambda p: p._replace(settings=p.settings | settings))


def on_batches(p: Run, move: Callable[[Any], Any]) -> Run:
    """Return the run with every column of every batch moved alike."""
    return p._replace(batches=[tuple(map(move, batch)) for batch in p.batches])


def assert_refused(call: Callable[[], Any], what: str) -> None:
    """Raise AssertionError unless the call raises an exception."""
    try:
        call()
    except Exception:
        return
    raise AssertionError(f"{what} was not refused")
