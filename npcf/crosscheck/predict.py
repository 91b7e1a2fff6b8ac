"""What a program would have made of what was run: pairs of what was seen and what it predicts.

Over running errors a program, right or with mistakes, predicts values with bounds, and so says
itself how far another evaluation of it may lie from them.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from npcf.crosscheck.evidence import Evidence, Probe, Raised, Seen, Trained
from npcf.crosscheck.meant import meant_at, meant_rates, rule_of, started
from npcf.crosscheck.program import Program, written
from npcf.verify.formulas import Formulas

CRASHES = (IndexError, RuntimeError)  # what torch and NumPy raise of ids and shapes


class Pair(NamedTuple):
    """A result as it was seen, and as a program predicts it.

    `what` is "output", "loss", "gradient of the loss" or the name of a table; `predicted` is
    Bounded (an array, if the arithmetic has no bounds), Raised, or None for no gradient; `before`
    is a table before its step; `probe` the batch, if there is one;
    `rows` the row numbers of a table that is cut to some.
    """

    where: str
    what: str
    seen: Any
    predicted: Any
    before: Any = None
    probe: Probe | None = None
    rows: Any = None


# -- output, loss, gradient ------------------------------------------------------------------------


def outputs(program: Program, evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict what the model returned, and what it wrote to."""
    for seen in evidence.seen:
        if seen.output is None:
            continue
        where = f"probe '{seen.probe.name}'"
        predicted, _, writes = _forward(program, evidence, n, seen)
        yield Pair(where, "output", seen.output, predicted, None, seen.probe)
        if not isinstance(seen.output, Raised):
            for table in {*seen.writes} ^ writes:
                yield Pair(where, table, seen.writes, Raised("write", table))


