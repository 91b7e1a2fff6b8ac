"""How the sources fill their tables before training, from a `numpy.random.Generator`.

An initializer is a function (shape, rng, dtype) -> array.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.errors import (
    ShapeError,
    require_callable,
    require_count,
    require_dtype,
    require_number,
    require_rng,
)
from npcf.foreign import kind_of

Shape = tuple[int, ...]
Initializer = Callable[[Shape, np.random.Generator, Any], FloatArray]


def fastai_normal(shape: Shape, rng: np.random.Generator, dtype: Any = np.float32) -> FloatArray:
    """Return fmod(z, 2) * 0.01 with z ~ N(0, 1): what fastai's `Embedding` starts from.

    fastai calls it a truncated normal.  It is not quite: a z beyond +-2 is wrapped, not redrawn,
    so its standard deviation is .8656 * .01 where a truncated normal has .8796 * .01.
    Source: fastai `layers.trunc_normal_`.
    """
    shape, rng, dtype = _checked(shape, rng, dtype)
    z = rng.standard_normal(shape)
    return (np.fmod(z, 2) * 0.01).astype(dtype)


def normal(shape: Shape, rng: np.random.Generator, dtype: Any = np.float32) -> FloatArray:
    """Return N(0, 0.01**2): what the book's `create_params` starts from."""
    shape, rng, dtype = _checked(shape, rng, dtype)
    return (rng.standard_normal(shape) * 0.01).astype(dtype)


def uniform(low: float, high: float) -> Initializer:
    """Return an initializer drawing from [low, high), as the lesson's notebook does."""
    low, high = require_number("low", low, -np.inf), require_number("high", high, -np.inf)
    return functools.partial(_uniform, low, high)


def _uniform(
    low: float, high: float, shape: Shape, rng: Any, dtype: Any = np.float32
) -> FloatArray:
    shape, rng, dtype = _checked(shape, rng, dtype)
    table: FloatArray = rng.uniform(low, high, shape).astype(dtype)
    return table


def drawn(init: Initializer, shape: Shape, rng: np.random.Generator, dtype: Any) -> FloatArray:
    """Return a table that `init` makes, or raise unless it is one of that shape and dtype."""
    require_callable("init", init, "Pass a function of (shape, rng, dtype): npcf.models.normal.")
    dtype = require_dtype("dtype", dtype)
    table = init(shape, rng, dtype)
    if (getattr(table, "shape", None), getattr(table, "dtype", None)) != (shape, dtype):
        problem = f"made {kind_of(table)}, not an array of {dtype} {shape}"
        raise ShapeError("init", problem, "Return rng.standard_normal(shape).astype(dtype).")
    return table


def _checked(shape: Any, rng: Any, dtype: Any) -> tuple[Shape, np.random.Generator, Any]:
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    counts = tuple(require_count("shape", n, 0) for n in lengths)
    return counts, require_rng("rng", rng), require_dtype("dtype", dtype)


def init_params(
    n_users: int,
    n_items: int,
    n_factors: int,
    rng: np.random.Generator,
    dtype: Any = np.float32,
    init: Initializer = fastai_normal,
) -> Params:
    """Return fresh parameters of `dot_product_bias_forward`, drawn in the order of its names."""
    n_users, n_items = require_count("n_users", n_users, 0), require_count("n_items", n_items, 0)
    n_factors = require_count("n_factors", n_factors, 0)
    rng = require_rng("rng", rng)
    return {
        "user_factors": drawn(init, (n_users, n_factors), rng, dtype),
        "item_factors": drawn(init, (n_items, n_factors), rng, dtype),
        "user_bias": drawn(init, (n_users,), rng, dtype),
        "item_bias": drawn(init, (n_items,), rng, dtype),
    }
