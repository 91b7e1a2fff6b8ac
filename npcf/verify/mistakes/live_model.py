"""Mistakes of live programs in the model: there to be diagnosed, no mutants of the suite.

Their gradients are what automatic differentiation makes of the wrong formula; a table that the
formula does not use has none.
"""
# fmt: off

from functools import partial
from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake
from npcf.verify.mistakes.model import within
from npcf.verify.mistakes.operations import FACTORS, ITEMS, USERS, unused

live = partial(mistake, live=True)

# -- ids -------------------------------------------------------------------------------------------

live("ids_one_too_low", "Ids are taken for row numbers, but are counted from 1: rows are one "
     "too low.", "Number the rows from 0: do not subtract 1 twice.",
     ids=lambda f, users, items, n_users, n_items, sides=("users", "items"), strict=True: (
         _moved(users, n_users, "users" in sides, -1, strict),
         _moved(items, n_items, "items" in sides, -1, strict)))
live("ids_one_too_high", "Rows are one too high: a row for the unknown is counted, or the ids "
     "start at 1.", "Use ids from 0 as they are, or a table with one row more.",
     ids=lambda f, users, items, n_users, n_items, sides=("users", "items"), strict=True: (
         _moved(users, n_users, "users" in sides, 1, strict),
         _moved(items, n_items, "items" in sides, 1, strict)))
live("columns_viewed_not_transposed", "The batch (B, 2) is reshaped to (2, B), not transposed: "
     "users and items are mixed.", "users, items = x.T, or x[:, 0], x[:, 1].",
     ids=lambda f, users, items, n_users, n_items: (lambda both: (
         within(both[0], n_users, True), within(both[1], n_items, True)))(
             np.stack([users, items], 1).reshape(2, -1)))
live("same_ids_for_both", "Both sides are looked up by the same column.",
     "users = x[:, 0]; items = x[:, 1].", options=({"column": "users"}, {"column": "items"}),
     ids=lambda f, users, items, n_users, n_items, column: (lambda ids: (
         within(ids, n_users, True), within(ids, n_items, True)))(
             users if column == "users" else items))


def _moved(ids: Any, n_rows: int, chosen: bool, by: int, strict: bool) -> Any:
    """Return ids moved by one; an indexed table wraps from below; with strict=None both ways."""
    if not chosen:
        return ids
    return within(ids + by, n_rows, strict is not None, 0 if strict else -1)


# -- dot product and biases ------------------------------------------------------------------------

live("dot_divided_by_root_k", "The dot product is divided by sqrt(K), as in attention.",
     "(p * q).sum(dim=1).", dot=lambda f, p, q: f.dot(p, q) * p.shape[1] ** -0.5,
     dot_gradients=lambda f, d, p, q: f.dot_gradients(d * p.shape[1] ** -0.5, p, q))
live("cosine", "The factors are normalised: the cosine stands for the dot product.",
     "(p * q).sum(dim=1), not F.cosine_similarity.",
     dot=lambda f, p, q: f.dot(p, q) / (_norm(f, p) * _norm(f, q)),
     dot_gradients=lambda f, d, p, q: _of_cosine(f, d, p, q))
live("biases_left_out", "Neither bias is added.", "Add user_bias[users] and item_bias[items].",
     logit=lambda f, dot, user, item, *mean, absent=True: f.logit(dot, *mean),
     bias_gradients=lambda f, *at, absent=True: unused(f, at, absent, 1, 2))
live("biases_subtracted", "Both biases are subtracted.", "Add them.",
     logit=lambda f, dot, user, item, *mean: f.logit(dot, user * -1, item * -1, *mean),
     bias_gradients=lambda f, *at: (lambda d, user, item: (d, user * -1, item * -1))(
         *f.bias_gradients(*at)))
live("user_bias_subtracted", "The user's bias is subtracted.", "Add it.",
     logit=lambda f, dot, user, item, *mean: f.logit(dot, user * -1, item, *mean),
     bias_gradients=lambda f, *at: (lambda d, user, item: (d, user * -1, item))(
         *f.bias_gradients(*at)))
live("user_bias_for_the_items", "The user's bias is added twice, and the item's not at all.",
     "Add user_bias[users] + item_bias[items].",
     logit=lambda f, dot, user, item, *mean: f.logit(dot, user, user, *mean),
     bias_gradients=lambda f, *at: (lambda d, user, item: (d, user * 2, None))(
         *f.bias_gradients(*at)))
live("item_bias_for_the_users", "The item's bias is added twice, and the user's not at all.",
     "Add user_bias[users] + item_bias[items].",
     logit=lambda f, dot, user, item, *mean: f.logit(dot, item, item, *mean),
     bias_gradients=lambda f, *at: (lambda d, user, item: (d, None, item * 2))(
         *f.bias_gradients(*at)))
