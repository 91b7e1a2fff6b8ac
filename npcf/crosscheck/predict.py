"""What a program would have made of what was run: pairs of what was seen and what it predicts.

A program is the right formulas and the right loop, or these with mistakes of `npcf.verify.mistakes`
in them.  Over running errors it predicts values with bounds, and so says itself how far another
evaluation of the same program may lie from it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, NamedTuple, cast

import numpy as np

from npcf.crosscheck.evidence import Evidence, Probe, Raised, Seen, Stepped, Trained
from npcf.verify.formulas import PIECES, Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes import Wrong
from npcf.verify.precision import precision_of
from npcf.verify.running_error import RunningError

OPTIMISER = {  # pieces that an optimiser has; the others of a loop are its caller's
    "advance", "time", "tables", "settings", "update", "recall", "remember", "moved",
    *PIECES,
}  # fmt: skip
NARROW = {"bfloat16": (2.0**-8, 2.0**-126, 3.38e38), "float16": (2.0**-11, 2.0**-14, 65504.0),
          "tf32": (2.0**-11, 2.0**-126, 3.4e38)}  # fmt: skip
CRASHES = (IndexError, RuntimeError)  # what torch and NumPy raise of ids and shapes


class Pair(NamedTuple):
    """A result as it was seen, and as a program predicts it.

    `what` is "output", "loss", "gradient of the loss" or the name of a table; `predicted` is
    Bounded (an array, if the arithmetic has no bounds), Raised, or None for no gradient; `before`
    is a table before its step; `probe` the batch, if there is one.
    """

    where: str
    what: str
    seen: Any
    predicted: Any
    before: Any = None
    probe: Probe | None = None


class Replay(Loop):
    """The loop with the settings that were meant, along gradients that were planted if any were."""

    def __init__(self, formulas: Formulas, evidence: Evidence):
        super().__init__(formulas)
        self.mean = evidence.mean
        self.planted: Any = None
        self.of_table = evidence.intended.of_table if evidence.intended else {}
        self.used: dict[str, Any] = {}  # gradients of the last step, for who looks at .grad

    def gradients(self, params: Any, batch: Any, y_range: Any, state: Any) -> Any:
        """Return the loss of a batch and its gradients; or the planted ones."""
        if self.planted is not None:
            return None, dict(self.planted)
        users, items, rating = batch
        _, loss, gradients = self.formulas.loss_and_gradients(
            params, users, items, self.n.array(rating), y_range, self.mean
        )
        return loss, gradients

    def settings(self, settings: Any, name: str, t: int, batch: Any) -> Any:
        """Return the settings of a table's parameter group."""
        return {**settings, **self.of_table.get(name, {})}

    def update(
        self, rule: str, name: str, w: Any, g: Any, state: Any, t: int, settings: Any
    ) -> Any:
        """Take note of the gradient that the optimiser is handed."""
        self.used[name] = g
        return super().update(rule, name, w, g, state, t, settings)


@dataclass(frozen=True)
class Program:
    """The right program with these mistakes, the last ones outermost."""

    wrongs: tuple[Wrong, ...] = ()

    def __add__(self, more: tuple[Wrong, ...]) -> "Program":
        return Program((*self.wrongs, *more))

    @cached_property
    def formulas(self) -> type[Formulas]:
        """The formulas."""
        return reduce(lambda base, wrong: wrong.formulas(base), self.wrongs, Formulas)

    @cached_property
    def loop(self) -> type[Replay]:
        """The loop."""
        return self._loop(self.wrongs)

    @cached_property
    def optimiser(self) -> type[Replay]:
        """The loop as far as it is the optimiser's: what its caller does wrong is left out."""
        return self._loop(
            wrong for wrong in self.wrongs if wrong.mistake.pieces.keys() <= OPTIMISER
        )

    def _loop(self, wrongs: Any) -> type[Replay]:
        bent: Any = reduce(lambda base, wrong: wrong.loop(base), wrongs, Replay)
        return cast(type[Replay], bent)

    @property
    def writes(self) -> set[str]:
        """Tables that the forward pass changes in place."""
        return {site for wrong in self.wrongs if wrong.mistake.in_place for site in wrong.sites}


RIGHT = Program()


