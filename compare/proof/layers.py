"""Layers of networks: draws, how executions compute them, and inputs that use the bounds."""

from typing import Any

import numpy as np

from compare.proof.draws import FACTORS, Arguments, Draw
from npcf.verify.bounds import PRECISION

# For each layer what its functions take, in the order of the forward.
TAKES = {
    "linear": ("x", "weight", "bias"),
    "relu": ("x",),
    "concatenate": ("parts",),
    "dropout": ("x", "p", "keep"),
    "batch_norm": ("x", "weight", "bias", "mean", "var", "eps"),
}
GRADIENTS = {"linear": ("d_x", "d_weight", "d_bias"), "concatenate": ("d_left", "d_right"),
             "batch_norm": ("d_x", "d_weight", "d_bias")}  # fmt: skip


def results(name: str) -> tuple[str, ...]:
    """Return the names of what a layer returns, its output first."""
    if name == "batch_norm_running":
        return ("mean", "var")
    return ("out", *GRADIENTS.get(name, ("d_x",)))


def computed(functions: Any, name: str, a: Arguments) -> Any:
    """Return output and gradients, from a module with functions of the protocol."""
    given = [a[argument] for argument in TAKES[name]]
    out, cache = getattr(functions, f"{name}_forward")(*given)
    grads = getattr(functions, f"{name}_backward")(a["d_out"], cache)
    return (out, *(grads if isinstance(grads, tuple) else (grads,)))


def values(name: str) -> Any:
    """Return what gives a layer's exact values, or their bounds."""

    def of(module: Any, a: Arguments, **library: Any) -> Any:
        if name == "batch_norm_running":
            return module.batch_norm_running(**a, **library)
        given = [a[argument] for argument in TAKES[name]]
        out = getattr(module, name)(*given, **library)
        grads = getattr(module, f"{name}_backward")(a["d_out"], *given, **library)
        return (out, *(grads if isinstance(grads, tuple) else (grads,)))

    return of


# -- draws -----------------------------------------------------------------------------------------


def linear(draw: Draw) -> Arguments:
    """Draw rows and a layer."""
    b, i, o = draw.choice((1, 3, 8)), draw.choice(FACTORS), draw.choice((1, 2, 8))
    return {"x": draw.array(b, i), "weight": draw.array(o, i), "bias": draw.array(o),
            "d_out": draw.array(b, o)}  # fmt: skip


def relu(draw: Draw) -> Arguments:
    """Draw numbers, zeros among them."""
    x = draw.array(64)
    x[:4] = 0
    return {"x": x, "d_out": draw.array(64)}


def concatenate(draw: Draw) -> Arguments:
    """Draw two parts."""
    left, right = draw.array(7, draw.choice((1, 5))), draw.array(7, draw.choice((1, 8)))
    return {"parts": [left, right], "d_out": draw.array(7, left.shape[1] + right.shape[1])}


def dropout(draw: Draw) -> Arguments:
    """Draw numbers and a mask."""
    p = draw.choice((0.1, 0.5, 0.3))
    return {"x": draw.array(64), "p": p, "keep": draw.rng.random(64) >= p, "d_out": draw.array(64)}


def batch_norm(draw: Draw) -> Arguments:
    """Draw rows with statistics of their own, or given ones."""
    b, k = draw.choice((2, 3, 8, 32)), draw.choice((1, 3, 8))
    x, weight, bias, mean = draw.array(b, k), draw.array(k), draw.array(k), draw.array(k)
    given = draw.choice(((None, None), (mean, np.abs(draw.array(k)))))
    return {"x": x, "weight": weight, "bias": bias, "mean": given[0], "var": given[1],
            "eps": draw.choice((1e-5, 1e-3)), "d_out": draw.array(b, k)}  # fmt: skip


def batch_norm_running(draw: Draw) -> Arguments:
    """Draw rows, and running statistics before them."""
    b, k = draw.choice((2, 3, 8, 32)), draw.choice((1, 3, 8))
    return {"mean": draw.array(k), "var": np.abs(draw.array(k)), "x": draw.array(b, k),
            "momentum": draw.choice((0.1, 0.25, 0.5))}  # fmt: skip


LAYERS = linear, relu, concatenate, dropout, batch_norm, batch_norm_running
DRAWS = {f.__name__: f for f in LAYERS}

# -- inputs that use the bounds --------------------------------------------------------------------


def built(name: str) -> Any:
    """Return what makes inputs of k rows in which roundings add up; where there are none, any."""

    def make(k: int, dtype: Any, rng: Any) -> Arguments:
        draw = Draw(rng, dtype, "one sign")
        if name == "linear":
            return _linear(k, draw)
        return _batch_norm(k, draw) if name == "batch_norm" else DRAWS[name](draw)

    return make


def _lost(k: int, draw: Draw) -> Any:
    """Return k numbers of which all but the first are rounded away next to it."""
    terms = np.full(k, PRECISION[draw.dtype].u * (1 - 2**-6))
    terms[0] = 1
    return terms


def _linear(k: int, draw: Draw) -> Arguments:
    """Return k rows of k numbers to k outputs: sums of terms that are lost, along every axis."""
    x, weight = np.tile(_lost(k, draw), (k, 1)), 1 + draw.rng.random((k, k)) / 32
    x[1:, 0] = x[0, -1]
    x[0, 0], d_out = 1 + draw.rng.random() / 32, x.copy()
    weight[:, 1:], weight[1:, 0] = 1, 1
    arrays = {"x": x, "weight": weight, "bias": np.zeros(k), "d_out": d_out}
    return {field: array.astype(draw.dtype) for field, array in arrays.items()}


def _batch_norm(k: int, draw: Draw) -> Arguments:
    """Return k rows of eight columns far from zero, so that their means round."""
    x = np.tile(_lost(k, draw)[:, None], 8) * draw.rng.uniform(1, 2, 8)
    if draw.choice((0, 1)):
        x = 1 + draw.rng.integers(0, 4, (k, 8)) * draw.rng.uniform(0, 1, 8)
    d_out = np.tile(_lost(k, draw)[:, None], 8) * draw.rng.uniform(1, 2, 8)
    if draw.choice((0, 1)):  # the gradient of the weight is a sum that does not cancel
        d_out = np.sort(d_out, axis=0)[::-1] * np.sign(x - x.mean(axis=0))
    weight, bias = draw.array(8), draw.array(8) * draw.dtype.type(draw.choice((0, 1)))
    given = (None, None) if k > 1 else (draw.array(8), draw.array(8))
    return {"x": x.astype(draw.dtype), "weight": weight, "bias": bias, "mean": given[0],
            "var": given[1], "eps": draw.choice((1e-3, 1e-5, 1.0)),
            "d_out": d_out.astype(draw.dtype)}  # fmt: skip
