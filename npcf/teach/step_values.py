"""The values of one step: forward as `npcf.ops` does it, backward by its passes, update by rule.

Everything is kept by the names of `quantities` and `updates`; nothing of the model is changed.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from npcf import ops
from npcf._tables import NAMES, TABLE
from npcf._types import FloatArray, Params
from npcf.optim import Optimizer
from npcf.teach.updates import Line, decay_of, kept_by, lines_of, settings_of

Arrays = dict[str, Any]


class Batch(NamedTuple):
    """Row numbers and ratings (B,), and the model's settings."""

    users: Any
    items: Any
    rating: FloatArray
    y_range: tuple[float, float] | None
    mean: float


def forward_values(params: Mapping[str, FloatArray], batch: Batch) -> Arrays:
    """Return every quantity of the forward pass; complex parameters give complex ones."""
    users, items, rating, y_range, mean = batch
    p, _ = ops.embedding_forward(params["user_factors"], users)
    q, _ = ops.embedding_forward(params["item_factors"], items)
    values = {"p": p, "q": q, "r": rating}
    values |= {"b": params["user_bias"][users], "c": params["item_bias"][items]}
    return values | downstream(values, "pq", batch)


def downstream(values: Mapping[str, Any], first: str, batch: Batch) -> Arrays:
    """Return the quantities from `first` on, of those before it."""
    steps = {
        "pq": lambda v: v["p"] * v["q"],
        "dot": lambda v: v["pq"].sum(axis=1),
        "x": lambda v: v["dot"] + v["b"] + v["c"] + _as(v["dot"], batch.mean),
        "s": lambda v: 1 / (1 + np.exp(-v["x"])),
        "y": lambda v: (
            v["s"] * (batch.y_range[1] - batch.y_range[0]) + batch.y_range[0]
            if batch.y_range is not None
            else v["x"]
        ),
        "e": lambda v: v["y"] - v["r"],
        "loss": lambda v: (v["e"] * v["e"]).mean(),
    }
    if batch.y_range is None:
        del steps["s"]
    found = dict(values)
    names = list(steps)
    for name in names[names.index(first) :]:
        with np.errstate(over="ignore"):  # exp(-x) = inf gives s = 0, the right limit
            found[name] = steps[name](found)
    return found


def _as(like: Any, number: float) -> Any:
    """Return a number in the dtype of an array: 0 adds nothing."""
    return like.dtype.type(number)


def backward_values(params: Params, batch: Batch, values: Arrays) -> Arrays:
    """Return every gradient, from the loss back to the tables, by the operations' backwards."""
    users, items = batch.users, batch.items
    d_y = d_x = ops.mse_backward(1.0, ops.MSECache(values["e"]))
    if batch.y_range is not None:
        height = batch.y_range[1] - batch.y_range[0]
        d_x = ops.sigmoid_range_backward(d_y, ops.SigmoidRangeCache(values["s"], height))
    _, bias_cache = ops.bias_forward(
        values["dot"], params["user_bias"], params["item_bias"], users, items
    )
    d_dot, d_user_bias, d_item_bias = ops.bias_backward(d_x, bias_cache)
    d_p, d_q = ops.row_dot_backward(d_dot, ops.row_dot_forward(values["p"], values["q"])[1])
    tables = {
        "user_factors": ops.embedding_backward(
            d_p, ops.embedding_forward(params["user_factors"], users)[1]
        ),
        "item_factors": ops.embedding_backward(
            d_q, ops.embedding_forward(params["item_factors"], items)[1]
        ),
        "user_bias": d_user_bias,
        "item_bias": d_item_bias,
    }
    rows = rows_of(batch)
    named = {f"d_{name}": tables[name][rows[TABLE[name].side]] for name in NAMES}
    return {"d_y": d_y, "d_x": d_x, "d_dot": d_dot, "d_p": d_p, "d_q": d_q} | named


def rows_of(batch: Batch) -> dict[str, Any]:
    """Return the rows that the batch names, each once, of either side."""
    return {"user": np.unique(batch.users), "item": np.unique(batch.items)}


class Update(NamedTuple):
    """How one table's rows change: the settings in force, and each line with its values.

    `rule` is the name of the optimiser's class; `before` has what the line's numbers are, `after`
    the line's own value.  `decay` is the line of
    weight decay, if the rule has one: among `lines` only where the decay is not 0.
    """

    rule: str
    settings: Arrays
    lines: list[tuple[Line, Arrays, FloatArray]]
    decay: Line | None


def update_values(
    params: Params, opt: Optimizer, gradients: Arrays, rows: Mapping[str, Any]
) -> dict[str, Update]:
    """Return the update of each table's named rows, as `opt` would make it."""
    updates = {}
    for name in NAMES:
        side = rows[TABLE[name].side]
        settings, kept = settings_of(opt, name), kept_by(opt, name, side)
        values = {"w": params[name][side].copy(), "g": gradients[f"d_{name}"]}
        missing = {key: np.zeros_like(values["w"]) for key in ("a", "buf") if key not in kept}
        values |= missing | {key: kept[key].reshape(values["w"].shape) for key in kept}
        lines = []
        for line in lines_of(opt, settings, kept):
            before = dict(values)
            values[line.name] = line.value(values)
            lines.append((line, before, values[line.name]))
        updates[name] = Update(type(opt).__name__, settings, lines, decay_of(opt, settings))
    return updates
