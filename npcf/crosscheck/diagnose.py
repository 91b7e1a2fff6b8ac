"""Which mistake explains what is seen?  None is better than a wrong one."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from npcf.crosscheck.cures import cure_of, split_of
from npcf.crosscheck.evidence import TABLES, Evidence
from npcf.crosscheck.program import Program
from npcf.crosscheck.search import Explanation, Search, best
from npcf.crosscheck.verdict import WRONG, Diagnosis, Stage
from npcf.verify.mistakes import MISTAKES

HIDDEN = {*"strict absent tables copied".split()}  # how a program is written, not what it does
DECISIVE = ("random-output",)  # facts after which no number means anything


class Diagnoses(list[Diagnosis]):
    """Diagnoses, the best first.

    `ruled_out` are the names that were tried and do not explain; `program` is the program with the
    mistakes of the first, None if there is none.
    """

    def __init__(
        self, found: Sequence[Diagnosis] = (), ruled_out: Sequence[str] = (),
        program: Program | None = None,
    ):  # fmt: skip
        super().__init__(found)
        self.ruled_out, self.program = tuple(ruled_out), program


def diagnose(
    evidence: Evidence, stages: Sequence[Stage], catalogue: Collection[str] | None = None
) -> Diagnoses:
    """Return the mistakes that explain what is wrong, the best first; empty if none does.

    Parameters
    ----------
    evidence : Evidence
        What was seen.
    stages : sequence of Stage
        What `judge` says of it.
    catalogue : collection of str, optional
        Names of mistakes that may be named; default: all.

    Returns
    -------
    Diagnoses
        A list of Diagnosis.  Its attribute `ruled_out` names mistakes of the first wrong stage that
        were tried and do not explain what is seen.
    """
    failing = [stage.name for stage in stages if stage.verdict == WRONG]
    facts = [_of_fact(fact) for fact in evidence.facts if fact.wrong]
    if not failing or any(fact.name in DECISIVE for fact in facts):
        return Diagnoses(facts)
    search = Search(evidence, MISTAKES if catalogue is None else catalogue)
    found = search.run()
    everything = len(search.stages)
    # two mistakes that leave something unexplained are a guess
    top = best(one for one in found if len(one.names) < 2 or len(one.explained) == everything)
    if not top or not _explains_something(top[0], failing):
        return Diagnoses(facts, list(search.tried))
    whole = len(top[0].explained) == everything
    diagnoses = [_diagnosis(one, top, whole, stages, evidence) for one in top]
    named = {name for one in top for name in one.names}
    others = [name for name in search.tried if name not in named]
    # what a fact says is sure, but it may be the same mistake again
    facts = [replace(fact, confident=False) for fact in facts]
    return Diagnoses([*diagnoses, *facts], others, top[0].program)


def _explains_something(one: Explanation, failing: Sequence[str]) -> bool:
    """Whether the first number that is wrong is among what is explained."""
    first = next((name for name in failing if name in SEARCHED), None)
    return first is None or bool({*one.explained} & SEARCHED[first])


SEARCHED = {
    "output": {"output"}, "loss": {"loss"}, "gradient": {"gradient"}, "step": {"step", "trained"},
    "schedule": {"trained"},
}  # fmt: skip


def _diagnosis(
    one: Explanation, top: Sequence[Explanation], whole: bool, stages: Sequence[Stage],
    evidence: Evidence,
) -> Diagnosis:  # fmt: skip
    """Write an explanation as a diagnosis."""
    wrongs = [candidate.wrong for candidate in one.candidates]
    others = [other for other in top if other is not one]
    explained = [name for name in one.explained if name != "trained"]
    if "trained" in one.explained:
        seen = {stage.name for stage in stages if stage.n_compared}
        explained += [name for name in ("step", "schedule") if name not in explained]
        explained = [name for name in explained if name in seen]
    return Diagnosis(
        name=" + ".join(one.names),
        names=one.names,
        sentence=" ".join(wrong.mistake.sentence for wrong in wrongs),
        cure="\n".join(cure_of(wrong, evidence) for wrong in wrongs),
        confident=whole and not others,
        parameters={key: value for wrong in wrongs for key, value in _parameters(wrong).items()},
        equivalent=tuple(" + ".join(other.names) for other in others),
        split_by=split_of([one.names, *(other.names for other in others)]) if others else "",
        explains=tuple(explained),
    )


def _parameters(wrong: Any) -> dict[str, Any]:
    """Return where a mistake is made and with which numbers, as far as that says anything."""
    options = {key: value for key, value in wrong.options.items() if key not in HIDDEN}
    sites = tuple(site for site in wrong.sites if site in TABLES)
    return {"sites": sites, **options} if sites else options


def _of_fact(fact: Any) -> Diagnosis:
    return Diagnosis(
        fact.name, (fact.name,), fact.sentence, fact.cure, True, explains=(fact.stage,)
    )
