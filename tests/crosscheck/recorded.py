"""Recordings without torch: the recorder on a model of npcf, behind what it asks of a tensor."""

import numpy as np

from npcf import models, ops, optim
from npcf.crosscheck._record import Recorder
from npcf.interop import LAYOUTS

N_USERS, N_ITEMS, K, BATCH = 7, 5, 3, 9
NAMES = LAYOUTS["embedding"].keys


class Tensor:
    """An array behind the methods of a torch tensor that the recorder calls."""

    is_sparse, requires_grad = False, True

    def __init__(self, array):
        self.array, self.grad = np.asarray(array, order="C"), None
        self.dtype, self.shape = f"torch.{self.array.dtype}", self.array.shape

    def detach(self):
        return self

    def contiguous(self):
        return self

    def to(self, device, copy):
        assert (device, copy) == ("cpu", True)
        return Tensor(self.array.copy())

    def data_ptr(self):
        return self.array.ctypes.data

    def numel(self):
        return self.array.size

    def element_size(self):
        return self.array.itemsize


class Model:
    """Parameters under the names of a book's model."""

    training, y_range = True, (0.0, 5.5)

    def __init__(self, params):
        self.params = params
        self.tensors = {
            NAMES[name]: Tensor(w[:, None] if w.ndim == 1 else w) for name, w in params.items()
        }

    def named_parameters(self):
        return self.tensors.items()


class AdamW:
    """An npcf Adam as torch shows its own."""

    def __init__(self, model, opt):
        self.model, self.held, self.state = model, opt, {}

    @property
    def param_groups(self):
        held = self.held
        return [{"params": list(self.model.tensors.values()), "lr": held.lr, "betas": held.betas,
                 "eps": held.eps, "weight_decay": held.weight_decay, "amsgrad": False,
                 "maximize": False, "decoupled_weight_decay": held.decoupled}]  # fmt: skip

    def step(self, grads):
        self.held.step(grads)
        for name, p in zip(self.model.params, self.model.tensors.values(), strict=True):
            self.state[p] = {"step": Tensor(np.float32(self.held.t))} | {
                key: Tensor(getattr(self.held, own)[name].reshape(p.shape))
                for key, own in (("exp_avg", "m"), ("exp_avg_sq", "v"))
            }


def batch(rng):
    users, items = rng.integers(0, N_USERS, BATCH), rng.integers(0, N_ITEMS, BATCH)
    return users, items, rng.integers(1, 11, BATCH) / 2


def record(path, *, dtype=np.float32, seed=0, scale=1.0, y_range=(0.0, 5.5), **options):
    """Train a model of npcf for five steps, record three; `scale` is of loss and gradients."""
    rng = np.random.default_rng(seed)
    params = models.init_params(N_USERS, N_ITEMS, K, rng, dtype)
    model = Model(params)
    opt = AdamW(model, optim.adamw(params, 0.02))
    recorder = Recorder(path, model, opt, **options)
    for _ in range(5):
        users, items, rating = batch(rng)
        rating = rating.astype(dtype)
        pred, cache = models.dot_product_bias_forward(params, users, items, y_range)
        loss, loss_cache = ops.mse_forward(pred, rating)
        d_pred = ops.mse_backward(scale, loss_cache)
        grads = models.dot_product_bias_backward(d_pred, cache)
        for name, p in zip(params, model.tensors.values(), strict=True):
            p.grad = Tensor(grads[name].reshape(p.shape))
        x, output = np.stack([users, items], 1), pred[:, None]
        given = (Tensor(x), Tensor(rating), Tensor(output), Tensor(np.asarray(scale * loss, dtype)))
        with recorder.step(*given):
            opt.step(grads)
    return f"{path}.safetensors"
