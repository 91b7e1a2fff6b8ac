"""Inputs of the layers of networks."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray
from npcf.verify.strategies.source import sources
from npcf.verify.strategies.values import dtypes

MAX_BATCH, MAX_IN, MAX_OUT = 6, 4, 3
_size, _rows, _in, _out = (
    st.integers(low, high)
    for low, high in ((0, MAX_BATCH), (2, MAX_BATCH), (1, MAX_IN), (1, MAX_OUT))
)
_linear_sources = sources(MAX_BATCH * (1 + MAX_IN + MAX_OUT) + MAX_OUT * (MAX_IN + 1))
_unit_sources = sources(4 * MAX_BATCH)
_pair_sources = sources(MAX_BATCH * (1 + 2 * (MAX_IN + MAX_OUT)))
_norm_sources = sources(MAX_BATCH * (1 + 2 * MAX_OUT) + 4 * MAX_OUT)
_ps = st.sampled_from([0.5, 0.0, 0.25, 0.1, 0.9])
_offsets = st.sampled_from([0.0, 0.0, 100.0])
_eps = st.sampled_from([1e-5, 1e-3, 0.5])


class LinearInput(NamedTuple):
    """Rows, a layer, and an upstream gradient."""

    x: FloatArray  # (B, I)
    weight: FloatArray  # (O, I)
    bias: FloatArray  # (O,)
    d_out: FloatArray  # (B, O)

    @property
    def dtype(self) -> Any:
        """The dtype of the rows."""
        return self.x.dtype


class UnitInput(NamedTuple):
    """Numbers that meet nobody, and an upstream gradient."""

    x: FloatArray  # (B,)
    d_out: FloatArray  # (B,)

    @property
    def dtype(self) -> Any:
        """The dtype of the numbers."""
        return self.x.dtype


class DropoutInput(NamedTuple):
    """Numbers, how probably one is dropped, which are kept, and an upstream gradient."""

    x: FloatArray  # (B,)
    p: float
    keep: Any  # (B,) of bool
    d_out: FloatArray  # (B,)

    @property
    def dtype(self) -> Any:
        """The dtype of the numbers."""
        return self.x.dtype


class SideBySide(NamedTuple):
    """Two arrays of one batch, and an upstream gradient for both."""

    left: FloatArray  # (B, J)
    right: FloatArray  # (B, K)
    d_out: FloatArray  # (B, J + K)

    @property
    def dtype(self) -> Any:
        """The dtype of the parts."""
        return self.left.dtype


class BatchNormInput(NamedTuple):
    """Rows, scale and shift of their columns, statistics or none, and an upstream gradient."""

    x: FloatArray  # (B, K)
    weight: FloatArray  # (K,)
    bias: FloatArray  # (K,)
    mean: FloatArray | None  # (K,)
    var: FloatArray | None  # (K,)
    eps: float
    d_out: FloatArray  # (B, K)

    @property
    def dtype(self) -> Any:
        """The dtype of the rows."""
        return self.x.dtype


@st.composite
def linear_inputs(draw: st.DrawFn) -> LinearInput:
    """Up to 6 rows of 1 to 4 numbers, to 1 to 3 outputs."""
    size, n_in, n_out = draw(_size), draw(_in), draw(_out)
    dtype, source = draw(dtypes), draw(_linear_sources)
    at, _ = source.slots(MAX_BATCH, size)
    x = source.floats(dtype, (MAX_BATCH, MAX_IN), (MAX_BATCH, n_in))[at]
    d_out = source.floats(dtype, (MAX_BATCH, MAX_OUT), (MAX_BATCH, n_out))[at]
    weight = source.floats(dtype, (MAX_OUT, MAX_IN), (n_out, n_in))
    return LinearInput(x, weight, source.floats(dtype, (MAX_OUT,), (n_out,)), d_out)


@st.composite
def unit_inputs(draw: st.DrawFn, limit: float = 4) -> UnitInput:
    """Up to 6 numbers, zeros among them."""
    size, dtype, source = draw(_size), draw(dtypes), draw(_unit_sources)
    at, _ = source.slots(MAX_BATCH, size)
    x = source.floats(dtype, (MAX_BATCH,), (MAX_BATCH,), limit)[at]
    return UnitInput(x, source.floats(dtype, (MAX_BATCH,), (MAX_BATCH,))[at])


@st.composite
def dropout_inputs(draw: st.DrawFn) -> DropoutInput:
    """Up to 6 numbers, of which any may be dropped, whatever p says."""
    size, p, dtype, source = draw(_size), draw(_ps), draw(dtypes), draw(_unit_sources)
    at, _ = source.slots(MAX_BATCH, size)
    x, d_out = (source.floats(dtype, (MAX_BATCH,), (MAX_BATCH,))[at] for _ in range(2))
    return DropoutInput(x, p, source.take((MAX_BATCH,), (MAX_BATCH,))[at] >= 96, d_out)


@st.composite
def sides(draw: st.DrawFn) -> SideBySide:
    """Up to 6 rows of two parts, of different width as a rule."""
    size, n_left, n_right = draw(_size), draw(_in), draw(_out)
    dtype, source = draw(dtypes), draw(_pair_sources)
    at, _ = source.slots(MAX_BATCH, size)
    widths = (MAX_IN, n_left), (MAX_OUT, n_right), (MAX_IN + MAX_OUT, n_left + n_right)
    return SideBySide(*(source.floats(dtype, (MAX_BATCH, most), (MAX_BATCH, width))[at]
                        for most, width in widths))  # fmt: skip


@st.composite
def batch_norm_inputs(draw: st.DrawFn, own: bool = True) -> BatchNormInput:
    """2 to 6 rows of up to 3 columns, some far from zero; any number of rows with statistics."""
    size, k, offset = draw(_rows if own else _size), draw(_out), draw(_offsets)
    dtype, source, eps = draw(dtypes), draw(_norm_sources), draw(_eps)
    at, _ = source.slots(MAX_BATCH, size, 2 if own else 0)
    x, d_out = (source.floats(dtype, (MAX_BATCH, MAX_OUT), (MAX_BATCH, k))[at] for _ in range(2))
    x[:, -1] += dtype.type(offset)
    weight, bias, mean, var = (source.floats(dtype, (MAX_OUT,), (k,)) for _ in range(4))
    if own:
        return BatchNormInput(x, weight, bias, None, None, eps, d_out)
    return BatchNormInput(x, weight, bias, mean, np.abs(var), eps, d_out)
