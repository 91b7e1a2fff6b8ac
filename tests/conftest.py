"""Hypothesis profiles: `dev` takes seconds, `ci` is the test command's, `long` is for nights."""

import os

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": None,  # a first call compiles
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("dev", max_examples=25, **COMMON)
settings.register_profile("ci", max_examples=200, derandomize=True, **COMMON)
settings.register_profile(
    "long", max_examples=int(os.environ.get("NPCF_EXAMPLES", "5000")), **COMMON
)
settings.load_profile(os.environ.get("NPCF_PROFILE", "ci"))
