"""Training, and saving a run so that it goes on with the same bits.

The state of a run is a dict of arrays: "t", the number of steps taken, and under
"buf/user_factors", "m/user_factors", … what the update rule keeps for each table.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.verify.examples.plain.model import (
    dot_product_bias_backward,
    dot_product_bias_forward,
)
from npcf.verify.examples.plain.operations import mse_backward, mse_forward
from npcf.verify.examples.plain.steps import adam_step, sgd_step

Array = NDArray[Any]
Arrays = dict[str, Array]
Range = tuple[float, float] | None
Batch = tuple[Array, Array, Array]


def train(
    params: Arrays,
    batches: Sequence[Batch],
    y_range: Range,
    rule: str,
    settings: dict[str, Any],
    lrs: Sequence[float],
    state: Arrays | None,
) -> tuple[Arrays, Array, Arrays]:
    """Take one step for each batch; return (params, losses, state)."""
    step = {"sgd": step_sgd, "adam": step_adam}[rule]
    dtype = params["user_factors"].dtype
    params = {name: table.copy() for name, table in params.items()}
    state = {"t": np.array(0)} if state is None else dict(state)
    losses = []
    for (users, items, rating), lr in zip(batches, lrs, strict=True):
        pred, cache = dot_product_bias_forward(params, users, items, y_range)
        loss, loss_cache = mse_forward(pred, rating)
        losses.append(loss)
        gradients = dot_product_bias_backward(mse_backward(1.0, loss_cache), cache)
        state["t"] = state["t"] + 1
        for name in params:
            step(name, params, gradients, state, {**settings, "lr": float(lr)})
    return params, np.array(losses, dtype), state


def step_sgd(
    name: str, params: Arrays, gradients: Arrays, state: Arrays, settings: dict[str, Any]
) -> None:
    """Put the table `name` and its buffer one step further."""
    key = f"buf/{name}"
    params[name], buf = sgd_step(params[name], gradients[name], state.get(key), **settings)
    if buf is not None:
        state[key] = buf


def step_adam(
    name: str, params: Arrays, gradients: Arrays, state: Arrays, settings: dict[str, Any]
) -> None:
    """Put the table `name` and its moments one step further."""
    w, g, t = params[name], gradients[name], int(state["t"])
    m = state.get(f"m/{name}", np.zeros_like(w))
    v = state.get(f"v/{name}", np.zeros_like(w))
    params[name], m, v = adam_step(w, g, m, v, t, **settings)
    state[f"m/{name}"] = m
    state[f"v/{name}"] = v


def save(params: Arrays, state: Arrays | None) -> bytes:
    """Return a run as bytes: a zip of arrays, with a checksum of each."""
    file = io.BytesIO()
    arrays = {f"params/{name}": table for name, table in params.items()}
    arrays |= {f"state/{name}": array for name, array in (state or {}).items()}
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def load(data: bytes) -> tuple[Arrays, Arrays | None]:
    """Return (params, state) from the bytes of `save`."""
    file = np.load(io.BytesIO(data), allow_pickle=False)
    arrays = {name: file[name] for name in file.files}
    return section(arrays, "params/"), section(arrays, "state/") or None


def section(arrays: Arrays, prefix: str) -> Arrays:
    """Return the arrays whose names begin with `prefix`, by the rest of their names."""
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
