"""Run laws against an implementation, with Hypothesis, and keep what it shrank."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import LAWS, Law
from npcf.verify.tally import TALLY, Count

HELD, BROKEN, SKIPPED = "held", "broken", "skipped"
ALONE = (
    "\nNot seen again when the law was run alone: an earlier call has left something behind, in an "
    "argument or between calls."
)
FIND = (Phase.explicit, Phase.generate, Phase.target)
SHRINK = (*FIND, Phase.shrink)


class Outcome(NamedTuple):
    """What became of one law."""

    law: Law
    status: str  # held, broken or skipped
    examples: int  # inputs tried before the first that broke it, or all
    message: str  # why it is broken or skipped
    counterexample: Any  # the shrunk input, or None
    seconds: float  # without the drawing
    comparisons: int  # numbers held against exact arithmetic
    used: float  # the largest share of a bound
    listed: bool = False  # whether the counterexample is one of the law's own


def check(
    law: Law,
    *implementations: Implementation,
    max_examples: int = 200,
    random_seed: int = 0,
    shrink: bool = True,
) -> Outcome:
    """Try `law` on `max_examples` inputs; with `shrink`, a breach is reduced to a smallest one.

    Several implementations are shown the same inputs: drawing costs more than most of them.
    """
    (outcome,) = check_together(
        [law], *implementations, max_examples=max_examples, random_seed=random_seed
    )
    if not shrink or outcome.status != BROKEN:
        return outcome
    return _shrunk(outcome, implementations, max_examples, random_seed)


def check_together(
    laws: Sequence[Law],
    *implementations: Implementation,
    max_examples: int = 200,
    random_seed: int = 0,
) -> list[Outcome]:
    """Try laws that draw alike on the same inputs, each until it breaks; nothing is shrunk."""
    trials = [_Trial(law, implementations) for law in laws]
    for trial in trials:
        for p in trial.law.examples_for(implementations[0]):
            trial.attempt(p, listed=True)

    def attempt(p: Any) -> None:
        if not any(trial.runs for trial in trials):
            raise _NothingLeftError
        for trial in trials:
            trial.attempt(trial.law.given.refined(p))

    with suppress(_NothingLeftError):
        _draw(laws[0].given.base, attempt, max_examples, random_seed, FIND)
    return [trial.outcome() for trial in trials]


def _shrunk(
    outcome: Outcome, implementations: tuple[Implementation, ...], max_examples: int, seed: int
) -> Outcome:
    """Return the outcome of a broken law with a smallest input in the place of the first.

    Listed examples ascend in size: the first that breaks the law is a smallest one.
    """
    if outcome.listed and callable(outcome.law.examples):
        return outcome
    trial = _Trial(outcome.law, implementations)

    def attempt(p: Any) -> None:
        trial.message = ""
        trial.attempt(p)
        assert not trial.message

    try:
        _draw(outcome.law.given.strategy, attempt, max_examples, seed, SHRINK)
    except (AssertionError, HypothesisException):
        message, p = trial.last
        return outcome._replace(message=message, counterexample=p) if message else outcome
    if outcome.listed:
        return outcome
    return outcome._replace(message=outcome.message + ALONE)


def _draw(
    strategy: SearchStrategy[Any],
    attempt: Callable[[Any], None],
    max_examples: int,
    random_seed: int,
    phases: Any,
) -> None:
    """Let Hypothesis draw inputs."""
    options = settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )

    def test(p: Any) -> None:
        attempt(p)

    seed(random_seed)(options(given(p=strategy)(test)))()


class _NothingLeftError(Exception):
    """Every law is broken or skipped: no more inputs are wanted."""


class _Trial:
    """One law on input after input, until it breaks."""

    def __init__(self, law: Law, implementations: tuple[Implementation, ...]):
        self.law, self.implementations = law, implementations
        self.absent = sorted({name for one in implementations for name in one.lacks(law.needs)})
        self.tried, self.seconds, self.count = 0, 0.0, Count()
        self.message = ""  # of a breach
        self.last: tuple[str, Any] = ("", None)  # message and input of the last breach
        self.listed = False  # whether that input is one of the law's own

    @property
    def runs(self) -> bool:
        """Whether there is something to try: all functions are there, and it is not broken."""
        return not self.absent and not self.message

    def attempt(self, p: Any, listed: bool = False) -> None:
        asked = [one for one in self.implementations if one.takes(self.law.family, p)]
        if p is None or not self.runs or not asked:
            return
        self.tried += 1
        start = time.perf_counter()
        with TALLY.counting(self.count), np.errstate(all="ignore"):  # infinities are drawn too
            for one in asked:
                try:
                    self.law.function(one, p)
                except HypothesisException:  # the law gave up on this input, which is no breach
                    raise
                except Exception as error:  # whatever an implementation raises breaks the law
                    whose = f"{one.name}: " if len(self.implementations) > 1 else ""
                    self.message = whose + _one_message(error)
                    self.last, self.listed = (self.message, p), listed
                    break
        self.seconds += time.perf_counter() - start

    def outcome(self) -> Outcome:
        """Return what became of it."""
        if self.absent:
            return Outcome(self.law, SKIPPED, 0, f"no {', '.join(self.absent)}", None, 0.0, 0, 0.0)
        status = BROKEN if self.message else HELD
        message, p = self.last
        figures = self.seconds, self.count.comparisons, self.count.used
        return Outcome(self.law, status, self.tried, message, p, *figures, self.listed)


def run(
    implementation: Implementation,
    laws: Iterable[Law] | None = None,
    max_examples: int = 200,
    *,
    random_seed: int = 0,
    shrink: bool = True,
) -> Iterator[Outcome]:
    """Yield the outcome of each law (all of them, unless told which), as it becomes known."""
    for group in groups(LAWS.values() if laws is None else laws):
        found = check_together(
            group, implementation, max_examples=max_examples, random_seed=random_seed
        )
        for outcome in found:
            broken = shrink and outcome.status == BROKEN
            one = (implementation,)
            yield _shrunk(outcome, one, max_examples, random_seed) if broken else outcome


def groups(laws: Iterable[Law]) -> list[list[Law]]:
    """Return the laws sorted by what they draw: strategies are alike if they are written alike."""
    found: dict[tuple[str, str], list[Law]] = {}
    for law in laws:
        found.setdefault((repr(law.given.base), law.family), []).append(law)
    return list(found.values())


def _one_message(error: Exception) -> str:
    text = str(error).strip()
    return text if isinstance(error, AssertionError) and text else f"{type(error).__name__}: {text}"
