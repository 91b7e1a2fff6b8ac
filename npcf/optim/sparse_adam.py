"""SparseAdam: Adam for the rows that a batch names, and for no other."""

import math
from typing import Any

import numpy as np

from npcf._atomic import Change, assign
from npcf._types import Grads, Params
from npcf.errors import SettingError, require_number, spell_checked
from npcf.optim.adam import MomentOptimizer, checked_betas
from npcf.optim.optimizer import PerParameter, Touched, moving_rows


class SparseAdam(MomentOptimizer):
    r"""torch.optim.SparseAdam ("lazy" Adam); changes the arrays of `params` in place.

    One step, for each row w that `touched` names, once however often, with gradient g; t counts
    the steps from 1, and not the steps at which this row was touched:

        m <- m + (1 - beta1) * (g - m)
        v <- v + (1 - beta2) * (g**2 - v)
        w <- w - lr * sqrt(1 - beta2**t) / (1 - beta1**t) * m / (sqrt(v) + eps)

    Two differences to Adam beside the rows.  A row that is absent keeps its m and v as they are,
    so that on its return they count for more than Adam's would.  And eps is added to sqrt(v), not
    to sqrt(v_hat): it is larger by 1 / sqrt(1 - beta2**t), 32-fold at the first step.

    torch's rule has no weight decay, and neither has this.
    `lr` and `eps` must be positive, as in torch.  `lr`, `betas`, `eps` may be set between steps;
    `lr` may be a mapping (`npcf.optim.optimizer`).
    Raises as Adam does, and UsageError without `touched`, before any parameter has moved.
    """

    SETTINGS = ("lr", "betas", "eps")
    rows = "touched_rows"

    @spell_checked
    def __init__(
        self,
        params: Params,
        lr: PerParameter = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ):
        super().__init__(params)
        self.lr: Any = lr
        self.betas, self.eps = betas, eps
        self.m, self.v = self._zeros(), self._zeros()
        self.check_settings()

    @property
    def weight_decay(self) -> float:
        """0: there is none."""
        return 0.0

    @weight_decay.setter
    def weight_decay(self, value: PerParameter) -> None:
        if value != 0:
            raise SettingError(
                "weight_decay",
                "SparseAdam has none, as torch.optim.SparseAdam",
                'Use SGD(rows="touched_rows", weight_decay=...), or Adam for all rows.',
                value=value,
            )

    def changes(self, grads: Grads, touched: Touched | None = None) -> list[Change]:
        """Return what one step with `grads` assigns to the rows that `touched` names."""
        lrs = self.check_settings()
        grads = self._check(grads)
        moving = moving_rows(self.rows, touched, self.params)
        (beta1, beta2), t = self.betas, self.t + 1
        correction = math.sqrt(1 - beta2**t) / (1 - beta1**t)
        changes = [assign(self.counts["t"], 0, t)]
        for name in self.params:
            rows, step_size = moving[name], lrs[name] * correction
            w, m, v = (self._copy(changes, state, name, rows) for state in ("params", "m", "v"))
            g = np.asarray(grads[name])[rows]
            m += (1 - beta1) * (g - m)
            v += (1 - beta2) * (g * g - v)
            w -= step_size * (m / (np.sqrt(v) + self.eps))
        return changes

    def check_settings(self) -> dict[str, float]:
        """Raise SettingError unless every setting is in its range; each becomes a plain number."""
        self._check_rates("lr")
        lrs, self.eps = self.numbers_of("lr"), require_number("eps", self.eps)
        for name, number in (*lrs.items(), ("eps", self.eps)):
            if number == 0:
                argument = "eps" if name == "eps" else "lr"
                raise SettingError(
                    argument, "must be > 0, got 0", "torch's rule needs it positive.", value=0
                )
        self.betas = checked_betas(self.betas)
        return lrs
