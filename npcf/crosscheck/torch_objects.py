"""torch's objects, without importing torch: it is there if the caller's model is of torch.

What is read becomes a NumPy array of the same numbers; bfloat16 and float16 become float32.
"""

import sys
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array
from npcf.foreign import library_of

NARROW = ("bfloat16", "float16")


def torch_module() -> Any:
    """Return the module torch if somebody has imported it, else None."""
    return sys.modules.get("torch")


def is_tensor(x: Any) -> bool:
    """Whether `x` is a torch tensor, a parameter included."""
    torch = torch_module()
    return torch is not None and isinstance(x, torch.Tensor)


def is_module(x: Any) -> bool:
    """Whether `x` is a torch.nn.Module."""
    torch = torch_module()
    return torch is not None and isinstance(x, torch.nn.Module)


def is_learner(x: Any) -> bool:
    """Whether `x` is a fastai Learner: known by what it holds, so that fastai is not imported."""
    return is_module(getattr(x, "model", None)) and all(
        hasattr(x, name) for name in ("loss_func", "opt", "dls")
    )


def is_torch_optimizer(x: Any) -> bool:
    """Whether `x` is a torch.optim.Optimizer."""
    return hasattr(x, "param_groups") and library_of(x) == "torch"


def dtype_name(tensor: Any) -> str:
    """Return "float32", "bfloat16", ...: the name of a tensor's dtype without "torch."."""
    return str(tensor.dtype).partition(".")[2]


def to_array(tensor: Any) -> Array:
    """Return a copy of a tensor as a dense array; bfloat16 and float16 as float32."""
    tensor = tensor.detach()
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    if dtype_name(tensor) in NARROW:
        tensor = tensor.float()
    array: Array = tensor.cpu().numpy().copy()
    return array


def rounded(array: Array, like: Any) -> Array:
    """Return `array` rounded to the dtype of the tensor `like`."""
    torch: Any = torch_module()
    return to_array(torch.from_numpy(np.array(array)).to(like.dtype))


def to_tensor(array: Array, like: Any) -> Any:
    """Return a new tensor of an array's numbers, in the dtype and on the device of `like`."""
    torch: Any = torch_module()
    return torch.from_numpy(np.array(array)).to(device=like.device, dtype=like.dtype)
