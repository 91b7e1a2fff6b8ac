"""Inputs of any size, and the law that sweeps them.

Compiled kernels work in tiles, vectors and segments, and lose what lies past the last whole one.
Every number of ratings, factors, table rows and mentions of one row around the powers of two up to
2,048, and some multiples of three, is tried once in ascending order, then in random combinations.
A module may add its own with `TILES = (100,)`, the command line with `--sizes 100`.

An input is written as its sizes and a seed; the numbers follow from them.
"""

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
    BatchNormInput,
    BiasInput,
    DropoutInput,
    LinearInput,
    Lookup,
    LossInput,
    RangeInput,
    RowPairs,
    SGDStep,
    SideBySide,
    UnitInput,
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
SGD = {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "nesterov": False}
ADAM = {"lr": 0.05, "betas": (0.9, 0.99), "eps": 1e-5}
DECAY = {"weight_decay": 0.1, "decoupled": True}
TABLES = {"user_factors": "NK", "item_factors": "MK", "user_bias": "N", "item_bias": "M"}
# For each subject its input and the fields: the axes of an array (B ratings, K factors, N users or
# rows, M items, S = K + N), n or m for a batch of ids, + for squares, ? for a mask, or a value.
FIELDS: dict[str, tuple[Any, ...]] = {
    "lookup": (Lookup, "NK", "n", "BK"),
    "row_dot": (RowPairs, "BK", "BK", "B"),
    "bias": (BiasInput, "B", "N", "M", "n", "m", "B"),
    "sigmoid_range": (RangeInput, "B", 0.5, 5.25, "B"),
    "mse": (LossInput, "B", "B", 1.0),
    "model": (Pull, TABLES, "n", "m", "B", (0.5, 5.25)),
    "linear": (LinearInput, "BK", "NK", "N", "BN"),
    "relu": (UnitInput, "B", "B"),
    "concatenate": (SideBySide, "BK", "BN", "BS"),
    "dropout": (DropoutInput, "B", 0.25, "B?", "B"),
    "batch_norm": (BatchNormInput, "BK", "K", "K", None, None, 1e-5, "BK"),
    "batch_norm_eval": (BatchNormInput, "BK", "K", "K", "K", "K+", 1e-5, "BK"),
    "sgd": (SGDStep, "NK", "NK", "NK", SGD | DECAY),
    "adam": (AdamStep, "NK", "NK", "NK", "NK+", 3, ADAM | DECAY),
}
PLAIN = Implementation(plain)


def make(name: str, p: Sized) -> Any:
    """Return an input of the subject `name`, of these sizes."""
    rng = np.random.default_rng(p.seed)
    sizes = {"B": p.batch, "K": p.factors, "N": p.rows, "M": p.rows + 3,
             "S": p.factors + p.rows}  # fmt: skip

    def made(field: Any) -> Any:
        if field is TABLES:
            tables = {table: made(axes) for table, axes in TABLES.items()}
            tables["user_factors"] *= max(p.factors, 1) ** -0.5  # logits of about one
            return tables
        if not isinstance(field, str):
            return field
        if field in "nm":
            ids = rng.integers(0, sizes[field.upper()], p.batch)
            ids[p.batch - min(p.mentions, p.batch) :] = sizes[field.upper()] - 1
            return ids
        if field == "B?":
            return rng.random(p.batch) < 0.5
        array = rng.standard_normal([sizes[axis] for axis in field.strip("+")]).astype(p.dtype)
        return array * array if field.endswith("+") else array

    record, *fields = FIELDS[name]
    return record(*map(made, fields))


def sizes_that_count(name: str) -> list[str]:
    """Return which sizes an input of the subject `name` has."""
    axes = "".join(field if isinstance(field, str) else "NKn" * (field is TABLES)
                   for field in FIELDS[name][1:])  # fmt: skip
    named = {"batch": "B", "factors": "K", "rows": "N", "mentions": "n"}
    return [size for size, axis in named.items() if axis in axes]


def is_right_at_every_size(s: Subject, impl: Any, p: Sized) -> None:
    """Hold the results against the plain implementation, another program of the same formula."""
    made = make(s.name, p)
    agree(s, s.all(impl, made), s.all(PLAIN, made), s.allowed(impl, made))


def sweep(s: Subject, impl: Implementation) -> list[Sized]:
    """Return one size after another, each alone and ascending, in the first dtype of `impl`."""
    found, has_ids = [], bool(s.ids)
    for size in sizes_that_count(s.name):
        for n in sizes_of(impl):
            p = USUAL._replace(dtype=impl.dtypes[0])
            # as many ratings as mentions; and for many rows ratings enough to name some of each
            p = p._replace(batch=n) if size == "mentions" else p
            p = p._replace(batch=2 * n) if size == "rows" and has_ids and n > 4 else p
            found.append(p._replace(**{size: n}))
    return [p for p in found if _lawful(s, p)]


def sizes_of(impl: Implementation) -> list[int]:
    """Return the sizes to try: the usual ones, and those around the implementation's tiles."""
    if impl.fixed_shapes:
        return list(FEW)
    return sorted({*SIZES, *(n + d for n in impl.tiles for d in (-1, 0, 1, n))} - {-1})


def _lawful(s: Subject, p: Sized) -> bool:
    columns = p.factors >= s.name.startswith("batch_norm")  # of none torch has no statistics
    return p.batch >= s.least and p.rows >= 1 and columns


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
