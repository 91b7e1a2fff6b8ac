"""Training steps as files hold them, under npcf's names, and the evidence that they make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import (
    Array,
    Evidence,
    Fact,
    Intended,
    Probe,
    Seen,
    Stepped,
    Tables,
    Trained,
)
from npcf.crosscheck.mapping import Mapped, map_tables, mapped_by_hand
from npcf.crosscheck.names import is_mean_name
from npcf.errors import DataError, ShapeError, UsageError, require_ids
from npcf.verify.libraries import TORCH

Gradients = Mapping[str, Array | None]


@dataclass
class Written:
    """One training step; what is None was not written down.

    `gradients` are those that the optimiser was given, `state` is the optimiser's before the step
    (as in `Stepped`), `meant` is what the optimiser was set to at this step.
    """

    users: Array
    items: Array
    rating: Array
    before: Tables
    output: Array | None = None
    loss: Array | None = None
    gradients: Gradients | None = None
    after: Tables | None = None
    state: Mapping[str, Array] | None = None
    meant: Intended | None = None


@dataclass
class Subject:
    """What is known of a model whose steps were written down."""

    mapped: Mapped
    y_range: tuple[float, float] | None
    intended: Intended | None = None
    computes_in: str = ""  # if narrower than its tables
    mean: float = 0.0
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Table:
    """An array as `map_tables` looks at a tensor."""

    def __init__(self, array: Array):
        self.array, self.ndim, self.shape = array, array.ndim, array.shape

    def __len__(self) -> int:
        return len(self.array)

    def numel(self) -> int:
        """Return how many numbers there are."""
        return self.array.size

    def is_floating_point(self) -> bool:
        """Return whether they are real floats."""
        return self.array.dtype.kind == "f"


def find_tables(
    parameters: Mapping[str, Array], least: tuple[int, int], paths: Mapping[str, str] | None = None
) -> Mapped:
    """Return which of the parameters are the tables; `paths` says so by hand.

    Where sizes and names leave it open, the first table is taken for the users', which is
    `Mapped.assumed`: no model is there to probe.

    Raises DataError where no choice is better than another.
    """
    shaped = {path: _Table(array) for path, array in parameters.items()}
    try:
        if paths:
            found = mapped_by_hand(shaped, paths)
        else:
            found = map_tables(shaped, (None, None), least, lambda table: True)
    except UsageError as error:
        problem = error.message.partition(f". {error.cure}")[0].removeprefix("model: ")
        cure = "Name them: --tables user_factors=NAME,item_factors=NAME,user_bias=NAME,..."
        raise DataError("the file", problem, cure) from None
    tables = tables_of(parameters, found.paths)
    rows = {name: len(table) for name, table in tables.items()}
    for side in ("user", "item"):
        if rows.get(f"{side}_bias", rows[f"{side}_factors"]) != rows[f"{side}_factors"]:
            problem = f"has {rows[f'{side}_bias']} rows for {rows[f'{side}_factors']} of factors"
            raise ShapeError(found.paths[f"{side}_bias"], problem, "Take all tables of one model.")
    p, q = tables["user_factors"], tables["item_factors"]
    if p.ndim != 2 or q.ndim != 2 or p.shape[1] != q.shape[1]:
        problem = f"has shape {q.shape}, and {found.paths['user_factors']} {p.shape}"
        cure = "Factors are (U, K) and (I, K)."
        raise ShapeError(found.paths["item_factors"], problem, cure)
    found.tables = tables
    return found


def tables_of(parameters: Mapping[str, Array], paths: Mapping[str, str]) -> dict[str, Array]:
    """Return the tables under npcf's names, biases (n,)."""
    tables = {name: np.asarray(parameters[path]) for name, path in paths.items()}
    return {
        name: table.reshape(len(table)) if name.endswith("bias") else table
        for name, table in tables.items()
    }


def mean_of(mapped: Mapped) -> float:
    """Return the constant that a model adds to each logit, if it has one."""
    for path, table in mapped.extra.items():
        if is_mean_name(path) and table.numel() == 1:
            return float(table.array.reshape(()))
    return 0.0


