"""What the last runs reached, part by part, beside the code; and the table of it."""

import json
from pathlib import Path
from typing import Any

from compare.crosscheck import table
from compare.crosscheck.parts import PARTS
from compare.crosscheck.scoring import Outcome
from compare.crosscheck.table import Row
from compare.proof.results import circumstances

RECORD = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parents[2] / "notebooks" / "crosscheck.md"
BEGIN, END = "<!-- make crosscheck-proof -->\n", "\n<!-- end of make crosscheck-proof -->"
ALL = (*PARTS, "speed")


def load() -> dict[str, Any]:
    """Return what is kept of each part that was ever run."""
    return json.loads(RECORD.read_text()) if RECORD.is_file() else {}


def keep(part: str, rows: list[Row], found: list[Outcome], every: int) -> None:
    """Keep what a part came to, in the place of what it came to before."""
    kept = load()
    kept[part] = {
        "rows": [row._asdict() for row in rows],
        "checks": len(found),
        "changed": sum(bool(outcome.changed) for outcome in found),
        "every": every,
        "run": circumstances(),
    }
    RECORD.write_text(json.dumps(kept, indent=1) + "\n")


def rows() -> list[Row]:
    """Return the rows of all parts, as they were kept."""
    kept = load()
    parts = [kept[part] for part in ALL if part in kept]
    found = [Row(**row) for part in parts for row in part["rows"]]
    checks, changed = (sum(part[key] for part in parts) for key in ("checks", "changed"))
    return [*found, table.of_state(changed, checks)]


def as_text() -> str:
    """Return the table, and when and on how much it was measured."""
    kept = load()
    days = sorted({part["run"]["date"] for part in kept.values()})
    machines = sorted({part["run"]["machine"] for part in kept.values()})
    few = [f"1 of {part['every']} tasks of {name!r}" for name, part in kept.items()
           if part["every"] > 1]  # fmt: skip
    taken = f"; drawn were {', '.join(few)}" if few else ""
    caption = f"Measured {' to '.join({days[0]: 0, days[-1]: 0})}, {'; '.join(machines)}{taken}."
    return f"{table.as_markdown(rows())}\n\n{caption}"


def onto_page() -> None:
    """Put the table where it stands on the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + as_text() + END + rest.partition(END)[2])
