"""Damped Gauss-Newton, for the few numbers of a mistake."""

from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 15
CLOSE = 0.03  # relative: a fit that leaves more explains nothing


def least_squares(residuals: Callable[[Any], Any], x: Any) -> Any:
    """Return where the sum of squares is least, by damped Gauss-Newton; None if nowhere."""
    r = residuals(x)
    if r is None or not np.isfinite(r).all():
        return None
    for _ in range(ROUNDS):
        columns = []
        for k in range(len(x)):
            h = 1e-5 * max(abs(x[k]), 0.1)
            ahead = residuals(x + h * (np.arange(len(x)) == k))
            if ahead is None or ahead.shape != r.shape or not np.isfinite(ahead).all():
                return None
            columns.append((ahead - r) / h)
        products = [[a @ b for b in columns] for a in columns]  # one by one: J.T @ J takes longer
        step = np.linalg.lstsq(products, [a @ r for a in columns], rcond=None)[0]
        if not np.isfinite(step).all() or not step.any():
            break
        for share in (1.0, 0.3, 0.1, 0.02):
            there = residuals(x - share * step)
            if there is not None and there.shape == r.shape and (there @ there) < (r @ r):
                break
        else:
            break
        x, r = x - share * step, there
        if np.abs(share * step).max() <= 1e-9 * np.abs(x).max():
            break
    return x if np.sqrt(np.mean(r * r)) < CLOSE else None
