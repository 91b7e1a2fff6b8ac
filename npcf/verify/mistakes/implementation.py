"""A mistake as a wrong implementation of the conformance protocol.

Numbers come from the formulas over NumPy; what is no formula (argument checks, caches, memory of
one's own, schedules, batches, files) from the plain example.
"""

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

Arrays = dict[str, Any]


def implementation(wrong: Wrong | None = None) -> ModuleType:
    """Return a module with all functions of the protocol, right or with one mistake."""
    if wrong is None:
        return _module(Formulas, Loop, {})
    if wrong.mistake.patch:
        return plain_with(wrong.mistake.patch, {})
    return _module(wrong.formulas(), wrong.loop(), wrong.replaced())


def _module(formulas: type[Formulas], loop: type[Loop], functions: Any) -> ModuleType:
    numeric = _Numeric(formulas, loop)
    methods = {name: getattr(numeric, name) for name in vars(_Numeric) if name[0] != "_"}
    return plain_with(None, methods | functions)


class _Numeric:
    """The functions of the protocol that compute: operations, model, steps, training."""

    def __init__(self, formulas: type[Formulas], loop: type[Loop]):
        self._formulas, self._loop = formulas, loop

    def _over(self, like: Any) -> Formulas:
        return self._formulas(Floats(like.dtype))

    def embedding_forward(self, weight: Any, ids: Any) -> Any:
        if weight.ndim != 2:
            raise ValueError("a table has two axes")
        ids = check_ids(ids, len(weight))
        # At the items', so that a mistake that keeps to the users' table is one of the model.
        out = self._over(weight).at("item_factors").lookup(weight, ids)
        return out, (ids, weight.shape, weight.dtype)

    def embedding_backward(self, d_out: Any, cache: Any) -> Any:
        ids, shape, dtype = cache
        check_gradient(d_out, (len(ids), shape[1]), dtype)
        return self._over(d_out).at("user_factors").scatter(d_out, ids, shape[0])

    def row_dot_forward(self, left: Any, right: Any) -> Any:
        check_shapes(left, right)
        check_dtypes(left, right)
        left, right = np.array(left, order="C"), np.array(right, order="C")
        return self._over(left).dot(left, right), (left, right)

    def row_dot_backward(self, d_out: Any, cache: Any) -> Any:
        check_gradient(d_out, cache[0].shape[:1], cache[0].dtype)
        return self._over(d_out).dot_gradients(d_out, *cache)

    def bias_forward(self, dot: Any, user_bias: Any, item_bias: Any, users: Any, items: Any) -> Any:
        if user_bias.ndim != 1 or item_bias.ndim != 1:
            raise ValueError("a bias is one number a row")
        check_dtypes(dot, user_bias, item_bias)
        users, items = check_ids(users, len(user_bias)), check_ids(items, len(item_bias))
        check_shapes(dot, users, items)
        f = self._over(dot)
        out = f.logit(dot, *f.bias_rows(user_bias, item_bias, users, items))
        return out, (users, items, len(user_bias), len(item_bias), dot.dtype)

    def bias_backward(self, d_out: Any, cache: Any) -> Any:
        *ids_and_sizes, dtype = cache
        check_gradient(d_out, cache[0].shape, dtype)
        d_dot, *biases = self._over(d_out).bias_gradients(d_out, *ids_and_sizes)
        return np.array(d_dot), *biases

    def sigmoid_range_forward(self, x: Any, low: float, high: float) -> Any:
        if not low <= high:
            raise ValueError("low is above high")
        f = self._over(x)
        s = f.sigmoid(x)
        return f.range_forward(s, low, high), (s, low, high)

    def sigmoid_range_backward(self, d_out: Any, cache: Any) -> Any:
        s, low, high = cache
        check_gradient(d_out, s.shape, s.dtype)
        return self._over(d_out).range_backward(d_out, s, low, high)

    def mse_forward(self, pred: Any, rating: Any) -> Any:
        rating = np.asarray(rating)
        check_shapes(pred, rating)
        if pred.size == 0:
            raise ValueError("an empty batch has no mean")
        f = self._over(pred)
        e = f.residual(pred, rating.astype(pred.dtype))
        return f.loss(e), e

    def mse_backward(self, d_loss: Any, cache: Any) -> Any:
        return self._over(cache).loss_gradient(cache, float(d_loss))

    def dot_product_bias_forward(self, params: Arrays, users: Any, items: Any, y_range: Any) -> Any:
        check_tables(params)
        if params["user_factors"].shape[1] != params["item_factors"].shape[1]:
            raise ValueError("the two sides have other numbers of factors")
        users = check_ids(users, len(params["user_factors"]))
        items = check_ids(items, len(params["item_factors"]))
        check_shapes(users, items)
        if y_range is not None and not y_range[0] <= y_range[1]:
            raise ValueError("low is above high")
        f = self._over(params["user_factors"])
        pred, tape = f.forward(params, users, items, y_range)
        return pred, (tape, pred.shape, pred.dtype)

    def dot_product_bias_backward(self, d_pred: Any, cache: Any) -> Any:
        tape, shape, dtype = cache
        check_gradient(d_pred, shape, dtype)
        return self._over(d_pred).backward(d_pred, tape)

    def sgd_step(self, w: Any, g: Any, buf: Any, **settings: Any) -> Any:
        given = [w, g, *([] if buf is None else [buf])]
        check_shapes(*given)
        check_dtypes(*given)
        w, after = self._over(w).sgd(w, g, buf, **settings)
        return w, after.copy() if after is g else after

    def adam_step(self, w: Any, g: Any, m: Any, v: Any, t: int, **settings: Any) -> Any:
        check_shapes(w, g, m, v)
        check_dtypes(w, g, m, v)
        return self._over(w).adam(w, g, m, v, int(t), **settings)

    def train(
        self, params: Arrays, batches: Any, y_range: Any, rule: str, settings: Any, lrs: Any,
        state: Any,
    ) -> Any:  # fmt: skip
        dtype = params["user_factors"].dtype
        for users, items, rating in batches:
            check_shapes(users, items, rating)
            if not len(users):
                raise ValueError("an empty batch has no mean")
            check_ids(users, len(params["user_bias"]))
            check_ids(items, len(params["item_bias"]))
        loop = self._loop(self._formulas(Floats(dtype)))
        params = {name: table.copy() for name, table in params.items()}
        params, losses, state = loop.train(params, batches, y_range, rule, settings, lrs, state)
        return params, np.array(losses, dtype), state
