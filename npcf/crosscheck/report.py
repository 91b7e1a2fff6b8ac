"""What a crosscheck found: printed, as a table, as JSON, in a notebook, as a page of HTML."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from npcf.crosscheck import page, text, wording
from npcf.crosscheck.evidence import Evidence
from npcf.crosscheck.verdict import (
    NOT_SEEN,
    STAGES,
    SUSPICIOUS,
    WRONG,
    Diagnosis,
    Reduced,
    Stage,
)
from npcf.files import replace_file

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("stage", "verdict", "share", "compared", "worst entry", "seen", "expected",
           "tolerance", "message")  # fmt: skip


class Report:
    """The verdict on one subject.

    Attributes
    ----------
    ok : bool
        Whether something was compared and nothing is wrong.  What is suspicious is not wrong.
    failed_stage : str or None
        The first of `npcf.crosscheck.verdict.STAGES` that is wrong.
    exit_code : int
        0 right, 1 wrong, 2 cannot tell: what a command or a build returns.
    stages : list of Stage
        In the order of STAGES.
    diagnosis : list of Diagnosis
        The mistakes that explain what was seen, best first; empty if none does.
    reduced : Reduced or None
        The smallest batch that still fails.
    ruled_out : tuple of str
        Mistakes that were tried and do not explain it.
    notes : list of str
        What was assumed, such as which column holds the users.
    seconds : float
        How long it took.
    """

    def __init__(
        self,
        evidence: Evidence,
        stages: Sequence[Stage],
        diagnosis: Sequence[Diagnosis],
        reduced: Reduced | None = None,
        ruled_out: Sequence[str] = (),
        seconds: float = 0.0,
    ):
        self.evidence = evidence
        self.stages = sorted(stages, key=lambda stage: STAGES.index(stage.name))
        self.diagnosis, self.reduced = list(diagnosis), reduced
        self.ruled_out, self.seconds = tuple(ruled_out), seconds

    @property
    def failed_stage(self) -> str | None:
        """The first stage that is wrong, None if none is."""
        return next((stage.name for stage in self.stages if stage.verdict == WRONG), None)

    @property
    def ok(self) -> bool:
        """Whether something was compared, and nothing is wrong."""
        return self.failed_stage is None and any(
            stage.n_compared and stage.verdict != NOT_SEEN for stage in self.stages
        )

    @property
    def exit_code(self) -> int:
        """0 right, 1 wrong, 2 cannot tell."""
        return 0 if self.ok else 2 if self.failed_stage is None else 1

    @property
    def suspicious(self) -> list[Stage]:
        """Stages within their tolerance, but unlike what right programs show."""
        return [stage for stage in self.stages if stage.verdict == SUSPICIOUS]

    @property
    def notes(self) -> list[str]:
        """What was assumed, and what was noticed without being judged.

        Of notes that differ by numbers alone, such as a warning on every probe, the first.
        """
        said = [fact.sentence for fact in self.evidence.facts if not fact.wrong]
        by_words: dict[str, str] = {}
        for note in (*self.evidence.notes, *said):
            by_words.setdefault(re.sub(r"\d+", "#", note), note)
        return list(by_words.values())

    def stage(self, name: str) -> Stage:
        """Return one stage by its name."""
        return next(stage for stage in self.stages if stage.name == name)

    def table(self) -> "pd.DataFrame":
        """Return a row for each stage: verdict, share of the tolerance, its worst entry."""
        import pandas as pd

        return pd.DataFrame([_row(stage) for stage in self.stages], columns=list(COLUMNS))

    def to_json(self) -> str:
        """Return everything but the arrays of evidence as JSON.

        JSON has no NaN and no infinity: they are written as text, "nan", "inf" and "-inf".
        """
        seen = self.evidence
        subject = ("n_users", "n_items", "n_factors", "computes_in", "y_range", "paths",
                   "mapped_by", "facts")  # fmt: skip
        content = {
            "verdict": wording.title(self).lower(),
            "summary": wording.summary(self),
            **{name: getattr(self, name) for name in ("ok", "exit_code", "failed_stage")},
            "stages": self.stages,
            "diagnosis": self.diagnosis,
            "ruled_out": self.ruled_out,
            "reduced": self.reduced and self.reduced.arrays(),
            "notes": self.notes,
            "subject": {name: getattr(seen, name) for name in subject},
            "dtype": np.dtype(seen.dtype).name,
            "seconds": self.seconds,
        }
        return json.dumps(_plain(content), allow_nan=False)

    def to_html(self, path: Any = None) -> str:
        """Return a page of HTML that needs nothing but itself; write it to `path` if given."""
        html = page.page(self)
        if path is not None:
            replace_file(path, html.encode())
        return html

    def __str__(self) -> str:
        return text.printed(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return page.fragment(self)


def _row(stage: Stage) -> tuple[Any, ...]:
    where, seen, expected, tolerance = stage.worst or ("", math.nan, math.nan, math.nan)
    share = math.nan if stage.verdict == NOT_SEEN else stage.share
    return (stage.name, stage.verdict, share, stage.n_compared, where, seen, expected, tolerance,
            stage.message)  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: dicts, lists, text, numbers that are finite."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(x) for name, x in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(x) for x in value]
    return str(value)
