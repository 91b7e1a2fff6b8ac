"""The mean squared error of ratings in another dtype than the predictions."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.strategies import LossInput, loss_inputs


@law("Ratings are cast to the dtype of the predictions, which is that of the loss.",
     given=loss_inputs(), needs=("mse_forward", "mse_backward"))  # fmt: skip
def ratings_do_not_promote_the_loss(impl: Implementation, p: LossInput) -> None:
    rating = np.round(p.rating)  # a number in every dtype

    def with_ratings(dtype: Any) -> tuple[Any, Any]:
        loss, cache = impl.mse_forward(p.pred, rating.astype(dtype))
        return loss, impl.mse_backward(p.d_loss, cache)

    want = with_ratings(p.pred.dtype)
    for dtype in (np.float32, np.float64):
        for got, same in zip(with_ratings(dtype), want, strict=True):
            assert_same_bits(got, same)
