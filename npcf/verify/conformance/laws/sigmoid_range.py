"""Laws of the sigmoid range: out_b = low + (high - low) / (1 + exp(-x_b))."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import assert_equal, quiet, refuses, total
from npcf.verify.strategies import RangeInput, range_inputs

FORWARD = ("sigmoid_range_forward",)
BOTH = ("sigmoid_range_forward", "sigmoid_range_backward")
THREE = RangeInput(np.array([-1.0, 0.0, 3.0]), 1.0, 5.0, np.ones(3))
SATURATED = 40  # from here on 1 + exp(-x) is 1 in float64 too


def squash(impl: Any, x: Any, low: float, high: float) -> Any:
    """Return the numbers alone."""
    return impl.sigmoid_range_forward(x, low, high)[0]


@law("Mirrored: out(x) + out(-x) = low + high.", given=range_inputs(), needs=FORWARD)
def sigmoid_range_mirrors(impl: Any, p: RangeInput) -> None:
    up, down = (squash(impl, x, p.low, p.high) for x in (p.x, -p.x))
    allowed = sum(bounds.sigmoid_range(x, p.low, p.high, impl.library) for x in (p.x, -p.x))
    want = Fraction(p.low) + Fraction(p.high)
    for b, x in enumerate(p.x):
        assert_equal(total([up[b], down[b]]), want, allowed[b], f"out({x}) + out({-x})")


@law("inf gives high, -inf low, NaN stays NaN; up to the largest number nothing overflows.",
     given=range_inputs(), needs=FORWARD)  # fmt: skip
@quiet
def sigmoid_range_of_huge_numbers(impl: Any, p: RangeInput) -> None:
    x = np.array([1000, 1e4, np.finfo(p.dtype).max, np.inf, np.nan], p.dtype)
    for sign, end in ((1, p.high), (-1, p.low)):  # ends are quarters: exact
        want = np.array([end] * 4 + [np.nan], p.dtype)
        assert_same_bits(squash(impl, sign * x, p.low, p.high), want)


@law("Not so downwards: at -80 a unit sigmoid is still above zero.",
     given=range_inputs(), needs=FORWARD)  # fmt: skip
def sigmoid_lives_far_below_zero(impl: Any, p: RangeInput) -> None:
    out = squash(impl, np.maximum(-np.abs(p.x), p.dtype.type(-80)), 0.0, 1.0)
    assert (out > 0).all(), f"{out} has died"


@law("A range whose low lies above its high raises.", given=range_inputs(), needs=FORWARD)
def sigmoid_range_refuses_low_above_high(impl: Any, p: RangeInput) -> None:
    for low, high in ((p.high + 1, p.low), (p.low + 0.25, p.low)):
        refuses(f"low {low} above high {high}", squash, impl, p.x, low, high)


@law("The outputs alone tell it: (high - low) d_x = d_out (out - low) (high - out).",
     given=range_inputs(), needs=BOTH, examples=(THREE,))  # fmt: skip
def sigmoid_range_gradient_follows_from_the_outputs(impl: Any, p: RangeInput) -> None:
    out, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    d_x = impl.sigmoid_range_backward(p.d_out, cache)
    of_d_x = bounds.sigmoid_range_backward(p.d_out, p.x, p.low, p.high, impl.library)
    of_out = bounds.sigmoid_range(p.x, p.low, p.high, impl.library)
    low, high = Fraction(p.low), Fraction(p.high)
    for b, d in enumerate(map(total, p.d_out)):
        want = d * (total(out[b]) - low) * (high - total(out[b]))
        room, height = total(of_out[b]), high - low
        allowed = abs(d) * (height * room + room**2) + height * total(of_d_x[b])
        assert_equal(height * total(d_x[b]), want, allowed, f"R d_x[{b}]")


@law("Saturated upwards, from 40 on, the gradient is exactly zero: 1 - s is.",
     given=range_inputs(), needs=BOTH)  # fmt: skip
def sigmoid_range_gradient_dies_upwards(impl: Any, p: RangeInput) -> None:
    x = np.abs(p.x) + p.dtype.type(SATURATED)
    d_x = impl.sigmoid_range_backward(p.d_out, impl.sigmoid_range_forward(x, p.low, p.high)[1])
    assert not d_x.any(), f"{d_x}"
