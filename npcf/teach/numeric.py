"""The numeric column: every gradient once more, without any formula for a gradient.

By the complex step (Squire & Trapp 1998): for a real analytic L, Im L(x + i h) / h is its
derivative up to h**2, and nothing is subtracted, so h = 1e-30 gives all digits.  Only the forward
pass is evaluated, from the quantity on.  In double precision, whatever the model's own.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npcf._tables import NAMES, TABLE
from npcf.teach.step_values import Batch, downstream, forward_values, rows_of

H = 1e-30
AFTER = {"y": "e", "x": "s", "dot": "x", "p": "pq", "q": "pq"}  # what is computed from it next


def numeric_gradients(params: Mapping[str, Any], batch: Batch) -> dict[str, Any]:
    """Return d loss / d quantity for each quantity that has a gradient, under its name."""
    rows = rows_of(batch)
    named = {name: params[name][rows[TABLE[name].side]].astype(complex) for name in NAMES}
    batch = batch._replace(
        users=np.searchsorted(rows["user"], batch.users),  # places among the rows that are named
        items=np.searchsorted(rows["item"], batch.items),
        rating=batch.rating.astype(float),
    )
    values, found = forward_values(named, batch), {}
    for name, following in AFTER.items():
        if batch.y_range is None and following == "s":
            following = "y"

        def loss(array: Any, name: str = name, following: str = following) -> Any:
            return downstream(values | {name: array}, following, batch)["loss"]

        found[f"d_{name}"] = _derivative(loss, values[name])
    for name in NAMES:

        def of_table(table: Any, name: str = name) -> Any:
            return forward_values(named | {name: table}, batch)["loss"]

        found[f"d_{name}"] = _derivative(of_table, named[name])
    return found


def _derivative(loss: Callable[[Any], Any], x: Any) -> Any:
    """Return d loss / dx, entry by entry."""
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.copy()
        moved[place] += 1j * H
        gradient[place] = loss(moved).imag / H
    return gradient