live("item_bias_by_user", "The item's bias is looked up by the user's id.",
     "Index it with items.",
     bias_rows=lambda f, b, c, users, items: f.bias_rows(b, c, users, users),
     bias_gradients=lambda f, d, users, items, n, m: f.bias_gradients(d, users, users, n, m))
live("dot_left_out", "The dot product is not added: biases alone.", "Add (p * q).sum(dim=1).",
     dot=lambda f, p, q: f.dot(p, q) * 0, dot_gradients=lambda f, d, p, q: (None, None),
     scatter=lambda f, d, ids, n: None if d is None else f.scatter(d, ids, n))


def _norm(f: Any, x: Any) -> Any:
    return f.n.sqrt(f.n.nonnegative(f.n.sum(x * x, axis=1)))


def _of_cosine(f: Any, d: Any, p: Any, q: Any) -> Any:
    """d_left = d (right / (|left| |right|) - cos left / |left|**2)."""
    n, left, right = f.n, _norm(f, p), _norm(f, q)
    cos, share = f.dot(p, q) / (left * right), d / (left * right)
    def side(own: Any, other: Any, norm: Any) -> Any:
        return n.column(share) * other + n.column(d * cos / (norm * norm)) * own * -1
    return side(p, q, left), side(q, p, right)


# -- the range -------------------------------------------------------------------------------------

live("biases_outside_the_range", "The biases are added after the sigmoid range.",
     "sigmoid_range(dot + biases, low, high).",
     forward=lambda f, params, users, items, y_range, mean=0.0: _biases_late(
         f, params, users, items, y_range, mean),
     logit=lambda f, dot, *biases: dot,
     backward=lambda f, d, tape: (lambda right, late: right | {
         "user_bias": late[1], "item_bias": late[2]})(
             f.backward(d, tape), f.bias_gradients(
                 f.n.array(d), tape.users, tape.items, *tape.sizes)))
live("sigmoid_twice", "The logit passes through the sigmoid twice.",
     "Apply the sigmoid once: sigmoid_range has it already.",
     sigmoid=lambda f, x: (lambda s: (s, f.sigmoid(s)))(f.sigmoid(x)),
     range_forward=lambda f, s, *at: f.range_forward(s[1], *at),
     range_backward=lambda f, d, s, *at: f.range_backward(d, s[1], *at) * f.n.slope(s[0]))
live("another_range", "The range is another one than was meant.", "Give y_range as meant.",
     forward=lambda f, params, users, items, y_range, mean=0.0, to=(0.0, 5.0): f.forward(
         params, users, items, to, mean))
live("prediction_scaled", "The prediction is multiplied by a constant.", "Leave it as it is.",
     forward=lambda f, *args, factor=1.0: (lambda pred, tape: (
         pred * f.n.number(factor), tape))(*f.forward(*args)),
     backward=lambda f, d, tape, factor=1.0: f.backward(f.n.array(d) * f.n.number(factor), tape))
live("prediction_rounded", "The prediction passes through float16.",
     "Compute the prediction in the dtype of the parameters.",
     forward=lambda f, *args: (lambda pred, tape: (f.n.through(pred, np.float16), tape))(
         *f.forward(*args)))


def _biases_late(f: Any, params: Any, users: Any, items: Any, y_range: Any, mean: Any) -> Any:
    n, params = f.n, f.n.tables(params)
    without = {name: table for name, table in params.items() if "bias" not in name}
    pred, tape = f.forward(without, users, items, y_range, mean)
    if "user_bias" in params:
        biases = params["user_bias"], params["item_bias"]
        pred = n.add(pred, *f.bias_rows(*biases, tape.users, tape.items))
    return pred, tape


# -- lookups that change the table -----------------------------------------------------------------

live("max_norm_in_place", "max_norm renormalises rows in place whenever they are looked up.",
     "Leave max_norm unset, or clip the norm after the step.", sites=(USERS, ITEMS, FACTORS),
     written=lambda f, table, ids, limit=1.0: _shortened(
         f, f.written(table, ids), ids, f.n.number(limit)))


def _shortened(f: Any, table: Any, ids: Any, limit: Any) -> Any:
    """Return the table with the rows that are looked up no longer than the limit."""
    touched = np.zeros((len(table), *[1] * (len(table.shape) - 1)), bool)
    touched[ids] = True
    if len(table.shape) > 1:
        return f.n.where(touched, f.renormalise(table, limit), table)
    norm = f.n.abs(table)  # of a row of one number
    shorter = table * (limit / (norm + f.n.number(1e-7)))
    return f.n.where(touched, f.n.where_above(norm, limit, shorter, table), table)
