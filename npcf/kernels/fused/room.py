"""The two sides of a mini-batch: their tables, and the memory that batches need beside them."""

from collections.abc import Iterator

import numpy as np

from npcf._types import Params
from npcf.kernels.fused.batch import STEP, Side
from npcf.kernels.fused.form import NAMES, Form

FLUSH_SLICE = 2**22  # numbers brought up to date in one call

Sides = tuple[Side, Side]
Late = tuple[int, int]  # how many rows of each side wait for their update


class Room:
    """Makes and keeps the sides of one optimiser's tables."""

    def __init__(self, form: Form):
        self.form = form
        self.held: Sides | None = None

    def sides(self, batch: int) -> Sides:
        """Return both sides with room for `batch` ratings."""
        params, old = self.form.params, self.held
        size = batch if old is None else max(batch, old[0].rows.size)
        sides = []
        for i, (factors, bias) in enumerate(zip(NAMES[:2], NAMES[2:], strict=True)):
            tables = (params[factors], params[bias])
            if old is not None and old[i].rows.size == size:
                side = old[i]._replace(factors=tables[0], bias=tables[1])
            else:
                marks = np.zeros((len(tables[0]), 2), np.int32) if old is None else old[i].marks
                gradients = [np.zeros((size + 1, t.shape[1]), self.form.dtype) for t in tables]
                side = Side(*tables, marks, *np.zeros((3, size), np.int64), *gradients)
            sides.append(side)
        self.held = (sides[0], sides[1])
        return self.held

    def gradients(self) -> Params:
        """Return the room for gradients by the names of parameters."""
        users, items = self.sides(0)
        gradients = (users.d_factors, items.d_factors, users.d_bias, items.d_bias)
        return dict(zip(NAMES, gradients, strict=True))

    def clear_marks(self) -> None:
        """Mark all rows as part of no step."""
        for side in self.held or ():
            side.marks[:, STEP] = 0

    def waiting(self, now: int) -> Iterator[tuple[Sides, Late]]:
        """List, a slice at a time, the rows that have to make up for steps up to `now`.

        Once the next slice is asked for, the rows of the last count as up to date.
        """
        both = self.sides(0)
        for i, side in enumerate(both):
            n_rows, width = side.factors.shape
            step = max(1, FLUSH_SLICE // max(width, 1))
            for first in range(0, n_rows, step):
                marks = side.marks[first : first + step, STEP]
                late = np.flatnonzero(self.form.waiting(marks, now))
                listed = side._replace(rows=first + late, since=marks[late].astype(np.int64))
                if i == 0:
                    yield (listed, both[1]), (late.size, 0)
                else:
                    yield (both[0], listed), (0, late.size)
                marks[late] = self.form.settled(now)
