"""What a run leaves in `compare/bench/results/`: figures as JSON, and pictures as SVG."""

import json
from pathlib import Path
from typing import Any

from compare.bench.rows import Row
from compare.proof.results import circumstances, installed

FOLDER = Path(__file__).parent / "results"
PEERS = ("fastai", "scikit-surprise", "cornac", "libmf")


def save(name: str, rows: list[Row], more: dict[str, Any] | None = None) -> None:
    """Write the rows of question `name`, with date, machine, versions and command."""
    FOLDER.mkdir(exist_ok=True)
    run = circumstances() | {"command": f"python -m compare.bench {name}"}
    run["versions"] |= {peer: found for peer in PEERS if (found := installed(peer))}
    content = {"rows": [row.as_json() for row in rows]} | (more or {}) | {"run": run}
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def load(name: str) -> dict[str, Any] | None:
    """Return what the last run of question `name` left, its rows as `Row`, or None."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return None
    content = json.loads(path.read_text())
    content["rows"] = [_row(row) for row in content["rows"]]
    return dict(content)


def described(content: dict[str, Any]) -> str:
    """Return on what, with what, when and how figures were measured, as one line."""
    run = content["run"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    python = f"Python {run['python']}"
    return f"`{run['command']}`: {run['date']}, {run['machine']}, {python}, {versions}"


def _row(content: dict[str, Any]) -> Row:
    """Return a row read from JSON, whose lists were tuples."""
    return Row(**{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})
