"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

import numpy as np

from npcf._types import Grads, Params
from npcf.errors import require_grads, require_number, require_pair, require_trainable


class Adam:
    r"""Adam (Kingma & Ba 2015, algorithm 1); with decoupled=True, AdamW (Loshchilov & Hutter 2019).

    One step, for every parameter w with gradient g; t counts steps from 1:

        w <- w * (1 - lr * weight_decay)              decoupled=True only
        g <- g + weight_decay * w                     decoupled=False only ("L2")
        m <- beta1 * m + (1 - beta1) * g              m_hat = m / (1 - beta1**t)
        v <- beta2 * v + (1 - beta2) * g**2           v_hat = v / (1 - beta2**t)
        w <- w - lr * m_hat / (sqrt(v_hat) + eps)     eps outside the root

    m and v start at zero.  Every row moves at every step, as with torch's dense embeddings: a row
    absent from the batch has g = 0, but its m is not.  The bias correction uses the *current*
    betas, as torch and fastai do, although under a schedule of beta1 the exact factor would be
    the product of those in force.

    Names and defaults are torch.optim.Adam's; `fastai_adam` and `adamw` are the others' defaults.

    With eps = 0 an entry whose v is zero gives 0 / 0 = NaN, as in torch.  In float32 a gradient
    beyond 1.8e19 overflows v: that entry never moves again, as in torch.

    `lr`, `betas`, `eps`, `weight_decay` may be set between steps.
    Raises SettingError on a setting outside its range, UsageError, ShapeError or DTypeError on
    gradients that do not fit, before any parameter has moved.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ):
        require_trainable(params)
        self.params = params
        self.lr, self.betas, self.eps = lr, betas, eps
        self.weight_decay, self.decoupled = weight_decay, decoupled
        self.t = 0
        self.m: Params = {name: np.zeros_like(w) for name, w in params.items()}
        self.v: Params = {name: np.zeros_like(w) for name, w in params.items()}
        self._judge_settings()

    @property
    def momentum(self) -> float:
        """beta1, the name that schedules set."""
        return self.betas[0]

    @momentum.setter
    def momentum(self, value: float) -> None:
        self.betas = (value, self.betas[1])

    def step(self, grads: Grads) -> None:
        """Update every parameter in place from `grads`, which has the keys of `params`."""
        self._judge_settings()
        require_grads(grads, self.params)
        beta1, beta2 = self.betas
        self.t += 1
        m_scale, v_scale = 1 / (1 - beta1**self.t), 1 / (1 - beta2**self.t)
        for name, w in self.params.items():
            g, m, v = grads[name], self.m[name], self.v[name]
            if self.decoupled and self.weight_decay:
                w *= 1 - self.lr * self.weight_decay
            elif self.weight_decay:
                g = g + self.weight_decay * w
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            w -= self.lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)

    def _judge_settings(self) -> None:
        for name in ("lr", "eps", "weight_decay"):
            require_number(name, getattr(self, name))
        for i, beta in enumerate(require_pair("betas", self.betas)):
            require_number(f"betas[{i}]", beta, high=1, open_high=True)


def adamw(
    params: Params,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> Adam:
    """Return `Adam` with the defaults of torch.optim.AdamW: decoupled decay of 0.01."""
    return Adam(params, lr, betas, eps, weight_decay, decoupled=True)


def fastai_adam(
    params: Params,
    lr: float = 1e-3,
    mom: float = 0.9,
    sqr_mom: float = 0.99,
    eps: float = 1e-5,
    wd: float = 0.01,
    decouple_wd: bool = True,
) -> Adam:
    """Return `Adam` with fastai's names and defaults: betas (.9, .99), eps 1e-5, decoupled."""
    return Adam(params, lr, (mom, sqr_mom), eps, wd, decouple_wd)
