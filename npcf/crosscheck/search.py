"""The smallest set of mistakes that explains every stage: one mistake, or two."""

from collections.abc import Collection, Iterable, Iterator
from itertools import combinations, permutations
from typing import Any, NamedTuple

from npcf.crosscheck.candidates import ROUNDINGS, WHOLE, Candidate, tried
from npcf.crosscheck.evidence import Evidence
from npcf.crosscheck.explaining import Explaining
from npcf.crosscheck.fits import FITTED, fits, with_mistake
from npcf.crosscheck.predict import STAGES as PREDICTED
from npcf.crosscheck.program import Program
from npcf.verify.mistakes import MISTAKES

LOOSE = 32.0  # units of rounding: a wrong formula may have been coded in another way
WIDTH = 40  # explanations that are followed
PAIR = 2.5  # the cost of two mistakes in one stage
UNEXPLAINED = 5.0
ORDERED = ("output", "loss")  # stages in which two mistakes differ by which is outermost
NEVER_BESIDE = {
    "user_bias_for_the_items",
    "item_bias_for_the_users",
    "dot_left_out",
    *ROUNDINGS,
    *WHOLE,
}  # another mistake of the same stage
NEEDS = {"gradient": {"output"}, "trained": {"output", "loss", "gradient", "step"}}


class Explanation(NamedTuple):
    """Mistakes, and what they explain."""

    candidates: tuple[Candidate, ...] = ()
    program: Program = Program()
    explained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    cost: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the mistakes."""
        return tuple(candidate.name for candidate in self.candidates)

    def with_one(self, candidate: Candidate, own: bool, more: float = 0.0) -> "Explanation":
        """Return the explanation with one mistake more."""
        return self._replace(
            candidates=(*self.candidates, candidate),
            program=with_mistake(self.program, candidate, own),
            cost=self.cost + candidate.cost + more,
        )


class Search(Explaining):
    """The search over one evidence.

    Parameters
    ----------
    whole : Evidence
        With all rows, for mistakes to which all matter, and for what is found in the end.
    catalogue : collection of str
        Names of the mistakes that may be named.
    """

    def __init__(self, whole: Evidence, catalogue: Collection[str] = MISTAKES):
        super().__init__(whole)
        self.catalogue = {*catalogue}
        self.stages = [name for name in PREDICTED if self._has(name)]
        self.tried: dict[str, None] = {}

    def _has(self, stage: str) -> bool:
        return next(iter(PREDICTED[stage](Program(), self.evidence, self.n)), None) is not None

    def run(self) -> list[Explanation]:
        """Return explanations, the best first."""
        beam = [Explanation()]
        for stage in self.stages:
            new = [more for one in beam for more in self._explain(one, stage)]
            new.sort(key=lambda one: (-len(one.explained), one.cost))
            beam = new[:WIDTH]
        return beam

    def _explain(self, one: Explanation, stage: str) -> list[Explanation]:
        """Return what explains a stage too: as it is, with a mistake more, with two."""
        done = one._replace(explained=(*one.explained, stage))
        lost = one._replace(lost=(*one.lost, stage), cost=one.cost + UNEXPLAINED)
        if self.explains(one.program, stage, LOOSE if one.candidates else 0.0):
            return [done]
        if NEEDS.get(stage, set()) & {*one.lost} or len(one.candidates) > 1:
            return [lost]
        own, pool = stage == "trained", list(self._pool(one, stage))
        found = [done.with_one(c, own) for c in pool if self._right(one, c, own, stage)]
        if all(more.cost - one.cost > FITTED - CLASS for more in found):  # or fits are far-fetched
            fitted = list(self._fits(one, stage))
            found += [done.with_one(c, own) for c in fitted if self._right(one, c, own, stage)]
            pool += fitted
        self.tried.update(dict.fromkeys(candidate.name for candidate in pool))
        if not found:
            found = [
                done.with_one(c, own, 0.1) for c in pool if self._right(one, c, own, stage, LOOSE)
            ]
        if not found and not one.candidates:
            found = [done.with_one(c, own).with_one(d, own, PAIR - 2)
                     for c, d in self._pairs(pool, stage)
                     if self._right(one.with_one(c, own), d, own, stage)]  # fmt: skip
        return found or [lost]

    def _pool(self, one: Explanation, stage: str) -> Iterator[Candidate]:
        """Return the candidates of a stage; of a training step, those of any stage not seen."""
        own = stage == "trained"
        if stage in ("step", "trained") and self._stranger():
            known = self.catalogue & {"table_left_out", "step_not_taken"}
            yield from tried("step", self.whole.intended, known)
            return
        yield from tried(stage, self.whole.intended, self.catalogue)
        if own:
            for other in ("loss", "step", "gradient", "output"):
                for candidate in tried(other, self.whole.intended, self.catalogue):
                    more = 0.3 if other in self.stages else 0.0
                    yield candidate._replace(cost=candidate.cost + more)

    def _fits(self, one: Explanation, stage: str) -> Iterator[Candidate]:
        """Return the candidates with numbers that are fitted to what was seen."""
        own = stage == "trained"
        if stage in ("step", "trained") and self._stranger():
            return
        for name in (stage, *(s for s in ("step", "loss") if own)):
            yield from fits(stage, one.program, self.evidence, own, self.catalogue, name)

    def _stranger(self) -> bool:
        """Whether it is sure already that the optimizer holds no table of the model."""
        return any(fact.name == "optimizer-of-another-model" for fact in self.whole.facts)

    def _pairs(self, pool: list[Candidate], stage: str) -> Iterator[tuple[Candidate, Candidate]]:
        if stage == "trained":
            pool = [c for c in pool if c.wrong.mistake.stage == "loop"]
        few = [c for c in pool if c.cost < 1.3 and c.name not in NEVER_BESIDE]
        ways: Any = permutations if stage in ORDERED else combinations
        written = any(seen.writes for seen in self.evidence.seen) and stage == "output"
        if not written:  # nor does a mistake that writes in place
            few = [c for c in few if not _writes(c)]
        both = ((c, d) for c, d in ways(few, 2) if c.name != d.name)
        return ((c, d) for c, d in both if not written or _writes(c) or _writes(d))

    def _right(
        self, one: Explanation, candidate: Candidate, own: bool, stage: str, loose: float = 0.0
    ) -> bool:
        program = with_mistake(one.program, candidate, own)
        return (
            self.near(program, stage)
            and (candidate.name not in ROUNDINGS or self.rounded(one.program, program, stage))
            and self.explains(program, stage, loose)
        )


def _writes(candidate: Candidate) -> bool:
    """Whether a mistake changes tables in the forward pass."""
    return "written" in candidate.wrong.mistake.pieces


def best(found: Iterable[Explanation]) -> list[Explanation]:
    """Return the explanations that are as good as the best, with different names."""
    ordered = [one for one in found if one.candidates]
    if not ordered:
        return []
    first = ordered[0]
    alike: dict[Any, Explanation] = {}
    for one in ordered:
        if len(one.explained) == len(first.explained) and one.cost <= first.cost + CLASS:
            alike.setdefault(frozenset(one.names), one)
    return list(alike.values())


CLASS = 0.15  # costs that differ by less decide nothing
