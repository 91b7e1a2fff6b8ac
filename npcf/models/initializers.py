"""How the sources fill their tables before training, from a `numpy.random.Generator`.

An initializer is a function (shape, rng, dtype) -> array.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.errors import require_count, require_dtype, require_number, require_rng

Shape = tuple[int, ...]
Initializer = Callable[[Shape, np.random.Generator, Any], FloatArray]


def fastai_normal(shape: Shape, rng: np.random.Generator, dtype: Any = np.float32) -> FloatArray:
    """Return fmod(z, 2) * 0.01 with z ~ N(0, 1): what fastai's `Embedding` starts from.

    fastai calls it a truncated normal.  It is not quite: a z beyond +-2 is wrapped, not redrawn,
    so its standard deviation is .8656 * .01 where a truncated normal has .8796 * .01.
    Source: fastai `layers.trunc_normal_`.
    """
    z = rng.standard_normal(shape)
    return (np.fmod(z, 2) * 0.01).astype(dtype)


def normal(shape: Shape, rng: np.random.Generator, dtype: Any = np.float32) -> FloatArray:
    """Return N(0, 0.01**2): what the book's `create_params` starts from."""
    return (rng.standard_normal(shape) * 0.01).astype(dtype)


def uniform(low: float, high: float) -> Initializer:
    """Return an initializer drawing from [low, high), as the lesson's notebook does."""
    low, high = require_number("low", low, -np.inf), require_number("high", high, -np.inf)

    def initialize(shape: Shape, rng: np.random.Generator, dtype: Any = np.float32) -> FloatArray:
        return rng.uniform(low, high, shape).astype(dtype)

    return initialize


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
    rng, dtype = require_rng("rng", rng), require_dtype("dtype", dtype)
    return {
        "user_factors": init((n_users, n_factors), rng, dtype),
        "item_factors": init((n_items, n_factors), rng, dtype),
        "user_bias": init((n_users,), rng, dtype),
        "item_bias": init((n_items,), rng, dtype),
    }
