"""Where recordings and data lie: neither is part of the project, both belong to MovieLens."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def fixture(name: str) -> Path:
    """Return the path of a recorded trajectory, or skip naming it."""
    for root in (os.environ.get("NPCF_FIXTURES"), SHARED / "fixtures"):
        if root and (path := Path(root) / f"{name}.npz").is_file():
            return path
    pytest.skip(f"no {name}.npz in $NPCF_FIXTURES or ../shared/fixtures")


def movielens() -> Path:
    """Return the folder of ml-100k, or skip."""
    for root in (os.environ.get("NPCF_DATA"), SHARED / "data"):
        if root and (folder := Path(root) / "ml-100k").is_dir():
            return folder
    pytest.skip("no ml-100k in $NPCF_DATA or ../shared/data")
