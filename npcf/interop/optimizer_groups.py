"""Settings of an optimiser in the words of torch and fastai, and in npcf's.

    rule           npcf        torch                  fastai                   state
    sgd            SGD         SGD                    SGD                      buffers
    adam           Adam        Adam, AdamW            Adam                     m, v, t
    sparse_adam    SparseAdam  SparseAdam                                      m, v, t
    rmsprop        RMSProp     RMSprop                RMSProp (mom=0)          v, averages, buffers

torch's parameter groups and fastai's `hypers` do not name the rule; the settings that they hold do.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from npcf.errors import UsageError
from npcf.optim import SGD, Adam, Optimizer, RMSProp, SparseAdam


class Rule(NamedTuple):
    """An update rule of npcf, and torch's names of its settings and of its state."""

    name: str
    kind: type[Optimizer]
    settings: tuple[str, ...]  # beside lr, and under the same name in both
    states: Mapping[str, str]


RULES = {
    rule.name: rule
    for rule in (
        Rule("sgd", SGD, ("momentum", "dampening", "nesterov", "weight_decay"),
             {"buffers": "momentum_buffer"}),
        Rule("adam", Adam, ("betas", "eps", "weight_decay"), {"m": "exp_avg", "v": "exp_avg_sq"}),
        Rule("sparse_adam", SparseAdam, ("betas", "eps"), {"m": "exp_avg", "v": "exp_avg_sq"}),
        Rule("rmsprop", RMSProp, ("alpha", "eps", "weight_decay", "momentum", "centered"),
             {"v": "square_avg", "averages": "grad_avg", "buffers": "momentum_buffer"}),
    )
}  # fmt: skip
# fastai's names of state, for each of npcf's.
FASTAI_STATES = {
    "sgd": {"buffers": "grad_avg"},
    "adam": {"m": "grad_avg", "v": "sqr_avg"},
    "rmsprop": {"v": "sqr_avg"},
}


def torch_rule(group: Mapping[str, Any]) -> Rule:
    """Return the rule whose settings a parameter group of torch has, or raise UsageError."""
    have = set(group)
    name = ""
    if {"momentum", "dampening", "nesterov"} <= have:
        name = "sgd"
    elif {"alpha", "centered"} <= have:
        name = "rmsprop"
    elif {"betas", "amsgrad"} <= have:
        name = "adam"
    elif {"betas", "eps"} <= have and "weight_decay" not in have:
        name = "sparse_adam"
    if not name:
        settings = ", ".join(sorted(map(str, have - {"params"}))) or "none at all"
        raise unfit(f"has the settings {settings}, which are of no rule that npcf has")
    return RULES[name]


def torch_settings(rule: Rule, group: Mapping[str, Any], decoupled: bool | None) -> dict[str, Any]:
    """Return npcf's settings of a parameter group.

    `decoupled` says whether an Adam's decay is; None: the group says so, since torch 2.6.
    """
    settings = {name: _plain(group[name]) for name in ("lr", *rule.settings) if name in group}
    if "betas" in settings:
        settings["betas"] = tuple(settings["betas"])
    if rule.name == "adam":
        said = group.get("decoupled_weight_decay", decoupled)
        if said is None and settings["weight_decay"]:
            raise unfit("does not say whether it is Adam's or AdamW's",
                        "Say so: decoupled=True for AdamW, False for Adam.")  # fmt: skip
        settings["decoupled"] = bool(said)
    return settings


def fastai_rule(hypers: Mapping[str, Any], states: Sequence[Any], callbacks: Sequence[str]) -> Rule:
    """Return the rule of fastai's hyper-parameters, told by what its callbacks do or have kept."""
    steps = {"sgd_step": "sgd", "momentum_step": "sgd", "adam_step": "adam",
             "rms_prop_step": "rmsprop"}  # fmt: skip
    kept = {key for state in states for key in state}
    name = next((steps[name] for name in callbacks if name in steps), "")
    if not name and not any(name.endswith("_step") for name in callbacks):
        if "sqr_mom" not in hypers:
            name = "sgd"
        elif "step" in kept:
            name = "adam"
        elif "sqr_avg" in kept:
            name = "rmsprop"
    if not name:
        raise unfit("does not say which rule it is of", "Pass the optimiser itself, not its state.")
    if name == "rmsprop" and hypers.get("mom"):
        raise unfit("is fastai's RMSProp with momentum, which averages gradients before dividing")
    return RULES[name]


def fastai_settings(rule: Rule, hypers: Mapping[str, Any], decoupled: bool) -> dict[str, Any]:
    """Return npcf's settings of one of fastai's `hypers`."""
    h = {key: _plain(value) for key, value in hypers.items()}
    settings = {"lr": h["lr"], "weight_decay": h.get("wd", 0.0), "decoupled": decoupled}
    if rule.name == "sgd":
        return settings | {"momentum": h.get("mom", 0.0)}
    if rule.name == "adam":
        return settings | {"betas": (h["mom"], h["sqr_mom"]), "eps": h["eps"]}
    return settings | {"alpha": h["sqr_mom"], "eps": h["eps"]}


def unfit(problem: str, cure: str = "Pass SGD, Adam, AdamW, SparseAdam or RMSprop.") -> UsageError:
    """Return the error for an optimiser that npcf has no match of."""
    return UsageError("optimizer", problem, cure)


def _plain(value: Any) -> Any:
    """Return a number for a tensor or an array of one."""
    return value.item() if hasattr(value, "item") else value
