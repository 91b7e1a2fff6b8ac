"""The numbers of an exercise: drawn, short to type, and exact in float32 too.

All arrays hold whole sixteenths, so that every form of an answer starts from the same numbers.
Rows are named twice, row 0 is named, and one row of a table is not.
"""

from typing import Any

import numpy as np
from numpy.random import Generator

Inputs = dict[str, Any]
EACH = 16  # parts of 1
LOGITS = (6.5, -7.25, -20.0)  # beyond what people clip to, and saturated
N_USERS, N_ITEMS, K, B = 4, 3, 2, 5  # of what is printed


def sixteenths(rng: Generator, shape: Any, most: float = 2.0) -> Any:
    """Return numbers of either sign with 1/16 <= |x| <= most, of different sizes if there are."""
    parts, n = int(most * EACH), int(np.prod(shape))
    size = rng.permutation(parts)[:n] if n <= parts else rng.integers(0, parts, n)
    return (size + 1).reshape(shape) / EACH * rng.choice([-1.0, 1.0], shape)


def named(rng: Generator, n_rows: int, size: int) -> Any:
    """Return row numbers: row 0 and another one twice, if there is room, the last row never."""
    used = max(n_rows - 1, 1)
    ids = rng.integers(0, used, size)
    twice = rng.integers(1, max(used, 2))
    ids[:4] = np.array([0, twice, 0, twice])[:size]
    return rng.permutation(ids)


def ratings(rng: Generator, size: int) -> Any:
    """Return half stars, different ones if there are: 3.5 is rounded up and 2.5 is not."""
    stars = rng.permutation(9)[:size] if size <= 9 else rng.integers(0, 9, size)
    found = (stars + 1) / 2
    if 3.5 not in found:
        found[rng.integers(size)] = 3.5
    return found


def pairs_of_rows(rng: Generator, size: int = 3, n_factors: int = 3) -> Inputs:
    """Return rows of both sides."""
    return {"left": sixteenths(rng, (size, n_factors)), "right": sixteenths(rng, (size, n_factors))}


def scattered(rng: Generator, size: int = B, n_rows: int = N_USERS, n_factors: int = K) -> Inputs:
    """Return gradients of rows that were looked up, and which rows these were."""
    ids = named(rng, n_rows, size)
    return {"d_out": sixteenths(rng, (size, n_factors)), "ids": ids, "n_rows": n_rows}


def biased(rng: Generator, size: int = B, n_users: int = N_USERS, n_items: int = N_ITEMS) -> Inputs:
    """Return dot products, biases, ids, and a gradient from above."""
    return {
        "dot": sixteenths(rng, size),
        "user_bias": sixteenths(rng, n_users), "item_bias": sixteenths(rng, n_items),
        "users": named(rng, n_users, size), "items": named(rng, n_items, size),
        "d_out": sixteenths(rng, size),
    }  # fmt: skip


def logits(rng: Generator, size: int = 5, most: float = 2.0, far: bool = True) -> Inputs:
    """Return logits, some far out if there is room, and the ends of a range."""
    x = sixteenths(rng, size, most)
    if far and size > len(LOGITS):
        x[: len(LOGITS)] = LOGITS
    low = rng.integers(1, 4, endpoint=True) / 4
    return {"x": rng.permutation(x), "low": float(low), "high": float(low + 4.5)}


def logits_with_gradient(rng: Generator, **sizes: Any) -> Inputs:
    """Return those with a gradient from above."""
    found = logits(rng, **sizes)
    return {"d_out": sixteenths(rng, found["x"].shape), **found}


def predictions(rng: Generator, size: int = 4, most: float = 1.5) -> Inputs:
    """Return predictions near ratings: one by less than 1/2, another one by more than 1."""
    rating, error = ratings(rng, size), sixteenths(rng, size, most)
    if size > 1:
        error[:2] = rng.integers(17, 24) / EACH, -rng.integers(1, 7) / EACH
    return {"pred": rating + rng.permutation(error), "rating": rating}


def predictions_with_gradient(rng: Generator, **sizes: Any) -> Inputs:
    """Return those with a gradient from above the loss: neither 1 nor a share of the batch."""
    upstream = float(rng.choice([5, 7, 9, 11, 13]) / EACH)
    return predictions(rng, **sizes) | {"d_loss": upstream}


def tables(
    rng: Generator, size: int = B, n_users: int = N_USERS, n_items: int = N_ITEMS,
    n_factors: int = K, most: float = 1.0,
) -> Inputs:  # fmt: skip
    """Return a model, a batch of ratings and a range."""
    return {
        "user_factors": sixteenths(rng, (n_users, n_factors), 1.0),
        "item_factors": sixteenths(rng, (n_items, n_factors), 1.0),
        "user_bias": sixteenths(rng, n_users, most), "item_bias": sixteenths(rng, n_items, most),
        "users": named(rng, n_users, size), "items": named(rng, n_items, size),
        "rating": ratings(rng, size), "low": 0.5, "high": 5.5,
    }  # fmt: skip


def momentum_step(rng: Generator, size: int = 4, first: bool = False) -> Inputs:
    """Return weights, a gradient with a zero, a buffer, and settings of SGD."""
    return _weights(rng, size) | {
        "buf": None if first else sixteenths(rng, size),
        "lr": _hundredths(rng, 5, 30), "momentum": _hundredths(rng, 70, 95),
        "dampening": _hundredths(rng, 10, 40), "weight_decay": _hundredths(rng, 5, 30),
    }  # fmt: skip


def adam_step(rng: Generator, size: int = 4, t: int = 3) -> Inputs:
    """Return weights, a gradient with a zero, both moments, the count and settings of Adam."""
    start = np.zeros(size) if t == 1 else 1.0
    return _weights(rng, size) | {
        "m": sixteenths(rng, size, 0.5) * start, "v": abs(sixteenths(rng, size, 0.5)) * start,
        "t": t, "lr": _hundredths(rng, 5, 30), "beta1": _hundredths(rng, 70, 88),
        "beta2": _hundredths(rng, 91, 98), "eps": float(rng.integers(2, 9, endpoint=True) / 1000),
        "weight_decay": _hundredths(rng, 5, 30),
    }  # fmt: skip


def cycle(rng: Generator, n_epochs: int = 2, steps: int = 5) -> Inputs:
    """Return settings of a one-cycle schedule."""
    low = _hundredths(rng, 80, 86)
    return {
        "n_steps": n_epochs * steps, "lr_max": float(rng.integers(2, 9, endpoint=True) / 1000),
        "div": float(rng.integers(10, 20, endpoint=True)),
        "div_final": float(rng.integers(200, 400, endpoint=True)),
        "pct_start": float(rng.choice([0.35, 0.4, 0.45])),
        "moms": (_hundredths(rng, 94, 96), low, _hundredths(rng, 90, 93)), "n_epochs": n_epochs,
    }  # fmt: skip


def _weights(rng: Generator, size: int) -> Inputs:
    g = sixteenths(rng, size)
    if size > 1:
        g[rng.integers(1, size)] = 0.0
    return {"w": sixteenths(rng, size), "g": g}


def _hundredths(rng: Generator, least: int, most: int) -> float:
    return float(rng.integers(least, most, endpoint=True) / 100)
