"""Where recordings and data lie: neither is part of the project, both belong to MovieLens."""

import os
from pathlib import Path

import pytest

from tests import places


def fixture(name: str) -> Path:
    """Return the path of a recorded trajectory, or skip naming it."""
    for root in (os.environ.get("NPCF_FIXTURES"), places.SHARED / "fixtures"):
        if root and (path := Path(root) / f"{name}.npz").is_file():
            return path
    pytest.skip(f"no {name}.npz in $NPCF_FIXTURES or ../shared/fixtures")


def movielens() -> Path:
    """Return the folder of ml-100k, or skip."""
    return places.movielens() or pytest.skip(places.NO_MOVIELENS)
