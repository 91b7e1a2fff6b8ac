"""Stochastic gradient descent, with momentum and weight decay as torch and as fastai have them."""

from typing import Any

import numpy as np

from npcf._atomic import Change
from npcf._types import FloatArray, Grads, Params
from npcf.errors import SettingError, require_choice, require_flag, require_number, spell_checked
from npcf.optim.optimizer import (
    ROWS,
    Optimizer,
    PerParameter,
    Rows,
    Touched,
    moving_rows,
)


class SGD(Optimizer):
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

    With rows="touched_rows" these lines hold for the rows that `step(grads, touched)` names, once
    each however often they are named, and nothing else moves, decays or is read: with coupled
    decay that is Funk's rule and LIBMF's.  Rows of the buffer begin at zero, and wait while their
    row is absent.  torch with sparse gradients refuses coupled decay; without momentum it is this,
    to rounding; with momentum it moves every row ever touched, which is rows="all_rows".

    Rounding of one step, per entry, S = |g| + weight_decay |w| + momentum |buf|:
    u (|w| + lr S) + gamma_c lr S + 4 eta, c = 4 (+2 decay, +3 momentum, +3 nesterov).

    `lr`, `momentum`, `dampening`, `nesterov`, `weight_decay` may be set between steps; `lr` and
    `weight_decay` may be mappings (`npcf.optim.optimizer`).
    Raises SettingError on a setting outside its range, UsageError, ShapeError or DTypeError on
    gradients or rows that do not fit, before any parameter has moved.
    Sources: torch.optim.SGD; Sutskever et al. 2013; Loshchilov & Hutter 2019 (decoupled decay);
    Funk 2006, Chin et al. 2016 (touched rows).
    """

    SETTINGS = (
        "lr", "momentum", "dampening", "nesterov", "weight_decay", "decoupled", "rows",
    )  # fmt: skip
    LAZY_STATES = ("buffers",)

    @spell_checked
    def __init__(
        self,
        params: Params,
        lr: PerParameter = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: PerParameter = 0.0,
        decoupled: bool = False,
        rows: str = "all_rows",
    ):
        super().__init__(params)
        self.lr: Any = lr
        self.momentum, self.dampening, self.nesterov = momentum, dampening, nesterov
        self.weight_decay: Any = weight_decay
        self.decoupled, self.rows = decoupled, rows
        self.buffers: Params = {}  # empty until the first step with momentum
        self.check_settings()

    def changes(self, grads: Grads, touched: Touched | None = None) -> list[Change]:
        """Return what one step with `grads`, which has the keys of `params`, assigns."""
        grads = self._check(grads)
        lrs, decays = self.numbers_of("lr"), self.numbers_of("weight_decay")
        moving = moving_rows(self.rows, touched, self.params)
        changes: list[Change] = []
        for name in self.params:
            rows, lr, wd = moving[name], lrs[name], decays[name]
            w, g = self._copy(changes, "params", name, rows), np.asarray(grads[name])[rows]
            if self.decoupled and wd:
                w *= 1 - lr * wd
            elif wd:
                g = g + wd * w
            if self.momentum:
                g = self._with_momentum(changes, name, rows, g)
            w -= lr * g
        return changes

    def _with_momentum(
        self, changes: list[Change], name: str, rows: Rows, g: FloatArray
    ) -> FloatArray:
        """Move the buffer, and return what takes the gradient's place."""
        first = name not in self.buffers
        buf = self._copy(changes, "buffers", name, rows)
        if first:
            buf[rows] = g
            buf = buf[rows]
        else:
            buf *= self.momentum
            buf += (1 - self.dampening) * g
        return g + self.momentum * buf if self.nesterov else buf

    def check_settings(self) -> None:
        """Raise SettingError unless every setting is in its range; each becomes a plain number."""
        self._check_rates("lr", "weight_decay")
        self.momentum = require_number("momentum", self.momentum)
        self.dampening = require_number("dampening", self.dampening, low=-np.inf)
        self.nesterov = require_flag("nesterov", self.nesterov)
        self.decoupled = require_flag("decoupled", self.decoupled)
        self.rows = require_choice("rows", self.rows, ROWS)
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise SettingError(
                "nesterov", "needs momentum > 0 and dampening = 0", "Set them, or nesterov=False."
            )


@spell_checked
def fastai_sgd(
    params: Params,
    lr: PerParameter = 1e-3,
    mom: float = 0.0,
    wd: PerParameter = 0.0,
    decouple_wd: bool = True,
) -> SGD:
    """Return `SGD` as fastai's is: no dampening, decay decoupled unless told otherwise."""
    return SGD(params, lr, momentum=mom, weight_decay=wd, decoupled=decouple_wd)
