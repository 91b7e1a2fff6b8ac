"""The functions of the conformance protocol over an arithmetic: the formulas, and no checks.

    ProtocolFunctions(lambda dtype: Exact())        what is right
    ProtocolFunctions(RunningError)                 how far a right implementation may lie from it
    ProtocolFunctions(Floats, wrong.formulas())     what a mistake computes

Arguments are NumPy arrays, results numbers of the arithmetic; a cache holds what a backward needs.
"""

from typing import Any

import numpy as np

from npcf.verify.layer_functions import LayerFunctions


class ProtocolFunctions(LayerFunctions):
    """Operations, model and steps; `begin(dtype)` gives the arithmetic for arrays of a dtype."""

    def embedding_forward(self, weight: Any, ids: Any) -> Any:
        """out_b = weight[ids_b]."""
        f, ids = self._over(weight), ids.astype(np.intp)
        # At the items', so that a mistake that keeps to the users' table is one of the model.
        return f.at("item_factors").lookup(f.n.array(weight), ids), (f, ids, len(weight))

    def embedding_backward(self, d_out: Any, cache: Any) -> Any:
        """d_weight."""
        f, *where = cache
        return f.at("user_factors").scatter(f.n.array(d_out), *where)

    def row_dot_forward(self, left: Any, right: Any) -> Any:
        """out_b = sum_k left_bk right_bk."""
        f = self._over(left)
        sides = [*f.n.arrays(left, right)]
        return f.dot(*sides), (f, *sides)

    def row_dot_backward(self, d_out: Any, cache: Any) -> Any:
        """(d_left, d_right)."""
        f, *sides = cache
        return f.dot_gradients(f.n.array(d_out), *sides)

    def bias_forward(self, dot: Any, user_bias: Any, item_bias: Any, users: Any, items: Any) -> Any:
        """out_b = dot_b + user_bias[users_b] + item_bias[items_b]."""
        f, ids = self._over(dot), (users.astype(np.intp), items.astype(np.intp))
        rows = f.bias_rows(f.n.array(user_bias), f.n.array(item_bias), *ids)
        out = f.logit(f.n.array(dot), *rows)
        return out, (f, *ids, len(user_bias), len(item_bias))

    def bias_backward(self, d_out: Any, cache: Any) -> Any:
        """(d_dot, d_user_bias, d_item_bias)."""
        f, *where = cache
        return f.bias_gradients(f.n.array(d_out), *where)

    def sigmoid_range_forward(self, x: Any, low: float, high: float) -> Any:
        """out_b = low + (high - low) sigmoid(x_b)."""
        f = self._over(x)
        s, ends = f.sigmoid(f.n.array(x)), [*f.n.numbers(low, high)]
        return f.range_forward(s, *ends), (f, s, *ends)

    def sigmoid_range_backward(self, d_out: Any, cache: Any) -> Any:
        """d_x."""
        f, *rest = cache
        return f.range_backward(f.n.array(d_out), *rest)

    def mse_forward(self, pred: Any, rating: Any) -> Any:
        """Loss = mean (pred - rating)**2, the rating in the precision of pred."""
        f = self._over(pred)
        e = f.residual(*f.n.arrays(pred, np.asarray(rating).astype(pred.dtype)))
        return f.loss(e), (f, e, pred.dtype)

    def mse_backward(self, d_loss: Any, cache: Any) -> Any:
        """d_pred."""
        f, e, dtype = cache
        return f.loss_gradient(e, f.n.number(float(dtype.type(d_loss))))

    def dot_product_bias_forward(self, params: Any, users: Any, items: Any, y_range: Any) -> Any:
        """Predictions."""
        f, ids = self._over(params["user_factors"]), (users.astype(np.intp), items.astype(np.intp))
        pred, tape = f.forward(params, *ids, y_range)
        return pred, (f, tape)

    def dot_product_bias_backward(self, d_pred: Any, cache: Any) -> Any:
        """Gradients of the four tables."""
        f, tape = cache
        return f.backward(d_pred, tape)

    def sgd_step(self, w: Any, g: Any, buf: Any, **settings: Any) -> Any:
        """(w, buf)."""
        f = self._over(w)
        return f.sgd(*f.n.arrays(w, g, buf), **settings)

    def adam_step(self, w: Any, g: Any, m: Any, v: Any, t: int, **settings: Any) -> Any:
        """(w, m, v)."""
        f = self._over(w)
        w, g, m, v = f.n.arrays(w, g, m, v)
        return f.adam(w, g, m, v, int(t), **settings)
