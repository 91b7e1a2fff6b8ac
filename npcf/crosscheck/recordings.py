"""A recording of training steps (`npcf crosscheck --recorder`), read and made evidence."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from npcf.crosscheck.evidence import Array, Evidence, Fact, Intended
from npcf.crosscheck.intended import intended_of
from npcf.crosscheck.written import (
    Gradients,
    Subject,
    Written,
    evidence_of,
    find_tables,
    mean_of,
    tables_of,
)
from npcf.errors import DataError, NpcfError, UsageError
from npcf.interop import TensorFile
from npcf.interop.optimizer_groups import fastai_rule, fastai_settings, torch_rule, torch_settings

RECORDING = "recording"
STATES = {  # the sources' names of state: npcf's, for the rules that have them
    "exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "vmax", "momentum_buffer": "buf",
    "square_avg": "v", "sqr_avg": "v",
}  # fmt: skip
AVERAGES = {"sgd": "buf", "adam": "m", "rmsprop": "a"}  # what fastai and RMSprop call grad_avg
ANEW = "Record anew: npcf crosscheck --recorder prints how."


class Look(NamedTuple):
    """Model and optimiser at one moment, under the model's own names."""

    parameters: dict[str, Array]
    gradients: dict[str, Array]
    state: dict[str, dict[str, Any]]
    about: Mapping[str, Any]


def is_recording(file: TensorFile) -> bool:
    """Whether a file was written by the recorder."""
    return RECORDING in file.text


def evidence_of_recording(
    file: TensorFile, *, y_range: tuple[float, float] | None = None, intended: Any = None,
    tables: Mapping[str, str] | None = None,
) -> Evidence:  # fmt: skip
    """Return the evidence that a recording holds.

    Parameters
    ----------
    file : TensorFile
        Of `npcf.interop.read_tensors`.
    y_range : (low, high), optional
        What was meant; default: what the recorder was told, or the model's own attribute.
    intended : mapping, optional
        The optimiser that was meant: dict(optimizer="adamw", lr=...); default: what the recorder
        was told, otherwise the settings of the optimiser itself.
    tables : mapping, optional
        Which parameter is which table, by hand.

    Raises
    ------
    DataError
        If the recording is not whole.
    """
    try:
        return _evidence(file, y_range, intended, tables)
    except NpcfError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
            ValueError) as error:  # fmt: skip
        problem = f"is no whole recording ({type(error).__name__}: {error})"
        raise DataError("the file", problem, ANEW) from None


def _evidence(file: TensorFile, y_range: Any, intended: Any, paths: Any) -> Evidence:
    about = json.loads(file.text[RECORDING])
    if about["version"] != 1:
        raise DataError("the file", f"is a recording of version {about['version']!r}", ANEW)
    if not about["steps"]:
        raise DataError("the file", "has no step", ANEW)
    pairs = [
        (_look(file, f"{k}/before/", step["before"]), _look(file, f"{k}/after/", step["after"]))
        for k, step in enumerate(about["steps"])
    ]
    batches = [_batch(file, k) for k in range(len(pairs))]
    first = pairs[0][0]
    least = tuple(max((int(ids.max(initial=-1)) for ids in side), default=-1) + 1
                  for side in zip(*[batch[:2] for batch in batches], strict=True))  # fmt: skip
    mapped = find_tables(first.parameters, (least[0], least[1]), paths)
    if y_range is None and about["y_range"] is not None:
        low, high = about["y_range"]
        y_range = float(low), float(high)
    said = about["intended"] if intended is None else intended
    subject = Subject(mapped, y_range, computes_in=_computes_in(file), mean=mean_of(mapped))
    if said is not None:
        subject.intended = intended_of(said, None, {})
    else:
        subject.intended = _live(about, first, mapped.paths, subject.notes)
    live = said is None and subject.intended is not None
    subject.facts += _contract(first, mapped.paths)
    rule = subject.intended.rule if subject.intended else ""
    steps = [
        Written(
            *batch,
            before=tables_of(before.parameters, mapped.paths),
            output=file.tensors[f"{k}/output"],
            loss=file.tensors[f"{k}/loss"],
            gradients=gradients_of(before.gradients, mapped.paths, mapped.tables),
            after=tables_of(after.parameters, mapped.paths),
            state=_state(before, mapped.paths, mapped.tables, rule),
            meant=_live(about, before, mapped.paths, []) if live else None,
        )
        for k, (batch, (before, after)) in enumerate(zip(batches, pairs, strict=True))
    ]
    found = evidence_of(steps, subject)
    found.looked_at = (*found.looked_at, "contract")
    return found


