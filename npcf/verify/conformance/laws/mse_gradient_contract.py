"""Laws of how the loss's backward treats its arguments, its cache and its result."""

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_kind,
    assert_own_memory,
    layouts_of,
    overwrite,
    unchanged,
)
from npcf.verify.conformance.laws.mse_gradient import NEEDS, bound_of, gradient
from npcf.verify.strategies import LossInput, loss_inputs


@law("The gradient is (B,) of the predictions' dtype.", given=loss_inputs(), needs=NEEDS)
def mse_gradient_has_the_shape_of_the_predictions(impl: Implementation, p: LossInput) -> None:
    assert_kind(gradient(impl, p), p.pred.shape, p.dtype, "d_pred")


@law("The backward changes neither predictions nor ratings.", given=loss_inputs(), needs=NEEDS)
def mse_gradient_changes_no_argument(impl: Implementation, p: LossInput) -> None:
    with unchanged(p.pred, p.rating):
        gradient(impl, p)


@law("One cache serves twice: the second gradient has the bits of the first.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_cache_serves_twice(impl: Implementation, p: LossInput) -> None:
    _, cache = impl.mse_forward(p.pred, p.rating)
    first = impl.mse_backward(p.d_loss, cache)
    want = first.copy()
    assert_same_bits(impl.mse_backward(p.d_loss, cache), want, "second gradient")
    assert_same_bits(first, want, "first gradient, after the second call")


@law("A cache survives other forwards: nothing is kept between calls.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_cache_survives_the_next_forward(impl: Implementation, p: LossInput) -> None:
    want = gradient(impl, p)
    _, cache = impl.mse_forward(p.pred, p.rating)
    gradient(impl, LossInput(np.ones(3, p.dtype), np.zeros(3, p.dtype), 2.0))
    assert_same_bits(impl.mse_backward(p.d_loss, cache), want)


@law("Overwriting the loss and an earlier gradient changes no later gradient.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_does_not_read_results(impl: Implementation, p: LossInput) -> None:
    want = gradient(impl, p).copy()
    loss, cache = impl.mse_forward(p.pred, p.rating)
    overwrite(loss, impl.mse_backward(p.d_loss, cache))
    assert_same_bits(impl.mse_backward(p.d_loss, cache), want)


@law("Strided, reversed and read-only errors change no gradient beyond rounding.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_in_any_layout(impl: Implementation, p: LossInput) -> None:
    want, allowed = gradient(impl, p), 2 * bound_of(impl, p)
    for pred, rating in zip(layouts_of(p.pred), reversed([*layouts_of(p.rating)]), strict=True):
        assert_within(gradient(impl, p._replace(pred=pred, rating=rating)), want, allowed)


@law("The gradient shares no memory with an input, or with an earlier gradient.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_gradient_owns_its_memory(impl: Implementation, p: LossInput) -> None:
    _, cache = impl.mse_forward(p.pred, p.rating)
    got = [impl.mse_backward(p.d_loss, cache) for _ in range(2)]
    assert_own_memory(got, [p.pred, p.rating])
