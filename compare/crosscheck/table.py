"""The table of what must be reached and what was, from outcomes."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from compare.crosscheck.scoring import Outcome


class Row(NamedTuple):
    """One line."""

    question: str
    must: str
    measured: str
    ok: bool


def share(question: str, must: float, good: int, n: int) -> Row:
    """Return a row about good of n, of which at least the share `must` is good."""
    wanted = "all" if must == 1 else f"{must:.0%}"
    return Row(
        question, wanted, f"{good} of {n} ({good / max(n, 1):.1%})", n > 0 and good >= must * n
    )


def none(question: str, bad: int, n: int, at_most: float = 0.0) -> Row:
    """Return a row about bad of n, of which at most the share `at_most` may be."""
    must = "0" if at_most == 0 else f"<= {at_most:.1%}"
    return Row(
        question, must, f"{bad} of {n} ({bad / max(n, 1):.2%})", n > 0 and bad <= at_most * n
    )


def count(outcomes: Iterable[Outcome], of: Callable[[Outcome], bool]) -> int:
    """Return how many are so."""
    return sum(map(of, outcomes))


def named(outcomes: list[Outcome]) -> list[Outcome]:
    """Return those whose mistake has a name in the catalogue."""
    return [o for o in outcomes if all(o.right)]


def of_programs(found: list[Outcome]) -> list[Row]:
    with_names = named(found)
    reducible = [o for o in found if o.stage in ("output", "loss", "gradient")]
    return [
        share("wrong programs flagged, first failing stage right", 1.0,
              count(found, lambda o: o.flagged), len(found)),
        share("right class of mistakes first", 0.99,
              count(with_names, lambda o: o.in_class), len(with_names)),
        share("right mistake first, or one that no probe can tell from it", 0.97,
              count(with_names, lambda o: o.named), len(with_names)),
        none("confident wrong names", count(found, lambda o: o.false_name), len(found)),
        share("reduced example of at most 3 ratings", 1.0,
              count(reducible, lambda o: 0 < o.reduced <= 3), len(reducible)),
    ]  # fmt: skip


def of_steps(found: list[Outcome]) -> list[Row]:
    found = named(found)
    right = count(found, lambda o: o.in_class)
    return [share("only a training step is given: right class", 0.95, right, len(found))]


def of_pairs(found: list[Outcome], where: str, must: float) -> list[Row]:
    both = count(found, lambda o: o.named)
    false = count(found, lambda o: o.false_name)
    return [
        share(f"two mistakes in {where}: both named first", must, both, len(found)),
        none(f"two mistakes in {where}: confident wrong names", false, len(found), 0.005),
    ]


def of_left_out(found: list[Outcome]) -> list[Row]:
    stage = count(found, lambda o: o.flagged)
    same = count(found, lambda o: o.confident and o.again)
    false = count(found, lambda o: o.confident and not o.again)
    return [
        share("its entry taken away: first failing stage right", 1.0, stage, len(found)),
        none("its entry taken away: false names", false, len(found), 0.01),
        Row("its entry taken away: the same function in other words, also in other sizes",
            "counted apart", f"{same} of {len(found)}", True),
    ]  # fmt: skip


def of_outsiders(found: list[Outcome]) -> list[Row]:
    return [
        share("mistakes that no catalogue has: stage right", 1.0,
              count(found, lambda o: o.flagged), len(found)),
        none("mistakes that no catalogue has: confident names",
             count(found, lambda o: o.confident), len(found)),
    ]  # fmt: skip


def of_natural(found: list[Outcome]) -> list[Row]:
    with_names = named(found)
    return [
        share("tutorial's batch: flagged", 1.0, count(found, lambda o: o.flagged), len(found)),
        share("tutorial's batch: right class", 0.97,
              count(with_names, lambda o: o.in_class), len(with_names)),
    ]  # fmt: skip


def of_right(found: list[Outcome], which: str) -> list[Row]:
    alarms = count(found, lambda o: not o.ok or bool(o.error))
    return [none(f"false alarms, {which}", alarms, len(found))]


def of_state(changed: int, checks: int) -> Row:
    return none("checks that changed a bit of their subject", changed, checks)


def of_speed(seconds: dict[str, float]) -> list[Row]:
    limits = {"right": 0.5, "broken": 1.0, "pair": 5.0}
    return [
        Row(f"seconds of a check, ML-100k's tables, k = 50, B = 64: {name}",
            f"<= {limit}", f"{seconds[name]:.2f}", seconds[name] <= limit)
        for name, limit in limits.items()
    ]  # fmt: skip


ROWS: dict[str, Callable[[list[Outcome]], list[Row]]] = {
    "programs": of_programs,
    "steps": of_steps,
    "different": lambda found: of_pairs(found, "different stages", 0.93),
    "same": lambda found: of_pairs(found, "one stage", 0.85),
    "left_out": of_left_out,
    "outsiders": of_outsiders,
    "natural": of_natural,
    "clean": lambda found: of_right(found, "drawn at random"),
    "clean_long": lambda found: of_right(found, "drawn at random, long run"),
    "unusual": lambda found: of_right(found, "unusual models"),
    "fastai": lambda found: of_right(found, "fastai's learners on ML-100k"),
}


def as_markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| | must | measured | |", "|---|---|---|---|"]
    for row in rows:
        verdict = "yes" if row.ok else "**no**"
        lines.append(f"| {row.question} | {row.must} | {row.measured} | {verdict} |")
    return "\n".join(lines)


def shortfalls(part: str, found: list[Outcome]) -> list[Outcome]:
    """Return the outcomes that keep a row of their part from being full."""
    if part in ("clean", "clean_long", "unusual", "fastai"):
        return [o for o in found if not o.ok or o.error or o.changed]
    if part == "outsiders":
        return [o for o in found if not o.flagged or o.confident or o.changed]
    if part == "left_out":
        return [o for o in found if not o.flagged or (o.confident and not o.again) or o.changed]
    return [o for o in found
            if not o.flagged or o.false_name or o.changed or (all(o.right) and not o.named)
            ]  # fmt: skip
