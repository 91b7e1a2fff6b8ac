r"""The lookup once more, as a product with a one-hot matrix: slower, and the same.

    H_bn  = 1 if ids_b = n else 0                     H (B, N)
    out   = H @ weight                                weight (N, K)  ->  out (B, K)

Derivation.  out is linear in weight, so d_weight = H.T @ d_out: row n is the sum of d_out_b over
all b with ids_b = n, the scatter of `npcf.ops.embedding`.

Is an embedding then a linear layer without bias?  `torch.nn.Linear` computes x @ weight_linear.T.
Fed with H, and with weight_linear = weight.T (the *transposed* table), it gives the lookup's
numbers.  In general the two differ: a linear layer takes any x and mixes all rows, an embedding
takes row numbers and copies one.  The equality also breaks on tables holding inf or NaN: the
product computes 0 * inf = NaN for every row that was *not* asked for, the lookup never reads it.

Source: the Stack Overflow answer on nn.Embedding against nn.Linear; Howard & Gugger, chapter 8.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import (
    as_array,
    require_count,
    require_dtype,
    require_floats,
    require_gradient,
    require_ids,
)
from npcf.ops.caches import cached_floats, require_cache


class OneHotCache(NamedTuple):
    """What `one_hot_backward` needs."""

    one_hot: FloatArray  # (B, N)


def one_hot(ids: Any, n_rows: int, dtype: Any = np.float64) -> FloatArray:
    """Return H (B, n_rows) with H[b, ids_b] = 1 and zeros elsewhere."""
    ids = require_ids("ids", ids, n_rows := require_count("n_rows", n_rows, 0))
    result = np.zeros((ids.size, n_rows), require_dtype("dtype", dtype))
    result[np.arange(ids.size), ids.ravel()] = 1
    return result


def one_hot_forward(weight: FloatArray, ids: Any) -> tuple[FloatArray, OneHotCache]:
    """Return (H @ weight (B, K), cache): `embedding_forward`'s numbers for finite tables."""
    weight = require_floats("weight", weight, ndim=2)
    matrix = one_hot(ids, weight.shape[0], weight.dtype)
    return matrix @ weight, OneHotCache(matrix)


def one_hot_backward(d_out: FloatArray, cache: OneHotCache) -> FloatArray:
    """Map d_out (B, K) to d_weight (N, K) = H.T @ d_out."""
    matrix = cached_floats("cache.one_hot", require_cache(cache, OneHotCache).one_hot, ndim=2)
    d_out = as_array("d_out", d_out)
    d_out = require_gradient(d_out, (len(matrix), *d_out.shape[-1:]), matrix.dtype)
    d_weight: FloatArray = matrix.T @ d_out
    return d_weight
