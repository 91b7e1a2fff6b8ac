"""`npcf.optim.Adam` for compiled loops: the records of its steps, and what lagging rows skip."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from npcf._atomic import Change
from npcf._tables import NAMES, TABLES
from npcf._types import FloatArray, Params
from npcf.fused.rule import FusedRule, StepSettings, enlarged
from npcf.fused.workspace import HeldArrays
from npcf.kernels.fused.adam import ADAM_STEP, AdamTable, adam_steps
from npcf.kernels.fused.adam_lag import TERMS, Spans, empty_spans, extend, grown_spans
from npcf.optim import Adam

LEAST_EPS = {np.dtype(np.float32): 1e-20, np.dtype(np.float64): 1e-150}


class AdamRule(FusedRule[Adam]):
    """Adam and AdamW of all rows."""

    longest = 2**16  # in a longer one, B1 over a long range would lose digits
    steps = adam_steps
    fields = ADAM_STEP

    def __init__(self, optimizer: Adam, arrays: HeldArrays):
        super().__init__(optimizer, arrays)
        self.eps = float(optimizer.eps)
        self.moments = np.empty((len(NAMES), 0, TERMS[self.dtype]))
        self.spans: Spans = empty_spans(0, self._beta2, self.dtype)
        self._corrected: tuple[StepSettings, tuple[FloatArray, FloatArray]] | None = None

    @property
    def _beta2(self) -> float:
        return float(self.optimizer.betas[1])

    def constants(self, run: StepSettings) -> tuple[Any, ...]:
        """Return the settings that the tables of the history are made for."""
        return (self._beta2, self.optimizer.eps, self.optimizer.decoupled, run.alike)

    def moves_absent_rows(self, run: StepSettings) -> bool:
        """Their m is not zero."""
        return True

    def can_lag(self, run: StepSettings) -> bool:
        """Not with coupled decay: a gradient that depends on w, and enters v by its square.

        `adam_lag` measures sqrt(v) in units of eps, which must not be so small as to overflow.
        """
        coupled = not self.optimizer.decoupled and any(run.decays.values())
        too_fine = self.optimizer.eps < LEAST_EPS[self.dtype]
        shrinks = all((run.shrinking(name) > 0).all() for _, name in run.distinct)
        return shrinks and not coupled and not too_fine

    def columns(self, name: str, run: StepSettings) -> dict[str, Any]:
        """Return the fields of ADAM_STEP."""
        opt, beta1 = self.optimizer, run.moms
        m_scale, v_scale = self._corrections(run)
        return {
            "keep": run.shrinking(name) if opt.decoupled else 1.0,
            "coupled": 0.0 if opt.decoupled else run.decays[name],
            "step_size": run.lrs[name] * m_scale,
            "beta1": beta1,
            "take1": 1 - beta1,
            "beta2": self._beta2,
            "take2": 1 - self._beta2,
            "v_scale": v_scale,
        }

    def prepare(self, run: StepSettings) -> list[Change]:
        """Keep eps, which holds for the updates that lagging rows skip; m and v exist already."""
        self.eps = float(self.optimizer.eps)
        return []

    @property
    def counter(self) -> Any:
        """Adam counts for the bias correction."""
        return self.arrays.counts["t"]

    def tables(
        self,
        views: Mapping[str, Params],
        gradients: Sequence[FloatArray],
        records: Params | None,
    ) -> list[Any]:
        """Return four AdamTables."""
        none = np.empty(0, self.step_dtype)
        return [
            AdamTable(
                w=views["params"][name],
                m=views["m"][name],
                v=views["v"][name],
                gradient=gradient,
                steps=none if records is None else records[name],
                eps=self.dtype.type(self.eps),
                per_eps=1 / max(self.eps, LEAST_EPS[self.dtype]),
                shrink=self.shrink[first],
                regrow=self.regrow[first],
                moments=self.moments[first],
                alike=TABLES[p].is_bias and first == self.alike[p - 2],
            )
            for p, (name, gradient, first) in enumerate(
                zip(NAMES, gradients, self.alike, strict=True)
            )
        ]

    def shared(self) -> tuple[Any, ...]:
        """Return the spans."""
        return self.spans

    def extend(self, run: StepSettings, history: int) -> None:
        """Append running products, spans and moments."""
        super().extend(run, history)
        if history == 0:
            self.spans = empty_spans(self.capacity, self._beta2, self.dtype)
        m_scale, v_scale = self._corrections(run)
        which, names = zip(*run.distinct, strict=True)
        rates = np.stack([run.lrs[name] * m_scale for name in names])
        tables = self.spans, self.moments, self.shrink
        extend(*tables, np.array(which), rates, run.moms, v_scale, history)

    def _corrections(self, run: StepSettings) -> tuple[FloatArray, FloatArray]:
        """Return 1 / (1 - beta**t) of both averages for each step, as the reference does."""
        if self._corrected is None or self._corrected[0] is not run:
            t, beta2 = self.optimizer.t, self._beta2
            steps = range(t + 1, t + 1 + run.n_steps)  # Python's powers have the reference's bits
            m_left = np.array([*map(pow, run.moms.tolist(), steps)])
            v_left = np.array([*map(pow, repeat(beta2), steps)])
            self._corrected = run, (1 / (1 - m_left), 1 / (1 - v_left))
        return self._corrected[1]

    def _grow(self, steps: int) -> None:
        super()._grow(steps)
        if self.moments.shape[1] < self.capacity + 1:
            shape = (len(NAMES), self.capacity + 1, TERMS[self.dtype])
            moments = enlarged(self.moments, shape)
            moments[:, 0] = 0
            self.moments = moments
        if self.spans.inside.size < self.capacity + 1:
            self.spans = grown_spans(self.spans, self.capacity, self._beta2, self.dtype)
