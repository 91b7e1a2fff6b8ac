"""Rows cut back to a length: what torch's Embedding(max_norm=...) does inside its forward.

    w <- w * max_norm / (|w| + 1e-7)      for each looked-up row with |w| > max_norm

|w| is the Euclidean length.  It is no part of the gradient, in torch as here.  torch changes the
table while it looks up; here operations are pure, so call this before the forward.
Rounding: of |w|, gamma_(K + 1); of the row, gamma_(K + 4) and what the length's error decides.
"""

from typing import Any

import numpy as np

from npcf._types import FloatArray
from npcf.errors import (
    SettingError,
    ShapeError,
    require_ids,
    require_number,
    require_trainable,
)


def renormalise_rows(weight: FloatArray, ids: Any, max_norm: float) -> None:
    """Shorten in place the rows of `weight` (N, K) that `ids` name and that exceed `max_norm`.

    Raises SettingError unless max_norm > 0, IdRangeError on an id outside [0, N): before any row
    has changed.
    """
    require_trainable({"weight": weight})
    if weight.ndim != 2:
        raise ShapeError(
            "weight", f"needs 2 dimension(s), got shape {weight.shape}", "Pass a table (N, K)."
        )
    max_norm = require_number("max_norm", max_norm)
    if max_norm == 0:
        raise SettingError("max_norm", "must be > 0, got 0", "0 would erase the rows.", value=0)
    rows = np.unique(require_ids("ids", ids, len(weight)))
    norms = np.sqrt((weight[rows] ** 2).sum(axis=1))
    long = norms > max_norm
    scale = (max_norm / (norms[long].astype(np.float64) + 1e-7)).astype(weight.dtype)
    weight[rows[long]] *= scale[:, None]
