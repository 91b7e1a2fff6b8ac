"""Laws of model and loss together: what a training step differentiates."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_within
from npcf.verify.bounded_model import bounded_gradients, exact_params
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    LOSS,
    assert_agree,
    assert_gradients_agree,
    measured,
    of_batch,
    predict,
    wide,
)
from npcf.verify.strategies import Problem, problems

ANY = Drawn(problems())


@law(
    "Predictions that equal their ratings leave no loss and no gradient.",
    given=ANY,
    needs=LOSS,
)
def model_that_is_right_has_no_gradient(impl: Any, p: Problem) -> None:
    loss, grads = _loss(impl, p._replace(rating=predict(impl, p)))
    assert loss == 0, f"the loss is {loss}"
    for name, grad in grads.items():
        assert not grad.any(), f"{name} has a gradient"


@law(
    "One rating above its prediction pulls both biases up, below it down.",
    given=ANY,
    needs=LOSS,
)
def model_is_pulled_towards_the_rating(impl: Any, p: Problem) -> None:
    q = of_batch(p, slice(0, 1))
    residual = float(predict(impl, q)[0]) - float(q.rating[0])
    _, grads = _loss(impl, q)
    assert (grads["user_bias"] * residual >= 0).all(), "the user's bias is pushed away"
    assert (grads["item_bias"] * residual >= 0).all(), "the item's bias is pushed away"


@law(
    "Every rating given twice leaves loss and gradients as they are.",
    given=ANY,
    needs=LOSS,
)
def model_mean_does_not_count_ratings(impl: Any, p: Problem) -> None:
    batch = np.arange(len(p.users))
    twice = of_batch(p, np.concatenate([batch, batch]))
    (loss, grads), (want_loss, want) = _loss(impl, twice), _loss(impl, p)
    _, allowed_loss, allowed = _bounds(twice)
    assert_within(loss, want_loss, allowed_loss.tolerance, "loss")
    assert_gradients_agree(grads, want, allowed)


@law(
    "Loss and gradients of a whole step lie within the derived bound of exact arithmetic.",
    given=ANY,
    needs=LOSS,
)
def model_step_is_exact_up_to_its_bound(impl: Any, p: Problem) -> None:
    batch = (p.params, p.users, p.items, p.rating, p.y_range)
    loss, grads = _loss(impl, p)
    error = bounds.dot_product_bias_loss(*batch, impl.library)
    assert_within_exact(loss, exact.dot_product_bias_loss(*batch), error, "loss")
    want = exact.dot_product_bias_gradients(*batch)
    allowed = bounds.dot_product_bias_gradients(*batch, impl.library)
    for name in p.params:
        assert_within_exact(grads[name], want[name], allowed[name], f"the gradient of {name}")


@law(
    "The loss of a batch is the mean of its ratings' losses, and so are the gradients.",
    given=ANY,
    needs=LOSS,
)
def model_loss_is_the_mean_over_ratings(impl: Any, p: Problem) -> None:
    loss, grads = _loss(impl, p)
    _, allowed_loss, allowed = _bounds(p)
    alone = [of_batch(p, slice(b, b + 1)) for b in range(len(p.users))]
    parts = [(*_loss(impl, q), *_bounds(q)[1:]) for q in alone]
    share = wide(1.0) / wide(float(len(alone)))
    mean = sum((measured(part[0], part[2]) for part in parts), wide(0.0)) * share
    assert_agree(measured(loss, allowed_loss), mean, "loss")
    for name, grad in grads.items():
        total = wide(np.zeros_like(grad))
        for part in parts:
            total = total + measured(part[1][name], part[3][name])
        assert_agree(measured(grad, allowed[name]), total * share, f"the gradient of {name}")


def _loss(impl: Any, p: Problem) -> tuple[Any, Any]:
    """Return (loss, gradients), all of it by the implementation."""
    pred, cache = impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)
    loss, loss_cache = impl.mse_forward(pred, p.rating)
    return loss, impl.dot_product_bias_backward(impl.mse_backward(1.0, loss_cache), cache)


def _bounds(p: Problem) -> Any:
    """Return (pred, loss, gradients) with their running error."""
    return bounded_gradients(exact_params(p.params), p.users, p.items, p.rating, p.y_range, p.dtype)
