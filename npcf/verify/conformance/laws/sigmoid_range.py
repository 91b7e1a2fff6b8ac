"""Laws of the sigmoid range: out_b = low + (high - low) / (1 + exp(-x_b))."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_equal,
    quiet,
    refuses,
    total,
)
from npcf.verify.strategies import RangeInput, range_inputs

NEEDS = ("sigmoid_range_forward",)
BOTH = RangeInput(np.array([-1.0, 0.0, 3.0]), 1.0, 5.0, np.ones(3))
SATURATED = 40  # from here on 1 + exp(-x) is 1 in float64 too


def squash(impl: Implementation, x: Any, low: float, high: float) -> Any:
    """Return the numbers alone."""
    return impl.sigmoid_range_forward(x, low, high)[0]


def bound_of(impl: Implementation, x: Any, low: float, high: float) -> Any:
    """Return how far the numbers may lie from exact arithmetic."""
    return bounds.sigmoid_range(x, low, high, impl.library)


BACK = ("sigmoid_range_forward", "sigmoid_range_backward")


def gradient(impl: Implementation, p: RangeInput) -> Any:
    """Return d_x (B,) after a forward."""
    return impl.sigmoid_range_backward(p.d_out, impl.sigmoid_range_forward(p.x, p.low, p.high)[1])


def gradient_bound(impl: Implementation, p: RangeInput) -> Any:
    """Return how far d_x may lie from exact arithmetic."""
    return bounds.sigmoid_range_backward(p.d_out, p.x, p.low, p.high, impl.library)


@law("Mirrored: out(x) + out(-x) = low + high.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_mirrors(impl: Implementation, p: RangeInput) -> None:
    up, down = (squash(impl, x, p.low, p.high) for x in (p.x, -p.x))
    allowed = sum(bound_of(impl, x, p.low, p.high) for x in (p.x, -p.x))
    want = Fraction(p.low) + Fraction(p.high)
    for b, x in enumerate(p.x):
        assert_equal(total([up[b], down[b]]), want, allowed[b], f"out({x}) + out({-x})")


@law("inf gives high, -inf gives low, NaN stays NaN.", given=range_inputs(), needs=NEEDS)
@quiet
def sigmoid_range_of_no_numbers(impl: Implementation, p: RangeInput) -> None:
    x = np.array([np.inf, -np.inf, np.nan], p.dtype)
    want = np.array([p.high, p.low, np.nan], p.dtype)  # ends are quarters: exact
    assert_same_bits(squash(impl, x, p.low, p.high), want)


@law("Far out, up to the largest number, the ends are reached exactly and nothing overflows.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def sigmoid_range_of_huge_numbers(impl: Implementation, p: RangeInput) -> None:
    x = np.array([1000, 1e4, np.finfo(p.dtype).max], p.dtype)
    assert_same_bits(squash(impl, x, p.low, p.high), np.full(3, p.high, p.dtype))
    assert_same_bits(squash(impl, -x, p.low, p.high), np.full(3, p.low, p.dtype))


@law("Not so downwards: at -80 a unit sigmoid is still above zero.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_lives_far_below_zero(impl: Implementation, p: RangeInput) -> None:
    out = squash(impl, np.maximum(-np.abs(p.x), p.dtype.type(-80)), 0.0, 1.0)
    assert (out > 0).all(), f"{out} has died"


@law("A range whose low lies above its high raises.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_refuses_low_above_high(impl: Implementation, p: RangeInput) -> None:
    for low, high in ((p.high + 1, p.low), (p.low + 0.25, p.low)):
        refuses(f"low {low} above high {high}", squash, impl, p.x, low, high)


@law("The outputs alone tell it: (high - low) d_x = d_out (out - low) (high - out).",
     given=range_inputs(), needs=BACK, examples=(BOTH,))  # fmt: skip
def sigmoid_range_gradient_follows_from_the_outputs(impl: Implementation, p: RangeInput) -> None:
    out, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    d_x, of_d_x = impl.sigmoid_range_backward(p.d_out, cache), gradient_bound(impl, p)
    of_out = bounds.sigmoid_range(p.x, p.low, p.high, impl.library)
    low, high = Fraction(p.low), Fraction(p.high)
    for b, d in enumerate(map(total, p.d_out)):
        want = d * (total(out[b]) - low) * (high - total(out[b]))
        room, height = total(of_out[b]), high - low
        allowed = abs(d) * (height * room + room**2) + height * total(of_d_x[b])
        assert_equal(height * total(d_x[b]), want, allowed, f"R d_x[{b}]")


@law("Saturated upwards, from 40 on, the gradient is exactly zero: 1 - s is.",
     given=range_inputs(), needs=BACK)  # fmt: skip
def sigmoid_range_gradient_dies_upwards(impl: Implementation, p: RangeInput) -> None:
    d_x = gradient(impl, p._replace(x=np.abs(p.x) + p.dtype.type(SATURATED)))
    assert not d_x.any(), f"{d_x}"
