"""Batches and tables that tell mistakes apart, beside the caller's own.

yours       the caller's batch, with the caller's tables
designed    a user, an item and a pair named several times, one of them often; the first and the
last row; a row in no pair; ratings off any grid; B no power of two
saturated   the same with biases (factors, where there are none) so large that the sigmoid is flat
one         a single pair
square      ids below both sizes, 0 and the last among them: swapped columns stay inside
low         ids from 1 to both sizes - 2: shifted columns stay inside, too
large       rows of factors longer and shorter than 1 by far, so that their dot is not:
what a max_norm would renormalise
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array, Probe, Tables

B_DESIGNED = 23
LARGE = 6.0


def designed_probes(
    shapes: Mapping[str, tuple[int, ...]], y_range: tuple[float, float] | None,
    rounded: Callable[[Array], Array], rng: np.random.Generator, dtype: Any = np.float32,
) -> list[Probe]:  # fmt: skip
    """Return the designed probes for tables of these shapes.

    Parameters
    ----------
    shapes : mapping of str to tuple
        Of each table, by npcf's names.
    y_range : (low, high) or None
        Ratings are drawn inside.
    rounded : function
        Rounds numbers to the model's dtype.
    """
    (n_users, n_factors), n_items = shapes["user_factors"], shapes["item_factors"][0]
    low, high = y_range or (0.0, 5.0)
    tables = {name: rounded(w) for name, w in _tables(shapes, n_factors, dtype, rng).items()}

    def probe(name: str, users: Array, items: Array, tables: Tables = tables) -> Probe:
        n = len(users)
        rating = rounded(rng.uniform(low, high, n))
        return Probe(name, tables, users, items, rating, rounded(rng.normal(size=n)))

    users, items = _designed_ids(n_users, n_items, rng)
    m = min(n_users, n_items)
    biased = "user_bias" in tables or "item_bias" in tables
    grown = {name: rounded(w * (15 if biased else 3)) for name, w in tables.items()}
    saturated = {
        name: grown[name] if name.endswith("bias") == biased else w for name, w in tables.items()
    }
    return [
        probe("designed", users, items),
        probe("saturated", users[::-1].copy(), items, saturated),
        probe("one", users[2:3], items[2:3]),
        probe("square", *_square_ids(m, rng)),
        probe("low", *_low_ids(m, rng)),
        probe("large", *_large(tables, rounded, rng)),
    ]


def _tables(
    shapes: Mapping[str, tuple[int, ...]], n_factors: int, dtype: Any, rng: np.random.Generator
) -> dict[str, Array]:
    """Return tables whose logits are of size 1; no mean is 0, which would hide a sign."""
    spread = (1.5 / n_factors) ** 0.5
    tables: dict[str, Any] = {}
    for name, shape in shapes.items():
        size = 0.6 if name.endswith("bias") else spread
        tables[name] = rng.standard_normal(shape, dtype) * np.dtype(dtype).type(size)
    tables["user_factors"] += np.dtype(dtype).type(0.3 * spread)
    tables["item_factors"] -= np.dtype(dtype).type(0.2 * spread)
    return tables


def _designed_ids(n_users: int, n_items: int, rng: np.random.Generator) -> tuple[Array, Array]:
    def some(n: int, size: int) -> Array:
        """Rows at random, but never the one in the middle: it stays absent."""
        rows = np.delete(np.arange(n), n // 2) if n > 2 else np.arange(n)
        return rng.choice(rows, size)

    n = B_DESIGNED - 5
    users = np.r_[0, 0, n_users - 1, n_users - 1, 1 % n_users, some(n_users, n)]
    items = np.r_[n_items - 1, 2 % n_items, n_items - 1, 0, n_items - 1, some(n_items, n)]
    users[8:14], items[12:18] = users[2], items[0]  # often, and together twice
    return users, items


def _square_ids(m: int, rng: np.random.Generator) -> tuple[Array, Array]:
    users = np.r_[0, m - 1, 0, 1 % m, rng.integers(0, m, 7)]
    return users, np.r_[1 % m, 0, m - 1, 1 % m, rng.integers(0, m, 7)]


def _low_ids(m: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Ids in [1, m - 2], two of them repeated; in a table too small for that whatever there is."""
    inner = np.arange(1, m - 1) if m > 3 else np.arange(m)
    users, items = rng.choice(inner, 13), rng.choice(inner, 13)
    users[1], items[3] = users[0], items[2]
    return users, items


def _large(
    tables: Tables, rounded: Callable[[Array], Array], rng: np.random.Generator
) -> tuple[Array, Array, Tables]:
    """Even users are long, odd users short, even items short, odd items long; long meets short."""
    grown = dict(tables)
    for name, parity in (("user_factors", 0), ("item_factors", 1)):
        table = tables[name]
        factor = np.where(np.arange(len(table)) % 2 == parity, LARGE, 1 / LARGE)
        grown[name] = rounded(table * factor[:, None].astype(table.dtype))
    n_users, n_items = len(tables["user_factors"]), len(tables["item_factors"])
    users, items = rng.integers(0, n_users, 9), rng.integers(0, n_items, 9)
    items = np.where((items - users) % 2 == 0, items, (items + 1) % n_items)
    return users, items, grown
