"""Digests of what npcf computes without exp and cos: `python -m tests.fingerprints`.

Additions, multiplications, divisions and square roots round correctly everywhere, so these are the
same on every processor, as long as nobody adds in another order or fuses what is not to be fused.
Adam's powers of beta are the C library's, which two processes on one machine share.
"""

import hashlib
import json

import numpy as np

from npcf import kernels, ops, optim
from npcf.ops.sigmoid_range import SigmoidRangeCache

N, B = 40, 333  # rows of the table; several times as many ids, so that gradients add up
FACTORS = (1, 8, 50, 128)  # the twins add as NumPy does up to 128


def digest(*arrays):
    """Return a digest of the bytes of some arrays."""
    text = hashlib.sha256()
    for array in arrays:
        text.update(np.ascontiguousarray(array).tobytes())
    return text.hexdigest()[:16]


def operations(room, dtype, k):
    """Yield (name, arrays) for the operations of a room, `npcf.ops` or `npcf.kernels`."""
    rng = np.random.default_rng(k)
    weight, d_out = rng.normal(size=(N, k)).astype(dtype), rng.normal(size=(B, k)).astype(dtype)
    ids, other = rng.integers(0, N, B), rng.integers(0, N, B)
    left, cache = room.embedding_forward(weight, ids)
    right, _ = room.embedding_forward(weight, other)
    yield "lookup", (left, room.embedding_backward(d_out, cache))
    dots, cache = room.row_dot_forward(left, right)
    yield "row dot", (dots, *room.row_dot_backward(d_out[:, 0].copy(), cache))
    bias = weight[:, 0].copy()
    out, cache = room.bias_forward(dots, bias, bias, ids, other)
    yield "bias", (out, *room.bias_backward(d_out[:, 0].copy(), cache))
    _, cache = room.mse_forward(out, dots)
    yield "gradient of the loss", (room.mse_backward(1.0, cache),)
    s = rng.uniform(0, 1, B).astype(dtype)
    cache = SigmoidRangeCache(s, 5.5)
    yield "gradient of the sigmoid", (room.sigmoid_range_backward(d_out[:, 0].copy(), cache),)


def steps(dtype):
    """Yield (name, arrays) after ten steps of each optimiser; the loss's mean with them."""
    made = {
        "SGD": lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.1),
        "Adam": lambda p: optim.Adam(p, 0.1, weight_decay=0.1),
        "RMSProp": lambda p: optim.RMSProp(p, 0.1, momentum=0.9, centered=True),
    }
    for name, make in made.items():
        rng = np.random.default_rng(0)
        params = {"user_factors": rng.normal(size=(N, 9)).astype(dtype)}
        opt = make(params)
        for _ in range(10):
            opt.step({"user_factors": rng.normal(size=(N, 9)).astype(dtype)})
        yield name, tuple(params.values())
    x = np.random.default_rng(1).normal(size=(2, B)).astype(dtype)
    yield "mean squared error", (ops.mse_forward(x[0], x[1])[0],)


def fingerprints():
    """Return {name: digest}."""
    found = {}
    for dtype in (np.float32, np.float64):
        label = np.dtype(dtype).name
        for room in (ops, kernels):
            for k in FACTORS:
                for name, arrays in operations(room, dtype, k):
                    found[f"{room.__name__} {name}, {k} factors, {label}"] = digest(*arrays)
        found |= {f"{name}, {label}": digest(*arrays) for name, arrays in steps(dtype)}
    return found


if __name__ == "__main__":
    print(json.dumps(fingerprints()))
