"""A line of the table: a question, a peer, ours, theirs, their ratio, and what it must be."""

from typing import Any, NamedTuple

from compare.bench.measuring import Times


class Must(NamedTuple):
    """What has to be reached, and what one hopes for: "at least" or "at most"."""

    at_least: bool
    value: float
    aim: float | None = None

    def holds(self, reached: float) -> bool:
        """Whether `reached` is good enough."""
        return reached >= self.value if self.at_least else reached <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:,g}"


class Row(NamedTuple):
    """One comparison; spreads are (least, most) over the rounds."""

    question: str
    peer: str  # "" where the question is about npcf alone
    unit: str
    ours: float | None
    ours_spread: tuple[float, float] | None
    theirs: float | None
    theirs_spread: tuple[float, float] | None
    ratio: float | None  # the median over rounds; None where `ours` itself is judged
    ratio_spread: tuple[float, float] | None
    must: str  # "" where nothing is asked
    aim: float | None
    ok: bool | None  # None: not run, or nothing asked
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return self._asdict()


def ratio_row(
    question: str,
    peer: str,
    ours: Times,
    theirs: Times,
    must: Must | None,
    unit: str,
    *,
    slowness: bool = False,
    note: str = "",
) -> Row:
    """Return the row of theirs / ours, how many times faster we are; `slowness`: ours / theirs."""
    ratio = ours.over(theirs) if slowness else theirs.over(ours)
    ok = None if must is None else must.holds(ratio.median)
    return Row(
        question, peer, unit, ours.median, ours.spread, theirs.median, theirs.spread,
        ratio.median, ratio.spread, *_asked(must), ok, note,
    )  # fmt: skip


def figure_row(
    question: str, ours: Times, must: Must | None, unit: str, *, peer: str = "", note: str = "",
    theirs: Times | None = None,
) -> Row:  # fmt: skip
    """Return the row of a figure that is judged by itself, beside a peer's if there is one."""
    ok = None if must is None else must.holds(ours.median)
    other = (None, None) if theirs is None else (theirs.median, theirs.spread)
    return Row(
        question, peer, unit, ours.median, ours.spread, *other, None, None, *_asked(must), ok, note
    )


def missing_row(question: str, peer: str, must: Must | None, unit: str, reason: str) -> Row:
    """Return the row of a peer that did not run."""
    nothing = (None,) * 6
    return Row(question, peer, unit, *nothing, *_asked(must), None, f"skipped: {reason}")


def _asked(must: Must | None) -> tuple[str, float | None]:
    return ("", None) if must is None else (str(must), must.aim)


def as_markdown(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| question | peer | npcf | peer's | ratio | must | aim | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        verdict = {None: "", True: "yes", False: "**no**"}[row.ok]
        cells = [
            row.question,
            row.peer,
            _cell(row.ours, row.ours_spread, row.unit),
            _cell(row.theirs, row.theirs_spread, row.unit),
            _cell(row.ratio, row.ratio_spread, ""),
            row.must,
            "" if row.aim is None else f"{row.aim:,g}",
            verdict or row.note,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: float | None, spread: tuple[float, float] | None, unit: str) -> str:
    """Return "median unit (least-most)"."""
    if value is None:
        return ""
    text = f"{_short(value)} {unit}".strip()
    if spread is None or spread[0] == spread[1]:
        return text
    return f"{text} ({_short(spread[0])}–{_short(spread[1])})"


def _short(value: float) -> str:
    """Return four digits, or all of a large whole number."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
