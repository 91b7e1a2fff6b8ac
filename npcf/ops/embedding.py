r"""Embedding lookup: row ids_b of a table, for every b.

    out_b = weight[ids_b]                 weight (N, K), ids (B,)  ->  out (B, K)

`ids` may have any shape S, then out is (*S, K).

Derivation.  Let d_out_b = dL/d out_b, a row of K numbers.  Row n of the table reaches the loss
through every b that names it, and d out_b / d weight[n] is the identity if ids_b = n, else 0, so

    d_weight[n] = sum over { b : ids_b = n } of d_out_b          d_weight (N, K)

A row named twice gets both terms; a row named by nobody gets exactly zero.  The gradient is
dense, as with `torch.nn.Embedding(sparse=False)`.

Rounding.  The lookup copies: no error.  A row named d times sums d numbers, in batch order and
starting from zero: |error| <= gamma_(d-1) * sum |d_out_b|, where gamma_n = n u / (1 - n u).
Equal to PyTorch's CPU kernel to the bit, because the order is the same.

`padding_idx` names a row whose gradient is zero (`torch.nn.Embedding`): the forward returns the
row as it is, and weight decay still moves it.

`scale_grad_by_freq` divides each d_out_b by the number of times its row is named in the batch, so
that d_weight[n] is a mean and not a sum.  torch multiplies each by the rounded 1 / count, one by
one before adding, so that seven gradients of 6 give 6.0000005 in float32.  So do we, and torch's
fused multiply-add makes the only difference: |error| <= gamma_(d+2) * sum |d_out_b| / d + d eta.

torch's `max_norm` changes the table during the lookup: see `npcf.optim.renormalise_rows`.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, IdArray
from npcf.errors import (
    require_flag,
    require_floats,
    require_gradient,
    require_padding_idx,
    require_pair,
)
from npcf.ops.caches import cached_ids, cached_zeros, own_ids, require_cache


class EmbeddingCache(NamedTuple):
    """What `embedding_backward` needs: where each row came from, and what the table is."""

    ids: IdArray  # (B,), a copy
    table_shape: tuple[int, int]  # (N, K)
    padding_idx: int | None  # already counted from the front
    dtype: np.dtype[Any]
    scale_grad_by_freq: bool = False


def embedding_forward(
    weight: FloatArray,
    ids: Any,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> tuple[FloatArray, EmbeddingCache]:
    """Look up rows `ids` (B,) of `weight` (N, K); return (out (B, K), cache).

    Raises IdRangeError on an id outside [0, N): NumPy would wrap -1, `torch.nn.Embedding` refuses.
    Raises DTypeError unless ids are integers; a boolean array would be a mask.
    `padding_idx` may be negative, counting from the end, as torch allows.
    """
    weight, ids, padding_idx = check_lookup(weight, ids, padding_idx)
    n_rows, n_factors = weight.shape
    by_freq = require_flag("scale_grad_by_freq", scale_grad_by_freq)
    cache = EmbeddingCache(ids, (n_rows, n_factors), padding_idx, weight.dtype, by_freq)
    return weight[ids], cache


def embedding_backward(d_out: FloatArray, cache: EmbeddingCache) -> FloatArray:
    """Map d_out (B, K) to d_weight (N, K): rows summed over equal ids in batch order."""
    d_out, cache, d_weight = check_lookup_gradient(d_out, cache)
    # np.add.at, not `d_weight[ids] += d_out`: that keeps one of several equal ids.
    np.add.at(d_weight, cache.ids, d_out)
    if cache.padding_idx is not None:
        d_weight[cache.padding_idx] = 0
    return d_weight


def divided_by_frequency(d_out: FloatArray, cache: EmbeddingCache) -> FloatArray:
    """Return d_out (B, K), each row multiplied by 1 / (how often its id is in the batch)."""
    counts = np.bincount(cache.ids.ravel(), minlength=cache.table_shape[0])
    scale = (1 / counts[cache.ids]).astype(cache.dtype)
    scaled: FloatArray = d_out * scale[..., None]
    return scaled


def check_lookup(
    weight: FloatArray, ids: Any, padding_idx: int | None
) -> tuple[FloatArray, IdArray, int | None]:
    """Check a lookup's arguments once, for this file and its compiled twin."""
    weight = require_floats("weight", weight, ndim=2)
    n_rows = weight.shape[0]
    padding_idx = require_padding_idx(padding_idx, n_rows)
    return weight, own_ids("ids", ids, n_rows), padding_idx


def check_lookup_gradient(
    d_out: FloatArray, cache: EmbeddingCache
) -> tuple[FloatArray, EmbeddingCache, FloatArray]:
    """Check the backward's arguments; return (d_out, cache, d_weight of zeros)."""
    cache = require_cache(cache, EmbeddingCache)
    d_weight = cached_zeros(require_pair("cache.table_shape", cache.table_shape), cache.dtype)
    n_rows, n_factors = d_weight.shape
    cache = cache._replace(
        ids=cached_ids("cache.ids", cache.ids, n_rows),
        padding_idx=require_padding_idx(cache.padding_idx, n_rows),
        scale_grad_by_freq=require_flag("cache.scale_grad_by_freq", cache.scale_grad_by_freq),
    )
    d_out = require_gradient(d_out, (*cache.ids.shape, n_factors), d_weight.dtype)
    if cache.scale_grad_by_freq:
        d_out = divided_by_frequency(d_out, cache)
    return d_out, cache, d_weight
