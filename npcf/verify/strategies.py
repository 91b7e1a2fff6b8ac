"""Hypothesis strategies in which the hard case is the common one.

Tables have few rows and batches many draws, so that repeated and absent rows are usual; users and
items never share a table size, so that exchanged ids show; ranges do not start at zero; values are
exact in float32 and float64 alike, and bounded so that a failure means a bug and not an overflow.
Needs the extra `verify` (Hypothesis); `npcf.verify` itself does not import this module.
"""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf._types import FloatArray, Params, YRange

DTYPES: tuple[np.dtype[Any], ...] = (np.dtype(np.float32), np.dtype(np.float64))
LAYOUTS = ("C", "F", "strided", "reversed", "read-only")
LIMIT = 4  # |entry|; with K <= 6 a logit stays below 100, and saturated problems go to +-200

dtypes = st.sampled_from(DTYPES)
layouts = st.sampled_from(LAYOUTS)
id_dtypes = st.sampled_from([np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64])


def values(limit: float = LIMIT) -> st.SearchStrategy[float]:
    """Floats in [-limit, limit], exact in float32: zeros, small, and ordinary ones."""
    return st.floats(-limit, limit, width=32, allow_subnormal=False)


def lay_out(array: FloatArray, layout: str) -> FloatArray:
    """Return equal numbers in another memory layout."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided":
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1])[::-1]
    result = np.array(array, order="C")
    result.flags.writeable = layout != "read-only"
    return result


class Lookup(NamedTuple):
    """A table, ids into it, and an upstream gradient for the rows they name."""

    weight: FloatArray  # (N, K)
    ids: Any  # (B,)
    d_out: FloatArray  # (B, K)


class RowPairs(NamedTuple):
    """Two equal stacks of rows, and an upstream gradient."""

    left: FloatArray  # (B, K)
    right: FloatArray  # (B, K)
    d_out: FloatArray  # (B,)


class Problem(NamedTuple):
    """Parameters, one batch, and a range: everything one training step needs."""

    params: Params
    users: Any  # (B,)
    items: Any  # (B,)
    rating: FloatArray  # (B,)
    y_range: YRange

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        return self.params["user_factors"].dtype


@st.composite
def lookups(draw: st.DrawFn, min_batch: int = 0) -> Lookup:
    """Up to 8 draws from at most 4 rows of at most 3 factors; any dtype, layout and id type."""
    n, k, b = draw(st.integers(1, 4)), draw(st.integers(0, 3)), draw(st.integers(min_batch, 8))
    dtype, layout = draw(dtypes), draw(layouts)
    ids = draw(arrays(draw(id_dtypes), b, elements=st.integers(0, n - 1)))
    weight = draw(arrays(dtype, (n, k), elements=values()))
    d_out = draw(arrays(dtype, (b, k), elements=values()))
    return Lookup(lay_out(weight, layout), ids, lay_out(d_out, layout))


@st.composite
def row_pairs(draw: st.DrawFn, max_factors: int = 9) -> RowPairs:
    """Up to 6 rows, from no factor to more than NumPy adds in one sweep."""
    b, k = draw(st.integers(0, 6)), draw(st.integers(0, max_factors))
    dtype, layout = draw(dtypes), draw(layouts)
    left, right = (draw(arrays(dtype, (b, k), elements=values())) for _ in range(2))
    d_out = draw(arrays(dtype, b, elements=values()))
    return RowPairs(lay_out(left, layout), lay_out(right, layout), d_out)


@st.composite
def vectors(draw: st.DrawFn, limit: float = 200, min_size: int = 0) -> FloatArray:
    """One-dimensional arrays, also strided and read-only; wide enough to saturate a sigmoid."""
    size = draw(st.integers(min_size, 8))
    array = draw(arrays(draw(dtypes), size, elements=values(limit)))
    return lay_out(array, draw(layouts))


@st.composite
def y_ranges(draw: st.DrawFn) -> tuple[float, float]:
    """Intervals of quarter steps, which are exact in every dtype; some of no height."""
    low = draw(st.integers(-8, 8)) / 4
    return low, low + draw(st.integers(0, 24)) / 4


@st.composite
def problems(draw: st.DrawFn, dtype: Any = None, bias: bool = True, max_batch: int = 8) -> Problem:
    """Whole training steps: fresh, mid-training or saturated; one rating or many, repeated."""
    n_users = draw(st.integers(1, 4))
    n_items = n_users + draw(st.integers(1, 3))
    k, b = draw(st.integers(1, 5)), draw(st.integers(1, max_batch))
    dtype = dtype or draw(dtypes)
    scale = draw(st.sampled_from([2.0**-7, 1.0, 1.0, 16.0]))  # fresh, mid-training, saturated

    def table(*shape: int) -> FloatArray:
        scaled: FloatArray = draw(arrays(dtype, shape, elements=values())) * dtype.type(scale)
        return scaled

    params = {"user_factors": table(n_users, k), "item_factors": table(n_items, k)}
    if bias:
        params |= {"user_bias": table(n_users), "item_bias": table(n_items)}
    users = draw(arrays(np.int64, b, elements=st.integers(0, n_users - 1)))
    items = draw(arrays(np.int64, b, elements=st.integers(0, n_items - 1)))
    rating = draw(arrays(dtype, b, elements=st.integers(2, 10))) / dtype.type(2)
    y_range = draw(st.one_of(st.none(), st.just((0.0, 5.5)), y_ranges()))
    return Problem(params, users, items, rating, y_range if bias else None)


rates = st.sampled_from([0.0, 1e-3, 0.05, 0.3])
decays = st.sampled_from([0.0, 0.0, 1e-3, 0.1])


@st.composite
def sgd_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Keyword arguments of `npcf.optim.SGD`, every option in every lawful combination."""
    momentum = draw(st.sampled_from([0.0, 0.5, 0.9]))
    nesterov = momentum > 0 and draw(st.booleans())
    return {
        "lr": draw(rates),
        "momentum": momentum,
        "dampening": 0.0 if nesterov else draw(st.sampled_from([0.0, 0.3])),
        "nesterov": nesterov,
        "weight_decay": draw(decays),
        "decoupled": draw(st.booleans()),
    }


@st.composite
def adam_settings(draw: st.DrawFn) -> dict[str, Any]:
    """Keyword arguments of `npcf.optim.Adam`."""
    return {
        "lr": draw(rates),
        "betas": draw(st.sampled_from([(0.9, 0.999), (0.9, 0.99), (0.0, 0.9), (0.95, 0.5)])),
        "eps": draw(st.sampled_from([1e-8, 1e-5, 1e-2])),
        "weight_decay": draw(decays),
        "decoupled": draw(st.booleans()),
    }


@st.composite
def ratings_frames(draw: st.DrawFn, min_size: int = 1, max_size: int = 20) -> Any:
    """DataFrames of user, item, rating: few ids, so that users, items and pairs repeat.

    Ids are whole numbers, also beyond 2**53 where float64 would merge them, or text that other
    readers take for a number or for a missing value.
    """
    import pandas as pd

    n = draw(st.integers(min_size, max_size))
    kinds = [range(100, 105), range(2**53, 2**53 + 5), ["7", "007", "NA", "é", " "]]
    columns: dict[str, list[Any]] = {}
    for name in ("user", "item"):
        known = st.sampled_from(list(draw(st.sampled_from(kinds))))
        columns[name] = draw(st.lists(known, min_size=n, max_size=n))
    stars = st.integers(1, 10).map(lambda half: half / 2)
    columns["rating"] = draw(st.lists(stars, min_size=n, max_size=n))
    return pd.DataFrame(columns)
