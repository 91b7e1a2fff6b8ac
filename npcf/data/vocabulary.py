"""Ids of people's files <-> row numbers of our tables."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.errors import DataError, UnknownIdError, UsageError, require_choice

NA = "#na#"
CHUNK = 2**20  # ids looked up at a time: pandas' positions take 8 bytes each


class Vocabulary:
    """The ids of one column, in one of the sources' layouts.

    order="sorted", na_row=True (fastai): row 0 is `#na#`, then the ids in sorted order.
    order="appearance", na_row=False (fastai 0.7): the ids as they first occur, from row 0.

    Row `#na#` belongs to nobody: no rating names it, so only weight decay moves it.  It makes
    tables (n + 1, k), the shape fastai's trained models have.
    """

    def __init__(self, ids: Iterable[Any], order: str = "sorted", na_row: bool = True):
        self.order = require_choice("order", order, ("sorted", "appearance"))
        self.na_row = bool(na_row)
        if not isinstance(ids, pd.Series | pd.Index | np.ndarray):
            ids = list(ids)
        distinct = pd.Index(pd.Series(ids).unique())
        try:
            self.ids = pd.Index(sorted(distinct)) if order == "sorted" else distinct
        except TypeError as error:
            raise DataError("ids", f"cannot be sorted ({error})", "Give them one type.") from None

    def __len__(self) -> int:
        return len(self.ids) + self.first_row

    @property
    def first_row(self) -> int:
        """The row of the first id: 1 behind `#na#`, otherwise 0."""
        return int(self.na_row)

    @property
    def labels(self) -> list[Any]:
        """The ids by row, `#na#` first if it has a row: what fastai calls `classes`."""
        return [NA] * self.first_row + list(self.ids)

    def rows(self, ids: Any, argument: str = "ids", unknown: str = "raise") -> NDArray[np.int32]:
        """Return the row of each of `ids`; '196' is not 196: ids keep their type.

        unknown="raise": UnknownIdError names the first unknown one; unknown="na": row 0.
        """
        require_choice("unknown", unknown, ("raise", "na"))
        if unknown == "na" and not self.na_row:
            raise UsageError("unknown", "there is no row #na#", "Use Vocabulary(ids, na_row=True).")
        ids = pd.Series(ids)
        rows = np.empty(len(ids), np.int32)
        for start in range(0, len(ids), CHUNK):
            part = slice(start, start + CHUNK)
            rows[part] = self.ids.get_indexer(pd.Index(ids.iloc[part]))
        if unknown == "raise" and (rows < 0).any():
            self._refuse(ids, int((rows < 0).argmax()), argument)
        rows += self.first_row
        return rows

    def _refuse(self, ids: pd.Series, position: int, argument: str) -> None:
        value = ids.iloc[[position]].tolist()[0]  # a plain number prints as it was written
        cure = "There are none."
        if len(self.ids):
            first = self.ids[:1].tolist()[0]
            cure = f"Known ids are of type {type(first).__name__}, the first is {first!r}."
        problem = f"{value!r} is not among the {len(self.ids)} known ids"
        raise UnknownIdError(argument, problem, cure, position=position, value=value)
