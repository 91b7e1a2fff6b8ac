"""What the laws of the whole model share: inputs, calls, bounds, and changes of a problem."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray, Params, YRange
from npcf.verify import bounds
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import PRECISION, Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import problems
from npcf.verify.strategies.source import sources

FORWARD = ("dot_product_bias_forward",)
BOTH = ("dot_product_bias_forward", "dot_product_bias_backward")
LOSS = (*BOTH, "mse_forward", "mse_backward")
SIDES = (("user", "users"), ("item", "items"))  # the tables' prefix, the ids' name
MAX_BATCH = 8
CALM, SMALL = 2.0, 2.0**-20  # |logit| <= 24 with 5 factors, and no product of a gradient underflows
DOUBLE = PRECISION[np.dtype(np.float64)]
Grads = dict[str, Bounded]
_upstream = sources(MAX_BATCH)


class Pull(NamedTuple):
    """Parameters, a batch, a range, and how the loss pulls at each prediction."""

    params: Params
    users: Any  # (B,)
    items: Any  # (B,)
    d_pred: FloatArray  # (B,)
    y_range: YRange

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        return self.params["user_factors"].dtype


@st.composite
def pulls(draw: st.DrawFn, dtype: Any = None) -> Pull:
    """Problems with any upstream gradient, |d_pred| <= 4, in the place of ratings."""
    p, source = draw(problems(dtype)), draw(_upstream)
    d_pred = source.floats(p.dtype, (MAX_BATCH,), p.users.shape)
    return Pull(p.params, p.users, p.items, d_pred, p.y_range)


def predict(impl: Any, p: Any) -> FloatArray:
    """Return the predictions (B,)."""
    pred: FloatArray = impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)[0]
    return pred


def gradients(impl: Any, p: Pull) -> Params:
    """Return the gradients of <d_pred, pred>."""
    _, cache = impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)
    grads: Params = impl.dot_product_bias_backward(p.d_pred, cache)
    return grads


def prediction_error(impl: Any, p: Any) -> FloatArray:
    """Return the a-priori bound of each prediction."""
    error: FloatArray = bounds.dot_product_bias(p.params, p.users, p.items, p.y_range, impl.library)
    return error


def predicted(p: Any, params: Any) -> Bounded:
    """Return the predictions for other tables, arrays or Bounded, with their running error."""
    f = Formulas(RunningError(p.dtype))
    pred: Bounded = f.forward(params, p.users, p.items, p.y_range)[0]
    return pred


def bounded(p: Any) -> Bounded:
    """Return the predictions with their running error."""
    return predicted(p, p.params)


def bounded_pull(p: Pull) -> Grads:
    """Return the gradients of <d_pred, pred> with their running error."""
    f = Formulas(RunningError(p.dtype))
    _, tape = f.forward(p.params, p.users, p.items, p.y_range)
    return f.backward(p.d_pred, tape)


def assert_gradients_agree(got: Params, want: Any, allowed: Grads) -> None:
    """Raise AssertionError unless every table is within its tolerance of the wanted one."""
    for name, bound in allowed.items():
        assert_within(got[name], want[name], bound.tolerance, f"the gradient of {name}")


def measured(got: FloatArray, bound: Bounded) -> Bounded:
    """Return what was computed as a number with the error that it may have."""
    return Bounded(got, bound.error, DOUBLE)


def wide(array: Any) -> Bounded:
    """Return an array as exact float64 numbers."""
    return Bounded(array, 0.0, DOUBLE)


def assert_agree(a: Bounded, b: Bounded, name: str) -> None:
    """Raise AssertionError unless two measured numbers may be the same exact one."""
    assert_within(a.value, b.value, (a.tolerance + b.tolerance) / 2, name)


def on_tables(p: Any, change: Callable[[str, FloatArray], FloatArray]) -> Any:
    """Return the problem with every table changed."""
    return p._replace(params={name: change(name, table) for name, table in p.params.items()})


def with_tables(p: Any, **tables: FloatArray) -> Any:
    """Return the problem with some tables in the place of others."""
    return p._replace(params=p.params | tables)


def calm(p: Any) -> Any:
    """Return the problem with entries within 2, and what could underflow taken out."""

    def quiet(array: FloatArray) -> FloatArray:
        clipped = np.clip(array, -CALM, CALM)
        return np.where(np.abs(clipped) < SMALL, 0, clipped).astype(array.dtype)

    p = on_tables(p, lambda _, table: quiet(table))
    return p._replace(d_pred=quiet(p.d_pred)) if isinstance(p, Pull) else p


def exchanged(p: Any) -> Any:
    """Return the problem in which users are items and items are users."""
    params = {
        "user_factors": p.params["item_factors"],
        "item_factors": p.params["user_factors"],
        "user_bias": p.params["item_bias"],
        "item_bias": p.params["user_bias"],
    }
    return p._replace(params=params, users=p.items, items=p.users)
