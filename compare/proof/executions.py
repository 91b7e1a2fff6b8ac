"""The executions there are: npcf in NumPy, npcf in Numba, PyTorch; each computes every subject.

A subject's function takes the arguments that `draws` draws and returns a tuple of arrays.
"""

from functools import partial
from typing import Any

import numpy as np

from compare import torch_models as oracle
from compare.implementations.pytorch import layers as torch_layers
from compare.proof.layers import DRAWS, computed
from npcf import kernels, models, ops, optim


class Layers:
    """Layers of networks, of one module that has their functions."""

    def __init__(self, functions: Any):
        self.functions = functions

    def __getattr__(self, name: str) -> Any:
        if name not in DRAWS:
            raise AttributeError(name)
        return partial(computed, self.functions, name)


class Npcf(Layers):
    """`npcf.models` and `npcf.optim` on the operations of one module."""

    def __init__(self, backend: Any):
        super().__init__(backend)
        self.backend = backend

    def embedding(self, a: Any) -> Any:
        return self._embedding(a, scale_grad_by_freq=False)

    def embedding_by_frequency(self, a: Any) -> Any:
        return self._embedding(a, scale_grad_by_freq=True)[1:]

    def batch_norm_running(self, a: Any) -> Any:
        ones = np.ones_like(a["mean"])
        _, cache = self.backend.batch_norm_forward(a["x"], ones, ones)
        return self.backend.batch_norm_running(a["mean"], a["var"], cache, a["momentum"])

    def _embedding(self, a: Any, **options: Any) -> Any:
        out, cache = self.backend.embedding_forward(a["weight"], a["ids"], **options)
        return out, self.backend.embedding_backward(a["d_out"], cache)

    def row_dot(self, a: Any) -> Any:
        out, cache = self.backend.row_dot_forward(a["left"], a["right"])
        return (out, *self.backend.row_dot_backward(a["d_out"], cache))

    def bias(self, a: Any) -> Any:
        tables = (a["dot"], a["user_bias"], a["item_bias"])
        out, cache = self.backend.bias_forward(*tables, a["users"], a["items"])
        return (out, *self.backend.bias_backward(a["d_out"], cache))

    def sigmoid_range(self, a: Any) -> Any:
        out, cache = self.backend.sigmoid_range_forward(a["x"], a["low"], a["high"])
        return cache.s, out, self.backend.sigmoid_range_backward(a["d_out"], cache)

    def mse(self, a: Any) -> Any:
        loss, cache = self.backend.mse_forward(a["pred"], a["rating"])
        return np.asarray(loss), self.backend.mse_backward(a["d_loss"], cache)

    def dot_product_bias(self, a: Any) -> Any:
        pred, cache = models.dot_product_bias_forward(
            a["params"], a["users"], a["items"], a["y_range"], backend=self.backend, mean=a["mean"]
        )
        loss, loss_cache = self.backend.mse_forward(pred, a["rating"])
        grads = models.dot_product_bias_backward(self.backend.mse_backward(1.0, loss_cache), cache)
        return (pred, np.asarray(loss), *grads.values())


class NpcfNumpy(Npcf):
    """The reference, which has the optimisers too."""

    def __init__(self) -> None:
        super().__init__(ops)

    def one_hot(self, a: Any) -> Any:
        out, cache = ops.one_hot_forward(a["weight"], a["ids"])
        return out, ops.one_hot_backward(a["d_out"], cache)

    def renormalise_rows(self, a: Any) -> Any:
        weight = a["weight"].copy()
        optim.renormalise_rows(weight, a["ids"], a["max_norm"])
        return (weight,)

    def sgd_step(self, a: Any) -> Any:
        params = {"w": a["w"].copy()}
        optimizer = optim.SGD(params, **a["settings"])
        if a["buf"] is not None:
            optimizer.buffers = {"w": a["buf"].copy()}
        optimizer.step({"w": a["g"]})
        return params["w"], optimizer.buffers.get("w")

    def adam_step(self, a: Any) -> Any:
        return _moment_step(optim.Adam, a)

    def sparse_adam_step(self, a: Any) -> Any:
        return _moment_step(optim.SparseAdam, a, np.arange(len(a["w"])))

    def rmsprop_step(self, a: Any) -> Any:
        params = {"w": a["w"].copy()}
        optimizer = optim.RMSProp(params, **a["settings"])
        optimizer.v = {"w": a["v"].copy()}
        optimizer.averages, optimizer.buffers = {"w": a["a"].copy()}, {"w": a["buf"].copy()}
        optimizer.step({"w": a["g"]})
        states = (optimizer.v, optimizer.averages, optimizer.buffers)
        return (params["w"], *(state["w"] for state in states))


