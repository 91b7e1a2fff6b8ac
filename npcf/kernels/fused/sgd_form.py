"""`npcf.optim.SGD` as compiled loops take it: numbers for each step, and what absent rows miss."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.kernels.fused.form import NAMES, Form, Run, enlarged, tables_of
from npcf.kernels.fused.sgd import SGD_NUMBERS, SGDTable, sgd_steps
from npcf.kernels.fused.step_products import append, empty_tree


class SGDForm(Form):
    """SGD of all rows or of touched rows, with or without momentum, decay of either kind."""

    longest = 2**20
    steps = sgd_steps

    def __init__(self, optimizer: Any):
        super().__init__(optimizer)
        self.trees = np.empty((len(NAMES), 1, 0, 4))
        self._made = False  # whether the buffers were made for the present run

    @property
    def has_buffers(self) -> bool:
        """Whether the optimiser keeps momentum."""
        return bool(self.optimizer.buffers)

    def settings(self, run: Run) -> tuple[Any, ...]:
        """Return whether there are buffers; all else is in the numbers of each step."""
        return (self.has_buffers or bool(run.moms.any()), self.optimizer.rows, run.alike)

    def moves_absent_rows(self, run: Run) -> bool:
        """Absent rows decay, or go on by momentum, unless only touched rows are to move."""
        if self.optimizer.rows == "touched_rows":
            return False
        return bool(run.moms.any() or any(run.decays.values()))

    def deferrable(self, run: Run) -> bool:
        """Products of matrices always exist, quotients of running products if nothing is <= 0."""
        if self.settings(run)[0]:
            return True
        return all((run.shrinking(name) > 0).all() for name in NAMES)

    def numbers(self, name: str, run: Run) -> FloatArray:
        """Return the columns SGD_NUMBERS for each step of `run`."""
        opt, lr, wd, momentum = self.optimizer, run.lrs[name], run.decays[name], run.moms
        moving = momentum != 0
        first = moving & (np.cumsum(moving) == 1) & (not self.has_buffers or self._made)
        columns = {
            "keep": run.shrinking(name) if opt.decoupled else 1.0,
            "coupled": 0.0 if opt.decoupled else wd,
            "lr": lr,
            "buffer_keep": np.where(first, 0.0, np.where(moving, momentum, 1.0)),
            "buffer_take": np.where(first, 1.0, np.where(moving, 1 - opt.dampening, 0.0)),
            "use_g": np.where(moving, float(opt.nesterov), 1.0),
            "use_buffer": np.where(moving, momentum if opt.nesterov else 1.0, 0.0),
        }
        return np.stack(np.broadcast_arrays(*(columns[c] for c in SGD_NUMBERS), lr)[:-1], axis=1)

    def prepare(self, run: Run) -> None:
        """Make buffers of zeros before the first step with momentum."""
        self._made = bool(run.moms.any()) and not self.has_buffers
        if self._made:
            for name in NAMES:
                table = dict.__getitem__(self.optimizer.params, name)
                dict.__setitem__(self.optimizer.buffers, name, np.zeros_like(table))

    def finish(self, run: Run, taken: int) -> None:
        """Take the buffers away again if no step with momentum was taken."""
        if self._made and not run.moms[:taken].any():
            self.optimizer.buffers.clear()
        self._made = False

    def tables(self, gradients: Mapping[str, FloatArray], numbers: Params | None) -> list[Any]:
        """Return four SGDTables."""
        buffers = tables_of(self.optimizer.buffers) if self.has_buffers else {}
        none = np.empty((0, len(SGD_NUMBERS)), self.dtype)
        return [
            SGDTable(
                table,
                buffers.get(name, table[:0]),
                gradients[name],
                none if numbers is None else numbers[name],
                self.shrink[first],
                self.regrow[first],
                self.trees[first],
            )
            for (name, table), first in zip(self.params.items(), self.alike, strict=True)
        ]

    def extend(self, run: Run, history: int) -> None:
        """Append running products without momentum, matrices with it."""
        super().extend(run, history)
        if self.has_buffers:
            for p, name in run.distinct:
                append(self.trees[p], _matrices(self.numbers(name, run)), history)

    def room(self, run: Run, history: int) -> int:
        """Only length ends a history of matrices."""
        if self.settings(run)[0]:
            return min(run.n_steps, self.longest - history)
        return super().room(run, history)

    def _grow(self, steps: int) -> bool:
        grown = super()._grow(steps)
        if self.has_buffers and self.trees.shape[2] < self.capacity:
            like = empty_tree(self.capacity)
            self.trees = enlarged(self.trees, (len(NAMES), *like.shape))
        return grown


def _matrices(numbers: FloatArray) -> FloatArray:
    """Return the step's (a, b, c, d) for each row of `numbers`: `step_products`."""
    keep, coupled, lr, buffer_keep, buffer_take, use_g, use_buffer = numbers.T
    taken = buffer_take * coupled
    to_w = keep - lr * (use_g * coupled + use_buffer * taken)
    return np.stack([to_w, -lr * use_buffer * buffer_keep, taken, buffer_keep], axis=1)
