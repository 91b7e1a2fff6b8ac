"""Layers of networks; a cache is a live graph: the output, and the leaves it depends on."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from compare.implementations.pytorch.tensors import Array, alike, tensor, vjp


def linear_forward(x: Array, weight: Array, bias: Array) -> tuple[Array, Any]:
    """Call F.linear."""
    leaves = [tensor(x, True), tensor(weight, True), tensor(bias, True)]
    alike(leaves[2], leaves[1].new_empty(len(weight)))  # torch would broadcast one number
    out = F.linear(*leaves)
    return out.detach().numpy(), (out, leaves)


def linear_backward(d_out: Array, cache: Any) -> tuple[Array, ...]:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)


def relu_forward(x: Array) -> tuple[Array, Any]:
    """Call F.relu."""
    leaf = tensor(x, True)
    out = F.relu(leaf)  # the graph keeps the output: a caller gets a copy
    return out.detach().numpy().copy(), (out, [leaf])


def relu_backward(d_out: Array, cache: Any) -> Array:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)[0]


def concatenate_forward(parts: Sequence[Array]) -> tuple[Array, Any]:
    """Call torch.cat along the last axis."""
    leaves = [tensor(part, True) for part in parts]
    out = torch.cat(leaves, dim=-1)
    return out.detach().numpy(), (out, leaves)


def concatenate_backward(d_out: Array, cache: Any) -> tuple[Array, ...]:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)


def dropout_forward(x: Array, p: float, keep: Array) -> tuple[Array, Any]:
    """Do as F.dropout with a mask that was drawn: its noise is divided by 1 - p in x's dtype."""
    leaf, noise = tensor(x, True), tensor(keep)
    if noise.dtype != torch.bool:
        raise TypeError("keep is True or False")
    noise = noise.to(leaf.dtype)
    alike(leaf, noise)
    out = leaf * noise.div_(1 - p)
    return out.detach().numpy(), (out, [leaf])


def dropout_backward(d_out: Array, cache: Any) -> Array:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)[0]


def batch_norm_forward(
    x: Array, weight: Array, bias: Array, mean: Array | None, var: Array | None, eps: float
) -> tuple[Array, Any]:
    """Call F.batch_norm; of an empty batch torch would make NaN."""
    leaves = [tensor(x, True), tensor(weight, True), tensor(bias, True)]
    given = [None if a is None else tensor(a) for a in (mean, var)]
    alike(leaves[0].new_empty(x.shape[1]), *leaves[1:], *(a for a in given if a is not None))
    if mean is None and not len(x):
        raise ValueError("an empty batch has no mean")
    out = F.batch_norm(leaves[0], *given, *leaves[1:], training=mean is None, eps=eps)
    return out.detach().numpy(), (out, leaves)


def batch_norm_backward(d_out: Array, cache: Any) -> tuple[Array, ...]:
    """Differentiate by autograd."""
    return vjp(d_out, *cache)


def batch_norm_running(mean: Array, var: Array, x: Array, momentum: float) -> tuple[Array, Array]:
    """Return what F.batch_norm makes of running statistics."""
    running = tensor(mean), tensor(var)
    F.batch_norm(tensor(x), *running, training=True, momentum=momentum)
    return np.asarray(running[0]), np.asarray(running[1])