def _moment_step(cls: Any, a: Any, rows: Any = None) -> Any:
    params = {"w": a["w"].copy()}
    optimizer = cls(params, **a["settings"])
    optimizer.t, optimizer.m, optimizer.v = a["t"] - 1, {"w": a["m"].copy()}, {"w": a["v"].copy()}
    optimizer.step({"w": a["g"]}, None if rows is None else {"w": rows})
    return params["w"], optimizer.m["w"], optimizer.v["w"]


class Torch(Layers):
    """PyTorch, through `compare.torch_models` and `compare.implementations.pytorch.layers`."""

    def __init__(self) -> None:
        super().__init__(torch_layers)

    def batch_norm_running(self, a: Any) -> Any:
        return torch_layers.batch_norm_running(**a)

    def embedding(self, a: Any) -> Any:
        return oracle.embedding(a["weight"], a["ids"], a["d_out"])

    def embedding_by_frequency(self, a: Any) -> Any:
        return oracle.embedding(a["weight"], a["ids"], a["d_out"], scale_grad_by_freq=True)[1:]

    def row_dot(self, a: Any) -> Any:
        return oracle.row_dot(a["left"], a["right"], a["d_out"])

    def bias(self, a: Any) -> Any:
        tables = (a["dot"], a["user_bias"], a["item_bias"])
        return oracle.bias(*tables, a["users"], a["items"], a["d_out"])

    def sigmoid_range(self, a: Any) -> Any:
        return oracle.range_of(a["x"], a["low"], a["high"], a["d_out"])

    def mse(self, a: Any) -> Any:
        return oracle.mse(a["pred"], a["rating"], a["d_loss"])

    def dot_product_bias(self, a: Any) -> Any:
        twin = oracle.build(oracle.WithMean, a["params"], a["y_range"], mean=a["mean"])
        x = oracle.to_torch(np.stack([a["users"], a["items"]], axis=1))
        pred, loss, grads = oracle.loss_and_gradients(twin, x, oracle.to_torch(a["rating"]))
        return (pred, loss, *grads.values())

    def renormalise_rows(self, a: Any) -> Any:
        return (oracle.renormalised(a["weight"], a["ids"], a["max_norm"]),)

    def sgd_step(self, a: Any) -> Any:
        return oracle.one_sgd_step(a["w"], a["g"], a["buf"], a["settings"])

    def adam_step(self, a: Any) -> Any:
        return oracle.one_adam_step(a["w"], a["g"], a["m"], a["v"], a["t"], a["settings"])

    def sparse_adam_step(self, a: Any) -> Any:
        return oracle.one_sparse_adam_step(a["w"], a["g"], a["m"], a["v"], a["t"], a["settings"])

    def rmsprop_step(self, a: Any) -> Any:
        return oracle.one_rmsprop_step(*(a[x] for x in ("w", "g", "v", "a", "buf", "settings")))


EXECUTIONS = {"npcf numpy": NpcfNumpy(), "npcf numba": Npcf(kernels), "torch": Torch()}
# torch takes the root of v - a**2 even where rounding has made it negative; npcf cuts it off at 0.
CLAIMS = {("torch", "rmsprop_step"): {"clamped": False}}
LIBRARY = {"npcf numpy": "numpy", "npcf numba": "numba", "torch": "torch"}
