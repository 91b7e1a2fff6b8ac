"""Inputs of any size, and the law that sweeps them.

Compiled kernels work in tiles, vectors and segments, and lose what lies past the last whole one.
Every number of ratings, factors, table rows and mentions of one row around the powers of two up to
2,048, and some multiples of three, is tried once in ascending order, then in random combinations.
A module may add its own with `TILES = (100,)`, the command line with `--sizes 100`.

An input is written as its sizes and a seed; the numbers follow from them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf.verify.conformance.contracts import agree
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import LAWS, Drawn, Law
from npcf.verify.conformance.laws._model import Pull
from npcf.verify.conformance.subjects import SUBJECTS, Subject
from npcf.verify.examples import plain
from npcf.verify.strategies import (
    AdamStep,
    BiasInput,
    Lookup,
    LossInput,
    RangeInput,
    RowPairs,
    SGDStep,
)

LARGEST = 2048
SIZES = sorted(
    {0, 1, 2, 3, 6}
    | {2**k + d for k in range(2, 12) for d in (-1, 0, 1)}
    | {3 * 2**k for k in range(2, 10)}
)
FEW = (1, 8, 65)  # where an implementation compiles once a shape
STATEMENT = (
    "Ratings, factors, rows and mentions of one row, around every power of two up to 2,048 and "
    "beyond it, give what the formula gives."
)


class Sized(NamedTuple):
    """The sizes of an input.  The last `mentions` ratings name the table's last row."""

    batch: int
    factors: int
    rows: int
    mentions: int
    seed: int
    dtype: Any


USUAL = Sized(5, 3, 4, 0, 0, np.dtype(np.float32))
RNG = np.random.Generator


def _ids(p: Sized, rng: RNG, rows: int) -> Any:
    ids = rng.integers(0, rows, p.batch)
    ids[p.batch - min(p.mentions, p.batch) :] = rows - 1
    return ids


def _normal(p: Sized, rng: RNG, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(p.dtype)


def _lookup(p: Sized, rng: RNG) -> Lookup:
    table, ids = _normal(p, rng, p.rows, p.factors), _ids(p, rng, p.rows)
    return Lookup(table, ids, _normal(p, rng, p.batch, p.factors))


def _row_dot(p: Sized, rng: RNG) -> RowPairs:
    rows = p.batch, p.factors
    return RowPairs(_normal(p, rng, *rows), _normal(p, rng, *rows), _normal(p, rng, p.batch))


def _bias(p: Sized, rng: RNG) -> BiasInput:
    dot, d_out = _normal(p, rng, p.batch), _normal(p, rng, p.batch)
    tables = _normal(p, rng, p.rows), _normal(p, rng, p.rows + 3)
    return BiasInput(dot, *tables, _ids(p, rng, p.rows), _ids(p, rng, p.rows + 3), d_out)


def _sigmoid_range(p: Sized, rng: RNG) -> RangeInput:
    return RangeInput(_normal(p, rng, p.batch), 0.5, 5.25, _normal(p, rng, p.batch))


def _mse(p: Sized, rng: RNG) -> LossInput:
    return LossInput(_normal(p, rng, p.batch), _normal(p, rng, p.batch), 1.0)


def _model(p: Sized, rng: RNG) -> Pull:
    size = p.dtype.type(max(p.factors, 1) ** -0.5)  # logits of about one
    params = {
        "user_factors": _normal(p, rng, p.rows, p.factors) * size,
        "item_factors": _normal(p, rng, p.rows + 3, p.factors),
        "user_bias": _normal(p, rng, p.rows),
        "item_bias": _normal(p, rng, p.rows + 3),
    }
    ids = _ids(p, rng, p.rows), _ids(p, rng, p.rows + 3)
    return Pull(params, *ids, _normal(p, rng, p.batch), (0.5, 5.25))


def _sgd(p: Sized, rng: RNG) -> SGDStep:
    w, g, buf = (_normal(p, rng, p.rows, p.factors) for _ in range(3))
    settings = {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "nesterov": False}
    return SGDStep(w, g, buf, settings | {"weight_decay": 0.1, "decoupled": True})


def _adam(p: Sized, rng: RNG) -> AdamStep:
    w, g, m, root = (_normal(p, rng, p.rows, p.factors) for _ in range(4))
    settings = {"lr": 0.05, "betas": (0.9, 0.99), "eps": 1e-5}
    return AdamStep(w, g, m, root * root, 3, settings | {"weight_decay": 0.1, "decoupled": True})


class Kind(NamedTuple):
    """How inputs of one subject are made, and which sizes they have."""

    make: Callable[[Sized, RNG], Any]
    sizes: tuple[str, ...]


KINDS = {
    "lookup": Kind(_lookup, ("batch", "factors", "rows", "mentions")),
    "row_dot": Kind(_row_dot, ("batch", "factors")),
    "bias": Kind(_bias, ("batch", "rows", "mentions")),
    "sigmoid_range": Kind(_sigmoid_range, ("batch",)),
    "mse": Kind(_mse, ("batch",)),
    "model": Kind(_model, ("batch", "factors", "rows", "mentions")),
    "sgd": Kind(_sgd, ("factors", "rows")),
    "adam": Kind(_adam, ("factors", "rows")),
}
PLAIN = Implementation(plain)


def is_right_at_every_size(s: Subject, impl: Any, p: Sized) -> None:
    """Hold the results against the plain implementation, another program of the same formula."""
    made = KINDS[s.name].make(p, np.random.default_rng(p.seed))
    agree(s, s.all(impl, made), s.all(PLAIN, made), s.allowed(impl, made))


def sweep(s: Subject, impl: Implementation) -> list[Sized]:
    """Return one size after another, each alone and ascending, in the first dtype of `impl`."""
    found = []
    for size in KINDS[s.name].sizes:
        for n in sizes_of(impl):
            p = USUAL._replace(dtype=impl.dtypes[0])
            # as many ratings as mentions; and for many rows ratings enough to name some of each
            p = p._replace(batch=n) if size == "mentions" else p
            p = p._replace(batch=2 * n) if size == "rows" and n > p.rows else p
            found.append(p._replace(**{size: n}))
    return [p for p in found if _lawful(s, p)]


def sizes_of(impl: Implementation) -> list[int]:
    """Return the sizes to try: the usual ones, and those around the implementation's tiles."""
    if impl.fixed_shapes:
        return list(FEW)
    return sorted({*SIZES, *(n + d for n in impl.tiles for d in (-1, 0, 1, n))} - {-1})


def _lawful(s: Subject, p: Sized) -> bool:
    return p.batch >= s.least and p.rows >= 1


_size, _seed = st.sampled_from(SIZES), st.integers(0, 2**16 - 1)
_small = st.integers(1, 80)
_dtype = st.sampled_from([np.dtype(np.float32), np.dtype(np.float64)])
_sized = st.one_of(
    st.builds(Sized, _size, _small, _small, _small, _seed, _dtype),
    st.builds(Sized, _small, _size, _small, _small, _seed, _dtype),
    st.builds(Sized, _small, _small, _size.filter(bool), _small, _seed, _dtype),
    st.builds(Sized, _small, _small, _small, _small, _seed, _dtype),
)


def _law(s: Subject) -> Law:
    return Law(
        f"{s.name}_is_right_at_every_size", s.name, STATEMENT, s.needs,
        Drawn(_sized).filter(partial(_lawful, s)), partial(sweep, s),
        partial(is_right_at_every_size, s),
    )  # fmt: skip


for _subject in SUBJECTS:
    LAWS[f"{_subject.name}_is_right_at_every_size"] = _law(_subject)
