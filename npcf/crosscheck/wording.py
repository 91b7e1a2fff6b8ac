"""Words of the report that the printed page and the HTML page share."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from npcf.crosscheck.verdict import NOT_SEEN, RIGHT, SUSPICIOUS, WRONG, Diagnosis, Reduced, Stage

if TYPE_CHECKING:
    from npcf.crosscheck.report import Report

TITLES = {RIGHT: "Right", SUSPICIOUS: "Right, but suspicious", WRONG: "Wrong"}
CANNOT_TELL = "Cannot tell"
UNSEEN = {  # what a stage that was not seen would need
    "step": "needs optimizer=, or step=",
    "schedule": "needs step=, whose first step is right",
    "metric": "needs predictions: CrosscheckCallback",
}


def plural(n: int, word: str, more: str = "s") -> str:
    """Return "1 rating", "2 ratings"."""
    return f"{n:,} {word}{'' if n == 1 else more}"


def number(x: float) -> str:
    """Return a number with the digits that tell it from its neighbours in a report."""
    return f"{x:.7g}"


def share(x: float) -> str:
    """Return a share of the tolerance: 0.41, 3.2e+06, inf."""
    if not math.isfinite(x):
        return "inf"
    return f"{x:.2f}" if 0.005 <= x < 1000 or x == 0 else f"{x:.1e}"


def message(stage: Stage) -> str:
    """Return what was seen in a stage, or what was missing to see it."""
    unseen = stage.verdict == NOT_SEEN and not stage.message
    return UNSEEN.get(stage.name, "") if unseen else stage.message


def listed(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def title(report: "Report") -> str:
    """Return the verdict in a word or two."""
    if report.failed_stage is not None:
        return TITLES[WRONG]
    if not report.ok:
        return CANNOT_TELL
    return TITLES[SUSPICIOUS if report.suspicious else RIGHT]


def summary(report: "Report") -> str:
    """Return what was found, in a sentence or two."""
    judged = [stage for stage in report.stages if stage.verdict != NOT_SEEN]
    n = sum(stage.n_compared for stage in judged)
    if not report.ok and report.failed_stage is None:
        return "Nothing could be compared: no stage was seen."
    if report.failed_stage is None:
        used = max((stage.share for stage in judged), default=0.0)
        text = (
            f"{plural(n, 'number')} in {plural(len(judged), 'stage')} agree with the formulas; "
            f"the worst takes {share(used)} of its tolerance."
        )
        names = listed([stage.name for stage in report.suspicious])
        more = f" Within it, but unlike what right programs show: {names}." if names else ""
        return text + more
    stage = report.stage(report.failed_stage)
    message = stage.message.rstrip(".")
    text = f'The first stage that is wrong is "{stage.name}"{": " if message else ""}{message}.'
    if not report.diagnosis:
        return f"{text} No known mistake explains it."
    best = report.diagnosis[0]
    if best.sentence in stage.message:  # a fact is its own explanation
        return text
    how = "This explains it" if best.confident else "This may explain it"
    return f"{text} {how}: {best.sentence}"


def claims(found: Diagnosis) -> list[str]:
    """Return what stands behind a diagnosis, a sentence each."""
    lines = [] if found.confident else ["Not certain: something else may be behind it."]
    if found.explains:
        lines.append(f"As it predicts, up to rounding: {listed(found.explains)}.")
    if found.parameters:
        fitted = ", ".join(f"{name} = {plain(x)}" for name, x in found.parameters.items())
        lines.append(f"With {fitted}.")
    if found.equivalent:
        lines.append(f"On what was seen the same as: {listed(found.equivalent)}.")
    if found.split_by:
        lines.append(f"What would tell them apart: {found.split_by.rstrip('.')}.")
    return lines


def plain(x: Any) -> str:
    """Return a setting as Python writes it, NumPy's numbers without their type."""
    if isinstance(x, tuple | list):
        inside = ", ".join(map(plain, x))
        return f"({inside}{',' if len(x) == 1 else ''})"
    value = x.item() if hasattr(x, "item") and getattr(x, "size", 0) == 1 else x
    return f"{value:.7g}" if isinstance(value, float) else repr(value)


def subject(report: "Report") -> str:
    """Return what was checked: sizes, number type, the range that was meant, seconds."""
    seen = report.evidence
    span = "no y_range" if seen.y_range is None else f"y_range {plain(tuple(seen.y_range))}"
    return (
        f"{plural(seen.n_users, 'user')}, {plural(seen.n_items, 'item')}, "
        f"{plural(seen.n_factors, 'factor')}; {span}; computed in {seen.computes_in}; "
        f"{report.seconds:.2f} s."
    )


def reduced(small: Reduced) -> str:
    """Return what the reduced example is."""
    n = len(small.rating)
    what = (
        f"{plural(n, 'rating')} that still fail{'s' * (n == 1)}" if n else "One number that fails"
    )
    return f'{what} in stage "{small.stage}":'
