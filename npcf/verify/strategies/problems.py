"""Whole problems: parameters, a batch, and a range."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray, Params, YRange
from npcf.verify.strategies.operations import y_ranges
from npcf.verify.strategies.source import Source, sources
from npcf.verify.strategies.values import dtypes, with_specials

MAX_USERS, MAX_ITEMS, MAX_FACTORS, MAX_BATCH = 4, 7, 5, 8
N_ENTRIES = (MAX_USERS + MAX_ITEMS) * (MAX_FACTORS + 1)
_sources, _more_sources = sources(N_ENTRIES + 3 * MAX_BATCH), sources(N_ENTRIES)
_users, _more = st.integers(1, MAX_USERS), st.integers(1, MAX_ITEMS - MAX_USERS)
_factors = [st.integers(low, MAX_FACTORS) for low in (0, 1)]
_batches = [st.integers(1, n) for n in range(1, MAX_BATCH + 1)]
_scales = st.sampled_from([1.0, 1.0, 2.0**-7, 16.0])  # mid-training, fresh, saturated
_any_range = st.one_of(st.none(), st.just((0.0, 5.5)), y_ranges())


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
def problems(
    draw: st.DrawFn,
    dtype: Any = None,
    bias: bool = True,
    max_batch: int = MAX_BATCH,
    min_factors: int = 1,
) -> Problem:
    """Whole training steps: fresh, mid-training or saturated; one rating or many, repeated.

    1 to 4 users, 1 to 3 items more, 1 to 5 factors (or none).  Entries lie within 4 (fresh: 1/32,
    saturated: 64), ratings within 1 and 5.
    """
    n_users, k, scale = draw(_users), draw(_factors[min_factors]), draw(_scales)
    n_items, b = n_users + draw(_more), draw(_batches[max_batch - 1])
    dtype, source = np.dtype(dtype or draw(dtypes)), draw(_sources)
    y_range = draw(_any_range)
    params = tables(source, dtype, n_users, n_items, k)
    params = {name: table * dtype.type(scale) for name, table in params.items()}
    if not bias:
        del params["user_bias"], params["item_bias"]
    users, items, rating = batch(source, dtype, b, n_users, n_items)
    return Problem(params, users, items, rating, y_range if bias else None)


def tables(source: Source, dtype: Any, n_users: int, n_items: int, k: int) -> Params:
    """Return the four tables, out of `N_ENTRIES` bytes."""
    return {
        "user_factors": source.floats(dtype, (MAX_USERS, MAX_FACTORS), (n_users, k)),
        "item_factors": source.floats(dtype, (MAX_ITEMS, MAX_FACTORS), (n_items, k)),
        "user_bias": source.floats(dtype, (MAX_USERS,), (n_users,)),
        "item_bias": source.floats(dtype, (MAX_ITEMS,), (n_items,)),
    }


def batch(
    source: Source, dtype: Any, size: int, n_users: int, n_items: int
) -> tuple[Any, Any, FloatArray]:
    """Return users, items and ratings of 1 to `size` ratings, out of 3 MAX_BATCH bytes."""
    at, rows = source.slots(MAX_BATCH, size, 1)
    items = source.ids(MAX_BATCH, at, n_items)
    return rows % n_users, items, source.ratings(dtype, MAX_BATCH, at)


_ordinary = problems()


@st.composite
def hostile_problems(draw: st.DrawFn) -> Problem:
    """Problems with nan, infinities, subnormals, -0.0 and the largest numbers among parameters.

    A quarter of the entries is one of `special_numbers`; whatever overflows, overflows.  Ids and
    ratings are ordinary.
    """
    p, source = draw(_ordinary), draw(_more_sources)
    params = {
        name: with_specials(table, source.take(table.shape, table.shape))
        for name, table in p.params.items()
    }
    return p._replace(params=params)
