"""Arrays into tensors and gradients out; where torch would broadcast or promote, an error."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]

# The first sqrt or exp of a process may be badly rounded while threads race for torch's choice of
# vector library (pytorch issue 188792): let them race before it matters.
for _dtype in (torch.float32, torch.float64):
    for _function in (torch.sqrt, torch.exp, torch.sigmoid):
        _function(torch.linspace(0.1, 9, 1000, dtype=_dtype))


def tensor(array: Any, requires_grad: bool = False) -> Any:
    """Copy an array of any layout into a tensor."""
    return torch.from_numpy(np.array(array, order="C")).requires_grad_(requires_grad)


def row_numbers(ids: Any) -> Any:
    """Return ids as int64; torch would take uint8 for a mask, and refuse other integers."""
    if np.asarray(ids).dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {np.asarray(ids).dtype}")
    return tensor(np.asarray(ids).astype(np.int64))


def alike(*tensors: Any) -> None:
    """Raise where torch would broadcast or promote."""
    if len({(t.shape, t.dtype) for t in tensors}) > 1:
        raise ValueError(f"{[(tuple(t.shape), t.dtype) for t in tensors]} do not belong together")


def vjp(d_out: Any, out: Any, leaves: Sequence[Any]) -> tuple[Array, ...]:
    """Return the gradients of `leaves`; the graph stays, for a second call."""
    gradient = tensor(d_out)
    alike(gradient, out)
    found = torch.autograd.grad(out, leaves, gradient, retain_graph=True)
    return tuple(one.numpy() for one in found)
