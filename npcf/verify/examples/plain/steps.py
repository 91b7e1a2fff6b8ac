"""One step of SGD, and one of Adam, on one array."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf.verify.examples.plain.checks import check_dtypes, check_shapes

Array = NDArray[Any]


def sgd_step(
    w: Array,
    g: Array,
    buf: Array | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    nesterov: bool,
    weight_decay: float,
    decoupled: bool,
) -> tuple[Array, Array | None]:
    """Return (w, buf) after one step, as torch.optim.SGD takes it."""
    check_shapes(w, g, *([] if buf is None else [buf]))
    check_dtypes(w, g, *([] if buf is None else [buf]))
    if decoupled:
        w = w * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * w
    if momentum:
        buf = sgd_buffer(g, buf, momentum, dampening)
        g = g + momentum * buf if nesterov else buf
    else:
        buf = None
    w = w - lr * g
    return w, buf


def sgd_buffer(g: Array, buf: Array | None, momentum: float, dampening: float) -> Array:
    """Return the next buffer; the first gradient enters undampened."""
    if buf is None:
        return g.copy()
    return momentum * buf + (1 - dampening) * g


def adam_step(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    *,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> tuple[Array, Array, Array]:
    """Return (w, m, v) after step t = 1, 2, …, as torch.optim.Adam, or AdamW, takes it."""
    check_shapes(w, g, m, v)
    check_dtypes(w, g, m, v)
    beta1, beta2 = betas
    if decoupled:
        w = w * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * w
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    correction1 = 1 - beta1 ** int(t)
    correction2 = 1 - beta2 ** int(t)
    denominator = np.sqrt(v) / math.sqrt(correction2) + eps
    w = w - lr / correction1 * (m / denominator)
    return w, m, v
