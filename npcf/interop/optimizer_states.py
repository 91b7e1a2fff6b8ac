"""State of torch's and fastai's optimisers as that of npcf's, and back, bit for bit.

    names = [name for name, _ in model.named_parameters()]
    opt = optimizer_from_state(torch_optimizer, params, names)       # goes on where torch was
    torch_optimizer.load_state_dict(optimizer_to_state(opt, torch_optimizer, names))

State is running averages, buffers and the number of steps; with it come the settings that the
parameter groups hold at this moment.  Biases are (n,) here and may be (n, 1) there.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from npcf._types import Params
from npcf.errors import as_array, optional_flag, require_members, require_tables, require_type
from npcf.foreign import SAID
from npcf.interop.optimizer_groups import (
    FASTAI_STATES,
    Rule,
    fastai_rule,
    fastai_settings,
    torch_rule,
    torch_settings,
    unfit,
)
from npcf.interop.state_dicts import LAYOUTS
from npcf.optim import Optimizer

PER_TABLE = ("lr", "weight_decay")  # settings that may differ from table to table
RESTART = "Take all steps with all parameters, or begin a new optimiser."


class Saved(NamedTuple):
    """A rule; settings and state for each parameter, in the optimiser's order."""

    rule: Rule
    settings: list[dict[str, Any]]
    states: list[Mapping[str, Any]]
    keys: Mapping[str, str]  # of npcf's states


def optimizer_from_state(
    optimizer: Any, params: Params, names: Iterable[str], *, decoupled: bool | None = None
) -> Optimizer:
    """Return an optimiser of npcf over `params` with the settings and state of another.

    Parameters
    ----------
    optimizer : torch.optim or fastai optimiser, or what its `state_dict` returned
        SGD, Adam, AdamW, SparseAdam, RMSprop.
    params : dict of str to array
        npcf's tables, which the steps will change in place.
    names : iterable of str
        Names of the optimiser's parameters in its order: npcf's, or those of a known layout
        (`npcf.interop.LAYOUTS`), as `model.named_parameters()` gives them.
    decoupled : bool, optional
        Whether weight decay is decoupled, where the state does not say so: Adam's of torch before
        2.6 (AdamW: True), and all of fastai's, whose default is True.

    Raises
    ------
    UsageError
        If npcf has no such rule, or a single count of steps does not describe the state.
    """
    require_tables("params", params)
    saved = _saved(optimizer, optional_flag("decoupled", decoupled))
    tables = _tables(names, params, len(saved.settings))
    found = saved.rule.kind(params, **_joined(saved.settings, tables))
    arrays = {}
    for state, key in saved.keys.items():
        held = {table: own[key] for table, own in zip(tables, saved.states, strict=True)
                if own.get(key) is not None}  # fmt: skip
        if held and held.keys() != set(params):
            raise unfit(f"has {key!r} for some parameters and not for others", RESTART)
        for table, value in held.items():
            array = as_array(f"optimizer state {key!r} of {table!r}", value)
            if array.size != params[table].size or len(array) != len(params[table]):
                problem = f"has {key!r} of shape {array.shape} for {table!r} {params[table].shape}"
                raise unfit(problem, "Name the parameters in the order of the optimiser.")
            arrays[f"{state}/{table}"] = np.array(array).reshape(params[table].shape)
    if saved.rule.kind.COUNTS:
        steps = {int(own.get("step", 0)) for own in saved.states}
        if len(steps) > 1:
            problem = (
                f"has taken {min(steps)} steps with one parameter and {max(steps)} with another"
            )
            raise unfit(problem, RESTART)
        arrays["t"] = np.array(steps.pop(), np.int64)
    found.load_state_arrays(found.state_arrays() | arrays)
    return found


def optimizer_to_state(optimizer: Optimizer, target: Any, names: Iterable[str]) -> dict[str, Any]:
    """Return what `target.load_state_dict` takes: settings and state of an optimiser of npcf.

    `target` is a live optimiser of torch or fastai, of the same rule and over parameters of the
    same sizes; it is not changed.  `names` are as in `optimizer_from_state`.  Raises as it does.
    """
    saved, torch = _saved(target, None), sys.modules["torch"]
    if not isinstance(optimizer, saved.rule.kind):
        raise unfit(f"is {type(optimizer).__name__}, and the target {saved.rule.kind.__name__}")
    fastai = hasattr(target, "hypers")
    if optimizer.rows != saved.rule.kind.rows:
        raise unfit(f"moves {optimizer.rows}, and the target does not")
    if getattr(optimizer, "decoupled", False) != saved.settings[0].get("decoupled", False):
        raise unfit("and the target do not both decouple weight decay, or both couple it",
                    "Make one anew: AdamW decouples, and so does fastai by default.")  # fmt: skip
    tables = _tables(names, optimizer.params, len(saved.settings))
    arrays = optimizer.state_arrays()
    parameters = [p for members in _members(target) for p in members]
    states = {}
    for i, (table, p) in enumerate(zip(tables, parameters, strict=True)):
        states[i] = {key: value for key, value in saved.states[i].items()
                     if key in ("do_wd", "force_train")}  # fmt: skip
        for state, key in saved.keys.items():
            array = arrays.get(f"{state}/{table}")
            if array is None and saved.rule.name == "rmsprop":  # there from the start in torch
                array = np.zeros_like(optimizer.params[table])
            if array is not None:
                copy = torch.from_numpy(np.array(array))
                states[i][key] = copy.reshape(p.shape).to(p.device)
        if "t" in arrays or (saved.rule.name == "rmsprop" and not fastai):
            t = int(arrays.get("t", 0))  # torch's RMSprop counts steps, and never asks how many
            own = fastai or saved.rule.name == "sparse_adam"  # a tensor elsewhere
            double = torch.get_default_dtype() == torch.float64
            kind = torch.float64 if double else torch.float32
            states[i]["step"] = t if own else torch.tensor(float(t), dtype=kind)
    where, sizes = "hypers" if fastai else "param_groups", [len(s) for s in _members(target)]
    groups = [dict(group) for group in target.state_dict()[where]]
    _put_settings(optimizer, groups, sizes, tables, fastai)
    return {"state": list(states.values()) if fastai else states, where: groups}


