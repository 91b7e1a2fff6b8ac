"""Exercises in gradients and steps, checked with a diagnosis.

task = npcf.teach.exercise("mse_backward")     # prints itself, with numbers of its own
task.check([0.5, -0.25, 0.0, 1.0])             # or a function: task.check(my_mse_backward)
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from npcf import _notebook
from npcf.errors import require_choice, require_count, spell_checked
from npcf.teach.practice.answers import call, copied, read_answer
from npcf.teach.practice.diagnosis import Diagnosis, precision_of
from npcf.teach.practice.programs import Results, misses
from npcf.teach.practice.tasks import TASKS
from npcf.teach.practice.verdict import (
    Verdict,
    is_rounded,
    shape_of,
    suspicion_of,
    what_is_wrong,
)

PRINTED = "the printed numbers"
SEEDS = 1_000_000  # fresh seeds are short enough to be typed


class Exercise:
    """What `npcf.teach.exercise` returns; `print` it, then `check` answers.

    Attributes
    ----------
    name, seed
        What gives the same numbers again.
    hints_given : int
        How many of the three hints have been shown.
    """

    def __init__(self, name: str, seed: int):
        self.name, self.seed, self.hints_given = name, seed, 0
        self._task = task = TASKS[name]
        rng = np.random.default_rng([seed, list(TASKS).index(name)])
        cases = {PRINTED: task.draw(rng)}
        cases |= {case: task.draw(rng, **sizes) for case, sizes in task.cases.items()}
        self._diagnosis = Diagnosis(task, cases)

    @property
    def inputs(self) -> dict[str, Any]:
        """A copy of the printed numbers, in the order in which a function is given them."""
        return copied(self._diagnosis.cases[PRINTED])

    def __str__(self) -> str:
        task, numbers = self._task, "\n".join(itertools.starmap(_shown, self.inputs.items()))
        asked = self._diagnosis.right(PRINTED, np.float64)
        shapes = ", ".join(f"{name}, {shape_of(x)}" for name, x in asked.items())
        return (
            f"{self.name}: {task.title} (seed {self.seed})\n\n{task.text}\n\n{numbers}\n\n"
            f"Answer with {shapes}; or with a function f({', '.join(self.inputs)})."
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _notebook.preformatted(str(self))

    def check(self, answer: Any) -> Verdict:
        """Say whether an answer is right; if not, where it first is wrong, and give one more hint.

        An answer is right if it lies as near as any program of the right formula may come, in
        float64 or float32: sums in another order, lists and tensors are as good.

        Parameters
        ----------
        answer : array, list, tensor, or a dict or tuple of them, or a function
            What is asked for; of several, by name or in their order.  A function is given
            `inputs` in their order, and then other numbers too: a batch of one, repeated rows,
            saturated logits.

        Returns
        -------
        Verdict
            True if it is right; `print` it.

        Raises
        ------
        DTypeError, ShapeError, UsageError
            For an answer that is not made of numbers, or has too many parts.  What a function
            raises is said in the verdict.
        """
        verdict = self._of_function(answer) if _is_function(answer) else self._of_numbers(answer)
        return verdict if verdict.right else self._with_hint(verdict)

    def _with_hint(self, verdict: Verdict) -> Verdict:
        hints = self.hints(self.hints_given + 1)
        hint = hints[-1] if len(hints) > self.hints_given else "There are no more hints."
        self.hints_given = len(hints)
        return replace(verdict, hint=hint)

    def hints(self, n: int) -> list[str]:
        """Return the first `n` of the three hints."""
        hints = self._task.hints
        return [f"Hint {i + 1} of {len(hints)}: {text}" for i, text in enumerate(hints[:n])]

    def _of_numbers(self, answer: Any) -> Verdict:
        given = {PRINTED: read_answer(answer, self._task.results)}
        wrong = self._first_wrong(PRINTED, given[PRINTED])
        if wrong is None:
            return Verdict(True, "Right, as far as rounding can tell.")
        return self._wrong(PRINTED, given, *wrong)

    def _of_function(self, function: Callable[..., Any]) -> Verdict:
        given, failed = dict[str, Results](), None
        for case, x in self._diagnosis.cases.items():
            found = call(function, x, self._task.results)
            if isinstance(found, str):
                message = f"Not yet, on {case}: your function {found}."
                failed = Verdict(False, message, inputs=copied(x)) if failed is None else failed
                continue
            given[case] = found
        if failed is not None and PRINTED not in given:
            return failed
        for case, found in given.items():
            wrong = self._first_wrong(case, found)
            if wrong is not None:
                verdict = self._wrong(case, given, *wrong, f", on {case}")
                return replace(verdict, inputs=copied(self._diagnosis.cases[case]))
        if failed is not None:
            return failed
        others = ", ".join(list(given)[1:])
        return Verdict(True, f"Right, on {PRINTED} and on others: {others}.")

    def _first_wrong(self, case: str, given: Results) -> tuple[str, Any] | None:
        """Return the result that is wrong first, and where: None if already its shape is."""
        right = self._diagnosis.right(case, precision_of(given))
        for name, wanted in right.items():
            if given[name].shape != wanted.shape:
                return name, None
            wrong = misses(given[name], wanted)
            if wrong.any():
                return name, tuple(map(int, np.argwhere(wrong)[0]))
        return None

    def _wrong(
        self, case: str, given: dict[str, Results], name: str, index: Any, where: str = ""
    ) -> Verdict:
        """Describe an answer that is wrong, without what is right."""
        wanted = self._diagnosis.right(case, precision_of(given[case]))
        what = what_is_wrong(name, given[case][name], wanted[name], index)
        mistakes = self._diagnosis.explain(case, given)
        suspicion = suspicion_of(mistakes, self.hints_given > 0)
        if not mistakes and index is not None and not where and is_rounded(given[case], wanted):
            suspicion = "All is right as far as the decimals go that you wrote: give more of them."
        names = tuple(mistake.name for mistake in mistakes)
        return Verdict(False, f"Not yet{where}: {what}", name, index, names, suspicion)


def _is_function(answer: Any) -> bool:
    return callable(answer) and not hasattr(answer, "__array__")


def _shown(name: str, x: Any) -> str:
    """Return an input as Python reads it, on lines of its own."""
    if not isinstance(x, np.ndarray):
        return f"    {name} = {x!r}"
    start = f"    {name} = np.array("
    lines = np.array2string(x, separator=", ", floatmode="unique", threshold=x.size + 1)
    return start + lines.replace("\n", "\n" + " " * len(start)) + ")"


class Exercises(dict[str, str]):
    """The names of the exercises, and what each is about; `print` it."""

    def __str__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{name:<{width}}  {title}" for name, title in self.items())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _notebook.table(("exercise", "about"), self.items(), align="ll")


def exercises() -> Exercises:
    """Return the names of the exercises, from the dot product to the one-cycle schedule."""
    return Exercises({name: task.title for name, task in TASKS.items()})


@spell_checked
def exercise(name: str, seed: int | None = None) -> Exercise:
    """Return an exercise with numbers of its own.

    Parameters
    ----------
    name : one of `npcf.teach.exercises()`
    seed : whole number; the same seed has the same numbers.  None: a fresh one, which is printed

    Raises
    ------
    SettingError
        For an unknown name, or a seed below 0.
    """
    name = require_choice("name", name, TASKS)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0]) % SEEDS
    return Exercise(name, require_count("seed", seed, 0))
