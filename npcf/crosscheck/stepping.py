"""Steps of the live optimizer along planted gradients, and training steps of the caller's own."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array, Probe, Raised, Stepped, Tables, Trained
from npcf.crosscheck.intended import unwrapped
from npcf.crosscheck.subject import Subject, attempt
from npcf.crosscheck.torch_objects import is_tensor, rounded, to_tensor, torch_module


def planted_gradients(
    tables: Tables, rng: np.random.Generator, n_steps: int, like: Any
) -> list[dict[str, Array | None]]:
    """Return gradients of sizes from 1e-4 to 10; by turns a third of the rows is absent."""
    steps = []
    for t in range(n_steps):
        gradients: dict[str, Array | None] = {}
        for name, table in tables.items():
            size = 10.0 ** rng.uniform(-4, 1, len(table))
            size[(np.arange(len(table)) + t) % 3 == 0] = 0
            g = rng.normal(size=table.shape) * size.reshape(-1, *[1] * (table.ndim - 1))
            gradients[name] = rounded(g, like)
        steps.append(gradients)
    return steps


def planted_steps(
    subject: Subject, start: Probe, n_steps: int, rng: np.random.Generator
) -> list[Stepped]:
    """Return the optimizer's steps from fresh state."""
    optimizer = unwrapped(subject.optimizer)
    gradients = planted_gradients(start.tables, rng, n_steps, subject.like)
    clear_state(optimizer)
    subject.put(start.tables)
    tables: list[Tables | Raised] = [subject.get()]
    for given in gradients:
        subject.clear_gradients()
        for name, table in subject.tables.items():
            _plant(table, given[name], is_sparse(subject, optimizer))
        result = attempt(subject.optimizer.step)
        if isinstance(result, Raised):
            tables.append(result)
            break
        tables.append(subject.get())
    subject.clear_gradients()
    return [Stepped(gradients[: len(tables) - 1], tables, None, "planted gradients, fresh state")]


def is_sparse(subject: Subject, optimizer: Any) -> bool:
    """Whether the optimizer is given sparse gradients."""
    return type(optimizer).__name__ == "SparseAdam"


def _plant(table: Any, gradient: Array | None, sparse: bool) -> None:
    """Set the gradient of a table, always a copy: foreach SGD with Nesterov writes into it."""
    if gradient is not None:
        new = to_tensor(gradient, table).reshape(table.shape)
        table.grad = new.to_sparse(1) if sparse else new


def clear_state(optimizer: Any) -> None:
    """Let the optimizer begin anew; what fastai marks on parameters stays."""
    if hasattr(optimizer, "clear_state"):
        optimizer.clear_state()
    else:
        optimizer.state.clear()


def own_steps(subject: Subject, batches: Sequence[Probe]) -> Trained:
    """Return what the caller's step does, called once for each batch."""
    torch: Any = torch_module()
    if subject.optimizer is not None:
        clear_state(unwrapped(subject.optimizer))
    subject.put(batches[0].tables)
    subject.clear_gradients()
    tables: list[Tables | Raised] = [subject.get()]
    losses: list[float] = []
    left: list[Mapping[str, Array | None]] = []
    for batch in batches:
        x = torch.from_numpy(np.stack([batch.users, batch.items], axis=1).astype(np.int64))
        x, rating = x.to(subject.like.device), to_tensor(batch.rating, subject.like)
        with torch.enable_grad():
            loss = attempt(partial(subject.step, x, rating))
        if isinstance(loss, Raised):
            tables.append(loss)
            break
        tables.append(subject.get())
        losses.append(_number(loss))
        left.append(subject.gradients())
    return Trained(batches, tables, losses, left)


def _number(loss: Any) -> float:
    """Return a loss as a float; NaN for what is none."""
    if is_tensor(loss):
        return float(loss.detach().sum())
    return float(loss) if isinstance(loss, int | float | np.number) else float("nan")
