"""fastai 0.7's loader: a frame, the positions that validate, and the names of categories.

Source: lesson 5 of 2018, `ColumnarModelData.from_data_frame(path, val_idxs, x, y, ['userId',
'movieId'], bs=64)`.  Ids become numbers in order of appearance, from 0, without `#na#`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf.data.columns import require_columns
from npcf.data.frames import require_frame
from npcf.data.vocabulary import Vocabulary
from npcf.errors import (
    DataError,
    IdRangeError,
    ShapeError,
    as_array,
    optional_rng,
    require_count,
    require_ids,
    require_type,
    spell_checked,
)


class ColumnarBatch(NamedTuple):
    """What a loader yields: `forward(cats, conts)` is compared with `y`."""

    cats: NDArray[np.int64]  # (B, n categories)
    conts: NDArray[np.float32]  # (B, n other columns)
    y: NDArray[np.float32]  # (B, 1)


class ColumnarDataset(NamedTuple):
    """Some rows of the frame, as numbers; `conts` is a column of zeros where there are none."""

    cats: NDArray[np.int64]  # (n, n categories)
    conts: NDArray[np.float32]  # (n, n other columns), or (n, 1) zeros
    y: NDArray[np.float32]  # (n, 1)

    def take(self, index: Any) -> "ColumnarDataset":
        """Return the rows at `index`."""
        return ColumnarDataset(self.cats[index], self.conts[index], self.y[index])


class ColumnarLoader:
    """The batches of one epoch at each iteration; shuffled anew each time if there is an `rng`."""

    def __init__(self, dataset: ColumnarDataset, bs: int, rng: np.random.Generator | None = None):
        self.dataset, self.bs, self.rng = dataset, require_count("bs", bs), rng

    def __len__(self) -> int:
        return -(-len(self.dataset.y) // self.bs)

    def __iter__(self) -> Iterator[ColumnarBatch]:
        n = len(self.dataset.y)
        order = np.arange(n) if self.rng is None else self.rng.permutation(n)
        for start in range(0, n, self.bs):
            yield ColumnarBatch(*self.dataset.take(order[start : start + self.bs]))


class ColumnarModelData:
    """`trn_ds`, `val_ds`; `trn_dl` (bs, shuffled), `val_dl` (2 * bs, in order); `vocabs`."""

    def __init__(
        self,
        trn_ds: ColumnarDataset,
        val_ds: ColumnarDataset,
        bs: int = 64,
        vocabs: dict[str, Vocabulary] | None = None,
        *,
        rng: np.random.Generator | None = None,
    ):
        self.trn_ds, self.val_ds, self.vocabs = trn_ds, val_ds, vocabs or {}
        self.trn_dl = ColumnarLoader(trn_ds, bs, optional_rng(rng))
        self.val_dl = ColumnarLoader(val_ds, 2 * bs)

    @classmethod
    @spell_checked
    def from_data_frame(
        cls,
        path: Any,
        val_idxs: Any,
        x: pd.DataFrame,
        y: Any,
        cats: Sequence[str],
        bs: int = 64,
        *,
        rng: np.random.Generator | None = None,
    ) -> "ColumnarModelData":
        """Code the columns `cats` of `x` over all its rows; rows at `val_idxs` validate.

        `path` is accepted for the source's sake and not used.  Columns of `x` that are not in
        `cats` must be numbers and become `conts`.
        """
        del path
        require_frame("x", x)
        cure = "Name the id columns: cats=['userId', 'movieId']."
        cats = [cats] if isinstance(cats, str) else list(require_type("cats", cats, Iterable, cure))
        require_columns(x.columns, cats)
        if not cats:
            raise DataError("cats", "names no column", "Name the id columns, e.g. ['userId'].")
        valid = _positions(val_idxs, len(x))
        vocabs = {}
        for name in cats:
            _require_finite(name, x[name].isna().to_numpy())
            vocabs[name] = Vocabulary(x[name], "appearance", na_row=False, argument=name)
        codes = np.stack([vocabs[name].rows(x[name]) for name in cats], axis=1, dtype=np.int64)
        others = [name for name in x.columns if name not in cats]
        conts = [_numbers(str(name), x[name], len(x)) for name in others]
        table = np.stack(conts, axis=1) if conts else np.zeros((len(x), 1), np.float32)
        everything = ColumnarDataset(codes, table, _numbers("y", y, len(x))[:, None])
        training = np.ones(len(x), bool)
        training[valid] = False
        return cls(everything.take(training), everything.take(valid), bs, vocabs, rng=rng)


def _positions(val_idxs: Any, n: int) -> NDArray[np.intp]:
    valid = require_ids("val_idxs", val_idxs, n)
    if valid.ndim != 1:
        problem = f"needs 1 dimension, got shape {valid.shape}"
        raise ShapeError("val_idxs", problem, "Give the positions as one list.")
    if len(np.unique(valid)) != len(valid):
        counts = np.bincount(valid)
        twice = int(np.argmax(counts > 1))
        cure = "A row validates once: np.unique(val_idxs)."
        raise IdRangeError("val_idxs", f"position {twice} is named twice", cure, value=twice)
    if not 0 < len(valid) < n:
        problem = f"leaves {n - len(valid)} rows to train on and {len(valid)} to validate on"
        raise DataError("val_idxs", problem, "Each needs at least one.")
    return valid


def _numbers(name: str, column: Any, n: int) -> NDArray[np.float32]:
    values = as_array(name, column)
    if values.dtype.kind not in "iufb":
        cure = "Name it in cats, or drop it."
        raise DataError(name, f"has dtype {values.dtype}, not numbers", cure)
    if values.shape != (n,):
        problem = f"shape {values.shape} does not match the {n} rows of x"
        raise ShapeError(name, problem, "Give one number a row.")
    with np.errstate(over="ignore"):
        result: NDArray[np.float32] = values.astype(np.float32)
    _require_finite(name, ~np.isfinite(result))
    return result


def _require_finite(name: str, wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        position = int(wrong.argmax())
        problem, cure = "is missing or no finite float32", "Correct or drop the row."
        raise DataError(name, problem, cure, position=position)
