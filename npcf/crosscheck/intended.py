"""The optimiser that was meant: from the live one, or from what the caller says.

    intended=dict(optimizer="adamw", lr=5e-3, weight_decay=0.1)

What is not said is torch's default for that optimiser.  A table may have settings of its own:
`of_table={"user_bias": dict(weight_decay=0)}`.  Where a schedule moves the rate of a training step
of the caller's own, lr is a list: one rate for each step, the last one for all that follow.
Where such a step clips gradients, max_grad_norm=1.0 or max_grad_value=0.5 says that it is meant;
alone, intended=dict(max_grad_norm=1.0), it leaves the rest to the live optimizer.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from npcf.crosscheck.evidence import TABLES, Intended
from npcf.crosscheck.subject import unwrapped
from npcf.errors import SettingError, UsageError, require_choice, require_number, require_type
from npcf.suggestions import did_you_mean

_SGD = {"lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False,
        "maximize": False, "decoupled": False}  # fmt: skip
_ADAM = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False,
         "maximize": False, "decoupled": False}  # fmt: skip
RULES: dict[str, tuple[str, dict[str, Any]]] = {  # what callers say: npcf's rule, defaults
    "sgd": ("sgd", _SGD),
    "adam": ("adam", _ADAM),
    "adamw": ("adam", {**_ADAM, "weight_decay": 1e-2, "decoupled": True}),
    "sparse_adam": ("sparse_adam", {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8,
                                    "maximize": False}),
    "rmsprop": ("rmsprop", {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0,
                            "momentum": 0.0, "centered": False, "maximize": False,
                            "decoupled": False}),
    "fastai_adam": ("adam", {**_ADAM, "betas": (0.9, 0.99), "eps": 1e-5, "weight_decay": 1e-2,
                             "decoupled": True}),
}  # fmt: skip
CLASSES = {"SGD": "sgd", "Adam": "adam", "AdamW": "adamw", "SparseAdam": "sparse_adam",
           "RMSprop": "rmsprop"}  # fmt: skip
CLIPS = ("max_grad_norm", "max_grad_value")
CURE = 'Write intended=dict(optimizer="adamw", lr=5e-3, weight_decay=0.1).'


def intended_of(said: Any, optimizer: Any, tables: Mapping[str, Any]) -> Intended | None:
    """Return what was meant; None if nothing tells.

    Raises
    ------
    UsageError, SettingError
        If `said` is no dict, or has unknown names or values.
    """
    if said is None:
        return None if optimizer is None else live_settings(optimizer, tables)
    require_type("intended", said, Mapping, CURE)
    clips: Any = {name: _limit(name, said[name]) for name in CLIPS if name in said}
    if len(clips) > 1:
        raise UsageError("intended", "clips gradients in two ways", "Say max_grad_norm alone.")
    settings = {name: value for name, value in said.items() if name not in CLIPS}
    others_live = clips and not settings and optimizer is not None
    meant = live_settings(optimizer, tables) if others_live else None
    return replace(meant or _said(settings), **clips)


def names_optimizer(said: Any) -> bool:
    """Whether the caller says more than how gradients are clipped."""
    return said is not None and not (isinstance(said, Mapping) and said and {*said} <= {*CLIPS})


def _limit(name: str, value: Any) -> float:
    limit = require_number(f"intended[{name!r}]", value)
    if limit == 0:
        raise SettingError(f"intended[{name!r}]", "lets no gradient through", f"{name}=1.0.")
    return limit


def _said(settings: dict[str, Any]) -> Intended:
    if "optimizer" not in settings:
        raise UsageError("intended", "names no optimizer", CURE)
    rates = _rates(settings)
    name = require_choice("intended['optimizer']", settings.pop("optimizer"), RULES)
    of_table = settings.pop("of_table", {})
    rule, defaults = RULES[name]
    checked = defaults | _checked("intended", settings, defaults)
    require_type(
        "intended['of_table']", of_table, Mapping, 'of_table={"user_bias": dict(lr=1e-3)}.'
    )
    for table in of_table:
        require_choice("intended['of_table']", table, TABLES)
    own = {
        table: _checked(f"intended['of_table'][{table!r}]", more, defaults)
        for table, more in of_table.items()
    }
    return Intended(rule, checked, own, live=False, rates=rates)


def _rates(settings: dict[str, Any]) -> tuple[float, ...]:
    """Return the rates of a schedule, if lr is a sequence of them; its first takes its place."""
    rates = settings.get("lr")
    if not isinstance(rates, list | tuple):
        return ()
    if not rates:
        raise SettingError("intended['lr']", "has no rate", "lr=[5e-3, 4e-3, 3e-3], or lr=5e-3.")
    settings["lr"] = rates[0]
    return tuple(require_number(f"intended['lr'][{t}]", rate) for t, rate in enumerate(rates))


def _checked(
    argument: str, settings: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings with their values checked, or raise."""
    checked: dict[str, Any] = {}
    for name, value in settings.items():
        where = f"{argument}[{name!r}]"
        if name not in known:
            cure = f"{did_you_mean(name, known)}There are {', '.join(known)}."
            raise SettingError(argument, f"has a setting {name!r} that its optimizer has not", cure)
        if isinstance(known[name], bool):
            checked[name] = bool(value)
        elif name == "betas":
            pair = require_type(where, value, tuple | list, "betas=(0.9, 0.999).")
            checked[name] = tuple(require_number(where, x, 0, 1) for x in pair)
        else:
            checked[name] = require_number(where, value)
    return checked


