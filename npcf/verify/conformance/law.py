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


class Drawn:
    """Inputs of a strategy, and what becomes of each before a law sees it.

    Laws whose `base` is written alike are shown the same inputs: drawing costs more than most laws.
    """

    def __init__(self, base: SearchStrategy[Any], steps: tuple[Callable[[Any], Any], ...] = ()):
        self.base, self.steps = base, steps

    def map(self, move: Callable[[Any], Any]) -> "Drawn":
        """Return the same inputs, each moved."""
        return Drawn(self.base, (*self.steps, move))

    def filter(self, keep: Callable[[Any], bool]) -> "Drawn":
        """Return those of the inputs for which `keep` is true."""
        return self.map(lambda p: p if keep(p) else None)

    def refined(self, p: Any) -> Any:
        """Return what becomes of an input of `base`, or None: the law is not about it."""
        for step in self.steps:
            p = None if p is None else step(p)
        return p

    @property
    def strategy(self) -> SearchStrategy[Any]:
        """The whole as a strategy."""
        return self.base.map(self.refined).filter(lambda p: p is not None)


class Law(NamedTuple):
    """A statement and the function that checks it."""

    name: str  # the function's
    family: str  # the part of the protocol
    statement: str
    needs: tuple[str, ...]  # functions of the protocol
    given: Drawn
    # inputs that are always tried, first, or what lists them for an implementation
    examples: tuple[Any, ...] | Callable[[Implementation], list[Any]]
    function: Body

    def examples_for(self, implementation: Implementation) -> list[Any]:
        """Return the inputs that are always tried."""
        if callable(self.examples):
            return self.examples(implementation)
        return list(self.examples)


LAWS: dict[str, Law] = {}


def law(
    statement: str,
    *,
    given: SearchStrategy[Any] | Drawn,
    needs: tuple[str, ...],
    examples: tuple[Any, ...] = (),
) -> Callable[[Body], Body]:
    """Register the decorated function as a law."""

    def register(function: Body) -> Body:
        name = function.__name__
        family = _part(function.__module__.rsplit(".", 1)[-1], needs[0])
        assert name not in LAWS, f"two laws are called {name}"
        # Two lambdas written alike may differ in what they close over.
        assert "lambda" not in repr(getattr(given, "base", given)), (
            f"{name}: Drawn(...).map, please"
        )
        drawn = given if isinstance(given, Drawn) else Drawn(given)
        LAWS[name] = Law(name, family, statement, needs, drawn, examples, function)
        return function

    return register


def _part(file: str, function: str) -> str:
    """Return the part of the protocol that a law is about: operation, update rule, or its file."""
    subject = function.removesuffix("_forward").removesuffix("_step").replace("embedding", "lookup")
    return subject if file in ("operations", "layers", "steps") else file
