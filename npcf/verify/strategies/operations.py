"""Inputs of the biases, of the sigmoid range, and of the loss."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray
from npcf.verify.strategies.source import sources
from npcf.verify.strategies.values import dtypes

MAX_BATCH, MAX_USERS, MAX_ITEMS = 8, 4, 7
WHOLE = (MAX_BATCH,)
N_WRONG = 192  # of 256 predictions differ from their rating
_sizes, _some = st.integers(0, MAX_BATCH), st.integers(1, MAX_BATCH)
_users, _more = st.integers(1, MAX_USERS), st.integers(1, MAX_ITEMS - MAX_USERS)
_bias_sources = sources(4 * MAX_BATCH + MAX_USERS + MAX_ITEMS)
_range_sources, _loss_sources = sources(3 * MAX_BATCH), sources(3 * MAX_BATCH)
_lows, _heights = st.integers(-8, 8), st.integers(0, 24)
_limits = st.sampled_from([4.0, 20.0, 100.0, 800.0])  # 800: exp overflows in float64 too
_scales = st.sampled_from([0, -20, 20])
_upstream = st.sampled_from([1.0, -1.0, 2.0, 0.0, 0.1, -1 / 3])


class RangeInput(NamedTuple):
    """Logits, the range they are squashed into, and an upstream gradient."""

    x: FloatArray  # (B,)
    low: float
    high: float
    d_out: FloatArray  # (B,)

    @property
    def dtype(self) -> Any:
        """The dtype of the logits."""
        return self.x.dtype


class LossInput(NamedTuple):
    """Predictions, ratings, and an upstream gradient."""

    pred: FloatArray  # (B,)
    rating: FloatArray  # (B,)
    d_loss: float

    @property
    def dtype(self) -> Any:
        """The dtype of the predictions."""
        return self.pred.dtype


class BiasInput(NamedTuple):
    """Dot products, the two biases that are looked up and added, and an upstream gradient."""

    dot: FloatArray  # (B,)
    user_bias: FloatArray  # (U,)
    item_bias: FloatArray  # (I,)
    users: Any  # (B,)
    items: Any  # (B,)
    d_out: FloatArray  # (B,)

    @property
    def dtype(self) -> Any:
        """The dtype of the dot products."""
        return self.dot.dtype


@st.composite
def y_ranges(draw: st.DrawFn) -> tuple[float, float]:
    """Intervals of quarter steps, which are exact in every dtype; some of no height.

    low in [-2, 2], high - low in [0, 6].
    """
    low = draw(_lows) / 4
    return low, low + draw(_heights) / 4


_ranges = y_ranges()


@st.composite
def range_inputs(draw: st.DrawFn) -> RangeInput:
    """Up to 8 logits: most within 4, or up to 800, where every exp has overflowed."""
    size, source = draw(_sizes), draw(_range_sources)
    dtype, limit = draw(dtypes), draw(_limits)
    at, _ = source.slots(MAX_BATCH, size)
    x = source.floats(dtype, WHOLE, WHOLE, limit)[at]
    d_out = source.floats(dtype, WHOLE, WHOLE)[at]
    return RangeInput(x, *draw(_ranges), d_out)


@st.composite
def loss_inputs(draw: st.DrawFn) -> LossInput:
    """1 to 8 predictions and ratings, some of them equal, at scales from 2**-20 to 2**20.

    Nothing overflows: loss <= 2**46.  A residual is at least 2**-97 or zero, and its square
    may be subnormal in float32.
    """
    size, source = draw(_some), draw(_loss_sources)
    dtype, exponent = draw(dtypes), draw(_scales)
    at, kinds = source.slots(MAX_BATCH, size, 1)
    pred, rating = (source.floats(dtype, WHOLE, WHOLE)[at] for _ in range(2))
    rating = np.where(kinds > N_WRONG, pred, rating)
    pred, rating = np.ldexp(pred, exponent), np.ldexp(rating, exponent)
    return LossInput(pred, rating, draw(_upstream))


@st.composite
def bias_inputs(draw: st.DrawFn) -> BiasInput:
    """Up to 8 pairs of at most 4 users and, always more, at most 7 items."""
    n_users = draw(_users)
    n_items, size = n_users + draw(_more), draw(_sizes)
    source, dtype = draw(_bias_sources), draw(dtypes)
    at, rows = source.slots(MAX_BATCH, size)
    users, items = rows % n_users, source.ids(MAX_BATCH, at, n_items)
    dot = source.floats(dtype, WHOLE, WHOLE)[at]
    user_bias = source.floats(dtype, (MAX_USERS,), (n_users,))
    item_bias = source.floats(dtype, (MAX_ITEMS,), (n_items,))
    d_out = source.floats(dtype, WHOLE, WHOLE)[at]
    return BiasInput(dot, user_bias, item_bias, users, items, d_out)
