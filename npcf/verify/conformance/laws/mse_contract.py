"""Laws of how the loss treats its arguments and its result, whatever the numbers are."""

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    layouts_of,
    refuses,
    unchanged,
)
from npcf.verify.conformance.laws.mse import NEEDS, bound_of, loss_of
from npcf.verify.strategies import LossInput, loss_inputs


@law("The loss is one number that the predictions' dtype can hold.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_is_one_number(impl: Implementation, p: LossInput) -> None:
    loss = loss_of(impl, p.pred, p.rating)
    assert loss.shape == (), f"the loss has shape {loss.shape}"
    assert loss.astype(p.dtype) == loss, f"{loss!r} is no {p.dtype}"


@law("Neither predictions nor ratings are changed.", given=loss_inputs(), needs=NEEDS)
def mse_changes_no_argument(impl: Implementation, p: LossInput) -> None:
    with unchanged(p.pred, p.rating):
        loss_of(impl, p.pred, p.rating)


@law("Strided, reversed and read-only inputs change nothing beyond rounding.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_in_any_layout(impl: Implementation, p: LossInput) -> None:
    want = loss_of(impl, np.ascontiguousarray(p.pred), np.ascontiguousarray(p.rating))
    allowed = 2 * bound_of(impl, p.pred, p.rating)
    for pred, rating in zip(layouts_of(p.pred), reversed([*layouts_of(p.rating)]), strict=True):
        assert_within(loss_of(impl, pred, rating), want, allowed, "loss")


@law("The same inputs twice give the same bits, and the first loss stays as it was.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_is_deterministic(impl: Implementation, p: LossInput) -> None:
    first = loss_of(impl, p.pred, p.rating)
    want = first.copy()
    loss_of(impl, p.pred + 1, p.rating - 1)
    assert_same_bits(loss_of(impl, p.pred, p.rating), want)
    assert_same_bits(first, want, "first loss, after other calls")


@law("An empty batch raises: it has no mean.", given=loss_inputs(), needs=NEEDS)
def mse_refuses_an_empty_batch(impl: Implementation, p: LossInput) -> None:
    refuses("an empty batch", loss_of, impl, p.pred[:0], p.rating[:0])


@law("Predictions and ratings of unequal numbers raise.", given=loss_inputs(), needs=NEEDS)
def mse_refuses_unequal_lengths(impl: Implementation, p: LossInput) -> None:
    longer = np.ones(len(p.pred) + 2, p.dtype)
    for pred, rating in ((p.pred, longer), (longer, p.rating)):
        refuses(f"{pred.shape} against {rating.shape}", loss_of, impl, pred, rating)


@law("(B,) against (B, 1), or against one number, raises: broadcasting would pair all with all.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
def mse_refuses_to_broadcast(impl: Implementation, p: LossInput) -> None:
    three = np.ones(3, p.dtype)
    for other in (three[:, None], three[None], three[:1], three[0]):
        for pred, rating in ((three, other), (other, three)):
            refuses(f"{pred.shape} against {rating.shape}", loss_of, impl, pred, rating)
