"""A mistake as a wrong implementation of the conformance protocol.

Numbers come from the formulas over NumPy; what is no formula (argument checks, memory of one's own,
schedules, batches, files) is right, or from the plain example.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from npcf.verify.examples.plain.checks import (
    check_dtypes,
    check_gradient,
    check_ids,
    check_shapes,
)
from npcf.verify.examples.plain.model import check_tables
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes.catalogue import Wrong
from npcf.verify.mistakes.patching import plain_with
from npcf.verify.protocol_functions import ProtocolFunctions


def implementation(wrong: Wrong | None = None) -> ModuleType:
    """Return a module with all functions of the protocol, right or with one mistake."""
    if wrong is None:
        return plain_with(None, _functions(Formulas, Loop))
    if wrong.mistake.patch:
        return plain_with(wrong.mistake.patch, {})
    return plain_with(None, _functions(wrong.formulas(), wrong.loop()) | wrong.replaced())


def _functions(formulas: type[Formulas], loop: type[Loop]) -> dict[str, Callable[..., Any]]:
    numeric = ProtocolFunctions(Floats, formulas)
    found = {name: _checked(name, getattr(numeric, name))
             for name in dir(ProtocolFunctions) if name[0] != "_"}  # fmt: skip

    def train(
        params: Any, batches: Any, y_range: Any, rule: str, settings: Any, lrs: Any, state: Any
    ) -> Any:
        for users, items, rating in batches:
            _check_model(params, users, items, y_range)
            _check_loss(users, rating)
        run = loop(formulas(Floats(params["user_factors"].dtype)))
        tables = {name: table.copy() for name, table in params.items()}
        tables, losses, state = run.train(tables, batches, y_range, rule, settings, lrs, state)
        return tables, np.array(losses, params["user_factors"].dtype), state

    return found | {"train": train}


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with checks of its arguments, on copies of them."""

    def call(*args: Any, **settings: Any) -> Any:
        CHECKS[name](*args)
        result = function(*map(_copy, args), **settings)
        if not name.endswith("_forward"):
            return result
        out, cache = result
        return out, (cache, out.shape, out.dtype)

    def backward(upstream: Any, cache: Any) -> Any:
        inner, shape, dtype = cache
        if shape or name != "mse_backward":
            check_gradient(upstream, shape, dtype)
        return function(_copy(upstream), inner)

    return backward if name.endswith("_backward") else call


def _copy(value: Any) -> Any:
    if isinstance(value, list):
        return [*map(_copy, value)]
    return np.array(value, order="C") if isinstance(value, np.ndarray) else value


def _check_lookup(weight: Any, ids: Any) -> None:
    if weight.ndim != 2:
        raise ValueError("a table has two axes")
    check_ids(ids, len(weight))


def _check_arrays(*arrays: Any, **settings: Any) -> None:
    arrays = tuple(a for a in arrays if isinstance(a, np.ndarray))  # no buffer, no step count
    check_shapes(*arrays)
    check_dtypes(*arrays)


def _check_bias(dot: Any, user_bias: Any, item_bias: Any, users: Any, items: Any) -> None:
    if user_bias.ndim != 1 or item_bias.ndim != 1:
        raise ValueError("a bias is one number a row")
    check_dtypes(dot, user_bias, item_bias)
    check_shapes(dot, check_ids(users, len(user_bias)), check_ids(items, len(item_bias)))


def _check_range(x: Any, low: float, high: float) -> None:
    if not low <= high:
        raise ValueError("low is above high")


def _check_loss(pred: Any, rating: Any) -> None:
    check_shapes(pred, np.asarray(rating))
    if pred.size == 0:
        raise ValueError("an empty batch has no mean")


def _check_model(params: Any, users: Any, items: Any, y_range: Any) -> None:
    check_tables(params)
    if params["user_factors"].shape[1] != params["item_factors"].shape[1]:
        raise ValueError("the two sides have other numbers of factors")
    ids = check_ids(users, len(params["user_bias"])), check_ids(items, len(params["item_bias"]))
    check_shapes(*ids)
    _check_range(None, *(y_range or (0, 0)))


def _check_linear(x: Any, weight: Any, bias: Any) -> None:
    check_dtypes(x, weight, bias)
    check_shapes(np.empty((*weight.shape[:1], *x.shape[1:])), weight)
    check_shapes(np.empty(len(weight)), bias)


def _check_parts(parts: Any) -> None:
    check_shapes(*(part[:, :0] for part in parts))


def _check_batch_norm(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> None:
    check_shapes(np.empty(x.shape[1]), weight, bias, *(a for a in (mean, var) if a is not None))
    if mean is None and len(x) < 2:
        raise ValueError("one row has no variance")


CHECKS: dict[str, Callable[..., None]] = {
    "embedding_forward": _check_lookup,
    "row_dot_forward": _check_arrays,
    "bias_forward": _check_bias,
    "sigmoid_range_forward": _check_range,
    "mse_forward": _check_loss,
    "dot_product_bias_forward": _check_model,
    "linear_forward": _check_linear,
    "relu_forward": _check_arrays,
    "concatenate_forward": _check_parts,
    "dropout_forward": lambda x, p, keep: check_shapes(x, keep),
    "batch_norm_forward": _check_batch_norm,
    "sgd_step": _check_arrays,
    "adam_step": _check_arrays,
}
