"""The errors of exp and sqrt that `npcf.verify.libraries` states, measured again."""

import math
from fractions import Fraction

import numpy as np
import pytest

from compare.library_functions import FUNCTIONS
from compare.pinned_errors import PINS
from npcf.verify import LIBRARIES, PRECISION, exact

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
SEVERAL = 400  # arguments a figure; the figures themselves come from millions


def pinned(library, function, dtype):
    """The arguments at which some version of a library was found worst."""
    found = [pin for pin in PINS if pin[:3] == (library, function, dtype.name)]
    return np.array([float.fromhex(pin.argument) for pin in found], dtype)


def exponents(dtype):
    """Arguments between -log(tiny) and log(tiny): random ones, multiples of log 2, both ends."""
    rng = np.random.default_rng(0)
    low = float(np.log(np.finfo(dtype).tiny))
    high = -low
    multiples = np.arange(-100, 101) * np.log(2) / 2
    near = np.concatenate([np.nextafter(multiples, np.inf), multiples, 2.0 ** -np.arange(40)])
    x = np.concatenate([rng.normal(0, 3, SEVERAL), rng.uniform(low, high, SEVERAL), near])
    x = x[(x > low + 1) & (x < high - 1)]
    return np.concatenate([x, [low + 2.0**-10, high - 2.0**-10]]).astype(dtype)


def radicands(dtype):
    """Arguments of a square root: two binades, the neighbours of squares, and all magnitudes."""
    rng = np.random.default_rng(0)
    squares = np.arange(1, 200, dtype=dtype) ** 2
    near = [squares, np.nextafter(squares, dtype.type(0)), np.nextafter(squares, dtype.type(1e9))]
    wide = np.exp2(rng.uniform(-100, 100, SEVERAL))
    return np.concatenate([*near, rng.uniform(1, 4, SEVERAL), wide]).astype(dtype)


def largest_error(got, arguments, function, dtype):
    """The largest relative error, in units of u, against 240 bits."""
    errors = []
    for y, x in zip(got.tolist(), arguments.tolist(), strict=True):
        right = function(Fraction(x))
        errors.append(float(abs(Fraction(y) - right) / right))
    return max(errors) / PRECISION[dtype].u


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("library", list(FUNCTIONS))
def test_exp_is_as_good_as_stated(library, dtype):
    x = np.concatenate([exponents(dtype), pinned(library, "exp", dtype)])
    error = largest_error(FUNCTIONS[library]["exp"](x), x, exact.exp, dtype)
    assert error <= LIBRARIES[library].exp(dtype), error
    assert error > 0.5  # no library rounds every exp correctly; if one does, the figure is stale


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("library", list(FUNCTIONS))
def test_square_root_is_as_good_as_stated(library, dtype):
    x = np.concatenate([radicands(dtype), pinned(library, "sqrt", dtype)])
    error = largest_error(FUNCTIONS[library]["sqrt"](x), x, exact.sqrt, dtype)
    assert error <= LIBRARIES[library].sqrt(dtype), error
    assert error > 0.5


def test_every_library_is_measured():
    assert set(FUNCTIONS) == set(LIBRARIES) - {"any"}
    for library in FUNCTIONS:
        for dtype in DTYPES:
            assert len(pinned(library, "exp", dtype)), (library, dtype)


def pinned_error(pin):
    """How far a pinned result is off, in units of u: a fact about numbers, the same everywhere."""
    x, y = Fraction(float.fromhex(pin.argument)), Fraction(float.fromhex(pin.result))
    right = getattr(exact, pin.function)(x)
    return float(abs(y - right) / right) / PRECISION[np.dtype(pin.dtype)].u


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("function", ["exp", "sqrt"])
@pytest.mark.parametrize("library", list(FUNCTIONS))
def test_the_figure_is_the_worst_pinned_error_and_a_twentieth_rounded_up(library, function, dtype):
    """No figure is guessed: not too small for what was found, and not larger than that asks."""
    figure = getattr(LIBRARIES[library], function)(dtype)
    errors = [pinned_error(pin) for pin in PINS if pin[:3] == (library, function, dtype.name)]
    if errors:
        assert figure == math.ceil(max(errors) * 1.05 * 10) / 10, max(errors)
    else:
        assert figure == 1.0  # correctly rounded


def test_any_library_is_the_worst_of_all():
    measured = [LIBRARIES[name] for name in FUNCTIONS]
    assert LIBRARIES["any"] == tuple(max(figures) for figures in zip(*measured, strict=True))


def test_a_worse_exp_than_stated_is_measured_as_such():
    x = exponents(DTYPES[0])
    worse = np.exp(x.astype(np.float64)) * (1 + 3 * PRECISION[DTYPES[0]].u)
    error = largest_error(worse.astype(np.float32), x, exact.exp, DTYPES[0])
    assert error > LIBRARIES["torch"].exp(DTYPES[0])
