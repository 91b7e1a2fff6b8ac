"""Mistakes in the lookup, the row-wise dot product and the biases."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake

FACTORS, USERS, ITEMS = ("user_factors", "item_factors"), ("user_factors",), ("item_factors",)
USER_BIAS, ITEM_BIAS = ("user_bias",), ("item_bias",)
IN_FLOAT32, IN_FLOAT16 = {"dtype": np.float32}, {"dtype": np.float16}


def counted(f: Any, like: Any, ids: Any, n_rows: Any) -> Any:
    """Return how often each row is named, at least 1, as numbers that broadcast to a table."""
    counts = np.bincount(ids, minlength=n_rows).clip(1).astype(float)
    return f.n.array(counts.reshape(-1, *[1] * (len(like.shape) - 1)))


def last_of(ids: Any) -> Any:
    """Return, for each id, the last place where it stands."""
    return np.array(sorted({int(i): b for b, i in enumerate(ids)}.values()), int)


def first_of(ids: Any) -> Any:
    """Return, for each id, the first place where it stands."""
    return np.unique(ids, return_index=True)[1]


def some(f: Any, d: Any, ids: Any, n: Any, places: Any) -> Any:
    """Scatter the gradients at some places of the batch."""
    return f.scatter(f.n.take(d, places), ids[places], n)


# -- lookup and scatter ----------------------------------------------------------------------------

mistake("repeated_rows_keep_last", "A row named twice gets the gradient of its last rating only.",
        "Add: np.add.at(grad, ids, d), not grad[ids] = d or grad[ids] += d.",
        sites=(FACTORS, ITEMS, ITEM_BIAS),
        scatter=lambda f, d, ids, n: some(f, d, ids, n, last_of(ids)))
mistake("repeated_rows_keep_first", "A row named twice gets the gradient of its first rating only.",
        "Add: np.add.at(grad, ids, d).", sites=(FACTORS, USER_BIAS),
        scatter=lambda f, d, ids, n: some(f, d, ids, n, first_of(ids)))
mistake("repeated_rows_averaged", "The gradients of a row named twice are averaged.",
        "Sum them; leave scale_grad_by_freq=False.", sites=(FACTORS, ITEM_BIAS),
        scatter=lambda f, d, ids, n: f.scatter(d, ids, n) / counted(f, d, ids, n))
mistake("row_0_without_gradient", "Row 0 gets no gradient: it is taken for padding.",
        "Leave padding_idx unset, or number rows from 1.", sites=(FACTORS, USER_BIAS),
        scatter=lambda f, d, ids, n: some(f, d, ids, n, np.flatnonzero(ids)))
mistake("row_0_looked_up_as_zeros", "Row 0 is taken for padding: it is looked up as zeros.",
        "Leave padding_idx unset, or number rows from 1.", sites=(FACTORS, USERS),
        scatter=lambda f, d, ids, n, biases=(): some(f, d, ids, n, np.flatnonzero(ids)),
        lookup=lambda f, table, ids, biases=(): f.lookup(table, ids) * f.n.array(
            (ids > 0).astype(float)[:, None]),
        bias_rows=lambda f, b, c, users, items, biases=(): tuple(
            rows * f.n.array((ids > 0).astype(float)) if name in biases else rows
            for name, rows, ids in zip(("user_bias", "item_bias"), f.bias_rows(
                b, c, users, items), (users, items), strict=True)))
mistake("lookup_off_by_one", "Rows are looked up one too low: ids are counted from 1.",
        "Count ids from 0.",
        lookup=lambda f, table, ids, strict=None: f.lookup(
            table, ids - 1 if strict is None else ids),
        ids=lambda f, users, items, n_users, n_items, strict=None: (
            (users, items) if strict is None else (
                _lower(users, n_users, strict), _lower(items, n_items, strict))))
mistake("last_rating_without_gradient", "The last rating of the batch has no gradient.",
        "Let the loop run to the end of the batch.", sites=(FACTORS,),
        scatter=lambda f, d, ids, n: some(f, d, ids, n, np.arange(len(ids) - 1)))
mistake("gradients_rounded", "Gradients pass through a narrower dtype before they are added.",
        "Sum them in the dtype of the table.", sites=(FACTORS, USER_BIAS),
        options=(IN_FLOAT32, IN_FLOAT16),
        scatter=lambda f, d, ids, n, dtype: f.scatter(f.n.through(d, dtype), ids, n))
mistake("gradients_subtracted", "The gradient of the tables has the wrong sign.",
        "Add what comes from above.", sites=(FACTORS,),
        scatter=lambda f, d, ids, n: f.scatter(d * -1, ids, n))
mistake("gradient_detached", "A table gets no gradient: it is taken for a constant.",
        "Do not detach it.", sites=(ITEMS, ITEM_BIAS),
        scatter=lambda f, d, ids, n, absent=False: (
            None if absent else f.scatter(d, ids, n) * 0))
mistake("frequency_ignored", "scale_grad_by_freq is ignored: gradients are summed.",
        "Divide each row's sum by how often the row is named.",
        scatter_mean=lambda f, d, ids, counts: f.scatter(d, ids, len(counts)))
mistake("frequency_of_the_batch", "Sums are divided by the batch size, not by a row's frequency.",
        "Divide each row's sum by how often the row is named.",
        scatter_mean=lambda f, d, ids, counts: f.scatter(d, ids, len(counts)) / len(ids))
mistake("frequency_of_the_next_row", "Sums are divided by another row's frequency.",
        "Divide each row's sum by how often the row is named.",
        scatter_mean=lambda f, d, ids, counts: f.scatter_mean(
            d, ids, np.maximum(np.roll(counts, -1), 1)))
mistake("gradients_counted", "A gradient counts ratings and does not add what they say.",
        "Add the gradients.", sites=(USER_BIAS,),
        scatter=lambda f, d, ids, n: f.scatter(f.n.array(np.ones(d.shape)), ids, n))
mistake("table_reshaped_not_transposed",
        "A table stored transposed is reshaped and not transposed back.",
        "Transpose it: table.T.", sites=(USERS,),
        lookup=lambda f, table, ids: f.lookup(table, _reshaped(table, ids)),
        scatter=lambda f, d, ids, n: (lambda g: f.n.take(g, _back(*g.shape)))(
            f.scatter(d, ids, n)))


def _lower(ids: Any, n_rows: int, strict: bool) -> Any:
    """Return ids one too low, as a whole model has them: a strict lookup refuses -1."""
    if strict and (ids < 1).any():
        raise IndexError("index out of range in self")
    return (ids - 1) % n_rows


def _reshaped(table: Any, ids: Any) -> Any:
    """Return where the entries of rows of `table.T.reshape(table.shape)` stand in `table`."""
    n_rows, k = table.shape
    place = ids[:, None] * k + np.arange(k)
    return place % n_rows, place // n_rows


def _back(n_rows: int, k: int) -> Any:
    """Return where the entries of a table stand in its `table.T.reshape(table.shape)`."""
    place = np.arange(k) * n_rows + np.arange(n_rows)[:, None]
    return place // k, place % k


# -- dot product -----------------------------------------------------------------------------------

mistake("dot_is_a_mean", "The dot product is a mean over factors.", "Sum over factors.",
        dot=lambda f, p, q: f.dot(p, q) / max(p.shape[1], 1),
        dot_gradients=lambda f, d, p, q: f.dot_gradients(d / max(p.shape[1], 1), p, q))
mistake("last_factor_left_out", "The last factor is left out of the dot product.",
        "Let the loop run over all factors.",
        dot=lambda f, p, q: f.dot(f.n.take(p, np.s_[:, :-1]), f.n.take(q, np.s_[:, :-1])),
        dot_gradients=lambda f, d, p, q: tuple(
            g * f.n.array((np.arange(g.shape[1]) < g.shape[1] - 1).astype(float))
            for g in f.dot_gradients(d, p, q)))
mistake("dot_rounded", "Products are added in a narrower dtype.",
        "Add them in the dtype of the factors.", options=(IN_FLOAT32, IN_FLOAT16),
        dot=lambda f, p, q, dtype, first=False: f.n.sum_through(
            f.n.through(f.n.through(p, dtype) * f.n.through(q, dtype), dtype) if first else p * q,
            dtype, axis=1),
        dot_gradients=lambda f, d, p, q, dtype, first=False: (
            f.dot_gradients(d, p, q) if not first else tuple(
                f.n.through(x, dtype) for x in f.dot_gradients(
                    *(f.n.through(x, dtype) for x in (d, p, q))))))
mistake("dot_over_the_batch", "Products are added along the other axis.", "Sum over axis 1.",
        dot=lambda f, p, q, whole=False: f.n.sum(p * q, axis=0) if whole else f.n.take(
            f.n.sum(p * q, axis=0), np.arange(len(p)) % p.shape[1]))
mistake("dot_with_the_neighbour", "Each row meets another row's partner.",
        "Multiply row b with row b.",
        dot=lambda f, p, q, by=None: f.dot(p, f.n.take(q, np.arange(-1, len(q) - 1) if by is None
                                                       else np.roll(np.arange(len(q)), by))),
        dot_gradients=lambda f, d, p, q, by=None: (
            f.dot_gradients(d, p, q) if by is None else _of_neighbours(f, d, p, q, by)))
mistake("gradient_of_its_own_side", "The gradient of a side is made of that side.",
        "d_left = d_out * right.",
        dot_gradients=lambda f, d, p, q, side=0: (f.n.column(d) * (p, q)[side],) * 2)
mistake("dot_gradients_swapped", "The gradients of the two sides are swapped.",
        "Return d_left, d_right.",
        dot_gradients=lambda f, d, p, q: f.dot_gradients(d, p, q)[::-1])
mistake("dot_gradient_of_the_sign", "Only the sign of the gradient from above is used.",
        "d_right = d_out * left.",
        dot_gradients=lambda f, d, p, q, both=False: (
            f.dot_gradients(_sign(f, d) if both else d, p, q)[0],
            f.dot_gradients(_sign(f, d), p, q)[1]))
mistake("dot_gradient_twice", "The gradient of the dot product counts twice.", "Add it once.",
        dot_gradients=lambda f, d, p, q: f.dot_gradients(d * 2, p, q))


def _sign(f: Any, x: Any) -> Any:
    """Return the sign of each number."""
    return f.n.array(np.sign(getattr(x, "value", x)))


def _of_neighbours(f: Any, d: Any, p: Any, q: Any, by: int) -> Any:
    """Return both gradients where row b of `left` has met another row of `right`."""
    order = np.roll(np.arange(len(q)), by)
    left, met = f.dot_gradients(d, p, f.n.take(q, order))
    return left, f.n.take(met, np.argsort(order))


def wrap(ids: Any, n_rows: int, strict: bool) -> Any:
    """Return ids wrapped into a table; strictly as they are, for the lookup to refuse."""
    return ids if strict else ids % n_rows


def unused(f: Any, at: Any, absent: bool, *places: int) -> Any:
    """Return the gradients of the biases without those of a bias that is not used."""
    found = list(f.bias_gradients(*at))
    for place in places:
        found[place] = None if absent else found[place] * 0
    return tuple(found)


# -- biases ----------------------------------------------------------------------------------------

mistake("user_bias_left_out", "The user's bias is not added.", "Add user_bias[users].",
        logit=lambda f, dot, user, item, *mean, absent=False: f.logit(dot, item, *mean),
        bias_gradients=lambda f, *at, absent=False: unused(f, at, absent, 1))
mistake("item_bias_left_out", "The item's bias is not added.", "Add item_bias[items].",
        logit=lambda f, dot, user, item, *mean, absent=False: f.logit(dot, user, *mean),
        bias_gradients=lambda f, *at, absent=False: unused(f, at, absent, 2))
mistake("item_bias_subtracted", "The item's bias is subtracted.", "Add it.",
        logit=lambda f, dot, user, item, *mean: f.logit(dot, user, item * -1, *mean),
        bias_gradients=lambda f, *at: (lambda d, user, item: (d, user, item * -1))(
            *f.bias_gradients(*at)))
mistake("user_bias_by_item", "The user's bias is looked up by the item's id.",
        "Index it with users.",
        bias_rows=lambda f, b, c, users, items, strict=False: f.bias_rows(
            b, c, wrap(items, len(b), strict), items),
        bias_gradients=lambda f, d, users, items, n, m, strict=False: f.bias_gradients(
            d, items % n, items, n, m))
mistake("bias_tables_swapped", "The two bias tables change places.",
        "Index user_bias with users, item_bias with items.",
        bias_rows=lambda f, b, c, users, items, strict=False: f.bias_rows(
            c, b, wrap(users, len(c), strict), wrap(items, len(b), strict)),
        bias_gradients=lambda f, d, users, items, n, m, strict=False: f.bias_gradients(
            d, items % n, users % m, n, m))
mistake("user_bias_gradient_by_item", "The user's bias gradient is scattered by the item's id.",
        "Scatter it with users.",
        bias_gradients=lambda f, d, users, items, n, m: f.bias_gradients(d, items % n, items, n, m))
mistake("bias_gradient_shared_out", "The gradient is shared out over the three terms.",
        "Each term of a sum gets all of it.",
        bias_gradients=lambda f, d, *args, parts=(True, False): (
            d / 3 if parts[0] else d, *f.bias_gradients(d / 3 if parts[1] else d, *args)[1:]))
