"""The lines of one update, for each rule: as `npcf.optim` computes them, in its order.

A line's value is computed from those before it, for the rows that the batch names.  Where a rule
keeps something from step to step (m, v, a buffer), `old` has what it was before this one.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from npcf.errors import UsageError
from npcf.optim import SGD, Adam, Optimizer, RMSProp, SparseAdam

Arrays = dict[str, Any]


class Line(NamedTuple):
    """One line of an update: its symbol, its formula, its numbers, its value."""

    name: str
    title: str
    latex: str
    numbers: str
    value: Callable[[Arrays], Any]


def settings_of(opt: Optimizer, table: str) -> Arrays:
    """Return the settings in force at the next step of `opt`, for one table."""
    settings: Arrays = {name: getattr(opt, name) for name in ("lr", "weight_decay")}
    settings = {name: opt.numbers_of(name)[table] for name in settings}
    for name in ("momentum", "dampening", "alpha", "eps"):
        settings[name] = getattr(opt, name, 0.0)
    if isinstance(opt, Adam | SparseAdam):
        settings["beta1"], settings["beta2"] = opt.betas
        settings["t"] = opt.t + 1
    return settings


def kept_by(opt: Optimizer, table: str, rows: Any) -> Arrays:
    """Return what the rule has kept of these rows: m, v, buf, a; without it, nothing."""
    names = {"m": "m", "v": "v", "buf": "buffers", "a": "averages"}
    found: dict[str, Mapping[str, Any]] = {n: getattr(opt, s, {}) for n, s in names.items()}
    return {
        name: np.array(tables[table][rows]) for name, tables in found.items() if table in tables
    }


def lines_of(opt: Optimizer, settings: Arrays, kept: Arrays) -> list[Line]:
    """Return the lines of one update by `opt`; the last is the new value of w.

    Raises UsageError for a rule that is not npcf's.
    """
    for rule, lines in RULES.items():
        if type(opt) is rule:
            return [*lines(opt, settings, kept)]
    known = ", ".join(rule.__name__ for rule in RULES)
    raise UsageError("opt", f"{type(opt).__name__} has no lines to show", f"Pass one of {known}.")


def decay_of(opt: Optimizer, settings: Arrays) -> Line | None:
    """Return the line of weight decay, also where it is 0; None for a rule without decay."""
    if not hasattr(opt, "decoupled"):
        return None
    return next(_decay(opt, settings | {"weight_decay": 1.0}))


def _decay(opt: Any, s: Arrays) -> Iterator[Line]:
    if not s["weight_decay"]:
        return
    if opt.decoupled:
        yield Line("w", "decoupled decay", r"w \leftarrow w\,(1 - \eta\,\lambda)",
                   "{w} * (1 - {lr} * {weight_decay})",
                   lambda v: v["w"] * (1 - s["lr"] * s["weight_decay"]))  # fmt: skip
    else:
        yield Line("g", "coupled decay", r"g \leftarrow g + \lambda w",
                   "{g} + {weight_decay} * {w}",
                   lambda v: v["g"] + s["weight_decay"] * v["w"])  # fmt: skip


def _sgd(opt: Any, s: Arrays, kept: Arrays) -> Iterator[Line]:
    yield from _decay(opt, s)
    if s["momentum"] and "buf" not in kept:
        yield Line("buf", "buffer, at the first step", r"b \leftarrow g", "{g}",
                   lambda v: v["g"] * 1)  # fmt: skip
    elif s["momentum"]:
        yield Line("buf", "buffer", r"b \leftarrow \mu b + (1 - d)\,g",
                   "{buf} * {momentum} + (1 - {dampening}) * {g}",
                   lambda v: v["buf"] * s["momentum"] + (1 - s["dampening"]) * v["g"])  # fmt: skip
    if s["momentum"] and opt.nesterov:
        yield Line("g", "look ahead", r"g \leftarrow g + \mu b", "{g} + {momentum} * {buf}",
                   lambda v: v["g"] + s["momentum"] * v["buf"])  # fmt: skip
    elif s["momentum"]:
        yield Line("g", "in the gradient's place", r"g \leftarrow b", "{buf}", lambda v: v["buf"])
    yield _move(s)


def _move(s: Arrays) -> Line:
    return Line("new", "new value", r"w \leftarrow w - \eta g", "{w} - {lr} * {g}",
                lambda v: v["w"] - s["lr"] * v["g"])  # fmt: skip


def _adam(opt: Any, s: Arrays, kept: Arrays) -> Iterator[Line]:
    beta1, beta2, t = s["beta1"], s["beta2"], s["t"]
    yield from _decay(opt, s)
    yield Line("m", "first moment", r"m \leftarrow \beta_1 m + (1 - \beta_1)\,g",
               "{m} * {beta1} + (1 - {beta1}) * {g}",
               lambda v: v["m"] * beta1 + (1 - beta1) * v["g"])  # fmt: skip
    yield Line("v", "second moment", r"v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2",
               "{v} * {beta2} + (1 - {beta2}) * {g} * {g}",
               lambda v: v["v"] * beta2 + (1 - beta2) * v["g"] * v["g"])  # fmt: skip
    yield Line("m_hat", "corrected", r"\hat m = m / (1 - \beta_1^t)", "{m} / (1 - {beta1}**{t})",
               lambda v: v["m"] / (1 - beta1**t))  # fmt: skip
    yield Line("v_hat", "corrected", r"\hat v = v / (1 - \beta_2^t)", "{v} / (1 - {beta2}**{t})",
               lambda v: v["v"] / (1 - beta2**t))  # fmt: skip
    yield Line("new", "new value", r"w \leftarrow w - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)",
               "{w} - {lr} * {m_hat} / (sqrt({v_hat}) + {eps})",
               lambda v: v["w"] - s["lr"] * (1 / (1 - beta1**t)) * v["m"] / (
                   np.sqrt(1 / (1 - beta2**t) * v["v"]) + s["eps"]))  # fmt: skip


def _sparse_adam(opt: Any, s: Arrays, kept: Arrays) -> Iterator[Line]:
    beta1, beta2, t = s["beta1"], s["beta2"], s["t"]
    rate = s["lr"] * (np.sqrt(1 - beta2**t).item() / (1 - beta1**t))
    yield Line("m", "first moment", r"m \leftarrow m + (1 - \beta_1)(g - m)",
               "{m} + (1 - {beta1}) * ({g} - ({m}))",
               lambda v: v["m"] + (1 - beta1) * (v["g"] - v["m"]))  # fmt: skip
    yield Line("v", "second moment", r"v \leftarrow v + (1 - \beta_2)(g^2 - v)",
               "{v} + (1 - {beta2}) * ({g} * {g} - {v})",
               lambda v: v["v"] + (1 - beta2) * (v["g"] * v["g"] - v["v"]))  # fmt: skip
    yield Line("new", "new value",
               r"w \leftarrow w - \eta\,\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}"
               r"\,\frac{m}{\sqrt v + \epsilon}",
               "{w} - {lr} * sqrt(1 - {beta2}**{t}) / (1 - {beta1}**{t})"
               " * {m} / (sqrt({v}) + {eps})",
               lambda v: v["w"] - rate * (v["m"] / (np.sqrt(v["v"]) + s["eps"])))  # fmt: skip


def _rmsprop(opt: Any, s: Arrays, kept: Arrays) -> Iterator[Line]:
    alpha = s["alpha"]
    yield from _decay(opt, s)
    yield Line("v", "mean square", r"v \leftarrow \alpha v + (1 - \alpha)\,g^2",
               "{v} * {alpha} + (1 - {alpha}) * {g} * {g}",
               lambda v: v["v"] * alpha + (1 - alpha) * v["g"] * v["g"])  # fmt: skip
    spread = "v"
    if opt.centered:
        spread = "var"
        yield Line("a", "mean", r"a \leftarrow \alpha a + (1 - \alpha)\,g",
                   "{a} * {alpha} + (1 - {alpha}) * {g}",
                   lambda v: v["a"] * alpha + (1 - alpha) * v["g"])  # fmt: skip
        yield Line("var", "variance", r"\max(v - a^2, 0)", "max({v} - {a} * {a}, 0)",
                   lambda v: np.maximum(v["v"] - v["a"] * v["a"], 0))  # fmt: skip
    yield Line("g", "in the gradient's place", r"g \leftarrow g / (\sqrt{v} + \epsilon)",
               f"{{g}} / (sqrt({{{spread}}}) + {{eps}})",
               lambda v: v["g"] / (np.sqrt(v[spread]) + s["eps"]))  # fmt: skip
    if s["momentum"]:
        yield Line("buf", "buffer", r"b \leftarrow \mu b + g", "{buf} * {momentum} + {g}",
                   lambda v: v["buf"] * s["momentum"] + v["g"])  # fmt: skip
        yield Line("g", "in the gradient's place", r"g \leftarrow b", "{buf}", lambda v: v["buf"])
    yield _move(s)


RULES: dict[type, Any] = {SGD: _sgd, Adam: _adam, SparseAdam: _sparse_adam, RMSProp: _rmsprop}
