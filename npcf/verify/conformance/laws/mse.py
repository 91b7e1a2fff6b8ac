"""Laws of the mean squared error: loss = (1 / B) sum_b (pred_b - rating_b)**2."""

from fractions import Fraction
from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_equal,
    quiet,
    refuses,
    total,
    with_entry,
)
from npcf.verify.strategies import LossInput, loss_inputs

NEEDS = ("mse_forward",)
THREE = LossInput(np.array([1.0, 2.0, 4.5]), np.array([1.0, 3.0, 2.0]), 1.0)


@law("A batch's loss is the weighted mean of its parts': B L = B1 L1 + B2 L2.",
     given=loss_inputs(), needs=NEEDS, examples=(THREE,))  # fmt: skip
def mse_of_two_parts(impl: Any, p: LossInput) -> None:
    for where in range(1, len(p.pred)):
        sums, allowed = [], Fraction(0)
        for part in (slice(None), slice(where), slice(where, None)):
            pred, rating = p.pred[part], p.rating[part]
            sums.append(len(pred) * total(impl.mse_forward(pred, rating)[0]))
            allowed += len(pred) * total(bounds.mse(pred, rating, library=impl.library))
        assert_equal(sums[1] + sums[2], sums[0], allowed, "B1 L1 + B2 L2")


@law("NaN makes the loss NaN and an infinity makes it infinite, wherever it stands.",
     given=loss_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def mse_of_no_numbers(impl: Any, p: LossInput) -> None:
    for field in ("pred", "rating"):
        for b in range(len(p.pred)):
            for value in (np.nan, np.inf, -np.inf):
                q = p._replace(**{field: with_entry(getattr(p, field), b, value)})
                got, want = impl.mse_forward(*q[:2])[0], abs(p.dtype.type(value))
                assert_within(got, want, 0.0, f"loss with {field}[{b}] = {value}")


@law("An empty batch raises: it has no mean.", given=loss_inputs(), needs=NEEDS)
def mse_refuses_an_empty_batch(impl: Any, p: LossInput) -> None:
    refuses("an empty batch", impl.mse_forward, p.pred[:0], p.rating[:0])


@law("Ratings are cast to the dtype of the predictions, which is that of the loss.",
     given=loss_inputs(), needs=(*NEEDS, "mse_backward"))  # fmt: skip
def ratings_do_not_promote_the_loss(impl: Any, p: LossInput) -> None:
    results = []
    for dtype in (p.dtype, np.float32, np.float64):
        loss, cache = impl.mse_forward(p.pred, np.round(p.rating).astype(dtype))
        results.append((loss, impl.mse_backward(p.d_loss, cache)))
        for got, want in zip(results[-1], results[0], strict=True):
            assert_same_bits(got, want)
