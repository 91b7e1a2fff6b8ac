"""`npcf.optim.SGD` for compiled loops: the records of its steps, and what lagging rows skip."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npcf._atomic import Change
from npcf._tables import NAMES
from npcf._types import FloatArray, Params
from npcf.fused.rule import FusedRule, StepSettings, enlarged
from npcf.fused.workspace import HeldArrays
from npcf.kernels.fused.counts import zeros
from npcf.kernels.fused.sgd import SGD_STEP, SGDTable, sgd_steps
from npcf.kernels.fused.sgd_lag import append, empty_tree
from npcf.optim import SGD


class SGDRule(FusedRule[SGD]):
    """SGD of all rows or of touched rows, with or without momentum, decay of either kind."""

    longest = 2**20
    steps = sgd_steps
    fields = SGD_STEP

    def __init__(self, optimizer: SGD, arrays: HeldArrays):
        super().__init__(optimizer, arrays)
        self.trees = np.empty((len(NAMES), 1, 0, 4))
        self._made = False  # whether the buffers were made for the present run
        self._uncounted = zeros()

    @property
    def has_buffers(self) -> bool:
        """Whether the optimiser keeps momentum, or will as soon as a step is taken."""
        return bool(self.arrays.views.get("buffers"))

    def constants(self, run: StepSettings) -> tuple[Any, ...]:
        """Return whether there are buffers; all else is in the record of each step."""
        return (self._with_buffers(run), self.optimizer.rows, run.alike)

    def _with_buffers(self, run: StepSettings) -> bool:
        return self.has_buffers or bool(run.moms.any())

    def moves_absent_rows(self, run: StepSettings) -> bool:
        """Absent rows decay, or go on by momentum, unless only touched rows are to move."""
        if self.optimizer.rows == "touched_rows":
            return False
        return bool(run.moms.any() or any(run.decays.values()))

    def can_lag(self, run: StepSettings) -> bool:
        """Products of matrices always exist, quotients of running products if nothing is <= 0."""
        return self._with_buffers(run) or all((run.shrinking(name) > 0).all() for name in NAMES)

    def columns(self, name: str, run: StepSettings) -> dict[str, Any]:
        """Return the fields of SGD_STEP."""
        opt, lr, wd, momentum = self.optimizer, run.lrs[name], run.decays[name], run.moms
        moving = momentum != 0
        first = moving & (np.cumsum(moving) == 1) & (not self.has_buffers or self._made)
        return {
            "keep": run.shrinking(name) if opt.decoupled else 1.0,
            "coupled": 0.0 if opt.decoupled else wd,
            "lr": lr,
            "buffer_keep": np.where(first, 0.0, np.where(moving, momentum, 1.0)),
            "buffer_take": np.where(first, 1.0, np.where(moving, 1 - opt.dampening, 0.0)),
            "use_g": np.where(moving, float(opt.nesterov), 1.0),
            "use_buffer": np.where(moving, momentum if opt.nesterov else 1.0, 0.0),
        }

    def prepare(self, run: StepSettings) -> list[Change]:
        """Make buffers of zeros for the first step with momentum; with it, the optimiser's own."""
        opt = self.optimizer
        self._made = bool(run.moms.any()) and not opt.buffers
        if not self._made:
            return []
        made = {name: np.zeros_like(table) for name, table in dict.items(opt.params)}
        self.arrays.add("buffers", made)
        return [(dict.update, opt.buffers, made)]

    @property
    def counter(self) -> Any:
        """SGD's rule does not count."""
        return self._uncounted

    def tables(
        self,
        views: Mapping[str, Params],
        gradients: Sequence[FloatArray],
        records: Params | None,
    ) -> list[Any]:
        """Return four SGDTables."""
        tables, buffers = views["params"], views.get("buffers", {})
        none = np.empty(0, self.step_dtype)
        return [
            SGDTable(
                w=tables[name],
                buffer=buffers.get(name, tables[name][:0]),
                gradient=gradient,
                steps=none if records is None else records[name],
                shrink=self.shrink[first],
                regrow=self.regrow[first],
                tree=self.trees[first],
            )
            for name, gradient, first in zip(NAMES, gradients, self.alike, strict=True)
        ]

    def extend(self, run: StepSettings, history: int) -> None:
        """Append running products without momentum, matrices with it."""
        super().extend(run, history)
        if self.has_buffers:
            for p, name in run.distinct:
                append(self.trees[p], _matrices(self.columns(name, run)), history)

    def capacity_for(self, run: StepSettings, history: int) -> int:
        """Only length ends a history of matrices."""
        if self._with_buffers(run):
            return min(run.n_steps, self.longest - history)
        return super().capacity_for(run, history)

    def _grow(self, steps: int) -> None:
        super()._grow(steps)
        if self.has_buffers and self.trees.shape[2] < self.capacity:
            like = empty_tree(self.capacity)
            self.trees = enlarged(self.trees, (len(NAMES), *like.shape))


def _matrices(step: dict[str, Any]) -> FloatArray:
    """Return (a, b, c, d) of each step, (n_steps, 4): `sgd_lag`."""
    keep, coupled, lr, buffer_keep, buffer_take, use_g, use_buffer = (step[f] for f in SGD_STEP)
    taken = buffer_take * coupled
    to_w = keep - lr * (use_g * coupled + use_buffer * taken)
    return np.stack([to_w, -lr * use_buffer * buffer_keep, taken, buffer_keep], axis=1)
