"""Changes that belong together, made without anything else in between.

Python runs signal handlers, and raises what another thread has asked it to raise, between two of
its own instructions and never inside a function written in C.  After a step has moved the weights
and before it is counted there may be none: a time limit that ends training just there would leave
the weights of one step and the counts of another.  So all changes of a step are made by one call.

That is how CPython works, whatever is changed; another thread sees them all or none as long as
nothing among them gives up the interpreter's lock.  NumPy does while it fills large arrays.
"""

from collections.abc import Callable
from itertools import starmap
from operator import call, setitem
from typing import Any

Change = tuple[Callable[..., Any], *tuple[Any, ...]]  # a function written in C, and its arguments


def in_one_go(*changes: Change) -> None:
    """Make the calls, one after another; those behind one that returns something true are left out.

    Nothing comes between them as long as each is a function written in C, or compiled.
    """
    any(starmap(call, changes))


def assign(target: Any, key: Any, value: Any) -> Change:
    """Return the change `target[key] = value`."""
    return setitem, target, key, value
