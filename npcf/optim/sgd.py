"""Stochastic gradient descent, with momentum and weight decay as torch and as fastai have them."""

import numpy as np

from npcf._types import Grads, Params
from npcf.errors import SettingError, require_grads, require_number, require_trainable


class SGD:
    r"""Stochastic gradient descent; changes the arrays of `params` in place.

    One step, for every parameter w with gradient g (all rows: torch's dense embeddings):

        w <- w * (1 - lr * weight_decay)              decoupled=True only
        g <- g + weight_decay * w                     decoupled=False only ("L2")
        buf <- g                                      first step
        buf <- momentum * buf + (1 - dampening) * g   later steps
        g <- g + momentum * buf                       nesterov
        g <- buf                                      momentum without nesterov
        w <- w - lr * g

    Names and defaults are torch.optim.SGD's, which couples weight decay; `decoupled=True` is
    fastai's default (`fastai_sgd`).  Nothing dampens the first step, as in torch.  The lesson's
    momentum by exponential average, buf <- m buf + (1 - m) g, is this one with dampening = m, or,
    from a zero buffer, this one with lr (1 - m) in place of lr.

    Rounding of one step, per entry, S = |g| + weight_decay |w| + momentum |buf|:
    u (|w| + lr S) + gamma_c lr S + 4 eta, c = 4 (+2 decay, +3 momentum, +3 nesterov).

    `lr`, `momentum`, `dampening`, `nesterov`, `weight_decay` may be set between steps.
    Raises SettingError on a setting outside its range, UsageError, ShapeError or DTypeError on
    gradients that do not fit, before any parameter has moved.
    Sources: torch.optim.SGD; Sutskever et al. 2013; Loshchilov & Hutter 2019 (decoupled decay).
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ):
        require_trainable(params)
        self.params = params
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.nesterov, self.weight_decay, self.decoupled = nesterov, weight_decay, decoupled
        self.buffers: Params = {}  # empty until the first step with momentum
        self._judge_settings()

    def step(self, grads: Grads) -> None:
        """Update every parameter in place from `grads`, which has the keys of `params`."""
        self._judge_settings()
        require_grads(grads, self.params)
        for name, w in self.params.items():
            g = grads[name]
            if self.decoupled and self.weight_decay:
                w *= 1 - self.lr * self.weight_decay
            elif self.weight_decay:
                g = g + self.weight_decay * w
            if self.momentum:
                if name not in self.buffers:
                    self.buffers[name] = np.array(g)
                else:
                    self.buffers[name] *= self.momentum
                    self.buffers[name] += (1 - self.dampening) * g
                buf = self.buffers[name]
                g = g + self.momentum * buf if self.nesterov else buf
            w -= self.lr * g

    def _judge_settings(self) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            require_number(name, getattr(self, name))
        require_number("dampening", self.dampening, low=-np.inf)
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise SettingError(
                "nesterov", "needs momentum > 0 and dampening = 0", "Set them, or nesterov=False."
            )


def fastai_sgd(
    params: Params, lr: float = 1e-3, mom: float = 0.0, wd: float = 0.0, decouple_wd: bool = True
) -> SGD:
    """Return `SGD` as fastai's is: no dampening, decay decoupled unless told otherwise."""
    return SGD(params, lr, momentum=mom, weight_decay=wd, decoupled=decouple_wd)
