"""Laws hold for every execution there is.

`@every_backend` runs a test once for each; `@both_backends`, below `@given`, shows both the same
inputs, because drawing takes longer than most laws.
"""

import inspect
from functools import wraps

import pytest
from hypothesis import note

from npcf import ops
from npcf.training.backend import numba_installed

BACKENDS = {"numpy": ops}
if numba_installed():  # not in a browser, nor in `make check-no-numba`
    from npcf import kernels

    BACKENDS["numba"] = kernels
every_backend = pytest.mark.parametrize("backend", [*BACKENDS.values()], ids=[*BACKENDS])


def both_backends(test):
    """Return the test without the argument `backend`: it is called with one after the other."""
    signature = inspect.signature(test)
    rest = [one for name, one in signature.parameters.items() if name != "backend"]

    @wraps(test)
    def run(*inputs, **named):
        named |= zip([one.name for one in rest], inputs, strict=False)
        for name, backend in BACKENDS.items():
            note(name)
            test(backend=backend, **named)

    run.__signature__ = signature.replace(parameters=rest)
    del run.__wrapped__
    return run
