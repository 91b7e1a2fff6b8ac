"""The five operations; a cache is a live graph: the output, and the leaves it depends on."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from compare.implementations.pytorch.tensors import Array, alike, row_numbers, tensor, vjp


def embedding_forward(weight: Array, ids: Array) -> tuple[Array, Any]:
    """Call F.embedding."""
    table = tensor(weight, True)
    out = F.embedding(row_numbers(ids), table)
    return out.detach().numpy(), (out, [table])


def embedding_backward(d_out: Array, cache: Any) -> Array:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)[0]


def row_dot_forward(left: Array, right: Array) -> tuple[Array, Any]:
    """(left * right).sum(1), as in the lesson."""
    leaves = [tensor(left, True), tensor(right, True)]
    alike(*leaves)
    out = (leaves[0] * leaves[1]).sum(1)
    return out.detach().numpy(), (out, leaves)


def row_dot_backward(d_out: Array, cache: Any) -> tuple[Array, ...]:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)


def bias_forward(
    dot: Array, user_bias: Array, item_bias: Array, users: Array, items: Array
) -> tuple[Array, Any]:
    """Add F.embedding of the two tables; `table[ids]` would wrap a negative id."""
    leaves = [tensor(dot, True), tensor(user_bias, True), tensor(item_bias, True)]
    x, b, c = leaves
    out = biased(x, b, c, row_numbers(users), row_numbers(items))
    return out.detach().numpy(), (out, leaves)


def bias_backward(d_out: Array, cache: Any) -> tuple[Array, ...]:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)


def biased(dot: Any, user_bias: Any, item_bias: Any, users: Any, items: Any) -> Any:
    """Return dot + user_bias[users] + item_bias[items] for tensors."""
    user_terms = F.embedding(users, user_bias[:, None]).squeeze(1)
    item_terms = F.embedding(items, item_bias[:, None]).squeeze(1)
    alike(dot, user_terms, item_terms)
    return dot + user_terms + item_terms


def sigmoid_range_forward(x: Array, low: float, high: float) -> tuple[Array, Any]:
    """Fastai's sigmoid_range."""
    leaf = tensor(x, True)
    out = squashed(leaf, low, high)
    return out.detach().numpy(), (out, [leaf])


def sigmoid_range_backward(d_out: Array, cache: Any) -> Array:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)[0]


def squashed(x: Any, low: float, high: float) -> Any:
    """Return low + (high - low) sigmoid(x) for a tensor."""
    if not low <= high:
        raise ValueError(f"low {low} is above high {high}")
    return torch.sigmoid(x) * (high - low) + low


def mse_forward(pred: Array, rating: Array) -> tuple[Array, Any]:
    """Call F.mse_loss."""
    leaf = tensor(pred, True)
    loss = mean_squared_error(leaf, rating)
    return loss.detach().numpy(), (loss, [leaf])


def mse_backward(d_loss: Any, cache: Any) -> Array:
    """Differentiate by autograd."""
    return vjp(np.asarray(d_loss, cache[0].detach().numpy().dtype), *cache)[0]


def mean_squared_error(pred: Any, rating: Array) -> Any:
    """Return F.mse_loss; torch would only warn of unequal shapes, and average an empty batch."""
    target = tensor(rating).to(pred.dtype)
    alike(pred, target)
    if target.numel() == 0:
        raise ValueError("an empty batch has no mean")
    return F.mse_loss(pred, target)
