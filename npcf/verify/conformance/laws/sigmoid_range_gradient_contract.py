"""Laws of how the sigmoid range's backward treats its arguments, its cache and its result."""

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    SPECIAL,
    assert_kind,
    assert_own_memory,
    cuts,
    layouts_of,
    orders,
    overwrite,
    quiet,
    refuses,
    unchanged,
)
from npcf.verify.conformance.laws.sigmoid_range_gradient import NEEDS, bound_of, gradient
from npcf.verify.strategies import RangeInput, range_inputs


@law("NaN and infinities in d_out or x reach their own entry only.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def sigmoid_range_gradient_keeps_nan_in_its_place(impl: Implementation, p: RangeInput) -> None:
    want, allowed = gradient(impl, p), 2 * bound_of(impl, p)
    for value in SPECIAL:
        special, one = p.dtype.type(value), p.dtype.type(1)
        for x, d in ((one, special), (special, one)):
            longer = p._replace(x=np.append(p.x, x), d_out=np.append(p.d_out, d))
            assert_within(gradient(impl, longer)[:-1], want, allowed)


@law("Permuting x and d_out permutes the gradient, up to rounding.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_follows_the_order(impl: Implementation, p: RangeInput) -> None:
    want, allowed = gradient(impl, p), 2 * bound_of(impl, p)
    for order in orders(len(p.x)):
        got = gradient(impl, p._replace(x=p.x[order], d_out=p.d_out[order]))
        assert_within(got, want[order], allowed[order])


@law("The gradient of a batch is that of its two parts, wherever it is cut, up to rounding.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_of_two_parts(impl: Implementation, p: RangeInput) -> None:
    want, allowed = gradient(impl, p), 2 * bound_of(impl, p)
    for parts in cuts(len(p.x)):
        pieces = [gradient(impl, p._replace(x=p.x[n], d_out=p.d_out[n])) for n in parts]
        assert_within(np.concatenate(pieces), want, allowed)


@law("The gradient is (B,) of the dtype of x, for B = 0 and B = 1 too.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_has_the_shape_of_x(impl: Implementation, p: RangeInput) -> None:
    for n in (len(p.x), 0, min(len(p.x), 1)):
        got = gradient(impl, p._replace(x=p.x[:n], d_out=p.d_out[:n]))
        assert_kind(got, (n,), p.dtype, "d_x")


@law("The backward changes neither d_out nor x.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_gradient_changes_no_argument(impl: Implementation, p: RangeInput) -> None:
    with unchanged(p.x, p.d_out):
        gradient(impl, p)


@law("One cache serves twice: the second gradient has the bits of the first.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_cache_serves_twice(impl: Implementation, p: RangeInput) -> None:
    _, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    first = impl.sigmoid_range_backward(p.d_out, cache)
    want = first.copy()
    assert_same_bits(impl.sigmoid_range_backward(p.d_out, cache), want, "second gradient")
    assert_same_bits(first, want, "first gradient, after the second call")


@law("A cache survives other forwards: nothing is kept between calls.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_cache_survives_the_next_forward(impl: Implementation, p: RangeInput) -> None:
    want = gradient(impl, p)
    _, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    gradient(impl, p._replace(x=p.x / 2 + 1, low=p.low - 1))
    assert_same_bits(impl.sigmoid_range_backward(p.d_out, cache), want)


@law("Overwriting the numbers does not change the gradient.", given=range_inputs(), needs=NEEDS)
def sigmoid_range_gradient_does_not_read_the_result(impl: Implementation, p: RangeInput) -> None:
    want = gradient(impl, p)
    out, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    overwrite(out)
    assert_same_bits(impl.sigmoid_range_backward(p.d_out, cache), want)


@law("Strided, reversed and read-only inputs change nothing beyond rounding.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_in_any_layout(impl: Implementation, p: RangeInput) -> None:
    want, allowed = gradient(impl, p), 2 * bound_of(impl, p)
    for x, d_out in zip(layouts_of(p.x), reversed([*layouts_of(p.d_out)]), strict=True):
        assert_within(gradient(impl, p._replace(x=x, d_out=d_out)), want, allowed)


@law("The gradient shares no memory with d_out, x, or an earlier gradient.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_owns_its_memory(impl: Implementation, p: RangeInput) -> None:
    _, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    got = [impl.sigmoid_range_backward(p.d_out, cache) for _ in range(2)]
    assert_own_memory(got, [p.x, p.d_out])


@law("d_out of another shape than x raises: a column or one number would broadcast.",
     given=range_inputs(), needs=NEEDS)  # fmt: skip
def sigmoid_range_gradient_refuses_other_shapes(impl: Implementation, p: RangeInput) -> None:
    _, cache = impl.sigmoid_range_forward(np.ones(3, p.dtype), p.low, p.high)
    for shape in ((4,), (1,), (3, 1), (1, 3), ()):
        d_out = np.ones(shape, p.dtype)
        refuses(f"d_out {shape} for x (3,)", impl.sigmoid_range_backward, d_out, cache)
