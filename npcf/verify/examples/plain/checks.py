"""What an implementation must refuse, before it computes anything."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def check_ids(ids: Array, n_rows: int) -> Array:
    """Return `ids` as an array of row numbers; negative ones are outside, they do not wrap."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {ids.dtype}")
    outside = (ids < 0) | (ids >= n_rows)
    if outside.any():
        raise IndexError(f"id {ids[outside][0]} is outside a table of {n_rows} rows")
    # A copy: whoever calls may write into his array between forward and backward.
    return ids.astype(np.int64)


def check_shapes(*arrays: Array) -> None:
    """Raise unless all shapes are equal; broadcasting would pair the wrong numbers."""
    shapes = [np.shape(array) for array in arrays]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"the shapes {shapes} do not belong together")


def check_dtypes(*arrays: Array) -> None:
    """Raise unless all dtypes are equal: a mixture would silently promote."""
    dtypes = [array.dtype for array in arrays]
    if any(dtype != dtypes[0] for dtype in dtypes):
        raise TypeError(f"the dtypes {dtypes} do not belong together")


def check_gradient(d_out: Array, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise unless `d_out` has the shape and dtype of what it is the gradient of."""
    if d_out.shape != shape or d_out.dtype != dtype:
        raise ValueError(f"a gradient {d_out.shape} {d_out.dtype}, of an output {shape} {dtype}")
