"""A diagnosed program in the place of a subject that is gone: what it would do with a probe."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Evidence, Probe, Raised, Seen
from npcf.crosscheck.program import RIGHT, Program
from npcf.verify.floats import Floats
from npcf.verify.precision import quiet


def predicted_by(program: Program, evidence: Evidence) -> Callable[[Probe], Seen]:
    """Return a function that runs a program, with its mistakes, as `observe` runs a subject.

    Parameters
    ----------
    program : Program
        That explains what was seen.
    evidence : Evidence
        Of the subject, whose dtype, y_range and shape of output are taken over.
    """
    numbers = Floats(evidence.dtype)
    wrong, right = program.formulas(numbers), RIGHT.formulas(numbers)
    shapes = [(np.shape(seen.output), len(seen.probe.rating)) for seen in evidence.seen]
    column = any(shape == (n, 1) for shape, n in shapes)

    @quiet
    def run(probe: Probe) -> Seen:
        asked = probe.tables, probe.users, probe.items, evidence.y_range, evidence.mean
        prediction = _attempt(lambda: right.forward(*asked)[0])
        at = probe.rating if isinstance(prediction, Raised) else prediction
        done = _attempt(lambda: wrong.forward(*asked))
        seen = Seen(probe, done, done, prediction=at)
        seen.loss = _attempt(lambda: _loss(wrong, at, probe.rating))
        if not isinstance(done, Raised):
            output, tape = done
            seen.output = np.asarray(output, np.float64)
            if column and seen.output.ndim == 1:
                seen.output = seen.output[:, None]
            upstream = probe.upstream
            if upstream is None:
                upstream = wrong.loss_gradient(wrong.residual(output, probe.rating), 1.0)
            fits = np.size(upstream) == np.size(output)
            seen.gradients = (
                _attempt(lambda: wrong.backward(np.reshape(upstream, np.shape(output)), tape))
                if fits
                else None
            )
        return seen

    return run


def _loss(formulas: Any, prediction: Any, rating: Any) -> tuple[Any, Any]:
    e = formulas.residual(prediction, np.asarray(rating, prediction.dtype))
    return np.asarray(formulas.loss(e)), np.asarray(formulas.loss_gradient(e, 1.0))


def _attempt(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except (ArithmeticError, LookupError, ValueError) as error:
        return Raised(type(error).__name__, str(error))
