"""npcf's models, optimisers and batches as functions of the protocol, for any of its backends."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npcf import optim
from npcf.data import Batches, Ratings, Vocabulary
from npcf.models import dot_product_bias_backward, dot_product_bias_forward
from npcf.optim import SGD, Adam
from npcf.training import safetensors_io

SCHEDULES = (
    "linear", "exponential", "cosine", "cosine_restarts", "step_decay", "one_cycle_fastai",
    "one_cycle_torch",
)  # fmt: skip
Array = NDArray[Any]
Arrays = dict[str, Array]


def sgd_step(w: Array, g: Array, buf: Array | None, **settings: Any) -> tuple[Array, Array | None]:
    """Take one step of `npcf.optim.SGD` on a model of one table."""
    params = {"w": w.copy()}
    optimizer = SGD(params, **settings)
    if buf is not None:
        optimizer.load_state_arrays({"buffers/w": buf})
    optimizer.step({"w": g})
    return params["w"], optimizer.buffers["w"] if optimizer.momentum else None


def adam_step(
    w: Array, g: Array, m: Array, v: Array, t: int, **settings: Any
) -> tuple[Array, Array, Array]:
    """Take step `t` of `npcf.optim.Adam` on a model of one table."""
    params = {"w": w.copy()}
    optimizer = Adam(params, **settings)
    optimizer.load_state_arrays({"t": np.array(t - 1, np.int64), "m/w": m, "v/w": v})
    optimizer.step({"w": g})
    return params["w"], optimizer.m["w"], optimizer.v["w"]


def train(
    params: Arrays,
    batches: Sequence[tuple[Array, Array, Array]],
    y_range: tuple[float, float] | None,
    rule: str,
    settings: dict[str, Any],
    lrs: Sequence[float],
    state: Arrays | None,
    *,
    backend: ModuleType,
) -> tuple[Arrays, Array, Arrays]:
    """Train with the functional core and an optimiser; `state` is its `state_arrays`."""
    params = {name: table.copy() for name, table in params.items()}
    optimizer = {"sgd": SGD, "adam": Adam}[rule](params, **settings)
    if state is not None:
        optimizer.load_state_arrays(state)
    losses = np.empty(len(batches), params["user_factors"].dtype)
    for i, (users, items, rating) in enumerate(batches):
        pred, cache = dot_product_bias_forward(params, users, items, y_range, backend=backend)
        losses[i], loss_cache = backend.mse_forward(pred, rating)
        gradients = dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache)
        optimizer.lr = float(lrs[i])
        optimizer.step(gradients)
    return params, losses, optimizer.state_arrays()


def save(params: Arrays, state: Arrays | None) -> bytes:
    """Return the bytes of the file that `npcf.training.safetensors_io` writes."""
    arrays = {f"model/{name}": table for name, table in params.items()}
    arrays |= {f"opt/{name}": array for name, array in (state or {}).items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        safetensors_io.write(path, {"started": state is not None}, arrays)
        return path.read_bytes()


def load(data: bytes) -> tuple[Arrays, Arrays | None]:
    """Return (params, state) from the bytes of `save`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        path.write_bytes(data)
        text, arrays = safetensors_io.read(path)
    params = {name[6:]: a for name, a in arrays.items() if name.startswith("model/")}
    state = {name[4:]: a for name, a in arrays.items() if name.startswith("opt/")}
    return params, state if text["started"] else None


def epoch_batches(n: int, bs: int, seed: int, epoch: int, drop_last: bool) -> list[Array]:
    """Return the batches of `npcf.data.Batches` over ratings whose user is their row number."""
    rows, vocab = np.arange(n, dtype=np.int32), Vocabulary([0])
    rating = np.zeros(n, np.float32)
    ratings = Ratings(rows, rows, rating, vocab, vocab, [], ("user", "item", "rating"))
    rng = np.random.default_rng([seed, epoch])
    return [batch.users for batch in Batches(ratings, bs, drop_last=drop_last, rng=rng)]


def functions(backend: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return every function of the protocol, its operations from `backend`: `npcf.ops` or like."""
    found = {name: getattr(backend, name) for name in dir(backend) if name.endswith("ward")}
    found |= {name: getattr(optim, name) for name in SCHEDULES}
    found |= {"dot_product_bias_backward": dot_product_bias_backward, "sgd_step": sgd_step}
    found |= {"adam_step": adam_step, "save": save, "load": load, "epoch_batches": epoch_batches}
    found["dot_product_bias_forward"] = partial(dot_product_bias_forward, backend=backend)
    return found | {"train": partial(train, backend=backend)}
