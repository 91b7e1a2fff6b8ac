"""Every bit of a subject that a check could change: taken before, compared afterwards."""

import random
from typing import Any

import numpy as np
import torch

HOOKS = (
    "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
    "_state_dict_hooks",
)  # fmt: skip


def snapshot(case: dict[str, Any]) -> dict[str, Any]:
    """Return what there is of model, optimizer, batch and generators, flat, by a name each."""
    model, optimizer = case["model"], case.get("optimizer")
    found: dict[str, Any] = {
        "torch's generator": bits(torch.get_rng_state()),
        "NumPy's generator": repr(np.random.get_state()),  # noqa: NPY002  (the global one)
        "Python's generator": random.getstate(),
        "gradients are enabled": torch.is_grad_enabled(),
        "default dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    for name in ("users", "items", "rating"):
        found[name] = bits(case[name])
    if isinstance(model, torch.nn.Module):
        for name, p in [*model.named_parameters(), *model.named_buffers()]:
            found[f"{name}: identity"] = id(p)
            found[f"{name}: memory"] = p.data_ptr()
            found[name] = bits(p)
            found[f"{name}: requires_grad"] = p.requires_grad
            found[f"{name}: gradient"] = None if p.grad is None else bits(p.grad)
            found[f"{name}: hooks"] = len(p._backward_hooks or ())
        for name, module in model.named_modules():
            found[f"module {name}: mode"] = module.training
            found[f"module {name}: hooks"] = [len(getattr(module, hook)) for hook in HOOKS]
            found[f"module {name}: attributes"] = sorted(vars(module))
    if optimizer is not None:
        found["optimizer"] = flat(optimizer.state_dict())
        found["optimizer: parameters"] = [
            id(p) for group in optimizer.param_groups for p in group["params"]
        ]
        own = {k: v for k, v in vars(optimizer).items() if isinstance(v, int | float)}
        found["optimizer: attributes"] = own
    return found


def bits(array: Any) -> Any:
    """Return the memory of a tensor or array, comparable to the bit."""
    if isinstance(array, torch.Tensor):
        array = array.detach()
        if array.layout != torch.strided:
            array = array.coalesce()
            return bits(array.indices()), bits(array.values())
        memory = array.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        return array.dtype, tuple(array.shape), memory
    if isinstance(array, np.ndarray):
        return array.dtype, array.shape, array.tobytes()
    return repr(array)


def flat(value: Any) -> Any:
    """Return nested dicts and lists with their tensors as bits."""
    if isinstance(value, dict):
        return {k: flat(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [flat(v) for v in value]
    return bits(value) if isinstance(value, torch.Tensor) else value


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return the names of what differs."""
    names = before.keys() | after.keys()
    return sorted(name for name in names if before.get(name) != after.get(name))
