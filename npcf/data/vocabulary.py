"""Ids of people's files <-> row numbers of our tables."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.errors import DataError, UnknownIdError

NA = "#na#"


class Vocabulary:
    """The ids of one column in fastai's layout: row 0 is `#na#`, then the ids in sorted order.

    Row 0 belongs to nobody: no rating names it, so only weight decay moves it.  It makes tables
    (n + 1, k), the shape fastai's trained models have.
    """

    def __init__(self, ids: Iterable[Any]):
        try:
            self.ids = pd.Index(sorted(set(ids)))
        except TypeError as error:
            raise DataError("ids", f"cannot be sorted ({error})", "Give them one type.") from None

    def __len__(self) -> int:
        return len(self.ids) + 1

    @property
    def labels(self) -> list[Any]:
        """The ids by row, `#na#` first: what fastai calls `classes`."""
        return [NA, *self.ids]

    def rows(self, ids: Any, argument: str = "ids") -> NDArray[np.int32]:
        """Return the row of each of `ids`; raise UnknownIdError naming the first unknown one.

        '196' is not 196: ids keep their type.
        """
        ids = pd.Series(ids)
        rows = self.ids.get_indexer(pd.Index(ids))
        if (rows < 0).any():
            position = int((rows < 0).argmax())
            value = ids.iloc[position]
            raise UnknownIdError(
                argument,
                f"{value!r} is not among the {len(self.ids)} known ids",
                f"Known ids are of type {type(self.ids[0]).__name__}, the first is "
                f"{self.ids[0]!r}.",
                position=position,
                value=value,
            )
        shifted: NDArray[np.int32] = (rows + 1).astype(np.int32)
        return shifted
