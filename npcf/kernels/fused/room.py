"""The two sides of a mini-batch: their tables, and the memory that batches need beside them."""

from collections.abc import Iterator

import numpy as np

from npcf._types import FloatArray
from npcf.kernels.fused.batch import Side
from npcf.kernels.fused.counts import Late
from npcf.kernels.fused.form import NAMES, Form

FLUSH_SLICE = 2**22  # numbers brought up to date in one call
LISTED = 1024  # rows brought up to date at a time, at least

Sides = tuple[Side, Side]


class Room:
    """Makes and keeps the sides of one optimiser's tables."""

    def __init__(self, form: Form):
        self.form = form
        self.held: Sides | None = None

    def sides(self, batch: int = 0) -> Sides:
        """Return both sides with room for `batch` ratings, their marks as they are."""
        held = self.held
        if held is not None and held[0].slots.size >= batch:
            return held
        users, items = (self._side(i, max(batch, 1)) for i in range(2))
        self.held = users, items
        return self.held

    @property
    def gradients(self) -> list[FloatArray]:
        """The room for gradients, in the order of NAMES."""
        users, items = self.sides()
        return [users.d_factors, items.d_factors, users.d_bias, items.d_bias]

    def forget(self) -> None:
        """Give up the memory that was made for other tables, and their marks."""
        self.held = None

    def slices(self) -> Iterator[Late]:
        """Cut all rows of both sides into parts that are brought up to date in one call each."""
        users, items = self.sides()
        for side in (users, items):
            n_rows, width = side.factors.shape
            step = max(1, FLUSH_SLICE // max(width, 1))
            for first in range(0, n_rows, step):
                part, none = (first, min(first + step, n_rows)), (0, 0)
                yield Late(False, part, none) if side is users else Late(False, none, part)

    def _side(self, i: int, size: int) -> Side:
        factors, bias = (self.form.params[names[i]] for names in (NAMES[:2], NAMES[2:]))
        if self.held is None:
            marks = np.zeros((len(factors), 2), np.int32)
        else:
            marks = self.held[i].marks
        rows, since = np.zeros((2, max(size, LISTED)), np.int64)
        slots = np.zeros(size, np.int64)
        d_factors, d_bias = (
            np.zeros((size + 1, table.shape[1]), self.form.dtype) for table in (factors, bias)
        )
        return Side(factors, bias, marks, rows, since, slots, d_factors, d_bias)
