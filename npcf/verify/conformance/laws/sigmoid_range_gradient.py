"""Laws of the sigmoid range's gradient: d_x = d_out (high - low) s (1 - s)."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    POWERS,
    assert_equal,
    quiet,
    total,
    with_entry,
    without_small,
)
from npcf.verify.conformance.laws.sigmoid_range import BOTH, SATURATED, tame
from npcf.verify.strategies import RangeInput, range_inputs

NEEDS = ("sigmoid_range_forward", "sigmoid_range_backward")


def gradient(impl: Implementation, p: RangeInput) -> Any:
    """Return d_x (B,) after a forward."""
    return impl.sigmoid_range_backward(p.d_out, impl.sigmoid_range_forward(p.x, p.low, p.high)[1])


def bound_of(impl: Implementation, p: RangeInput) -> Any:
    """Return how far d_x may lie from exact arithmetic."""
    return bounds.sigmoid_range_backward(p.d_out, p.x, p.low, p.high, impl.library)


def slopes(impl: Implementation, p: RangeInput, x: Any) -> Any:
    """Return the derivatives at x, which are gradients for a d_out of ones, and their bound."""
    q = p._replace(x=x, d_out=np.ones_like(x))
    return gradient(impl, q), bound_of(impl, q)


@law("The gradient is exact within the bound.",
     given=range_inputs(), needs=NEEDS, examples=(BOTH,))  # fmt: skip
def sigmoid_range_gradient_is_exact_within_the_bound(impl: Implementation, p: RangeInput) -> None:
    want = exact.sigmoid_range_backward(p.d_out, p.x, p.low, p.high)
    assert_within_exact(gradient(impl, p), want, bound_of(impl, p), "d_x")


@law("The outputs alone tell it: (high - low) d_x = d_out (out - low) (high - out).",
     given=range_inputs(), needs=NEEDS, examples=(BOTH,))  # fmt: skip
def sigmoid_range_gradient_follows_from_the_outputs(impl: Implementation, p: RangeInput) -> None:
    out, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    d_x, of_d_x = impl.sigmoid_range_backward(p.d_out, cache), bound_of(impl, p)
    of_out = bounds.sigmoid_range(p.x, p.low, p.high, impl.library)
    low, high = Fraction(p.low), Fraction(p.high)
    for b, d in enumerate(map(total, p.d_out)):
        want = d * (total(out[b]) - low) * (high - total(out[b]))
        room, height = total(of_out[b]), high - low
        allowed = abs(d) * (height * room + room**2) + height * total(of_d_x[b])
        assert_equal(height * total(d_x[b]), want, allowed, f"R d_x[{b}]")


@law("On one side of zero the rise over a step lies between the gradients at its ends.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_rises_as_its_gradients_say(impl: Implementation, p: RangeInput) -> None:
    for sign in (1, -1):
        near = sign * np.abs(p.x)
        far = near + p.dtype.type(sign)
        (steep, of_steep), (flat, of_flat) = slopes(impl, p, near), slopes(impl, p, far)
        out = [impl.sigmoid_range_forward(x, p.low, p.high)[0] for x in (near, far)]
        of_out = bounds.sigmoid_range(near, p.low, p.high, impl.library)
        of_out = of_out + bounds.sigmoid_range(far, p.low, p.high, impl.library)
        for b in range(len(near)):
            step, rise = (abs(total(a[b]) - total(z[b])) for a, z in ((near, far), out))
            most = step * (total(steep[b]) + total(of_steep[b])) + total(of_out[b])
            least = step * (total(flat[b]) - total(of_flat[b])) - total(of_out[b])
            assert least <= rise <= most, (
                f"from {near[b]} to {far[b]} it rises by {float(rise)}, and its gradients are "
                f"{steep[b]} and {flat[b]}"
            )


@law("Mirrored: the gradients at x and at -x are equal.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_gradient_is_even(impl: Implementation, p: RangeInput) -> None:
    mirrored = p._replace(x=-p.x)
    allowed = bound_of(impl, p) + bound_of(impl, mirrored)
    assert_within(gradient(impl, mirrored), gradient(impl, p), allowed)


@law("The gradient is largest at zero: (high - low) / 4 of d_out, and nowhere more.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_peaks_at_zero(impl: Implementation, p: RangeInput) -> None:
    peak = p._replace(x=np.zeros_like(p.x))
    size = np.abs(p.d_out.astype(np.float64)) * (p.high - p.low) / 4
    assert_within(np.abs(gradient(impl, peak)), size, bound_of(impl, peak))
    here = np.abs(gradient(impl, p)).astype(np.float64)
    assert (here <= size + bound_of(impl, p)).all(), f"{here} exceeds {size}"


@law("The gradient has the sign of d_out, or is zero.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_gradient_keeps_the_sign(impl: Implementation, p: RangeInput) -> None:
    d_x = gradient(impl, p)
    assert ((np.sign(d_x) == np.sign(p.d_out)) | (d_x == 0)).all(), f"{d_x} for {p.d_out}"


@law("Within 10 of zero the gradient is alive: not zero, where d_out and the height are not.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_is_alive(impl: Implementation, p: RangeInput) -> None:
    x = np.clip(p.x, p.dtype.type(-10), p.dtype.type(10))
    d_x, _ = slopes(impl, p._replace(high=p.low + 1), x)
    assert (d_x > 0).all(), f"{d_x} at {x}"


@law("Saturated upwards, from 40 on, the gradient is exactly zero: 1 - s is.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_dies_upwards(impl: Implementation, p: RangeInput) -> None:
    d_x = gradient(impl, p._replace(x=np.abs(p.x) + p.dtype.type(SATURATED)))
    assert not d_x.any(), f"{d_x}"


@law("Not so downwards: at -80 the gradient of a unit range is still above zero.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_lives_downwards(impl: Implementation, p: RangeInput) -> None:
    x = np.maximum(-np.abs(p.x), p.dtype.type(-80))
    d_x, _ = slopes(impl, p._replace(low=0.0, high=1.0), x)
    assert (d_x > 0).all(), f"{d_x} at {x}"


@law("Far out and at the infinities the gradient is exactly zero; at NaN it is NaN.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def sigmoid_range_gradient_at_the_ends(impl: Implementation, p: RangeInput) -> None:
    x = np.array([1e4, -1e4, np.finfo(p.dtype).max, np.inf, -np.inf, np.nan], p.dtype)
    d_x, _ = slopes(impl, p, x)
    assert_same_bits(d_x, np.array([0, 0, 0, 0, 0, np.nan], p.dtype))


@law("Where d_out is zero the gradient is zero.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_gradient_of_zero_is_zero(impl: Implementation, p: RangeInput) -> None:
    d_x = gradient(impl, p._replace(d_out=with_entry(p.d_out, slice(0, None, 2), 0.0)))
    assert not d_x[::2].any(), f"{d_x[::2]} where d_out is 0"


@law("A range of no height has no gradient.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_gradient_of_no_height(impl: Implementation, p: RangeInput) -> None:
    d_x = gradient(impl, p._replace(high=p.low))
    assert not d_x.any(), f"{d_x}"


@law("Both ends of the range raised by 1 change no gradient, up to rounding.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_ignores_shifts(impl: Implementation, p: RangeInput) -> None:
    raised = p._replace(low=p.low + 1, high=p.high + 1)
    allowed = bound_of(impl, p) + bound_of(impl, raised)
    assert_within(gradient(impl, raised), gradient(impl, p), allowed)


@law("d_out scaled by a power of two, or negated, scales the gradient to the bit.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_scales(impl: Implementation, p: RangeInput) -> None:
    p = p._replace(x=tame(p.x), d_out=without_small(p.d_out))
    want = gradient(impl, p)
    for power in POWERS:
        scale = p.dtype.type(-(2.0**power))
        assert_same_bits(gradient(impl, p._replace(d_out=p.d_out * scale)), want * scale)


@law("The range's height scaled by a power of two scales the gradient to the bit.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_scales_with_the_height(impl: Implementation, p: RangeInput) -> None:
    p = p._replace(x=tame(p.x), d_out=without_small(p.d_out))
    want = gradient(impl, p)
    for power in POWERS:
        scale = 2.0**power
        got = gradient(impl, p._replace(low=p.low * scale, high=p.high * scale))
        assert_same_bits(got, want * p.dtype.type(scale))