def live_settings(optimizer: Any, tables: Mapping[str, Any]) -> Intended | None:
    """Return what a live optimizer of torch or fastai is set to; None for another kind."""
    optimizer = unwrapped(optimizer)
    if hasattr(optimizer, "hypers") and hasattr(optimizer, "cbs"):
        return _grouped(*_fastai(optimizer), optimizer, tables)
    name = next((c.__name__ for c in type(optimizer).__mro__ if c.__name__ in CLASSES), None)
    if name is None:
        return None
    rule, defaults = RULES[CLASSES[name]]
    groups = [_torch_group(group, defaults) for group in optimizer.param_groups]
    return _grouped(rule, groups, optimizer, tables)


def _torch_group(group: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    settings = dict(defaults)
    for name in defaults:
        if name == "decoupled":
            settings[name] = bool(group.get("decoupled_weight_decay", defaults[name]))
        elif name == "betas":
            settings[name] = tuple(float(beta) for beta in group["betas"])
        elif name in group:
            value = group[name]
            settings[name] = bool(value) if isinstance(defaults[name], bool) else float(value)
    return settings


def _fastai(optimizer: Any) -> tuple[str | None, list[dict[str, Any]]]:
    """Return (rule, settings of each group) of a fastai Optimizer, by the functions it calls."""
    calls = [getattr(f, "__name__", "") or f.func.__name__ for f in optimizer.cbs]
    damped = any(isinstance(f, partial) and f.keywords.get("dampening") for f in optimizer.cbs)
    rule = {"adam_step": "adam", "sgd_step": "sgd", "momentum_step": "sgd",
            "rms_prop_step": "rmsprop"}.get(calls[-1] if calls else "")  # fmt: skip
    if rule == "rmsprop" and "average_grad" in calls:
        rule = None  # it divides the average of gradients, torch averages what is divided
    groups = []
    for hyper in optimizer.hypers:
        lr, decay, momentum = (float(hyper.get(k, 0.0)) for k in ("lr", "wd", "mom"))
        settings: dict[str, Any] = {"lr": lr, "weight_decay": decay}
        settings["decoupled"] = "weight_decay" in calls
        if rule == "adam":
            settings |= {"betas": (momentum, float(hyper["sqr_mom"])), "eps": float(hyper["eps"])}
        elif rule == "sgd" and "average_grad" in calls:
            settings |= {"momentum": momentum, "dampening": momentum if damped else 0.0}
        elif rule == "rmsprop":
            settings |= {"alpha": float(hyper["sqr_mom"]), "eps": float(hyper["eps"])}
        groups.append(settings)
    return rule, groups


def _grouped(
    rule: str | None, groups: list[dict[str, Any]], optimizer: Any, tables: Mapping[str, Any]
) -> Intended | None:
    """Return the settings of the first table's group, and what differs in the others'."""
    if rule is None or not groups:
        return None
    members = [list(group["params"]) for group in optimizer.param_groups]
    group_of = {
        name: k
        for name, table in tables.items()
        for k, group in enumerate(members)
        if any(p is table for p in group)
    }
    common = groups[next(iter(group_of.values()), 0)]
    of_table = {}
    for name, k in group_of.items():
        own = {key: value for key, value in groups[k].items() if value != common[key]}
        own |= _no_decay(optimizer, tables[name], common)
        if own:
            of_table[name] = own
    return Intended(rule, common, of_table)


def _no_decay(optimizer: Any, table: Any, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return the decay of 0 that fastai marks on a parameter: do_wd=False in its state."""
    marked = hasattr(optimizer, "hypers") and optimizer.state[table].get("do_wd") is False
    return {"weight_decay": 0.0} if marked and common["weight_decay"] else {}
