"""Which mistake of the catalogue gives exactly this answer?  None is better than a wrong one."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, combinations
from typing import Any

import numpy as np

from npcf._tables import NAMES
from npcf.teach.practice.draws import Inputs
from npcf.teach.practice.programs import Program, Results, apart, float_results, misses, results_of
from npcf.teach.practice.tasks import TASKS, Task
from npcf.verify.mistakes import MISTAKES, Mistake, Wrong
from npcf.verify.mistakes.forms import GRADIENT, LOSS, OUTPUT
from npcf.verify.precision import PRECISION, quiet
from npcf.verify.running_error import RunningError

OF_OPERATIONS, OF_STEPS = ("output", "loss", "gradient"), ("step", "loop")
STAGES = {"sgd": OF_STEPS, "adam": OF_STEPS, "adamw": OF_STEPS, "one_cycle": ("schedule",)}
SUBSETS = tuple(chain.from_iterable(combinations(NAMES, n) for n in range(1, len(NAMES) + 1)))


@cache
def candidates(name: str) -> tuple[Wrong, ...]:
    """Return the catalogue's mistakes that an exercise may show, in every form and at any tables.

    Those of texts and files have no formula to predict an answer with.
    """
    return tuple(_candidates(TASKS[name]))


def _candidates(task: Task) -> Iterator[Wrong]:
    for mistake in MISTAKES.values():
        if mistake.patch or mistake.name in task.never:
            continue
        if mistake.stage not in STAGES.get(task.how, OF_OPERATIONS):
            continue
        of_tables = set(mistake.sites[0]) <= {*NAMES} and mistake.sites[0]
        sites = SUBSETS if of_tables else mistake.sites
        yield from (Wrong(mistake, s, options) for s in sites for options in _forms(mistake))


def _forms(mistake: Mistake) -> list[Mapping[str, Any]]:
    """Return the options that a mistake is tried with: its own, and those of `forms`."""
    found = list(mistake.options)
    for name, _, forms, _ in (*OUTPUT, *LOSS, *GRADIENT):
        if name == mistake.name:
            found += [options for options in forms if options not in found]
    return found


class Diagnosis:
    """The mistakes on the numbers of one exercise, predicted when they are asked for."""

    def __init__(self, task: Task, cases: Mapping[str, Inputs]):
        self.task, self.cases = task, cases
        self._floats: dict[str, list[tuple[Wrong, Results]]] = {}
        self._right: dict[tuple[str, Any], Results] = {}

    def right(self, case: str, dtype: Any) -> Results:
        """Return what is right, with bounds."""
        if (case, dtype) not in self._right:
            right = Program().results(self.task, self.cases[case], RunningError(dtype))
            self._right[case, dtype] = right
        return self._right[case, dtype]

    def explain(self, first: str, given: Mapping[str, Results]) -> list[Mistake]:
        """Return the mistakes that give what was given in every case, as far as numbers can tell.

        In the case `first` the answer is wrong.  Those that need the fewest other pieces than this
        exercise's, and that hand-written code has, come first.
        """
        half = PRECISION[precision_of(given[first])].u ** 0.5
        near = [wrong for wrong, floats in self._of(first) if _near(given[first], floats, half)]
        found: dict[str, Mistake] = {}
        for wrong in near:
            if wrong.mistake.name not in found and self._gives(wrong, first, given):
                found[wrong.mistake.name] = wrong.mistake
        return sorted(found.values(), key=lambda mistake: (mistake.live, len(mistake.pieces)))

    def _gives(self, wrong: Wrong, first: str, given: Mapping[str, Results]) -> bool:
        """Whether the mistake predicts what was given, and nothing that a right program gives."""
        for case in (first, *(name for name in given if name != first)):
            dtype = precision_of(given[case])
            predicted = results_of(wrong, self.task, self.cases[case], dtype)
            if predicted is None or not all(
                given[case][name].shape == x.shape and not misses(given[case][name], x).any()
                and np.isfinite(x.tolerance).all()
                for name, x in predicted.items()
            ):  # fmt: skip
                return False
            if case == first and not apart(predicted, self.right(case, dtype)):
                return False
        return True

    def _of(self, case: str) -> list[tuple[Wrong, Results]]:
        """Return every mistake that changes these numbers, with what NumPy makes of it."""
        if case not in self._floats:
            x = self.cases[case]
            right = float_results(None, self.task, x) or {}
            found = ((wrong, float_results(wrong, self.task, x))
                     for wrong in candidates(self.task.name))  # fmt: skip
            self._floats[case] = [
                (wrong, floats) for wrong, floats in found
                if floats and any(not np.array_equal(floats[k], a) for k, a in right.items())
            ]  # fmt: skip
        return self._floats[case]


def precision_of(given: Results) -> Any:
    """Return in which precision an answer was computed: lists of float32 numbers are float32's."""
    narrow = all(_held_by_float32(array) for array in given.values())
    return np.dtype(np.float32 if narrow else np.float64)


@quiet
def _held_by_float32(array: Any) -> bool:
    return bool(((array.astype(np.float32) == array) | np.isnan(array)).all())


@quiet
def _near(given: Results, floats: Results, half: float) -> bool:
    """Whether half of the digits agree: a quick look before the bounds."""
    for name, x in floats.items():
        if given[name].shape != x.shape:
            return False
        size = np.abs(x).max(initial=0.0)
        if not ((given[name] == x) | (np.abs(given[name] - x) <= half * size)).all():
            return False
    return True