def arithmetic(evidence: Evidence) -> RunningError:
    """Return running errors as the subject's dtype and library make them."""
    narrow, dtype = NARROW.get(evidence.computes_in), np.dtype(evidence.dtype)
    if narrow is None:
        return RunningError(dtype, evidence.library)
    u, tiny, huge = narrow
    like = precision_of(np.dtype(np.float32), evidence.library)
    return RunningError(like._replace(u=u, tiny=tiny, huge=huge, eta=tiny, dropped=tiny))


# -- output, loss, gradient ------------------------------------------------------------------------


def outputs(program: Program, evidence: Evidence, n: Any) -> Iterator[Pair]:
    """Predict what the model returned, and what it wrote to."""
    for seen in evidence.seen:
        if seen.output is None:
            continue
        where = f"probe '{seen.probe.name}'"
        yield Pair(
            where, "output", seen.output, _forward(program, evidence, n, seen)[0], None, seen.probe
        )
        if not isinstance(seen.output, Raised):
            for table in {*seen.writes} ^ program.writes:
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
        value, gradient = formulas.loss(e), formulas.loss_gradient(e, n.number(1))
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
        predicted, tape = _forward(program, evidence, n, seen)
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


def _forward(program: Program, evidence: Evidence, n: Any, seen: Seen) -> tuple[Any, Any]:
    probe, at = seen.probe, program.formulas(n)
    try:
        return at.forward(probe.tables, probe.users, probe.items, evidence.y_range, evidence.mean)
    except CRASHES as error:
        return Raised(type(error).__name__, str(error)), None


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
        state = _started(stepped, n)
        for t, planted in enumerate(stepped.gradients):
            run.planted = {k: None if g is None else n.array(g) for k, g in planted.items()}
            params = n.tables(stepped.tables[t])
            run.step(params, ([0], [0], [0]), None, *_rule(evidence), state)
            for table, after in stepped.tables[t + 1].items():
                yield Pair(
                    f"step {t + 1} along {stepped.name}", table, after, params[table],
                    stepped.tables[t][table],
                )  # fmt: skip


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
    run, state = program.loop(program.formulas(n), evidence), _started(seen, n)
    rule, settings = _rule(evidence)
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
        try:
            if t < len(ordered):
                batch, lr = ordered[t]
                loss = run.step(
                    params, batch, evidence.y_range, rule, {**settings, "lr": lr}, state
                )
        except CRASHES as error:
            yield Pair(where, "step", after, Raised(type(error).__name__, str(error)))
            return
        if t < first and not isinstance(after, Raised):
            continue
        if isinstance(after, Raised):
            yield Pair(where, "step", after, params)
            return
        if t < len(seen.losses) and loss is not None and not np.isnan(seen.losses[t]):
            yield Pair(where, "loss", np.asarray(seen.losses[t]), loss, None, seen.batches[t])
        for table, array in after.items():
            yield Pair(where, table, array, params[table], before[table])
        yield from _left(seen, t, where, run.used)


def _left(seen: Trained, t: int, where: str, used: Mapping[str, Any]) -> Iterator[Pair]:
    """Predict the gradients that a step leaves behind, unless it cleared them."""
    left = seen.left[t] if t < len(seen.left) else {}
    if any(g is not None and np.any(g) for g in left.values()):
        for table, gradient in left.items():
            yield Pair(f"{where}, .grad left behind", table, gradient, used.get(table))


def meant_rates(evidence: Evidence) -> list[float]:
    """Return the learning rate that was meant for each training step."""
    if evidence.intended is None or evidence.trained is None:
        return []
    if evidence.trained.rates is not None:
        return [float(rate) for rate in evidence.trained.rates]
    return [float(evidence.intended.settings["lr"])] * len(evidence.trained.batches)


def _rule(evidence: Evidence) -> tuple[str, dict[str, Any]]:
    intended: Any = evidence.intended
    defaults: dict[str, Any] = {} if intended.rule == "sparse_adam" else {"weight_decay": 0.0}
    if intended.rule in ("adam", "sparse_adam"):
        defaults |= {"betas": (0.9, 0.999), "eps": 1e-8}
    return intended.rule, {**defaults, **intended.settings}


def _started(run: Stepped | Trained, n: Any) -> dict[str, Any]:
    """Return the optimiser's state before the first step."""
    state = {"t": np.array(0), **(run.state or {})}
    return {
        key: np.array(int(np.asarray(value))) if key == "t" else n.array(value)
        for key, value in state.items()
    }


STAGES = {
    "output": outputs, "loss": losses, "gradient": gradients, "step": steps, "trained": trained,
}  # fmt: skip
