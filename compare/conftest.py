"""The oracle is warmed and single-threaded; Hypothesis runs as in tests/."""

import importlib.util

from tests.conftest import COMMON, pytest_collection_modifyitems, pytest_configure  # noqa: F401
from tests.extras import pytest_runtest_makereport  # noqa: F401  (what is not installed)

if importlib.util.find_spec("torch"):
    from compare.torch_models import single_thread_and_warm

    single_thread_and_warm()
else:  # without the oracle there is nothing to compare: pip install 'npcf[test]'
    collect_ignore_glob = ["test_*"]