def losses(program: Program, evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict the loss and its gradient at a given prediction."""
    formulas = program.formulas(n)
    for seen in evidence.seen:
        if seen.loss is None:
            continue
        where, at = f"probe '{seen.probe.name}'", seen.prediction
        if at is None:
            output = seen.output
            if (
                output is None
                or isinstance(output, Raised)
                or output.size != len(seen.probe.rating)
            ):
                continue
            at = output.reshape(-1)
        e = formulas.residual(n.array(at), n.array(seen.probe.rating))
        value, gradient = formulas.loss(e), formulas.loss_gradient(e, n.number(seen.loss_upstream))
        if isinstance(seen.loss, Raised):
            yield Pair(where, "loss", seen.loss, value)
            continue
        yield Pair(where, "loss", seen.loss[0], value, None, seen.probe)
        if seen.loss[1] is not None:
            yield Pair(where, "gradient of the loss", seen.loss[1], gradient, None, seen.probe)


def gradients(program: Program, evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict the gradient of each table."""
    for seen in evidence.seen:
        if seen.gradients is None or isinstance(seen.output, Raised):
            continue
        where = f"probe '{seen.probe.name}'"
        predicted, tape, _ = _forward(program, evidence, n, seen)
        if isinstance(predicted, Raised):
            yield Pair(where, "output", seen.output, predicted)
            continue
        upstream = _upstream(program.formulas(n), seen, n, predicted)
        if isinstance(seen.gradients, Raised):
            if upstream is not None:
                yield Pair(where, "gradient", seen.gradients, predicted)
        elif upstream is not None:
            expected = program.formulas(n).backward(upstream, tape)
            for table, gradient in seen.gradients.items():
                yield Pair(where, table, gradient, expected[table], None, seen.probe)


def _forward(program: Program, evidence: Evidence, n: Any, seen: Seen) -> tuple[Any, Any, set[str]]:
    """Return the output, what the backward pass needs, and the tables that are written to."""
    probe, at, writes = seen.probe, program.formulas(n), set[str]()
    tables: Any = probe.tables
    try:
        if program.in_place:
            tables = n.tables(tables)
            writes = written(at, tables, probe.users, probe.items)
        return *at.forward(
            tables, probe.users, probe.items, evidence.y_range, evidence.mean
        ), writes
    except CRASHES as error:
        return Raised(type(error).__name__, str(error)), None, writes


def _upstream(formulas: Formulas, seen: Seen, n: Any, predicted: Any) -> Any:
    """Return the gradient of the output: planted, or that of the loss, at the output if seen."""
    shape, size = predicted.shape, int(np.prod(predicted.shape))
    if seen.probe.upstream is not None:
        planted = np.asarray(seen.probe.upstream)
        return n.array(planted.reshape(shape)) if planted.size == size else None
    output = predicted if seen.output is None else seen.output
    if isinstance(output, Raised) or output.size != size:
        return None
    output = output.reshape(-1) if output.shape == (size, 1) else output
    e = formulas.residual(n.array(output), n.array(seen.probe.rating))
    return formulas.loss_gradient(e, n.number(1))


# -- steps -----------------------------------------------------------------------------------------


def steps(program: Program, evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict each step of the optimiser along given gradients, from the tables seen before it."""
    if evidence.intended is None:
        return
    for stepped in evidence.stepped:
        run = program.optimiser(program.formulas(n), evidence)
        state = started(stepped, n)
        for t, planted in enumerate(stepped.gradients):
            run.planted = {k: None if g is None else n.array(g) for k, g in planted.items()}
            where, before, after = f"step {t + 1} along {stepped.name}", *stepped.tables[t : t + 2]
            if isinstance(before, Raised):
                break
            params, run.meant = n.tables(before), meant_at(evidence, stepped, t)
            run.step(params, ([0], [0], [0]), None, *rule_of(run.meant), state)
            if isinstance(after, Raised):
                yield Pair(where, "step", after, params)
                break
            for table, moved in after.items():
                yield Pair(where, table, moved, params[table], before[table])


def trained(
    program: Program, evidence: Evidence, n: Any, rates: Any = None, first: int = 0
) -> Iterator[Pair]:
    """Predict each training step of the subject's own, from the tables seen before it.

    `rates` are the learning rates of the steps, if other ones than were meant; pairs of steps
    before `first` are left out.
    """
    if evidence.intended is None or evidence.trained is None:
        return
    seen = evidence.trained
    run, state = program.loop(program.trained(n), evidence), started(seen, n)
    state["given"] = n.tables(seen.given) if seen.given else None
    batches = [(b.users, b.items, b.rating) for b in seen.batches[: len(seen.tables) - 1]]
    rates = meant_rates(evidence) if rates is None else rates
    ordered = run.order(batches, list(rates)[: len(batches)])
    for t in range(len(batches)):
        where = f"your training step {t + 1}"
        before: Any = seen.tables[t]
        after = seen.tables[t + 1]
        params: Any = n.tables(before)
        loss: Any = None
        run.used.clear()
        run.meant = meant_at(evidence, seen, t)
        try:
            if t < len(ordered):
                batch, lr = ordered[t]
                rule, settings = rule_of(run.meant)
                loss = run.step(
                    params, batch, evidence.y_range, rule, {**settings, "lr": lr}, state
                )
        except CRASHES as error:
            yield Pair(where, "step", after, Raised(type(error).__name__, str(error)))
            return
        if t < first and not isinstance(after, Raised):
            continue
        if isinstance(after, Raised):
            no_scalar = np.ndim(getattr(loss, "value", loss)) > 0 and "scalar" in after.message
            raises = Raised(after.kind, "backward() of a loss that is no scalar")
            yield Pair(where, "step", after, raises if no_scalar else params)
            return
        known = t < len(seen.losses) and not np.isnan(seen.losses[t])
        if known and loss is not None and np.ndim(getattr(loss, "value", loss)) == 0:
            yield Pair(where, "loss", np.asarray(seen.losses[t]), loss, None, seen.batches[t])
        for table, array in after.items():
            yield Pair(where, table, array, params[table], before[table])
        if not _may_be_overwritten(evidence):
            yield from _left(seen, t, where, run.used)


def _may_be_overwritten(evidence: Evidence) -> bool:
    """Whether a gradient that is left may be another than the loss has.

    It may hold the decay, which can be a term of the loss as well; and torch's foreach form of
    Nesterov's momentum adds the buffer to it in place.
    """
    settings: Any = evidence.intended and evidence.intended.settings
    decays = bool(settings.get("weight_decay")) and not settings.get("decoupled")
    return decays or bool(settings.get("nesterov"))


def _left(seen: Trained, t: int, where: str, used: Mapping[str, Any]) -> Iterator[Pair]:
    """Predict the gradients that a step leaves behind, unless it cleared them.

    An optimizer does not clear the gradient of a table that it was not given: that adds up.
    """
    left = seen.left[t] if t < len(seen.left) else {}
    if any(g is not None and np.any(g) for g in left.values()):
        for table, gradient in left.items():
            if table in used or gradient is None:
                yield Pair(f"{where}, .grad left behind", table, gradient, used.get(table))


STAGES: dict[str, Callable[[Program, Evidence, Any], Iterator[Pair]]] = {
    "output": outputs, "loss": losses, "gradient": gradients, "step": steps, "trained": trained,
}  # fmt: skip
