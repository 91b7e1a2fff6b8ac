"""Watch a live subject on the probes, stage by stage; the only rooms that touch it are beside this.

Each stage is given right input, whatever the stage before made of it: the loss gets the reference's
prediction, the backward pass a planted gradient, the optimizer planted gradients.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf.crosscheck.batch import Batch, read_batch
from npcf.crosscheck.computing import computes_in, library_of_subject
from npcf.crosscheck.contract import contract_facts, contract_notes
from npcf.crosscheck.evidence import Array, Evidence, Fact, Probe, Raised
from npcf.crosscheck.guard import guarded
from npcf.crosscheck.intended import intended_of, names_optimizer
from npcf.crosscheck.mapping import Mapped, by_hand, map_tables, mapped_by_hand, mean_of
from npcf.crosscheck.padding import padding_left_out, without_padding
from npcf.crosscheck.probes import designed_probes
from npcf.crosscheck.running import run_probe
from npcf.crosscheck.stepping import moved_settings, own_steps, planted_steps
from npcf.crosscheck.subject import Subject, attempt, subject_of
from npcf.crosscheck.torch_objects import NARROW, dtype_name, rounded, to_array
from npcf.errors import UsageError


def observe(
    model: Any, users: Any, items: Any, rating: Any, *, y_range: tuple[float, float] | None = None,
    loss: Any = None, optimizer: Any = None, steps: int = 1, step: Any = None,
    intended: Any = None, n_users: int | None = None, n_items: int | None = None, seed: int = 0,
) -> Evidence:  # fmt: skip
    """Return everything that is seen of a live subject, which is left bit-identical.

    Parameters
    ----------
    model : module, Learner, function, or (one of them, {table: path})
        Called with x (B, 2) or with two columns.
    users, items : (B,) arrays of int
        The caller's batch, as row numbers.
    rating : (B,) array
        Its ratings.
    y_range : (low, high) or None
        Range of the sigmoid that is meant.
    loss : function of (pred, rating), optional
        Default: mean squared error.
    optimizer : torch or fastai optimizer, optional
        The live one; its state is put back.
    steps : int
        Fewest steps of the optimizer that are watched.
    step : function of (x, rating), optional
        A training step of the caller's own; called once for each of four batches.
    intended : mapping, optional
        What was meant, `npcf.crosscheck.intended`.
    n_users, n_items : int, optional
        Rows of the tables, where ids cannot tell.

    Raises
    ------
    UsageError
        If the model cannot be called, or its tables cannot be told.
    """
    subject = subject_of(model, loss, optimizer, step)
    batch = read_batch(users, items, rating)
    with guarded(subject.touched()), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        with guarded(subject.touched()):  # a forward pass may write
            subject.choose_form()
        mapped = _map(subject, batch, (n_users, n_items))
        subject.tables = mapped.tables
        subject.rating_dtype = batch.wider_than(subject.like)
        evidence = _evidence(subject, mapped, y_range)
        if subject.optimizer is None and not names_optimizer(intended):
            subject.optimizer = subject.optimizer_of_step()
        evidence.intended = intended_of(intended, subject.optimizer, subject.tables)
        evidence.facts += [*batch.facts, *contract_facts(subject, evidence)]
        evidence.notes += contract_notes(subject, evidence)
        rng = np.random.default_rng(seed)
        probes = [_yours(subject, batch, rng)]
        shapes = {name: w.shape for name, w in probes[0].tables.items()}
        like = subject.like

        def to_dtype(array: Array) -> Array:
            return rounded(array, like)

        probes += designed_probes(shapes, y_range, to_dtype, rng, evidence.dtype)
        padding, said_of = padding_left_out(subject, batch)
        evidence.facts += said_of
        probes = [probes[0], *(without_padding(probe, padding) for probe in probes[1:])]
        for probe in probes:
            subject.put(probe.tables)
            seen, facts = run_probe(subject, probe, y_range, evidence.mean)
            evidence.seen.append(seen)
            evidence.facts += [fact for fact in facts if fact not in evidence.facts]
        sparse = evidence.seen[1].sparse or evidence.seen[0].sparse
        by_name = {probe.name: probe for probe in probes}
        if subject.optimizer is not None:
            evidence.stepped += planted_steps(
                subject, by_name["designed"], max(steps, 4), sparse, rng
            )
        if subject.step is not None:
            batches = [by_name[name] for name in ("low", "yours", "low", "designed")]
            evidence.trained = own_steps(subject, batches, evidence.intended)
            evidence.trained.given = probes[0].tables
            evidence.notes += moved_settings(evidence.trained.meant)
    evidence.notes += [f"a warning: {text}" for text in dict.fromkeys(str(w.message) for w in said)]
    return evidence


def _map(subject: Subject, batch: Batch, sizes: tuple[int | None, int | None]) -> Mapped:
    """Find the four tables."""
    parameters = subject.parameters()
    if subject.by_hand:
        return mapped_by_hand(parameters, subject.by_hand)
    if not parameters:
        raise UsageError("model", "has no parameters to be found", by_hand())
    least = int(batch.users.max()) + 1, int(batch.items.max()) + 1

    def serves_user(table: Any) -> bool | None:
        return _serves_user(subject, table)

    return map_tables(parameters, sizes, least, serves_user)


def _serves_user(subject: Subject, table: Any) -> bool | None:
    """Add 1 to row 0 of a table; return whether the output of user 0 moves, or that of item 0."""
    users, items = np.array([0, 1]), np.array([1, 0])
    before = attempt(lambda: to_array(subject.forward(users, items)).reshape(2, -1))
    row = table.data[0].clone()
    table.data[0] += 1
    after = attempt(lambda: to_array(subject.forward(users, items)).reshape(2, -1))
    table.data[0] = row
    if isinstance(before, Raised) or isinstance(after, Raised):
        return None
    moved = (before != after).any(axis=1)
    return bool(moved[0]) if moved[0] != moved[1] else None


def _evidence(subject: Subject, mapped: Mapped, y_range: tuple[float, float] | None) -> Evidence:
    like = subject.like
    name = dtype_name(like)
    shapes = {name: table.shape for name, table in mapped.tables.items()}
    evidence = Evidence(
        n_users=shapes["user_factors"][0],
        n_items=shapes["item_factors"][0],
        n_factors=shapes["user_factors"][1],
        dtype=np.dtype(np.float32 if name in NARROW else name),
        y_range=y_range,
        computes_in=computes_in(subject),
        library=library_of_subject(subject),
        paths=mapped.paths,
        mapped_by=mapped.by,
        frozen=tuple(name for name, table in mapped.tables.items() if not table.requires_grad),
        order_of_tables=tuple(
            name
            for path in subject.parameters()
            for name, other in mapped.paths.items()
            if path == other
        ),
    )
    biases = [name for name in ("user_bias", "item_bias") if name in mapped.tables]
    if len(biases) == 1:
        evidence.notes.append(f"{biases[0]} is the only bias: the formula is taken without another")
    if mapped.assumed:
        evidence.notes.append("users are taken to be column 0: nothing in the model tells")
    mean = mean_of(subject.model, mapped.extra)
    if mean is not None:
        evidence.mean = mean[1]
        evidence.notes.append(f"{mean[0]} = {mean[1]:g} is taken for a mean added to each logit")
    extra = {path: p for path, p in mapped.extra.items() if mean is None or path != mean[0]}
    if extra:
        evidence.facts.append(_extra(extra))
    return evidence


def _extra(extra: Mapping[str, Any]) -> Fact:
    listed = ", ".join(f"{path} {tuple(p.shape)}" for path, p in extra.items())
    sentence = f"The model has parameters that the formula does not have: {listed}."
    cure = "Leave them out of what is checked, or say that this is another model."
    return Fact("mapping", "extra-parameters", sentence, cure, False)


def _yours(subject: Subject, batch: Batch, rng: np.random.Generator) -> Probe:
    """Return the caller's batch with the caller's tables."""
    like = subject.like
    upstream = rounded(rng.normal(size=len(batch.users)), like)
    rating = rounded(batch.rating, like)
    return Probe("yours", subject.get(), batch.users, batch.items, rating, upstream)
