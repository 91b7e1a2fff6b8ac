"""Steps of the live optimizer along planted gradients, and training steps of the caller's own."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array, Intended, Probe, Raised, Stepped, Tables, Trained
from npcf.crosscheck.intended import live_settings
from npcf.crosscheck.optimizer_state import plant_state
from npcf.crosscheck.subject import Subject, attempt, unwrapped
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
    subject: Subject, start: Probe, n_steps: int, sparse: tuple[str, ...], rng: np.random.Generator
) -> list[Stepped]:
    """Return the optimizer's steps from fresh state, and from one in the middle of training.

    Tables in `sparse` are given sparse gradients, as the model does.
    """
    optimizer = unwrapped(subject.optimizer)
    clear_state(optimizer)
    runs = [_steps(subject, start, n_steps, sparse, None, "from a fresh state", rng)]
    clear_state(optimizer)
    state = plant_state(optimizer, subject.tables, rng)
    if state is not None:
        runs.append(_steps(subject, start, 2, sparse, state, "in the middle of training", rng))
    return runs


def _steps(
    subject: Subject, start: Probe, n_steps: int, sparse: tuple[str, ...],
    state: dict[str, Array] | None, name: str, rng: np.random.Generator,
) -> Stepped:  # fmt: skip
    gradients = planted_gradients(start.tables, rng, n_steps, subject.like)
    for given in gradients:
        for table, tensor in subject.tables.items():
            if not tensor.requires_grad:
                given[table] = None
    subject.put(start.tables)
    tables: list[Tables | Raised] = [subject.get()]
    for given in gradients:
        subject.clear_gradients()
        for table, tensor in subject.tables.items():
            _plant(tensor, given[table], table in sparse)
        result = attempt(subject.optimizer.step)
        if isinstance(result, Raised):
            tables.append(result)
            break
        tables.append(subject.get())
    subject.clear_gradients()
    return Stepped(gradients[: len(tables) - 1], tables, state, f"planted gradients, {name}")


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


def own_steps(subject: Subject, batches: Sequence[Probe], meant: Intended | None = None) -> Trained:
    """Return what the caller's step does, called once for each batch.

    Where the live optimizer says what was meant, it says so before each step: schedules move it.
    """
    torch: Any = torch_module()
    for optimizer in subject.optimizers():
        clear_state(optimizer)
    subject.put(batches[0].tables)
    subject.clear_gradients()
    tables: list[Tables | Raised] = [subject.get()]
    losses: list[float] = []
    left: list[Mapping[str, Array | None]] = []
    each: list[Intended] = []
    for batch in batches:
        if meant is not None and meant.live:
            each.append(live_settings(subject.optimizer, subject.tables) or meant)
        x = torch.from_numpy(np.stack([batch.users, batch.items], axis=1).astype(np.int64))
        x, rating = x.to(subject.like.device), to_tensor(batch.rating, subject.like)
        rating = rating.to(subject.rating_dtype or rating.dtype)
        with torch.enable_grad():
            loss = attempt(partial(subject.step, x, rating))
        if isinstance(loss, Raised):
            tables.append(loss)
            break
        tables.append(subject.get())
        losses.append(_number(loss))
        left.append(subject.gradients())
    rates = [*meant.rates, *meant.rates[-1:] * len(batches)] if meant and meant.rates else None
    return Trained(batches, tables, losses, left, None, rates, each)


def moved_settings(meant: Sequence[Intended]) -> Iterator[str]:
    """Say what moved from step to step in a live optimizer, and was taken for meant."""
    for name in meant[0].settings if meant else ():
        values = [each.settings[name] for each in meant]
        if any(value != values[0] for value in values):
            moved = ", ".join(str(value) for value in values)
            yield (
                f"the optimizer's {name} moves from step to step, {moved}, which is taken for "
                "meant: say the rates, intended=dict(optimizer=..., lr=[...])"
            )


def _number(loss: Any) -> float:
    """Return a loss as a float; NaN for what is none."""
    if is_tensor(loss):
        return float(loss.detach().sum())
    return float(loss) if isinstance(loss, int | float | np.number) else float("nan")
