"""How far what was seen lies from what is predicted, in shares of the tolerance.

The tolerance is twice the running error: as far as two evaluations of one formula may lie apart.
"""

from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Raised
from npcf.crosscheck.predict import Pair
from npcf.verify.precision import quiet


@quiet
def shares(pair: Pair, loose: float = 0.0) -> Any:
    """Return |seen - predicted| / tolerance for each entry; inf if they cannot be compared.

    `loose` widens the tolerance to so many units of rounding of the largest entry: for a wrong
    formula that may have been coded in another way.
    """
    seen, predicted = pair.seen, pair.predicted
    if isinstance(seen, Raised) or isinstance(predicted, Raised):
        return np.asarray(0.0 if _crash_alike(seen, predicted) else np.inf)
    if seen is None or predicted is None:
        return np.asarray(0.0 if seen is predicted else np.inf)
    value, tolerance = predicted.value, predicted.tolerance
    seen = shaped(seen, value.shape)
    if seen is None:
        return np.asarray(np.inf)
    if loose:
        largest = np.abs(value[np.isfinite(value)]).max(initial=0.0)
        tolerance = np.maximum(tolerance, loose * predicted.precision.u * largest)
    share = np.array(np.abs(seen - value) / tolerance)
    share[(seen == value) | np.isinf(tolerance) | (np.isnan(seen) & np.isnan(value))] = 0.0
    share[np.isnan(seen) != np.isnan(value)] = np.inf
    share[np.isnan(share)] = np.inf
    return share


def shaped(seen: Any, shape: tuple[int, ...]) -> Any:
    """Return `seen` in a predicted shape: (B, 1) may stand for (B,), and (1,) for a number."""
    seen = np.asarray(seen, np.float64)
    if seen.shape == shape or seen.shape == (*shape, 1):
        return seen.reshape(shape)
    return None


def _crash_alike(seen: Any, predicted: Any) -> bool:
    """Whether both raised, and the same; torch raises an IndexError for any wrong id."""
    if not (isinstance(seen, Raised) and isinstance(predicted, Raised)):
        return False
    return seen.kind in (predicted.kind, "IndexError")
