"""Memory for tables and ratings, or a typed error."""

from typing import Any

import numpy as np

from npcf.errors import ShapeError


def zeros(n: int, dtype: Any) -> Any:
    """Return `n` zeros, or raise if there is no memory for them."""
    try:
        return np.zeros(n, dtype)
    except (MemoryError, ValueError, OverflowError):
        problem = f"there is no memory for {n * np.dtype(dtype).itemsize:,} bytes"
        raise ShapeError("tables", problem, "Look at n_users, n_items and n_factors.") from None
