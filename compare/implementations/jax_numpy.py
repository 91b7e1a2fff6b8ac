"""JAX as an implementation of the protocol: `jax.vjp` for every backward; steps in jax.numpy.

JAX computes in float32 unless told otherwise: each function asks for 64 bits for itself only.  It
clamps an id outside its table, so ids are judged before.  Needs the extra `jax`.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LIBRARY = "jax"
Array = Any  # NumPy's on the way in, JAX's on the way out
NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")


def with_64_bits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, run with float64 and int64 available."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with jax.enable_x64(True):
            return function(*args, **kwargs)

    return wrapped


def row_numbers(ids: Any, table: Array) -> Array:
    """Return ids as int64, or raise: JAX would clamp one that is outside, and wrap -1."""
    ids = np.asarray(ids)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {ids.dtype}")
    if ((ids < 0) | (ids >= len(table))).any():
        raise IndexError(f"an id is outside a table of {len(table)} rows")
    return ids.astype(np.int64)


def alike(*arrays: Any) -> None:
    """Raise where JAX would broadcast or promote."""
    if len({(a.shape, np.dtype(a.dtype)) for a in arrays}) > 1:
        raise ValueError(f"{[(a.shape, a.dtype) for a in arrays]} do not belong together")


def pull(d_out: Any, cache: Any) -> Any:
    """Return the gradients that `jax.vjp` gives."""
    out, backward = cache
    d_out = np.asarray(d_out)
    alike(d_out, out)
    return backward(jnp.asarray(d_out))


def differentiable(function: Callable[..., Any], *inputs: Any) -> tuple[Any, Any]:
    """Return the output, and a cache for `pull`."""
    out, backward = jax.vjp(function, *map(jnp.asarray, inputs))
    return out, (out, backward)


@with_64_bits
def embedding_forward(weight: Array, ids: Array) -> tuple[Any, Any]:
    """Index the table."""
    ids = row_numbers(ids, weight)
    return differentiable(lambda table: table[ids], weight)


@with_64_bits
def embedding_backward(d_out: Array, cache: Any) -> Any:
    """Pull back by jax.vjp."""
    return pull(d_out, cache)[0]


@with_64_bits
def row_dot_forward(left: Array, right: Array) -> tuple[Any, Any]:
    """(left * right).sum(1)."""
    alike(left, right)
    return differentiable(lambda p, q: (p * q).sum(1), left, right)


@with_64_bits
def row_dot_backward(d_out: Array, cache: Any) -> Any:
    """Pull back by jax.vjp."""
    return pull(d_out, cache)


@with_64_bits
def bias_forward(
    dot: Array, user_bias: Array, item_bias: Array, users: Array, items: Array
) -> tuple[Any, Any]:
    """Add the two biases."""
    users, items = row_numbers(users, user_bias), row_numbers(items, item_bias)
    alike(dot, user_bias[users], item_bias[items])
    return differentiable(lambda x, b, c: x + b[users] + c[items], dot, user_bias, item_bias)


@with_64_bits
def bias_backward(d_out: Array, cache: Any) -> Any:
    """Pull back by jax.vjp."""
    return pull(d_out, cache)


@with_64_bits
def sigmoid_range_forward(x: Array, low: float, high: float) -> tuple[Any, Any]:
    """jax.nn.sigmoid, scaled and shifted."""
    return differentiable(squashed(low, high), x)


@with_64_bits
def sigmoid_range_backward(d_out: Array, cache: Any) -> Any:
    """Pull back by jax.vjp."""
    return pull(d_out, cache)[0]


def squashed(low: float, high: float) -> Callable[[Any], Any]:
    """Return the function x -> low + (high - low) sigmoid(x)."""
    if not low <= high:
        raise ValueError(f"low {low} is above high {high}")
    return lambda x: jax.nn.sigmoid(x) * (high - low) + low


@with_64_bits
def mse_forward(pred: Array, rating: Array) -> tuple[Any, Any]:
    """Average the squares."""
    rating = np.asarray(rating).astype(pred.dtype)
    alike(pred, rating)
    if pred.size == 0:
        raise ValueError("an empty batch has no mean")
    return differentiable(lambda x: jnp.mean(jnp.square(x - rating)), pred)


@with_64_bits
def mse_backward(d_loss: Any, cache: Any) -> Any:
    """Pull back by jax.vjp."""
    return pull(np.asarray(d_loss, cache[0].dtype), cache)[0]


@with_64_bits
def dot_product_bias_forward(
    params: dict[str, Array], users: Array, items: Array, y_range: Any
) -> tuple[Any, Any]:
    """Differentiate the whole model at once."""
    user_factors, item_factors, user_bias, item_bias = tables = [params[name] for name in NAMES]
    if (len(user_factors), len(item_factors)) != (*user_bias.shape, *item_bias.shape):
        raise ValueError("each row of factors has one bias")
    users, items = row_numbers(users, user_factors), row_numbers(items, item_factors)
    alike(user_factors[users], item_factors[items])
    alike(user_bias[users], item_bias[items], user_factors[users, 0:0].sum(1))
    squash: Callable[[Any], Any] = (lambda x: x) if y_range is None else squashed(*y_range)

    def predicted(p: Any, q: Any, b: Any, c: Any) -> Any:
        return squash((p[users] * q[items]).sum(1) + b[users] + c[items])

    return differentiable(predicted, *tables)


@with_64_bits
def dot_product_bias_backward(d_pred: Array, cache: Any) -> dict[str, Any]:
    """Pull back by jax.vjp."""
    return dict(zip(NAMES, pull(d_pred, cache), strict=True))


@with_64_bits
def sgd_step(
    w: Array, g: Array, buf: Array | None, *, lr: float, momentum: float, dampening: float,
    nesterov: bool, weight_decay: float, decoupled: bool,
) -> tuple[Any, Any]:  # fmt: skip
    """Step with jax.numpy; NumPy arrays become JAX's first, so that JAX does the arithmetic."""
    alike(w, g, *([] if buf is None else [buf]))
    w, g = jnp.asarray(w), jnp.asarray(g)
    w, g = decayed(w, g, lr, weight_decay, decoupled)
    if not momentum:
        return w - lr * g, None
    buf = g if buf is None else momentum * jnp.asarray(buf) + (1 - dampening) * g
    return w - lr * (g + momentum * buf if nesterov else buf), buf


@with_64_bits
def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, *, lr: float, betas: Sequence[float],
    eps: float, weight_decay: float, decoupled: bool,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """Step with jax.numpy; the bias corrections are Python numbers."""
    alike(w, g, m, v)
    w, g = decayed(jnp.asarray(w), jnp.asarray(g), lr, weight_decay, decoupled)
    beta1, beta2 = betas
    m = beta1 * jnp.asarray(m) + (1 - beta1) * g
    v = beta2 * jnp.asarray(v) + (1 - beta2) * jnp.square(g)
    root = jnp.sqrt(v) / math.sqrt(1 - beta2 ** int(t))
    return w - lr / (1 - beta1 ** int(t)) * (m / (root + eps)), m, v


def decayed(w: Any, g: Any, lr: float, weight_decay: float, decoupled: bool) -> tuple[Any, Any]:
    """Return (w, g) after the decay of either kind."""
    if decoupled:
        return w * (1 - lr * weight_decay), g
    return w, g + weight_decay * w
