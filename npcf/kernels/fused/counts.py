"""What the loops count: steps, in the instant in which they move the weights.

So weights, marks and counts are always those of the same step for whoever runs next: a signal
handler, an exception raised from outside, another thread.  Python's own numbers would have to be
set afterwards, and would be wrong until they are.

`history[VERSION]` grows whenever the history does.  Whoever prepares a call notes it first, and the
loop does nothing if it has changed by then: somebody has read the tables in between, which brings
all rows up to date, or has taken steps.  Then the call is prepared anew.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.kernels._jit import jit, part
from npcf.kernels.fused.batch import STEP

VERSION, PENDING, MARKED = 0, 1, 2  # of `Counts.history`
STEPS, DIVERGED, MADE = 0, 1, 2  # of `Counts.run`

Array = Any


class Counts(NamedTuple):
    """Whose steps are counted, int64."""

    history: Array  # (3,) see above; steps since rows began to lag; steps since marks were cleared
    optimizer: Array  # (1,) its steps
    caller: Array  # (1,) the steps of whoever asked for them
    run: Array  # (3,) the steps of this run; whether a loss that is not finite has ended it;
    # whether the loop did anything, the version being the one that was expected


class Flush(NamedTuple):
    """Rows to bring up to date: of the users first .. last - 1, and of the items."""

    copies: bool  # in copies of the tables, which are made first, and not in the tables themselves
    users: tuple[int, int]
    items: tuple[int, int]


NOTHING = Flush(False, (0, 0), (0, 0))


@part
def count(counts, taken, lagging):
    """Count `taken` steps, after which rows lag or not; return whether there were none."""
    counts.history[VERSION] += 1
    counts.history[PENDING if lagging else MARKED] += taken
    counts.optimizer[0] += taken
    counts.caller[0] += taken
    counts.run[STEPS] += taken
    return taken == 0


@jit
def clear_marks(history, version, users, items):
    """Let the history begin anew, all rows part of no step, unless it has another version."""
    if history[VERSION] == version:
        users[:, STEP] = 0
        items[:, STEP] = 0
        history[PENDING] = history[MARKED] = 0
        history[VERSION] += 1


def zeros(n: int = 1) -> Any:
    """Return counts of nothing yet."""
    return np.zeros(n, np.int64)
