"""Parts of a network one after the other: linear layers, rectifiers, normalisations, dropouts.

A part knows the names of its parameters and the name that its source gives it; `forward` goes
through a list of parts, `backward` through the same list from the end.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params

LINEAR, RELU, NORM, DROPOUT = "linear", "relu", "norm", "dropout"
MOMENTUM, EPS = 0.1, 1e-5  # torch's, of its normalisations
# names that torch gives to what belongs to a normalisation beside weight and bias
MEAN, VAR, COUNT = "running_mean", "running_var", "num_batches_tracked"


class Part(NamedTuple):
    """One layer: what it does, and what it is called.

    `name` begins the names of its parameters ("linear_0": "linear_0_weight"), `source` is that of
    its source ("layers.0.0").
    """

    kind: str
    name: str
    source: str
    p: float = 0.0  # a dropout's


class Mode(NamedTuple):
    """How a forward pass goes: in training or not, with which masks, on which operations."""

    training: bool
    rng: np.random.Generator
    keep: Mapping[str, Any]  # masks by the source's name of the dropout
    backend: ModuleType


class PartCache(NamedTuple):
    """A part and the cache of its operation."""

    part: Part
    cache: Any


def forward(
    x: FloatArray, parts: Sequence[Part], params: Params, buffers: Params, mode: Mode
) -> tuple[FloatArray, list[PartCache], Params]:
    """Return (out, caches, running statistics that a training pass has moved)."""
    caches, moved = [], Params()
    for part in parts:
        x, cache = _layer(x, part, params, buffers, mode)
        caches.append(PartCache(part, cache))
        if part.kind == NORM and mode.training:
            moved |= _moved(part, buffers, cache)
    return x, caches, moved


def _layer(
    x: FloatArray, part: Part, params: Params, buffers: Params, mode: Mode
) -> tuple[FloatArray, Any]:
    """Return (out, cache) of one part."""
    weight, bias = params.get(f"{part.name}_weight"), params.get(f"{part.name}_bias")
    if part.kind == RELU:
        return mode.backend.relu_forward(x)  # type: ignore[no-any-return]
    if part.kind == LINEAR:
        return mode.backend.linear_forward(x, weight, bias)  # type: ignore[no-any-return]
    if part.kind == DROPOUT:
        return mode.backend.dropout_forward(  # type: ignore[no-any-return]
            x, part.p, mode.keep.get(part.source), rng=mode.rng, training=mode.training
        )
    names = (f"{part.name}_{MEAN}", f"{part.name}_{VAR}")
    mean, var = (None, None) if mode.training else (buffers[name] for name in names)
    return mode.backend.batch_norm_forward(x, weight, bias, mean, var, EPS)  # type: ignore[no-any-return]


def _moved(part: Part, buffers: Params, cache: Any) -> Params:
    """Return the running statistics of a normalisation after a batch."""
    names = [f"{part.name}_{name}" for name in (MEAN, VAR, COUNT)]
    mean, var = ops.batch_norm_running(buffers[names[0]], buffers[names[1]], cache, MOMENTUM)
    return dict(zip(names, (mean, var, buffers[names[2]] + 1), strict=True))


def backward(
    d_out: FloatArray, caches: Sequence[PartCache], backend: ModuleType
) -> tuple[FloatArray, Params]:
    """Return (d_x, gradients by parameter name)."""
    grads: Params = {}
    for part, cache in reversed(caches):
        if part.kind == RELU:
            d_out = backend.relu_backward(d_out, cache)
        elif part.kind == DROPOUT:
            d_out = backend.dropout_backward(d_out, cache)
        else:
            of = backend.linear_backward if part.kind == LINEAR else backend.batch_norm_backward
            d_out, grads[f"{part.name}_weight"], d_bias = of(d_out, cache)
            if d_bias is not None:
                grads[f"{part.name}_bias"] = d_bias
    return d_out, grads


def dropout(name: str, source: str, p: float) -> list[Part]:
    """Return a dropout, or nothing where nothing is dropped."""
    return [Part(DROPOUT, name, source, p)] if p else []


def linear_block(
    i: int, source: str, *, norm: bool, p: float, relu: bool, lin_first: bool
) -> list[Part]:
    """Return fastai's `LinBnDrop`: a linear layer, its rectifier, a normalisation, a dropout.

    In this order with `lin_first`, otherwise normalisation and dropout come before the layer.
    """
    linear = [Part(LINEAR, f"linear_{i}", "")] + [Part(RELU, f"relu_{i}", "")] * relu
    others = [Part(NORM, f"norm_{i}", "")] * norm + dropout(f"dropout_{i}", "", p)
    found = linear + others if lin_first else others + linear
    return [part._replace(source=f"{source}.{j}") for j, part in enumerate(found)]
