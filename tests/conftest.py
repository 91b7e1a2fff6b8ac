"""Profiles of Hypothesis: `check` and `dev` are small, `ci` is `make test`'s, `long` takes an hour.

How often the laws are tried in a long run is in `tests/laws.py`; this is for all other tests.

`check` skips what is marked `slow`, with the mark's reason; all others run it.

$NPCF_SHARD = 2/4 runs the second of four parts of whatever was collected.
"""

import os
import signal
import zlib

import pytest

from tests.extras import pytest_runtest_makereport  # noqa: F401  (what is not installed)

try:
    from hypothesis import HealthCheck, settings
except ImportError:
    raise pytest.UsageError("the tests need Hypothesis: pip install -e '.[test]'") from None

COMMON = {
    "deadline": None,  # a first call compiles
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("check", max_examples=10, **COMMON)
settings.register_profile("dev", max_examples=25, **COMMON)
settings.register_profile("ci", max_examples=100, derandomize=True, **COMMON)
settings.register_profile(
    "long", max_examples=int(os.environ.get("NPCF_EXAMPLES", "500")), **COMMON
)
PROFILE = os.environ.get("NPCF_PROFILE", "ci")
settings.load_profile(PROFILE)


def pytest_configure(config):
    """Take back the signals that a shell ignores for what it starts in the background, or nohup.

    Python then has no KeyboardInterrupt, nor have the children that tests send signals to.
    """
    usual = {"SIGINT": signal.default_int_handler, "SIGHUP": signal.SIG_DFL}
    for name, handler in usual.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_modifyitems(config, items):
    """Keep the part that $NPCF_SHARD names; which part a test is in depends on its name only."""
    part, parts = map(int, os.environ.get("NPCF_SHARD", "1/1").split("/"))
    inside = [zlib.crc32(item.nodeid.encode()) % parts == part - 1 for item in items]
    config.hook.pytest_deselected(
        items=[item for item, kept in zip(items, inside, strict=True) if not kept]
    )
    items[:] = [item for item, kept in zip(items, inside, strict=True) if kept]
    if PROFILE == "check":
        for item in items:
            mark = item.get_closest_marker("slow")
            if mark is not None:
                reason = mark.kwargs.get("reason") or "".join(mark.args)
                item.add_marker(pytest.mark.skip(reason=f"slow, left to make test: {reason}"))
