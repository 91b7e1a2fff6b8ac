"""Mistakes in how the model puts its operations together."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake


def _instead(f: Any, d: Any, tape: Any, **tables: Any) -> Any:
    """Return the gradients with some tables' in the place of others."""
    gradients = f.backward(d, tape)
    return gradients | {name: make(gradients) for name, make in tables.items()}


def within(ids: Any, n_rows: int, strict: bool, lowest: int = 0) -> Any:
    """Return ids wrapped into a table; a strict lookup raises instead, as torch's does."""
    if strict and len(ids) and (ids.min() < lowest or ids.max() >= n_rows):
        raise IndexError("index out of range in self")
    return ids % n_rows


mistake("users_and_items_swapped", "Users and items change places.", "Column 0 is the user.",
        ids=lambda f, users, items, n_users, n_items, strict=False: (
            within(items, n_users, strict), within(users, n_items, strict)))
mistake("users_counted_from_1", "Users are counted from 1.", "Count them from 0.",
        ids=lambda f, users, items, n_users, n_items, strict=False: (
            within(users - 1, n_users, strict), items))
mistake("items_shifted_by_an_unknown", "Item rows are shifted by one, for an unknown item.",
        "Leave out the extra row.",
        ids=lambda f, users, items, n_users, n_items, strict=False: (
            users, within(items + 1, n_items, True) if strict else np.minimum(
                items + 1, n_items - 1)))
mistake("item_gradient_by_user", "The item gradient is scattered by the user's ids.",
        "Keep each side's ids for its own gradient.",
        backward=lambda f, d, tape: _instead(f, d, tape, item_factors=lambda g: f.backward(
            d, tape._replace(items=tape.users % len(g["item_factors"])))["item_factors"]))
mistake("bias_gradients_swapped", "The item's bias gradient stands under the user's name.",
        "Return each under its own name.",
        backward=lambda f, d, tape: _instead(f, d, tape, user_bias=lambda g: f.n.take(
            g["item_bias"], np.arange(len(g["user_bias"])) % len(g["item_bias"]))))
mistake("sigmoid_without_a_range", "Without a range the sigmoid stays.",
        "Return the logit where y_range is None.",
        forward=lambda f, params, users, items, y_range, mean=0.0: (
            (lambda pred, tape: (f.sigmoid(pred) if y_range is None else pred, tape))(
                *f.forward(params, users, items, y_range, mean))))
mistake("range_from_zero", "The range is taken to begin at 0, as it does in the lesson.",
        "Use low.",
        forward=lambda f, params, users, items, y_range, mean=0.0: f.forward(
            params, users, items, y_range and (min(0.0, y_range[1]), y_range[1]), mean))
mistake("range_ignored", "Logits are returned where a range was given.", "Squash them.",
        forward=lambda f, params, users, items, y_range, mean=0.0: f.forward(
            params, users, items, None, mean))
mistake("range_without_gradient", "The backward pass forgets the range.",
        "Multiply by the derivative of the range.",
        backward=lambda f, d, tape: f.backward(d, tape._replace(s=None)))
mistake("batch_mean_added", "A mean is added that is nobody's parameter.",
        "Add dot and biases only.",
        logit=lambda f, dot, *biases, constant=None: f.logit(
            dot + f.n.sum(dot) / max(f.n.size(dot), 1) if constant is None
            else dot + f.n.number(constant), *biases))
mistake("mean_forgotten", "The mean of the ratings is not added to the logit.", "Add it.",
        forward=lambda f, params, users, items, y_range, mean=0.0: f.forward(
            params, users, items, y_range))
mistake("mean_subtracted", "The mean of the ratings is subtracted from the logit.", "Add it.",
        forward=lambda f, params, users, items, y_range, mean=0.0: f.forward(
            params, users, items, y_range, -mean))
mistake("mean_beside_the_range", "The mean of the ratings is added after the range.",
        "Add it to the logit.",
        forward=lambda f, params, users, items, y_range, mean=0.0, constant=None: (
            (lambda pred, tape: (pred + f.n.number(mean if constant is None else constant), tape))(
                *f.forward(params, users, items, y_range, mean))))