def _members(target: Any) -> list[Any]:
    """Return the parameters of each group of a live optimiser."""
    return [group["params"] for group in target.param_groups]


def _saved(optimizer: Any, decoupled: bool | None) -> Saved:
    """Read a live optimiser, or a state dict of torch's or fastai's."""
    state: Any = optimizer
    if not isinstance(optimizer, Mapping):
        cure = "Pass an optimiser of torch or fastai, or its state_dict()."
        state = require_members("optimizer", optimizer, ("state_dict",), cure).state_dict()
    if "hypers" in state:
        callbacks = [getattr(cb, "func", cb).__name__ for cb in getattr(optimizer, "cbs", ())]
        states = list(state["state"])
        rule = fastai_rule(state["hypers"][0], states, callbacks)
        apart = "l2_reg" not in callbacks if callbacks else decoupled is not False
        lists = getattr(optimizer, "param_lists", None)
        sizes = [len(part) for part in lists] if lists is not None else [len(states)]
        if len(sizes) != len(state["hypers"]):
            raise unfit("has several groups of parameters", "Pass the optimiser, not its state.")
        settings = [
            fastai_settings(rule, hypers, apart)
            for hypers, size in zip(state["hypers"], sizes, strict=True)
            for _ in range(size)
        ]
        for own, held in zip(settings, states, strict=True):
            own["weight_decay"] *= bool(held.get("do_wd", True))
        return Saved(rule, settings, states, FASTAI_STATES[rule.name])
    if "param_groups" not in state or "state" not in state:
        raise unfit("has no 'param_groups' and no 'hypers'", "Pass optimizer.state_dict().")
    rule, settings, states = torch_rule(state["param_groups"][0]), [], []
    for group in state["param_groups"]:
        for setting in ("maximize", "amsgrad"):
            if group.get(setting):
                raise unfit(f"has {setting}=True, and npcf.optim has no such rule")
        for number in group["params"]:
            settings.append(torch_settings(rule, group, decoupled))
            states.append(state["state"].get(number, {}))
    return Saved(rule, settings, states, rule.states)


def _tables(names: Iterable[str], params: Params, n: int) -> list[str]:
    """Return npcf's names of parameters that are named in any layout."""
    cure = "Give [name for name, _ in model.named_parameters()]."
    try:
        names = list(require_type("names", names, Iterable, cure))
    except SAID:  # a 0-d array, or whatever a foreign object says to that
        names = []
    if not all(isinstance(name, str) for name in names):
        raise unfit("does not fit: names are text", cure)
    for layout in LAYOUTS.values():
        table_of = {key: name for name, key in layout.keys.items()}
        if set(names) <= set(table_of):
            names = [table_of[name] for name in names]
            break
    if sorted(names) != sorted(params) or len(names) != n:
        wanted = f"{n} parameters of the optimiser, and the tables {', '.join(params)}"
        raise unfit(f"does not fit: {wanted}, are named {names}", cure)
    return names


def _joined(settings: list[dict[str, Any]], tables: list[str]) -> dict[str, Any]:
    """Return settings as npcf's: one of each, or, where npcf allows, one for each table."""
    joined = dict(settings[0])
    for name in joined:
        each = {table: own[name] for table, own in zip(tables, settings, strict=True)}
        if len(set(each.values())) > 1:
            if name not in PER_TABLE:
                raise unfit(f"has several values of {name}, one for each group",
                            "Give all the same; lr and weight_decay may differ.")  # fmt: skip
            joined[name] = each
    return joined


def _put_settings(
    optimizer: Optimizer, groups: Any, sizes: list[int], tables: list[str], fastai: bool
) -> None:
    """Write npcf's settings into parameter groups, or into fastai's `hypers`."""
    words = {"momentum": "mom", "weight_decay": "wd", "alpha": "sqr_mom"} if fastai else {}
    own = {name: getattr(optimizer, name) for name in optimizer.SETTINGS if name != "rows"}
    own["decoupled_weight_decay"] = own.pop("decoupled", False)
    if fastai:
        del own["decoupled_weight_decay"]  # its callbacks say so
        own["momentum"], own["alpha"] = own.pop("betas", (own.get("momentum"), own.get("alpha")))
    first = 0
    for group, size in zip(groups, sizes, strict=True):
        for name in PER_TABLE:
            each = optimizer.numbers_of(name) if name in own else {}
            values = {each[table] for table in tables[first : first + size] if table in each}
            if len(values) > 1:
                raise unfit(f"has several values of {name} in one group of the target",
                            "Make the target with a group for each.")  # fmt: skip
            for value in values:
                own[name] = value
        for name, value in own.items():
            word = words.get(name, name)
            if word not in group and value:
                raise unfit(f"has {name}={value}, and the target no such setting")
            group |= {word: value} if word in group else {}
        first += size
