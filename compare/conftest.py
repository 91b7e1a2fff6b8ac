"""The oracle is warmed and single-threaded; Hypothesis runs as in tests/."""

import pytest

pytest.importorskip("torch", reason="the oracle is PyTorch: pip install 'npcf[test]'")

from compare.torch_models import single_thread_and_warm  # noqa: E402
from tests.conftest import COMMON  # noqa: E402, F401  (registers and loads the profile)

single_thread_and_warm()
