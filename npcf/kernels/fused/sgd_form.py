"""`npcf.optim.SGD` as compiled loops take it: numbers for each step, and what absent rows miss."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npcf._atomic import Change
from npcf._types import FloatArray, Params
from npcf.kernels.fused.counts import zeros
from npcf.kernels.fused.form import NAMES, Form, Run, enlarged, table_view
from npcf.kernels.fused.sgd import SGD_NUMBERS, SGDTable, sgd_steps
from npcf.kernels.fused.step_products import append, empty_tree


class SGDForm(Form):
    """SGD of all rows or of touched rows, with or without momentum, decay of either kind."""

    longest = 2**20
    steps = sgd_steps

    def __init__(self, optimizer: Any, bound: Any):
        super().__init__(optimizer, bound)
        self.trees = np.empty((len(NAMES), 1, 0, 4))
        self._made = False  # whether the buffers were made for the present run
        self._uncounted = zeros()

    @property
    def has_buffers(self) -> bool:
        """Whether the optimiser keeps momentum, or will as soon as a step is taken."""
        return bool(self.views.get("buffers"))

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

    def prepare(self, run: Run) -> list[Change]:
        """Make buffers of zeros for the first step with momentum; with it, the optimiser's own."""
        opt = self.optimizer
        self._made = bool(run.moms.any()) and not opt.buffers
        if not self._made:
            return []
        made = {name: np.zeros_like(table) for name, table in dict.items(opt.params)}
        self.bound.add("buffers", made)
        self.views["buffers"] = {name: table_view(made[name]) for name in NAMES}
        return [(dict.update, opt.buffers, made)]

    @property
    def counter(self) -> Any:
        """SGD's rule does not count."""
        return self._uncounted

    def tables(
        self,
        views: Mapping[str, Params],
        gradients: Sequence[FloatArray],
        numbers: Params | None,
    ) -> list[Any]:
        """Return four SGDTables."""
        tables, buffers = views["params"], views.get("buffers", {})
        none = np.empty((0, len(SGD_NUMBERS)), self.dtype)
        return [
            SGDTable(
                tables[name],
                buffers.get(name, tables[name][:0]),
                gradient,
                none if numbers is None else numbers[name],
                self.shrink[first],
                self.regrow[first],
                self.trees[first],
            )
            for name, gradient, first in zip(NAMES, gradients, self.alike, strict=True)
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

    def _grow(self, steps: int) -> None:
        super()._grow(steps)
        if self.has_buffers and self.trees.shape[2] < self.capacity:
            like = empty_tree(self.capacity)
            self.trees = enlarged(self.trees, (len(NAMES), *like.shape))


def _matrices(numbers: FloatArray) -> FloatArray:
    """Return the step's (a, b, c, d) for each row of `numbers`: `step_products`."""
    keep, coupled, lr, buffer_keep, buffer_take, use_g, use_buffer = numbers.T
    taken = buffer_take * coupled
    to_w = keep - lr * (use_g * coupled + use_buffer * taken)
    return np.stack([to_w, -lr * use_buffer * buffer_keep, taken, buffer_keep], axis=1)
