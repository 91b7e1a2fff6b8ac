"""The formulas under one name each: arrays in, results out.

`npcf.verify.exact` and `npcf.verify.bounds` are this over two arithmetics.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params, YRange
from npcf.verify.formulas import Formulas
from npcf.verify.layer_operations import LayerOperations
from npcf.verify.libraries import ANY, Library
from npcf.verify.precision import quiet
from npcf.verify.protocol_functions import ProtocolFunctions


class Operations(LayerOperations):
    """Every operation, the model and every update rule, in an arithmetic.

    `begin(dtype, library)` gives the arithmetic for arrays of that dtype, and `result` makes of its
    numbers what is returned.  `library` matters to bounds only.
    """

    def __init__(
        self,
        begin: Callable[[Any, Library], Any],
        result: Callable[[Any], Any],
        formulas: type[Formulas] = Formulas,
    ):
        self._begin, self._result, self._formulas = begin, result, formulas

    def _over(self, like: Any, library: Library) -> tuple[Formulas, Any]:
        f = self._formulas(self._begin(np.asarray(like).dtype, library))
        return f, f.n.array

    def _results(self, found: Any) -> Any:
        if isinstance(found, tuple):
            return tuple(map(self._results, found))
        return None if found is None else self._result(found)

    def _functions(self, library: Library) -> ProtocolFunctions:
        return ProtocolFunctions(lambda dtype: self._begin(dtype, library), self._formulas)

    @quiet
    def _forward(self, name: str, *args: Any, library: Library) -> Any:
        out, _ = getattr(self._functions(library), f"{name}_forward")(*args)
        return self._results(out)

    @quiet
    def _backward(self, name: str, upstream: Any, *args: Any, library: Library) -> Any:
        functions = self._functions(library)
        _, cache = getattr(functions, f"{name}_forward")(*args)
        return self._results(getattr(functions, f"{name}_backward")(upstream, cache))

    def lookup(self, weight: FloatArray, ids: Any, library: Library = ANY) -> Any:
        """out (B, K) = weight[ids], a copy."""
        return self._forward("embedding", weight, np.asarray(ids), library=library)

    one_hot = lookup  # a product with a one-hot row adds zeros to a copy, exactly

    @quiet
    def embedding_backward(
        self,
        ids: Any,
        d_out: FloatArray,
        n_rows: int,
        *,
        padding_idx: int | None = None,
        scale_grad_by_freq: bool = False,
        library: Library = ANY,
    ) -> Any:
        """d_weight (N, K): rows of d_out summed over equal ids, or their mean."""
        f, a = self._over(d_out, library)
        ids = np.ravel(np.asarray(ids, np.intp))
        rows = np.reshape(d_out, (ids.size, np.shape(d_out)[-1]))
        if padding_idx is not None:
            ids, rows = ids[ids != padding_idx], rows[ids != padding_idx]
        if scale_grad_by_freq:
            return self._result(f.scatter_mean(a(rows), ids, np.bincount(ids, minlength=n_rows)))
        return self._result(f.scatter(a(rows), ids, n_rows))

    def row_dot(self, left: FloatArray, right: FloatArray, library: Library = ANY) -> Any:
        """out (B,) = sum_k left_bk right_bk."""
        return self._forward("row_dot", left, right, library=library)

    def row_dot_backward(self, d_out: Any, left: Any, right: Any, library: Library = ANY) -> Any:
        """(d_left, d_right), both (B, K)."""
        return self._backward("row_dot", d_out, left, right, library=library)

    def bias(
        self, dot: Any, user_bias: Any, item_bias: Any, users: Any, items: Any,
        library: Library = ANY,
    ) -> Any:  # fmt: skip
        """out (B,) = dot + user_bias[users] + item_bias[items]."""
        ids = np.asarray(users), np.asarray(items)
        return self._forward("bias", dot, user_bias, item_bias, *ids, library=library)

    @quiet
    def bias_backward(
        self, d_out: Any, users: Any, items: Any, n_users: int, n_items: int,
        library: Library = ANY,
    ) -> Any:  # fmt: skip
        """(d_dot (B,), d_user_bias (U,), d_item_bias (I,))."""
        f, a = self._over(d_out, library)
        return self._results(f.bias_gradients(a(d_out), users, items, n_users, n_items))

    @quiet
    def sigmoid(self, x: FloatArray, library: Library = ANY) -> Any:
        """s (B,) = 1 / (1 + exp(-x))."""
        f, a = self._over(x, library)
        return self._results(f.sigmoid(a(x)))

    def sigmoid_range(self, x: FloatArray, low: float, high: float, library: Library = ANY) -> Any:
        """out (B,) = low + (high - low) sigmoid(x)."""
        return self._forward("sigmoid_range", x, low, high, library=library)

    def sigmoid_range_backward(
        self, d_out: FloatArray, x: FloatArray, low: float, high: float, library: Library = ANY
    ) -> Any:
        """d_x (B,) = d_out (high - low) s (1 - s)."""
        return self._backward("sigmoid_range", d_out, x, low, high, library=library)

    def mse(self, pred: FloatArray, rating: Any, library: Library = ANY) -> Any:
        """The mean of (pred - rating)**2, a number; the rating in the precision of pred."""
        return self._forward("mse", pred, rating, library=library)

    def mse_backward(self, d_loss: Any, pred: Any, rating: Any, library: Library = ANY) -> Any:
        """d_pred (B,) = (2 / B) (pred - rating) d_loss, the latter two in the dtype of pred."""
        return self._backward("mse", d_loss, pred, rating, library=library)

    @quiet
    def dot_product_bias(
        self, params: Params, users: Any, items: Any, y_range: YRange, library: Library = ANY, *,
        mean: float = 0.0,
    ) -> Any:  # fmt: skip
        """pred (B,) = low + (high - low) sigmoid(P[users] . Q[items] + b + c + mean)."""
        f, _ = self._over(params["user_factors"], library)
        return self._result(f.forward(params, users, items, y_range, mean)[0])

    @quiet
    def dot_product_bias_backward(
        self, params: Params, users: Any, items: Any, d_pred: FloatArray, y_range: YRange,
        library: Library = ANY, *, mean: float = 0.0,
    ) -> tuple[Any, dict[str, Any]]:  # fmt: skip
        """(pred, gradients of <d_pred, pred> under the names of `params`)."""
        f, _ = self._over(params["user_factors"], library)
        pred, tape = f.forward(params, users, items, y_range, mean)
        grads = f.backward(d_pred, tape)
        return self._result(pred), {name: self._result(grads[name]) for name in params}

    @quiet
    def dot_product_bias_all(
        self, params: Params, users: Any, items: Any, rating: Any, y_range: YRange,
        library: Library = ANY, *, mean: float = 0.0,
    ) -> tuple[Any, Any, dict[str, Any]]:  # fmt: skip
        """(pred, mean squared error, its gradients under the names of `params`), in one go."""
        f, _ = self._over(params["user_factors"], library)
        rating = np.asarray(rating).astype(params["user_factors"].dtype)
        pred, loss, grads = f.loss_and_gradients(params, users, items, rating, y_range, mean)
        return self._result(pred), self._result(loss), {x: self._result(grads[x]) for x in params}

    def dot_product_bias_loss(self, *args: Any, **options: Any) -> Any:
        """The loss of `dot_product_bias_all`, which see."""
        return self.dot_product_bias_all(*args, **options)[1]

    def dot_product_bias_gradients(self, *args: Any, **options: Any) -> dict[str, Any]:
        """The gradients of `dot_product_bias_all`, which see."""
        return self.dot_product_bias_all(*args, **options)[2]

    @quiet
    def renormalise_rows(
        self, weight: FloatArray, ids: Any, max_norm: float, library: Library = ANY
    ) -> Any:
        """The table after w <- w max_norm / (|w| + 1e-7) for named rows, |w| > max_norm."""
        f, a = self._over(weight, library)
        rows, result = np.unique(np.asarray(ids, np.intp)), self._result(a(weight))
        result[rows] = self._result(f.renormalise(a(weight[rows]), f.n.number(max_norm)))
        return result

    @quiet
    def _step(self, rule: str, arrays: Any, rest: Any, settings: Any, library: Library) -> Any:
        f, _ = self._over(arrays[0], library)
        return self._results(getattr(f, rule)(*arrays, *rest, **settings))

    def sgd_step(self, w: Any, g: Any, buf: Any, *, library: Library = ANY, **settings: Any) -> Any:
        """(w, buf) after one step of `npcf.optim.SGD`; buf None before the first."""
        return self._step("sgd", (w, g, buf), (), settings, library)

    def adam_step(
        self, w: Any, g: Any, m: Any, v: Any, t: int, *, library: Library = ANY, **settings: Any
    ) -> Any:
        """(w, m, v) after step t >= 1 of `npcf.optim.Adam`."""
        return self._step("adam", (w, g, m, v), (t,), settings, library)

    def sparse_adam_step(
        self, w: Any, g: Any, m: Any, v: Any, t: int, *, library: Library = ANY, **settings: Any
    ) -> Any:
        """(w, m, v) of touched rows after step t of `npcf.optim.SparseAdam`."""
        return self._step("sparse_adam", (w, g, m, v), (t,), settings, library)

    def rmsprop_step(
        self, w: Any, g: Any, v: Any, a: Any, buf: Any, *, library: Library = ANY, **settings: Any
    ) -> Any:
        """(w, v, a, buf) after one step of `npcf.optim.RMSProp`; a, buf unused are kept.

        torch takes the root of v - a**2 even where rounding has made it negative: `clamped=False`.
        """
        if not settings.pop("clamped", True):
            variance = {"variance": lambda f, v, a: v - a * a}
            unclamped = type("Unclamped", (self._formulas,), variance)
            other = Operations(self._begin, self._result, unclamped)
            return other.rmsprop_step(w, g, v, a, buf, library=library, **settings)
        return self._step("rmsprop", (w, g, v, a, buf), (), settings, library)
