"""Seeded random problems of designed kinds: what an operation is held against exact arithmetic on.

normal      N(0, 1)
spread      N(0, 1) times 2**U(-20, 20)
one sign    |N(0, 1)|: nothing cancels
cancelling  +-(1 + a few 2**-20): almost everything does
saturated   logits up to a few hundred in size
subnormal   products that underflow
"""

from typing import Any

import numpy as np

KINDS = ("normal", "spread", "one sign", "cancelling", "saturated", "subnormal")
FACTORS = (1, 2, 3, 8, 16, 50, 128)
BATCHES = (1, 2, 3, 7, 32)
RANGES = ((0.0, 5.5), (0.5, 5.0), (-1.0, 1.0), (0.1, 4.7), (2.0, 2.0))
Arguments = dict[str, Any]


class Draw:
    """A source of arrays of one dtype and one kind."""

    def __init__(self, rng: Any, dtype: Any, kind: str):
        self.rng, self.dtype, self.kind = rng, np.dtype(dtype), kind

    def array(self, *shape: int, kind: str | None = None) -> Any:
        """Return numbers of the kind."""
        kind, x = kind or self.kind, self.rng.standard_normal(shape)
        if kind == "spread":
            x = x * np.exp2(self.rng.uniform(-20, 20, shape))
        elif kind == "one sign":
            x = np.abs(x)
        elif kind == "cancelling":
            x = np.sign(x) * (1 + self.rng.integers(0, 3, shape) * 2.0**-20)
        elif kind == "saturated":
            x = x * 8
        elif kind == "subnormal":
            half = 69 if self.dtype == np.float32 else 525
            x = x * np.exp2(-self.rng.uniform(half - 6, half + 6, shape))
        return x.astype(self.dtype)

    def gradient(self, size: int) -> Any:
        """Return numbers of the kind, then eight zeros, and as often as not eight huge ones.

        Their squares overflow.
        """
        x = self.array(size)
        x[-16:-8] = 0
        if self.choice((0, 1)):
            x[-8:] = np.ldexp(x[-8:] + np.sign(x[-8:]), 65 if self.dtype == np.float32 else 513)
        return x

    def choice(self, options: Any) -> Any:
        """Return one of `options`."""
        return options[int(self.rng.integers(len(options)))]

    def ids(self, n_rows: int, size: int) -> Any:
        """Return row numbers, repeated ones as a rule."""
        return self.rng.integers(0, n_rows, size)


def lookups(draw: Draw) -> Arguments:
    """Draw a table's gradient: ids with duplicates, d_out."""
    n_rows, k, b = draw.choice((1, 2, 5, 20)), draw.choice(FACTORS), draw.choice(BATCHES)
    weight = draw.array(n_rows, k)
    return {"weight": weight, "ids": draw.ids(n_rows, b), "d_out": draw.array(b, k)}


