"""An optimizer's state in the middle of training, planted: what a fresh one hides shows there.

    rule         torch                                   npcf.verify.loop
    Adam         exp_avg, exp_avg_sq, max_exp_avg_sq     m, v, vmax
    SGD          momentum_buffer                         buf
    RMSprop      square_avg, grad_avg, momentum_buffer   v, a, buf

fastai's names are grad_avg (m or buf) and sqr_avg (v).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array
from npcf.crosscheck.intended import live_settings
from npcf.crosscheck.subject import unwrapped
from npcf.crosscheck.torch_objects import rounded, to_tensor, torch_module
from npcf.interop.optimizer_groups import FASTAI_STATES, RULES

STEPS_BEFORE = 7
OF_LOOP = {"buffers": "buf", "averages": "a"}  # npcf.verify.loop's names, where others


def _of_loop(states: Mapping[str, str]) -> dict[str, str]:
    return {OF_LOOP.get(name, name): theirs for name, theirs in states.items()}


TORCH = {name: _of_loop(rule.states) for name, rule in RULES.items()}
TORCH["adam"]["vmax"] = "max_exp_avg_sq"  # AMSGrad's, which npcf.optim has not
FASTAI = {name: _of_loop(states) for name, states in FASTAI_STATES.items()}


def plant_state(
    optimizer: Any, tables: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Array] | None:
    """Give the optimizer the state of a training under way.

    Parameters
    ----------
    optimizer : torch or fastai optimizer
        Its state is replaced.
    tables : mapping of str to tensor
        The live tables, by npcf's names.
    rng : numpy.random.Generator
        Draws averages of sizes from 1e-3 to 1.

    Returns
    -------
    dict or None
        The same state by the names of `npcf.verify.loop`; None if the optimizer is of no known
        kind, or keeps no state.
    """
    optimizer = unwrapped(optimizer)
    live = live_settings(optimizer, tables)
    held = _held(optimizer, tables)
    if live is None or not held or not _names_known(optimizer):
        return None
    fastai = hasattr(optimizer, "hypers")
    names = (FASTAI if fastai else TORCH)[live.rule]
    state: dict[str, Array] = {}
    for name, table in held.items():
        needed = _needed(names, live.settings_of(name))
        averages = _averages(table, rng)
        for key in needed:
            state[f"{key}/{name}"] = averages[key].reshape(_npcf_shape(name, table))
            optimizer.state[table][names[key]] = to_tensor(averages[key], table)
        if needed and (fastai or live.rule != "sgd"):
            optimizer.state[table]["step"] = _count(optimizer, live.rule, table)
    if not state:
        return None
    return {"t": np.array(STEPS_BEFORE), **state}


def _names_known(optimizer: Any) -> bool:
    """Whether the optimizer's state has the names above: a rule of one's own may have others."""
    rules = (cls for cls in type(optimizer).__mro__ if cls.__module__.startswith("torch.optim"))
    return hasattr(optimizer, "hypers") or any(cls.__name__ != "Optimizer" for cls in rules)


def _held(optimizer: Any, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables that are in the optimizer."""
    members = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name: table for name, table in tables.items() if id(table) in members}


def _needed(names: Mapping[str, str], settings: Mapping[str, Any]) -> list[str]:
    """Return what a rule keeps with these settings."""
    unused = {
        "vmax": not settings.get("amsgrad"),
        "buf": not settings.get("momentum"),
        "a": not settings.get("centered"),
    }
    return [key for key in names if not unused.get(key, False)]


def _averages(table: Any, rng: np.random.Generator) -> dict[str, Array]:
    """Return averages that could have come from one run: v above m**2, the largest v above v."""
    shape = tuple(table.shape)
    m = rounded(rng.normal(size=shape) * 10.0 ** rng.uniform(-3, 0, shape), table)
    v = rounded(m.astype(float) ** 2 * rng.uniform(1.5, 4, shape) + 1e-8, table)
    vmax = rounded(v.astype(float) * rng.uniform(1, 2, shape), table)
    return {"m": m, "v": v, "vmax": np.maximum(v, vmax), "a": m, "buf": m}


def _npcf_shape(name: str, table: Any) -> tuple[int, ...]:
    return (len(table),) if name.endswith("bias") else tuple(table.shape)


def _count(optimizer: Any, rule: str, table: Any) -> Any:
    """Return the number of steps as the optimizer keeps it: a tensor, but SparseAdam and fastai."""
    if rule == "sparse_adam" or hasattr(optimizer, "hypers"):
        return STEPS_BEFORE
    torch: Any = torch_module()
    where = next(g for g in optimizer.param_groups if any(p is table for p in g["params"]))
    on_device = where.get("capturable") or where.get("fused")
    device = table.device if on_device else "cpu"
    return torch.tensor(float(STEPS_BEFORE), dtype=torch.float32, device=device)
