"""Results of long runs, kept as JSON beside the code: what, when, on what, with which versions."""

import datetime
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
LIBRARIES = ("numpy", "numba", "torch", "jax", "hypothesis", "cosmic-ray")


def save(name: str, figures: dict[str, Any]) -> None:
    """Write the figures of a run under `name`, with date, machine and versions."""
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(figures | {"run": circumstances()}, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n")


def keep(name: str, file: Path) -> None:
    """Move what a run has written to `file` in JSON to its place, under "figures"."""
    save(name, {"figures": json.loads(file.read_text())})
    file.unlink()


def load(name: str) -> dict[str, Any] | None:
    """Return the last figures under `name`, or None where there was no run yet."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None


def circumstances() -> dict[str, Any]:
    """Return date, machine and versions."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {processor()}",
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := installed(name))},
    }


def processor() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def installed(name: str) -> str | None:
    """Return the version of a library, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
