"""`npcf.optim.Adam` as compiled loops take it: numbers for each step, and what absent rows miss."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.kernels.fused.adam import ADAM_NUMBERS, AdamTable, adam_steps
from npcf.kernels.fused.form import NAMES, Form, Run, enlarged, tables_of
from npcf.kernels.fused.moment_tables import TERMS, WIDTH, Spans, empty_spans, extend


class AdamForm(Form):
    """Adam and AdamW of all rows."""

    longest = 2**16  # in a longer one, B1 over a long range would lose digits
    steps = adam_steps

    def __init__(self, optimizer: Any):
        super().__init__(optimizer)
        self.moments = np.empty((len(NAMES), 0, TERMS))
        self.spans: Spans = empty_spans(0, self._beta2, self.dtype)
        self._corrected: tuple[Run, tuple[FloatArray, FloatArray]] | None = None

    @property
    def _beta2(self) -> float:
        return float(self.optimizer.betas[1])

    def settings(self, run: Run) -> tuple[Any, ...]:
        """Return the settings that the tables of the history are made for."""
        return (self._beta2, self.optimizer.eps, self.optimizer.decoupled)

    def moves_absent_rows(self, run: Run) -> bool:
        """Their m is not zero."""
        return True

    def deferrable(self, run: Run) -> bool:
        """Coupled decay is a gradient that depends on w, and enters v by its square: no form."""
        coupled = not self.optimizer.decoupled and any(run.decays.values())
        return not coupled and all((run.shrinking(name) > 0).all() for name in NAMES)

    def numbers(self, name: str, run: Run) -> FloatArray:
        """Return the columns ADAM_NUMBERS for each step of `run`."""
        opt, beta1 = self.optimizer, run.moms
        m_scale, v_scale = self._corrections(run)
        columns = {
            "keep": run.shrinking(name) if opt.decoupled else 1.0,
            "coupled": 0.0 if opt.decoupled else run.decays[name],
            "step_size": run.lrs[name] * m_scale,
            "beta1": beta1,
            "take1": 1 - beta1,
            "beta2": self._beta2,
            "take2": 1 - self._beta2,
            "v_scale": v_scale,
        }
        return np.stack(np.broadcast_arrays(*(columns[c] for c in ADAM_NUMBERS)), axis=1)

    def prepare(self, run: Run) -> None:
        """M and v are there from the beginning."""

    def finish(self, run: Run, taken: int) -> None:
        """Count the steps."""
        self.optimizer.t += taken

    def tables(self, gradients: Mapping[str, FloatArray], numbers: Params | None) -> list[Any]:
        """Return four AdamTables."""
        m, v = tables_of(self.optimizer.m), tables_of(self.optimizer.v)
        none = np.empty((0, len(ADAM_NUMBERS)), self.dtype)
        return [
            AdamTable(
                table,
                m[name],
                v[name],
                gradients[name],
                none if numbers is None else numbers[name],
                self.dtype.type(self.optimizer.eps),
                self.shrink[p],
                self.regrow[p],
                self.moments[p],
            )
            for p, (name, table) in enumerate(self.params.items())
        ]

    def shared(self) -> tuple[Any, ...]:
        """Return the spans."""
        return (self.spans,)

    def extend(self, run: Run, history: int) -> None:
        """Append running products, spans and moments."""
        super().extend(run, history)
        if history == 0:
            self.spans = empty_spans(self.capacity, self._beta2, self.dtype)
        m_scale, v_scale = self._corrections(run)
        rates = np.stack([run.lrs[name] * m_scale for name in NAMES])
        tables, half_width = (self.spans, self.moments, self.shrink), WIDTH[self.dtype] / 2
        with np.errstate(divide="ignore"):  # for the loop as plain Python, where beta1 = 0
            extend(*tables, rates, run.moms, v_scale, history, half_width)

    def _corrections(self, run: Run) -> tuple[FloatArray, FloatArray]:
        """Return 1 / (1 - beta**t) of both averages for each step, as the reference does."""
        if self._corrected is None or self._corrected[0] is not run:
            t, beta2 = self.optimizer.t, self._beta2
            m_scale = [1 / (1 - beta1 ** (t + i)) for i, beta1 in enumerate(run.moms.tolist(), 1)]
            v_scale = [1 / (1 - beta2 ** (t + i)) for i in range(1, run.n_steps + 1)]
            self._corrected = run, (np.array(m_scale), np.array(v_scale))
        return self._corrected[1]

    def _grow(self, steps: int) -> bool:
        grown = super()._grow(steps)
        if self.moments.shape[1] < self.capacity + 1:
            self.moments = enlarged(self.moments, (len(NAMES), self.capacity + 1, TERMS))
            self.moments[:, 0] = 0
            old, self.spans = self.spans, empty_spans(self.capacity, self._beta2, self.dtype)
            for new, array in zip(self.spans[:5], old[:5], strict=True):
                new[: array.size] = array
            self.spans.count[:] = old.count
        return grown
