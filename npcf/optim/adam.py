"""Adam and AdamW: steps scaled by running averages of the gradient and of its square."""

from typing import Any

import numpy as np

from npcf._atomic import Change, assign
from npcf._types import Grads, Params
from npcf.errors import require_count, require_flag, require_number, require_numbers, spell_checked
from npcf.optim.optimizer import Optimizer, PerParameter, Touched


class MomentOptimizer(Optimizer):
    """Averages m of the gradient and v of its square, betas, and a count t of the steps."""

    COUNTS = ("t",)
    STATES = ("m", "v")
    betas: tuple[float, float]

    @property
    def momentum(self) -> float:
        """beta1, the name that schedules set."""
        return self.betas[0]

    @momentum.setter
    def momentum(self, value: float) -> None:
        self.betas = (float(value), self.betas[1])  # a NumPy float64 would promote float32

    @property
    def t(self) -> int:
        """How many steps have been taken."""
        return int(self.counts["t"][0])

    @t.setter
    def t(self, value: int) -> None:
        self.counts["t"][0] = require_count("t", value, 0)


class Adam(MomentOptimizer):
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

    `lr`, `betas`, `eps`, `weight_decay` may be set between steps; `lr` and `weight_decay` may be
    mappings (`npcf.optim.optimizer`).  `SparseAdam` is the one that moves touched rows only.
    Raises SettingError on a setting outside its range, UsageError, ShapeError or DTypeError on
    gradients that do not fit, before any parameter has moved.
    """

    SETTINGS = ("lr", "betas", "eps", "weight_decay", "decoupled")

    @spell_checked
    def __init__(
        self,
        params: Params,
        lr: PerParameter = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: PerParameter = 0.0,
        decoupled: bool = False,
    ):
        super().__init__(params)
        self.lr: Any = lr
        self.weight_decay: Any = weight_decay
        self.betas, self.eps, self.decoupled = betas, eps, decoupled
        self.m, self.v = self._zeros(), self._zeros()
        self.check_settings()

    def changes(self, grads: Grads, touched: Touched | None = None) -> list[Change]:
        """Return what one step with `grads`, which has the keys of `params`, assigns."""
        grads = self._check(grads)
        lrs, decays = self.numbers_of("lr"), self.numbers_of("weight_decay")
        (beta1, beta2), t = self.betas, self.t + 1
        m_scale, v_scale = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        changes = [assign(self.counts["t"], 0, t)]
        for name in self.params:
            w, m, v = (self._copy(changes, state, name) for state in ("params", "m", "v"))
            g, lr, wd = grads[name], lrs[name], decays[name]
            if self.decoupled and wd:
                w *= 1 - lr * wd
            elif wd:
                g = g + wd * w
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            w -= lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)
        return changes

    def check_settings(self) -> None:
        """Raise SettingError unless every setting is in its range; each becomes a plain number."""
        self._check_rates("lr", "weight_decay")
        self.eps, self.betas = require_number("eps", self.eps), checked_betas(self.betas)
        self.decoupled = require_flag("decoupled", self.decoupled)


def checked_betas(betas: Any) -> tuple[float, float]:
    """Return `betas` as a pair of numbers in [0, 1), or raise."""
    beta1, beta2 = require_numbers("betas", betas, 2, high=1, open_high=True)
    return beta1, beta2


@spell_checked
def adamw(
    params: Params,
    lr: PerParameter = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: PerParameter = 0.01,
) -> Adam:
    """Return `Adam` with the defaults of torch.optim.AdamW: decoupled decay of 0.01."""
    return Adam(params, lr, betas, eps, weight_decay, decoupled=True)


@spell_checked
def fastai_adam(
    params: Params,
    lr: PerParameter = 1e-3,
    mom: float = 0.9,
    sqr_mom: float = 0.99,
    eps: float = 1e-5,
    wd: PerParameter = 0.01,
    decouple_wd: bool = True,
) -> Adam:
    """Return `Adam` with fastai's names and defaults: betas (.9, .99), eps 1e-5, decoupled."""
    return Adam(params, lr, (mom, sqr_mom), eps, wd, decouple_wd)
