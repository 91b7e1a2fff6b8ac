"""One step of torch.optim, its state put in and taken out.

torch has no decoupled decay in SGD; the decay is then taken before the step, as fastai does.
"""

from collections.abc import Sequence
from typing import Any

import torch

from compare.implementations.pytorch.tensors import Array, alike, tensor


def sgd_step(w: Array, g: Array, buf: Array | None, **settings: Any) -> tuple[Array, Array | None]:
    """Take one step of torch.optim.SGD, `buf` put into its state."""
    table = leaf_with(w, g)
    optimizer = optimizer_of("sgd", [table], settings)
    if buf is not None:
        optimizer.state[table] = {"momentum_buffer": state_of(table, buf)}
    step(optimizer, settings)
    kept = optimizer.state[table].get("momentum_buffer") if settings["momentum"] else None
    return table.detach().numpy(), None if kept is None else kept.numpy()


def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, **settings: Any
) -> tuple[Array, Array, Array]:
    """Take step `t` of torch.optim.Adam or AdamW, the moments put into its state."""
    table = leaf_with(w, g)
    optimizer = optimizer_of("adam", [table], settings)
    moments = {"exp_avg": state_of(table, m), "exp_avg_sq": state_of(table, v)}
    state = optimizer.state[table] = {"step": torch.tensor(float(t - 1)), **moments}
    step(optimizer, settings)
    return table.detach().numpy(), state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()


def leaf_with(w: Array, g: Array) -> Any:
    """Return `w` as a leaf whose gradient is `g`."""
    table = tensor(w, True)
    table.grad = state_of(table, g)
    return table


def state_of(table: Any, array: Array) -> Any:
    """Return a tensor that belongs to `table`: a gradient or a moment."""
    alike(table, tensor(array))
    return tensor(array)


def optimizer_of(rule: str, tables: Sequence[Any], settings: dict[str, Any]) -> Any:
    """Return the optimiser; the rate may still be absent from `settings`."""
    options = {"lr": 0.0, **settings}
    decoupled = options.pop("decoupled")
    if rule == "sgd":
        options["weight_decay"] = 0.0 if decoupled else options["weight_decay"]
        return torch.optim.SGD(tables, **options)
    return (torch.optim.AdamW if decoupled else torch.optim.Adam)(tables, **options)


def step(optimizer: Any, settings: dict[str, Any]) -> None:
    """Take a step, after SGD's decoupled decay if there is one."""
    if isinstance(optimizer, torch.optim.SGD) and settings["decoupled"]:
        for group in optimizer.param_groups:
            for table in group["params"]:
                table.data.mul_(1 - group["lr"] * settings["weight_decay"])
    optimizer.step()