def evidence_of(steps: Sequence[Written], subject: Subject) -> Evidence:
    """Return the evidence of steps that were written down one after the other.

    Raises IdRangeError, ShapeError or DataError where ids lie beyond the tables, lengths differ, or
    a number that is given is not finite.
    """
    tables = steps[0].before
    (n_users, k), n_items = tables["user_factors"].shape, len(tables["item_factors"])
    dtype = np.result_type(*tables.values())
    for step in steps:
        _check(step, n_users, n_items)
    evidence = Evidence(
        n_users, n_items, k, dtype, subject.y_range, intended=subject.intended,
        computes_in=subject.computes_in or str(dtype), library=TORCH, paths=subject.mapped.paths,
        mapped_by=subject.mapped.by, mean=subject.mean, facts=subject.facts, notes=subject.notes,
        looked_at=("mapping",),
    )  # fmt: skip
    if subject.mapped.assumed:
        evidence.notes.append("the first table is taken for the users': sizes and names do not say")
    probes = [_probe(step, i, len(steps), dtype) for i, step in enumerate(steps)]
    for i, (step, probe) in enumerate(zip(steps, probes, strict=True)):
        if step.output is None and step.loss is None and step.gradients is None:
            continue
        seen = Seen(probe, None if step.output is None else np.asarray(step.output, np.float64))
        if step.loss is not None and step.output is not None:
            seen.loss = np.asarray(step.loss, np.float64), None
        if i == 0:  # later ones may hold what was not cleared: that is the training loop's
            seen.gradients = step.gradients
        evidence.seen.append(seen)
    _add_steps(evidence, steps, probes)
    return evidence


def _check(step: Written, n_users: int, n_items: int) -> None:
    """Raise unless a batch fits its tables, and all numbers that are given are finite."""
    n = len(step.rating)
    for name, ids, rows in (("users", step.users, n_users), ("items", step.items, n_items)):
        if np.shape(ids) != (n,):
            raise ShapeError(name, f"has shape {np.shape(ids)} for {n} ratings", "Give (B,) each.")
        require_ids(name, ids, rows)
    for name, array in (("rating", step.rating), *step.before.items()):
        bad = ~np.isfinite(array)
        if bad.any():
            place = tuple(map(int, np.unravel_index(int(bad.argmax()), array.shape)))
            problem, cure = f"is {array[place]}, not finite", "Record before training diverges."
            where = place[0] if len(place) == 1 else place
            raise DataError(name, problem, cure, position=where, value=float(array[place]))


def _probe(step: Written, i: int, n: int, dtype: Any) -> Probe:
    name = "yours" if n == 1 else f"recorded step {i + 1}"
    rating = np.asarray(step.rating, dtype)
    return Probe(name, step.before, np.asarray(step.users), np.asarray(step.items), rating, None)


def _add_steps(evidence: Evidence, steps: Sequence[Written], probes: list[Probe]) -> None:
    """Add what the optimiser did, as long as nothing else moved the tables in between."""
    whole = 0
    while whole < len(steps) and steps[whole].after is not None:
        if whole and not _equal(steps[whole - 1].after, steps[whole].before):
            said = f"between recorded steps {whole} and {whole + 1} something else moved the tables"
            cure = "Call record.step in each iteration, around all that changes parameters."
            evidence.facts.append(Fact("step", "moved_in_between", said, cure, False))
            break
        whole += 1
    if not whole:
        return
    if evidence.intended is None:
        evidence.notes.append("the optimiser is not said: its steps are not judged (--optimizer)")
        return
    taken, state = steps[:whole], steps[0].state
    tables: list[Any] = [steps[0].before, *(step.after for step in taken)]
    meant = [step.meant for step in taken if step.meant is not None]
    meant = meant if any(each != meant[0] for each in meant) else []
    gradients = [step.gradients for step in taken if step.gradients is not None]
    if len(gradients) == whole:
        evidence.stepped.append(Stepped(gradients, tables, state, "recorded gradients", meant))
    losses = [float("nan") if step.loss is None else float(np.mean(step.loss)) for step in taken]
    evidence.trained = Trained(
        probes[:whole], tables, losses, gradients if len(gradients) == whole else (), state,
        None, meant,
    )  # fmt: skip


def _equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(a[name], b[name], equal_nan=True) for name in b)
