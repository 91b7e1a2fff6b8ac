"""RMSProp: steps divided by a running average of the gradient's size."""

from typing import Any

import numpy as np

from npcf._atomic import Change
from npcf._types import FloatArray, Grads, Params
from npcf.errors import require_flag, require_number, spell_checked
from npcf.optim.optimizer import Optimizer, PerParameter, Touched


class RMSProp(Optimizer):
    r"""RMSProp (Tieleman & Hinton 2012; Graves 2013 for `centered`); changes `params` in place.

    One step, for every parameter w with gradient g:

        w <- w * (1 - lr * weight_decay)          decoupled=True only
        g <- g + weight_decay * w                 decoupled=False only ("L2"): torch's
        v <- alpha * v + (1 - alpha) * g**2
        a <- alpha * a + (1 - alpha) * g          centered only
        g <- g / (sqrt(v) + eps)                  centered: g / (sqrt(max(v - a**2, 0)) + eps)
        buf <- momentum * buf + g                 momentum only; then buf takes the place of g
        w <- w - lr * g

    v, a and buf start at zero and nothing corrects for it.  Every row moves at every step, as with
    torch's dense embeddings: an absent row has g = 0, and moves by decay and momentum only.
    Names, defaults and eps outside the root are torch.optim.RMSprop's.  v - a**2 is a variance,
    which rounding can make negative: there torch's root is NaN, and ours 0.

    `lr`, `alpha`, `eps`, `weight_decay`, `momentum`, `centered` may be set between steps; `lr` and
    `weight_decay` may be mappings (`npcf.optim.optimizer`).
    Raises as SGD does, before any parameter has moved.
    """

    SETTINGS = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "decoupled")
    STATES = ("v",)
    LAZY_STATES = ("averages", "buffers")

    @spell_checked
    def __init__(
        self,
        params: Params,
        lr: PerParameter = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: PerParameter = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        decoupled: bool = False,
    ):
        super().__init__(params)
        self.lr: Any = lr
        self.weight_decay: Any = weight_decay
        self.alpha, self.eps, self.momentum = alpha, eps, momentum
        self.centered, self.decoupled = centered, decoupled
        self.v = self._zeros()
        self.averages: Params = {}  # empty until the first centered step
        self.buffers: Params = {}  # empty until the first step with momentum
        self.check_settings()

    def changes(self, grads: Grads, touched: Touched | None = None) -> list[Change]:
        """Return what one step with `grads`, which has the keys of `params`, assigns."""
        grads = self._check(grads)
        lrs, decays = self.numbers_of("lr"), self.numbers_of("weight_decay")
        changes: list[Change] = []
        for name in self.params:
            w, lr, wd = self._copy(changes, "params", name), lrs[name], decays[name]
            g = grads[name]
            if self.decoupled and wd:
                w *= 1 - lr * wd
            elif wd:
                g = g + wd * w
            g = g / (np.sqrt(self._mean_square(changes, name, g)) + self.eps)
            if self.momentum:
                buf = self._copy(changes, "buffers", name)
                buf *= self.momentum
                buf += g
                g = buf
            w -= lr * g
        return changes

    def _mean_square(self, changes: list[Change], name: str, g: FloatArray) -> FloatArray:
        """Move the running averages; return that of g**2, or the variance around that of g."""
        v = self._copy(changes, "v", name)
        v *= self.alpha
        v += (1 - self.alpha) * g * g
        if not self.centered:
            return v
        a = self._copy(changes, "averages", name)
        a *= self.alpha
        a += (1 - self.alpha) * g
        variance: FloatArray = np.maximum(v - a * a, 0)
        return variance

    def check_settings(self) -> None:
        """Raise SettingError unless every setting is in its range; each becomes a plain number."""
        self._check_rates("lr", "weight_decay")
        self.eps = require_number("eps", self.eps)
        self.momentum = require_number("momentum", self.momentum)
        self.alpha = require_number("alpha", self.alpha, high=1)
        self.centered = require_flag("centered", self.centered)
        self.decoupled = require_flag("decoupled", self.decoupled)
