"""Laws hold for every execution there is: `@every_backend` runs a test once for each."""

import pytest

from npcf import kernels, ops
from npcf.verify import Bounded

every_backend = pytest.mark.parametrize("backend", [ops, kernels], ids=["numpy", "numba"])


def inner(a, b):
    """<a, b> as a Bounded number in float64, for `a`, `b` arrays or Bounded."""
    a, b = (x if isinstance(x, Bounded) else Bounded.exact(x.astype("float64")) for x in (a, b))
    wide = Bounded.exact(b.value).precision
    return (Bounded(a.value, a.error, wide) * Bounded(b.value, b.error, wide)).sum()


def agree(a, b):
    """Whether two Bounded numbers may be the same exact number."""
    return abs(a.value - b.value) <= a.error + b.error
