"""Laws hold for every execution there is: `@every_backend` runs a test once for each."""

import pytest

from npcf import kernels, ops

every_backend = pytest.mark.parametrize("backend", [ops, kernels], ids=["numpy", "numba"])
