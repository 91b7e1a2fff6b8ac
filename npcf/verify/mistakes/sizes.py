"""Mistakes that show at some sizes only: past a tile, in the rest of a vector, at a wide id."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake
from npcf.verify.mistakes.operations import FACTORS, some

mistake("ratings_past_a_tile", "The gradients of ratings past the first tile are lost.",
        "Loop over all tiles.", sites=(FACTORS,),
        options=tuple({"tile": tile} for tile in (8, 64, 100, 1000)),
        scatter=lambda f, d, ids, n, tile: some(f, d, ids, n, np.arange(min(len(ids), tile))))
mistake("mentions_past_40", "A segment holds 40 mentions of a row, and the rest is lost.",
        "Loop over all segments.", sites=(FACTORS,),
        scatter=lambda f, d, ids, n: some(f, d, ids, n, _first_mentions(ids, 40)))
mistake("row_modulo_256", "Row numbers pass through 8 bits.", "Keep ids in 64 bits.",
        lookup=lambda f, table, ids, of_all=False: f.lookup(table, ids % 256),
        ids=lambda f, users, items, n_users, n_items, of_all=False: (
            (users % 256, items % 256) if of_all else f.ids(users, items, n_users, n_items)))
mistake("gradient_row_modulo_1024", "Rows are numbered within a page of 1,024.",
        "Add the page's first row.", sites=(FACTORS,),
        scatter=lambda f, d, ids, n: f.scatter(d, ids % 1024, n))
mistake("factors_past_a_vector", "Factors past the first vectors are left out of the dot product.",
        "Loop over all factors.", options=({"width": 32}, {"width": 48}),
        dot=lambda f, p, q, width: _of_factors(f, p, q, width))
mistake("rest_of_four_factors", "Factors past the last whole vector of four are left out.",
        "Add the rest one by one.",
        dot=lambda f, p, q: _of_factors(f, p, q, max(p.shape[1] // 4 * 4, 4)),
        dot_gradients=lambda f, d, p, q: tuple(
            g * f.n.array((np.arange(g.shape[1]) < max(g.shape[1] // 4 * 4, 4)).astype(float))
            for g in f.dot_gradients(d, p, q)))
mistake("sigmoid_past_128", "Past 128 ratings the sigmoid is one half: a block and no grid.",
        "Launch as many blocks as the batch needs.",
        sigmoid=lambda f, x: _up_to(f, f.sigmoid(x), 128, 0.5))
mistake("sigmoid_rest_of_8", "Past the last whole vector of eight the sigmoid stays zero.",
        "Compute the rest one by one.",
        sigmoid=lambda f, x: _up_to(f, f.sigmoid(x), max(x.size // 8 * 8, 8), 0.0))
mistake("loss_past_512", "The loss is that of the first 512 ratings: one of several partial sums.",
        "Add the partial sums.", loss=lambda f, e: f.loss(f.n.take(e, slice(0, 512))))
mistake("bias_past_255", "The loop over a batch counts in 8 bits: no biases past 255 ratings.",
        "Count in 64 bits.",
        logit=lambda f, dot, *biases: f.n.where(
            np.arange(dot.size) < 255, f.logit(dot, *biases), dot))
mistake("sgd_past_1024", "A step of SGD moves the first 1,024 entries.", "Loop over all tiles.",
        sites=(("sgd",),),
        move=lambda f, w, lr, g: f.n.where(_place(w) < 1024, f.move(w, lr, g), w))
mistake("adam_past_2047", "The last entry of a tile of 2,048 is not stepped.",
        "Step whole tiles.",
        adam_update=lambda f, m, *args: f.n.where(
            _place(m) < 2047, f.adam_update(m, *args), m * 0))


def _first_mentions(ids: Any, most: Any) -> Any:
    """Return the places of at most so many mentions of each id."""
    order = np.argsort(ids, kind="stable")
    first = np.searchsorted(ids[order], ids[order])
    return order[np.arange(len(ids)) - first < most]


def _of_factors(f: Any, p: Any, q: Any, width: Any) -> Any:
    return f.dot(f.n.take(p, np.s_[:, :width]), f.n.take(q, np.s_[:, :width]))


def _up_to(f: Any, x: Any, size: Any, rest: Any) -> Any:
    return f.n.where(np.arange(x.size) < size, x, x * 0 + rest)


def _place(x: Any) -> Any:
    """Return where each entry stands in memory."""
    return np.arange(x.size).reshape(x.shape)
