"""The usual training loop, and torch.save."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from compare.implementations.pytorch.model import NAMES, predicted
from compare.implementations.pytorch.operations import mean_squared_error
from compare.implementations.pytorch.steps import optimizer_of, step
from compare.implementations.pytorch.tensors import Array, tensor


def train(
    params: dict[str, Array],
    batches: Sequence[tuple[Array, Array, Array]],
    y_range: Any,
    rule: str,
    settings: dict[str, Any],
    lrs: Sequence[float],
    state: Any,
) -> tuple[dict[str, Any], Array, Any]:
    """Run the usual loop; `state` holds what the optimiser keeps for each table."""
    tables = {name: tensor(params[name], True) for name in NAMES}
    optimizer = optimizer_of(rule, list(tables.values()), settings)
    for name, kept in (state or {}).items():
        optimizer.state[tables[name]] = {key: value.clone() for key, value in kept.items()}
    losses = []
    for (users, items, rating), lr in zip(batches, lrs, strict=True):
        optimizer.param_groups[0]["lr"] = float(lr)
        optimizer.zero_grad()
        pred = predicted(list(tables.values()), users, items, y_range)
        loss = mean_squared_error(pred, rating)
        loss.backward()
        step(optimizer, settings)
        losses.append(loss.item())
    return (
        {name: table.detach() for name, table in tables.items()},
        np.array(losses, params["user_factors"].dtype),
        {name: kept_of(optimizer.state[table]) for name, table in tables.items()},
    )


def kept_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return the tensors of one table's state, without the entries that are not in use."""
    return {key: value for key, value in state.items() if value is not None}


def save(params: dict[str, Array], state: Any) -> bytes:
    """Call torch.save."""
    file = io.BytesIO()
    torch.save({"params": {name: tensor(a) for name, a in params.items()}, "state": state}, file)
    return file.getvalue()


def load(data: bytes) -> tuple[dict[str, Any], Any]:
    """Call torch.load, without pickled code."""
    saved = torch.load(io.BytesIO(data), weights_only=True)
    return saved["params"], saved["state"]
