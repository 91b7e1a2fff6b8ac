"""Laws of the model: its predictions, and the gradients of its tables."""

from typing import Any

import numpy as np

from npcf.verify import assert_within_exact, bounds, exact
from npcf.verify.assertions import assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._common import (
    assert_equal,
    inner,
    reach,
    refuses,
    unchanged,
)
from npcf.verify.conformance.laws._model import Pull, pulls
from npcf.verify.protocol_functions import ProtocolFunctions
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import Problem, problems

FORWARD = ("dot_product_bias_forward",)
BOTH = ("dot_product_bias_forward", "dot_product_bias_backward")
LOSS = (*BOTH, "mse_forward", "mse_backward")
BOUNDED = ProtocolFunctions(RunningError)
ANY, PULLS = Drawn(problems()), Drawn(pulls())


def predict(impl: Any, p: Any) -> Any:
    """Return the predictions (B,)."""
    return impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)[0]


def gradients(impl: Any, p: Pull) -> Any:
    """Return the gradients of <d_pred, pred>."""
    _, cache = impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)
    return impl.dot_product_bias_backward(p.d_pred, cache)


def assert_predicts_the_same(impl: Any, p: Problem, q: Problem) -> None:
    """Raise AssertionError unless two problems are predicted alike, but for rounding."""
    error = sum(bounds.dot_product_bias(*x[:3], x.y_range, impl.library) for x in (p, q))
    assert_within(predict(impl, q), predict(impl, p), error, "pred")


@law("Loss and gradients of a whole step lie within the derived bound of exact arithmetic.",
     given=ANY, needs=LOSS)  # fmt: skip
def model_step_is_exact_up_to_its_bound(impl: Any, p: Problem) -> None:
    pred, cache = impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)
    loss, loss_cache = impl.mse_forward(pred, p.rating)
    grads = impl.dot_product_bias_backward(impl.mse_backward(1.0, loss_cache), cache)
    _, want, wanted = exact.dot_product_bias_all(*p)
    _, error, errors = bounds.dot_product_bias_all(*p, impl.library)
    assert_within_exact(loss, want, error, "loss")
    for name in p.params:
        assert_within_exact(grads[name], wanted[name], errors[name], f"the gradient of {name}")


@law("Factors of users and items turned by a right angle alike predict the same.",
     given=ANY.filter(lambda p: p.params["user_factors"].shape[1] > 1), needs=FORWARD)  # fmt: skip
def model_rotated_factors_predict_the_same(impl: Any, p: Problem) -> None:
    turned = {}
    for name in ("user_factors", "item_factors"):
        turned[name] = np.array(p.params[name])
        turned[name][:, :2] = p.params[name][:, 1::-1] * np.array([-1, 1], p.dtype)
    assert_predicts_the_same(impl, p, p._replace(params=p.params | turned))


@law("Users and items may change places.", given=ANY, needs=FORWARD)
def model_is_symmetric_in_users_and_items(impl: Any, p: Problem) -> None:
    other = {"user": "item", "item": "user"}
    params = {name: p.params[other[name[:4]] + name[4:]] for name in p.params}
    assert_predicts_the_same(impl, p, p._replace(params=params, users=p.items, items=p.users))


@law("Euler's identity: <P, dP> = <Q, dQ>.", given=PULLS, needs=BOTH)
def model_euler_identity(impl: Any, p: Pull) -> None:
    grads, bound, allowed = gradients(impl, p), gradients(BOUNDED, p), 0.0
    factors = "user_factors", "item_factors"
    users, items = (inner(grads[name], p.params[name]) for name in factors)
    for name in factors:
        allowed += reach(bound[name].bound, p.params[name])
    assert_equal(users, items, allowed, "<P, dP> against <Q, dQ>")


@law("A logit of plus or minus a thousand is saturated: its gradients are zero, not nan.",
     given=PULLS.map(lambda p: p._replace(y_range=p.y_range or (0.5, 5.25))),
     needs=BOTH)  # fmt: skip
def model_saturated_predictions_do_not_learn(impl: Any, p: Pull) -> None:
    calm = {name: np.clip(table, -2, 2) for name, table in p.params.items()}
    for logit in (1000, -1000):
        params = calm | {"user_bias": np.full_like(p.params["user_bias"], logit)}
        for name, grad in gradients(impl, p._replace(params=params)).items():
            assert not grad.any(), f"{name} has a gradient at a logit of {logit}"


@law("A missing table is refused, and a range with low above high; no table is changed.",
     given=PULLS, needs=FORWARD)  # fmt: skip
def model_refuses_a_missing_table_and_a_range_upside_down(impl: Any, p: Pull) -> None:
    with unchanged(*p.params.values()):
        for name in p.params:
            left = {k: table for k, table in p.params.items() if k != name}
            refuses(f"a model without {name}", predict, impl, p._replace(params=left))
        refuses("the range (5.25, 0.5)", predict, impl, p._replace(y_range=(5.25, 0.5)))
