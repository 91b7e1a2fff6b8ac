"""The model, its loss and gradients, and the update rules: written once, over an arithmetic.

    Formulas(Exact())                           in fractions               `npcf.verify.exact`
    Formulas(RunningError(dtype, library))      values with error bounds   `.running_error`
    Formulas(Floats())                          as NumPy computes          `.floats`

Every method is a *piece*.  A wrong implementation is `Formulas` with one or two pieces replaced.
The update rules are in `npcf.verify.update_rules`, the layers of networks in `npcf.verify.layers`.

PyTorch, `npcf.ops`, `npcf.optim` and the plain example do not use this module: shared formulas
would share mistakes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from npcf.verify.layers import Layers
from npcf.verify.update_rules import UpdateRules


class Tape(NamedTuple):
    """What the backward pass of the model needs of the forward pass."""

    p: Any  # rows of the user factors
    q: Any  # rows of the item factors
    s: Any  # the sigmoid, None without a range
    y_range: Any
    users: Any
    items: Any
    sizes: tuple[int, int]


class Formulas(Layers):
    """The right formulas over the arithmetic `n`."""

    # -- operations --------------------------------------------------------------------------------

    def written(self, table: Any, ids: Any) -> Any:
        """Return a table as the lookup of some of its rows leaves it: as it was."""
        return table

    def lookup(self, table: Any, ids: Any) -> Any:
        """out_b = table[ids_b]."""
        return self.n.take(table, ids)

    def scatter(self, d_out: Any, ids: Any, n_rows: int) -> Any:
        """d_table[n] = sum of d_out_b over ids_b = n."""
        return self.n.scatter_sum(d_out, ids, n_rows)

    def scatter_mean(self, d_out: Any, ids: Any, counts: Any) -> Any:
        """d_table[n] = mean of d_out_b over ids_b = n; `counts` says how often n is named."""
        n = self.n
        shared = d_out * n.column(n.share(counts[ids]))
        return self.scatter(n.where(counts[ids][:, None] == 1, d_out, shared), ids, len(counts))

    def dot(self, left: Any, right: Any) -> Any:
        """out_b = sum_k left_bk right_bk."""
        return self.n.sum(left * right, axis=1)

    def dot_gradients(self, d_out: Any, left: Any, right: Any) -> Any:
        """d_left = d_out right, d_right = d_out left."""
        d_rows = self.n.column(d_out)
        return d_rows * right, d_rows * left

    def bias_rows(self, user_bias: Any, item_bias: Any, users: Any, items: Any) -> tuple[Any, Any]:
        """(user_bias[users_b], item_bias[items_b])."""
        return self.n.take(user_bias, users), self.n.take(item_bias, items)

    def bias_gradients(
        self, d_out: Any, users: Any, items: Any, n_users: int, n_items: int
    ) -> tuple[Any, Any, Any]:
        """(d_dot, d_user_bias, d_item_bias): each term of a sum receives d_out."""
        d_users = self.at("user_bias").scatter(d_out, users, n_users)
        return d_out, d_users, self.at("item_bias").scatter(d_out, items, n_items)

    def logit(self, dot: Any, *biases: Any) -> Any:
        """out_b = dot_b + user_bias + item_bias (+ mean)."""
        return self.n.add(dot, *biases)

    def height(self, low: Any, high: Any) -> Any:
        """R = high - low, in double or in the precision of the model."""
        n = self.n
        return n.either(lambda: n.cast(high - low), lambda: n.cast(high) - n.cast(low))

    def sigmoid(self, x: Any) -> Any:
        """s = 1 / (1 + exp(-x))."""
        return self.n.sigmoid(x)

    def range_forward(self, s: Any, low: Any, high: Any) -> Any:
        """out = s R + low."""
        return s * self.height(low, high) + low

    def range_backward(self, d_out: Any, s: Any, low: Any, high: Any) -> Any:
        """d_x = d_out R s (1 - s)."""
        return self.n.product(d_out, self.height(low, high), self.n.slope(s))

    def residual(self, pred: Any, rating: Any) -> Any:
        """e = pred - rating."""
        return pred - rating

    def loss(self, e: Any) -> Any:
        """(1 / B) sum_b e_b**2."""
        return self.n.sum(e * e) * (self.n.number(1) / self.n.size(e))

    def loss_gradient(self, e: Any, d_loss: Any) -> Any:
        """d_pred_b = (2 / B) e_b d_loss."""
        return self.n.product(self.n.number(2) / self.n.size(e), e, d_loss)

    def renormalise(self, w: Any, max_norm: Any) -> Any:
        """w max_norm / (|w| + 1e-7) for rows with |w| > max_norm."""
        n = self.n
        norm = n.sqrt(n.sum(w * w, axis=1))
        shorter = w * n.column(max_norm / (norm + n.number(1e-7)))
        return n.where_above(n.column(norm), max_norm, shorter, w)

    # -- the model ---------------------------------------------------------------------------------

    def ids(self, users: Any, items: Any, n_users: int, n_items: int) -> Any:
        """Row numbers of both sides."""
        return users, items

    def forward(
        self, params: Mapping[str, Any], users: Any, items: Any, y_range: Any, mean: float = 0.0
    ) -> tuple[Any, Any]:
        """pred = low + R sigmoid(P[users] . Q[items] + b[users] + c[items] + mean), and a tape.

        Without one of the two biases its term is left out; without both, both are.
        """
        n, f, params = self.n, self, self.n.tables(params)
        sizes = len(params["user_factors"]), len(params["item_factors"])
        users, items = f.ids(users, items, *sizes)
        p = f.at("user_factors").lookup(params["user_factors"], users)
        q = f.at("item_factors").lookup(params["item_factors"], items)
        terms = [n.number(mean)] if mean else []
        if "user_bias" in params or "item_bias" in params:
            none = [n.array([0.0] * size) for size in sizes]
            biases = params.get("user_bias", none[0]), params.get("item_bias", none[1])
            terms = [*f.bias_rows(*biases, users, items), *terms]
        pred, s = f.logit(f.dot(p, q), *terms), None
        if y_range is not None:
            s = f.sigmoid(pred)
            pred = f.range_forward(s, *n.numbers(*y_range))
        return pred, Tape(p, q, s, y_range, users, items, sizes)

    def backward(self, d_pred: Any, tape: Tape) -> dict[str, Any]:
        """Return the gradients of the four tables."""
        n, f, (p, q, s, y_range, users, items, sizes) = self.n, self, tape
        d_x = n.array(d_pred)
        if s is not None:
            d_x = f.range_backward(d_x, s, *n.numbers(*y_range))
        d_dot, d_user_bias, d_item_bias = f.bias_gradients(d_x, users, items, *sizes)
        d_p, d_q = f.dot_gradients(d_dot, p, q)
        return {
            "user_factors": f.at("user_factors").scatter(d_p, users, sizes[0]),
            "item_factors": f.at("item_factors").scatter(d_q, items, sizes[1]),
            "user_bias": d_user_bias,
            "item_bias": d_item_bias,
        }

    def loss_and_gradients(
        self, params: Mapping[str, Any], users: Any, items: Any, rating: Any, y_range: Any,
        mean: float = 0.0,
    ) -> tuple[Any, Any, dict[str, Any]]:  # fmt: skip
        """Return (pred, mean squared error, its gradients under the names of `params`)."""
        pred, tape = self.forward(params, users, items, y_range, mean)
        e = self.residual(pred, self.n.array(rating))
        grads = self.backward(self.loss_gradient(e, self.n.number(1)), tape)
        return pred, self.loss(e), {name: grads[name] for name in params}


PIECES = tuple(
    name
    for part in (UpdateRules, Layers, Formulas)
    for name in vars(part)
    if not name.startswith("_")
)
