"""Hypothesis profiles: `dev` takes seconds, `ci` is the test command's, `long` most of an hour.

How often the laws are tried in a long run is in `tests/laws.py`; this is for all other tests.

$NPCF_SHARD = 2/4 runs the second of four parts of whatever was collected.
"""

import os
import zlib

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": None,  # a first call compiles
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("dev", max_examples=25, **COMMON)
settings.register_profile("ci", max_examples=200, derandomize=True, **COMMON)
settings.register_profile(
    "long", max_examples=int(os.environ.get("NPCF_EXAMPLES", "500")), **COMMON
)
settings.load_profile(os.environ.get("NPCF_PROFILE", "ci"))


def pytest_collection_modifyitems(config, items):
    """Keep the part that $NPCF_SHARD names; which part a test is in depends on its name only."""
    part, parts = map(int, os.environ.get("NPCF_SHARD", "1/1").split("/"))
    inside = [zlib.crc32(item.nodeid.encode()) % parts == part - 1 for item in items]
    config.hook.pytest_deselected(
        items=[item for item, kept in zip(items, inside, strict=True) if not kept]
    )
    items[:] = [item for item, kept in zip(items, inside, strict=True) if kept]