def row_pairs(draw: Draw) -> Arguments:
    """Draw two stacks of rows."""
    k = draw.choice(FACTORS)
    b = max(4, 128 // k)
    return {
        "left": draw.array(b, k),
        "right": draw.array(b, k),
        "d_out": draw.array(b),
    }


def biases(draw: Draw) -> Arguments:
    """Draw affinities and the biases added to them."""
    n_users, n_items, b = draw.choice((1, 3, 9)), draw.choice((2, 5)), 64
    return {
        "dot": draw.array(b),
        "user_bias": draw.array(n_users),
        "item_bias": draw.array(n_items),
        "users": draw.ids(n_users, b),
        "items": draw.ids(n_items, b),
        "d_out": draw.array(b),
    }


def ranges(draw: Draw) -> Arguments:
    """Draw logits and a range."""
    x = draw.array(64) * draw.dtype.type(draw.choice((1, 1, 5, 20)))
    low, high = draw.choice(RANGES)
    return {"x": x, "low": low, "high": high, "d_out": draw.array(64)}


def losses(draw: Draw) -> Arguments:
    """Draw predictions and ratings."""
    b = draw.choice((1, 2, 3, 8, 9, 64, 300))
    d_loss = float(draw.array(1, kind="normal")[0])
    return {"pred": draw.array(b), "rating": draw.array(b), "d_loss": draw.choice((1.0, d_loss))}


def models(draw: Draw) -> Arguments:
    """Draw parameters, a batch and a range."""
    n_users, n_items = draw.choice((1, 3, 20)), draw.choice((2, 7))
    k, b = draw.choice(FACTORS), draw.choice(BATCHES)
    params = {
        "user_factors": draw.array(n_users, k),
        "item_factors": draw.array(n_items, k),
        "user_bias": draw.array(n_users),
        "item_bias": draw.array(n_items),
    }
    rating = (draw.rng.integers(1, 11, b) / 2).astype(draw.dtype)
    return {
        "params": params,
        "users": draw.ids(n_users, b),
        "items": draw.ids(n_items, b),
        "rating": rating,
        "y_range": draw.choice((None, *RANGES)),
        "mean": draw.choice((0.0, 0.0, 3.53)),
    }


def sgd_steps(draw: Draw) -> Arguments:
    """Draw an array, its gradient, a buffer or none, and settings in lawful combination."""
    # no buffer before the first step, which is not dampened
    momentum, dampening, nesterov, first = draw.choice((
        (0.0, 0.0, False, True), (0.5, 0.0, False, False), (0.9, 0.3, False, True),
        (0.5, 0.3, False, False), (0.9, 0.0, True, True), (0.5, 0.0, True, False),
    ))  # fmt: skip
    settings = {
        "lr": draw.choice((1e-3, 0.05, 0.3, 1.0)),
        "momentum": momentum,
        "dampening": dampening,
        "nesterov": nesterov,
        "weight_decay": draw.choice((0.0, 1e-3, 0.1)),
        "decoupled": draw.choice((False, True)),
    }
    buf = None if first else draw.array(150)
    return {"w": draw.array(150), "g": draw.gradient(150), "buf": buf, "settings": settings}


def adam_steps(draw: Draw) -> Arguments:
    """Draw an array, its gradient, the state after t - 1 steps, and settings."""
    settings = {
        "lr": draw.choice((1e-3, 0.05, 0.3)),
        "betas": draw.choice(((0.9, 0.999), (0.9, 0.99), (0.0, 0.9), (0.95, 0.5), (0.5, 0.999))),
        "eps": draw.choice((1e-8, 1e-5, 1e-2)),
        "weight_decay": draw.choice((0.0, 1e-3, 0.1)),
        "decoupled": draw.choice((False, True)),
    }
    return _moments(draw) | {"settings": settings}


def sparse_adam_steps(draw: Draw) -> Arguments:
    """Draw touched rows with their state, and settings."""
    settings = {
        "lr": draw.choice((1e-3, 0.05, 0.3)),
        "betas": draw.choice(((0.9, 0.999), (0.9, 0.99), (0.0, 0.9), (0.5, 0.999))),
        "eps": draw.choice((1e-8, 1e-5, 1e-2)),
    }
    return _moments(draw) | {"settings": settings}


def _moments(draw: Draw) -> Arguments:
    t = draw.choice((1, 2, 10, 1000))
    m, v = draw.array(150) / draw.dtype.type(8), draw.array(150) ** 2 / draw.dtype.type(8)
    w, g, fresh = draw.array(150), draw.gradient(150), draw.dtype.type(t > 1)
    return {"w": w, "g": g, "m": m * fresh, "v": v * fresh, "t": t}


def rmsprop_steps(draw: Draw) -> Arguments:
    """Draw an array, its gradient, averages that can be, and settings."""
    settings = {
        "lr": draw.choice((1e-3, 0.05)),
        "alpha": draw.choice((0.99, 0.9, 0.5)),
        "eps": draw.choice((1e-8, 1e-5, 1e-2)),
        "weight_decay": draw.choice((0.0, 1e-3, 0.1)),
        "momentum": draw.choice((0.0, 0.9)),
        "centered": draw.choice((False, True)),
        "decoupled": draw.choice((False, True)),
    }
    w, g, a = draw.array(150), draw.gradient(150), draw.array(150) / draw.dtype.type(8)
    extra = draw.array(150) ** 2 / draw.dtype.type(8)
    v = a * a * draw.dtype.type(1.25) + extra  # a variance: v > a**2
    return {"w": w, "g": g, "v": v, "a": a, "buf": draw.array(150), "settings": settings}


def norms(draw: Draw) -> Arguments:
    """Draw a table and the length that its rows may have."""
    n_rows, k = draw.choice((2, 5)), draw.choice(FACTORS)
    weight = draw.array(n_rows, k)
    length = float(np.sqrt((weight[0].astype(np.float64) ** 2).sum()))
    max_norm = draw.choice((0.5, 2.0, length or 1.0, length * 0.7 or 1.0))
    return {"weight": weight, "ids": draw.ids(n_rows, 4), "max_norm": max_norm}
