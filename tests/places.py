"""Where MovieLens lies, if it does: it is no part of the project."""

import os
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
NO_MOVIELENS = "no ml-100k in $NPCF_DATA or ../shared/data"


def movielens() -> Path | None:
    """Return the folder of ml-100k in $NPCF_DATA or beside the project, or None."""
    for root in (os.environ.get("NPCF_DATA"), SHARED / "data"):
        if root and (folder := Path(root) / "ml-100k").is_dir():
            return folder
    return None
