"""A law: one decorated function that states, in one line, what every implementation must obey.

    @law(
        "A row named by several ratings gets the sum of their gradients.",
        given=lookups(),
        needs=("embedding_forward", "embedding_backward"),
    )
    def repeated_ids_are_summed(impl, p): ...

`impl` is an Implementation, `p` one drawn input.  The function raises AssertionError where the law
is broken.  All laws stand in `LAWS`, in the order of their definition.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis.strategies import SearchStrategy

from npcf.verify.conformance.implementation import Implementation

Body = Callable[[Implementation, Any], None]
PARTS = (
    "lookup", "row_dot", "bias", "sigmoid_range", "mse", "model", "sgd", "adam", "training",
    "checkpoints", "batches", "schedules",
)  # fmt: skip


class Law(NamedTuple):
    """A statement and the function that checks it."""

    name: str  # the function's
    family: str  # the part of the protocol, one of PARTS
    statement: str
    needs: tuple[str, ...]  # functions of the protocol
    given: SearchStrategy[Any]
    examples: tuple[Any, ...]  # inputs that are always tried, first
    function: Body


LAWS: dict[str, Law] = {}


def law(
    statement: str,
    *,
    given: SearchStrategy[Any],
    needs: tuple[str, ...],
    examples: tuple[Any, ...] = (),
) -> Callable[[Body], Body]:
    """Register the decorated function as a law."""

    def register(function: Body) -> Body:
        name, family = function.__name__, _part(function.__module__.rsplit(".", 1)[-1])
        assert name not in LAWS, f"two laws are called {name}"
        LAWS[name] = Law(name, family, statement, needs, given, examples, function)
        return function

    return register


def _part(file: str) -> str:
    """Return the part of the protocol that a file of laws is about: its name begins with it."""
    return next((part for part in PARTS if file.startswith(part)), file)
