"""Laws of what the model may touch and must return: shapes, dtypes, arguments, refusals."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    BOTH,
    FORWARD,
    Pull,
    assert_gradients_agree,
    bounded_pull,
    exchanged,
    gradients,
    of_batch,
    on_tables,
    predict,
    prediction_error,
    pulls,
)
from npcf.verify.strategies import LAYOUTS, lay_out

ANY = Drawn(pulls())
ID_DTYPES = (np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32, np.uint64)


def forward(impl: Any, p: Pull) -> Any:
    """Return (pred, cache)."""
    return impl.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)


def copies(p: Pull) -> dict[str, Any]:
    """Return a copy of every array of `p`, by name."""
    return {name: table.copy() for name, table in p.params.items()} | {
        name: getattr(p, name).copy() for name in ("users", "items", "d_pred")
    }


def assert_kept(p: Pull, before: dict[str, Any], after: str) -> None:
    """Raise AssertionError if an array of `p` is no longer what it was."""
    now = copies(p)
    assert now.keys() == before.keys(), f"a table came or went in {after}"
    for name, array in before.items():
        assert_same_bits(now[name], array, f"the argument {name}, after {after},")


@law("There is one prediction for each rating, in a vector.", given=ANY, needs=FORWARD)
def model_predictions_are_a_vector(impl: Any, p: Pull) -> None:
    shape = predict(impl, p).shape
    assert shape == p.users.shape, f"shape {shape}, expected {p.users.shape}"


@law("float32 parameters predict float32, and float64 ones float64.", given=ANY, needs=FORWARD)
def model_predictions_keep_the_dtype(impl: Any, p: Pull) -> None:
    dtype = predict(impl, p).dtype
    assert dtype == p.dtype, f"dtype {dtype}, expected {p.dtype}"


@law("Gradients have the names, shapes and dtypes of the parameters.", given=ANY, needs=BOTH)
def model_gradients_look_like_parameters(impl: Any, p: Pull) -> None:
    grads = gradients(impl, p)
    assert grads.keys() == p.params.keys(), f"gradients of {sorted(grads)}"
    for name, table in p.params.items():
        assert grads[name].shape == table.shape, f"{name}: shape {grads[name].shape}"
        assert grads[name].dtype == table.dtype, f"{name}: dtype {grads[name].dtype}"


@law("The forward changes no argument.", given=ANY, needs=FORWARD)
def model_forward_changes_no_argument(impl: Any, p: Pull) -> None:
    before = copies(p)
    forward(impl, p)
    assert_kept(p, before, "the forward")


@law("The backward changes neither the pull nor a parameter.", given=ANY, needs=BOTH)
def model_backward_changes_no_argument(impl: Any, p: Pull) -> None:
    before = copies(p)
    gradients(impl, p)
    assert_kept(p, before, "the backward")


@law(
    "Predictions and gradients are new arrays: writing to them changes no argument.",
    given=ANY,
    needs=BOTH,
)
def model_results_are_new_arrays(impl: Any, p: Pull) -> None:
    before = copies(p)
    pred, cache = forward(impl, p)
    grads = impl.dot_product_bias_backward(p.d_pred, cache)
    for array in (pred, *grads.values()):
        if array.flags.writeable:
            array[...] = 7
    assert_kept(p, before, "writing to a result")


@law("The same input gives the same bits.", given=ANY, needs=BOTH)
def model_is_deterministic(impl: Any, p: Pull) -> None:
    pred, grads = predict(impl, p).copy(), {n: g.copy() for n, g in gradients(impl, p).items()}
    gradients(impl, exchanged(p))
    assert_same_bits(predict(impl, p), pred, "pred")
    for name, grad in gradients(impl, p).items():
        assert_same_bits(grad, grads[name], name)


@law("A cache may be used twice: gradients do not accumulate in it.", given=ANY, needs=BOTH)
def model_cache_may_be_used_twice(impl: Any, p: Pull) -> None:
    _, cache = forward(impl, p)
    once = impl.dot_product_bias_backward(p.d_pred, cache)
    once = {name: grad.copy() for name, grad in once.items()}
    for name, grad in impl.dot_product_bias_backward(p.d_pred, cache).items():
        assert_same_bits(grad, once[name], name)


@law("A cache belongs to its own forward, whatever ran since.", given=ANY, needs=BOTH)
def model_cache_outlives_another_forward(impl: Any, p: Pull) -> None:
    want = {name: grad.copy() for name, grad in gradients(impl, p).items()}
    _, cache = forward(impl, p)
    forward(impl, exchanged(p))
    forward(impl, of_batch(on_tables(p, lambda _, table: -table), slice(0, 1)))
    for name, grad in impl.dot_product_bias_backward(p.d_pred, cache).items():
        assert_same_bits(grad, want[name], name)


@law("Strides, order and read-only memory of the tables change no result.", given=ANY, needs=BOTH)
def model_takes_any_memory_layout(impl: Any, p: Pull) -> None:
    layout = LAYOUTS[p.users.sum() % len(LAYOUTS)]  # one an example
    q = on_tables(p, lambda _, table: lay_out(table, layout))
    error = 2 * prediction_error(impl, p)
    assert_within(predict(impl, q), predict(impl, p), error, f"pred, layout {layout},")
    assert_gradients_agree(gradients(impl, q), gradients(impl, p), bounded_pull(p)[1])


@law("Ids of any integer type name the same rows.", given=ANY, needs=BOTH)
def model_takes_ids_of_any_integer_type(impl: Any, p: Pull) -> None:
    dtype = np.dtype(ID_DTYPES[p.items.sum() % len(ID_DTYPES)])  # one an example
    q = p._replace(users=p.users.astype(dtype), items=p.items.astype(dtype))
    assert_same_bits(predict(impl, q), predict(impl, p), f"pred, for {dtype} ids,")
    grads = gradients(impl, p)
    for name, grad in gradients(impl, q).items():
        assert_same_bits(grad, grads[name], f"{name}, for {dtype} ids,")


@law("No ratings, no predictions, and gradients of zero.", given=ANY, needs=BOTH)
def model_takes_an_empty_batch(impl: Any, p: Pull) -> None:
    empty = of_batch(p, slice(0, 0))
    pred = predict(impl, empty)
    assert pred.shape == (0,) and pred.dtype == p.dtype, f"{pred.dtype} of shape {pred.shape}"
    for name, grad in gradients(impl, empty).items():
        assert grad.shape == p.params[name].shape, f"{name}: shape {grad.shape}"
        assert not grad.any(), f"{name} has a gradient"