def _look(file: TensorFile, at: str, about: Mapping[str, Any]) -> Look:
    """Return what the recorder saw at one moment."""
    parts: dict[str, dict[str, Array]] = {"parameters": {}, "gradients": {}, "state": {}}
    for name, array in file.tensors.items():
        part, _, path = name.removeprefix(at).partition("/")
        if name.startswith(at) and part in parts:
            parts[part][path] = array
    state: dict[str, dict[str, Any]] = {
        path: dict(numbers) for path, numbers in about["state"].items()
    }
    for path, array in parts["state"].items():
        name, _, key = path.rpartition("/")
        state.setdefault(name, {})[key] = array
    return Look(parts["parameters"], parts["gradients"], state, about)


def _batch(file: TensorFile, k: int) -> tuple[Array, Array, Array]:
    """Return users, items, rating of a step."""
    x, rating = file.tensors[f"{k}/x/0"], file.tensors[f"{k}/rating"]
    if x.ndim == 2 and x.shape[1] == 2:
        users, items = x[:, 0], x[:, 1]
    else:
        users, items = x, file.tensors[f"{k}/x/1"]
    users, items, rating = (a.reshape(-1) for a in (users, items, rating))
    if rating.dtype.kind not in "fiu":
        raise DataError(f"{k}/rating", f"has dtype {rating.dtype}", "Give numbers.")
    return users, items, rating.astype(np.float64)


def _computes_in(file: TensorFile) -> str:
    """Return a dtype narrower than that of the arrays, as under autocast."""
    return file.narrow


def gradients_of(
    gradients: Mapping[str, Array], paths: Mapping[str, str], tables: Mapping[str, Array]
) -> Gradients:
    """Return gradients under npcf's names, None where there is none."""
    return {
        name: gradients[path].reshape(tables[name].shape) if path in gradients else None
        for name, path in paths.items()
    }


def _state(
    look: Look, paths: Mapping[str, str], tables: Mapping[str, Array], rule: str
) -> dict[str, Array] | None:
    """Return the optimiser's state as `npcf.verify.loop.Loop` names it, None before any step."""
    found: dict[str, Array] = {}
    for name, path in paths.items():
        for key, value in look.state.get(path, {}).items():
            if key == "step":
                t = np.array(int(np.asarray(value)))
                found["t"] = np.maximum(found.get("t", t), t)
            own = AVERAGES.get(rule) if key == "grad_avg" else STATES.get(key)
            if own is not None and np.ndim(value):
                found[f"{own}/{name}"] = np.asarray(value).reshape(tables[name].shape)
    return found or None


def _live(
    about: Mapping[str, Any], look: Look, paths: Mapping[str, str], notes: list[str]
) -> Intended | None:
    """Return the optimiser's own settings; None, and why in `notes`, for one without a match."""
    groups = look.about["groups"]
    if not groups:
        return None
    calls = [call.partition(" ")[0] for call in about["callbacks"]]
    try:
        if calls:
            rule = fastai_rule(groups[0], [], calls)
            each = [fastai_settings(rule, group, "l2_reg" not in calls) for group in groups]
        else:
            rule = torch_rule(groups[0])
            decoupled = about["optimizer"] == "AdamW"
            each = [torch_settings(rule, group, decoupled) for group in groups]
    except UsageError as error:
        notes.append(f"steps are not judged: the optimiser {about['optimizer']} "
                     f"{error.message.removeprefix('optimizer: ')}")  # fmt: skip
        return None
    for settings, group in zip(each, groups, strict=True):
        settings |= {key: True for key in ("maximize", "amsgrad") if group.get(key) is True}
    of_table = {}
    for name, path in paths.items():
        k = next((k for k, group in enumerate(groups) if path in group["params"]), 0)
        own = {key: value for key, value in each[k].items() if each[0].get(key) != value}
        if look.state.get(path, {}).get("do_wd") is False:  # as fastai marks biases
            own["weight_decay"] = 0.0
        if own:
            of_table[name] = own
    return Intended(rule.name, each[0], of_table)


def _contract(look: Look, paths: Mapping[str, str]) -> list[Fact]:
    """Return what is wrong with the groups of the optimiser."""
    facts: list[Fact] = []
    groups = [path for group in look.about["groups"] for path in group["params"]]
    for path in paths.values():
        frozen = path in look.about["frozen"]
        if frozen:
            said = f"{path} has requires_grad=False: it is not trained"
            facts.append(Fact("contract", "frozen", said, f"{path}.requires_grad_(True)", False))
        if look.about["groups"] and groups.count(path) != 1 and not frozen:
            said = f"{path} is in {groups.count(path)} groups of the optimiser"
            cure = "Give the optimiser model.parameters(), each once."
            facts.append(Fact("contract", "not_in_one_group", said, cure, True))
    return facts
