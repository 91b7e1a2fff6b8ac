"""What an optimiser must be able to say to be run fused: its numbers, tables and history.

A *run* is a stretch of steps with the rates and momenta in force at each.  The *history* is the
steps since all rows were last up to date: what a deferred row may have to make up for.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params
from npcf.kernels._jit import Loop

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
SMALLEST = 1e-200  # the history ends before what decay leaves of a row underflows


class Run(NamedTuple):
    """What is asked of consecutive steps."""

    lrs: dict[str, FloatArray]  # (n_steps,) float64 for each parameter
    moms: FloatArray  # (n_steps,) float64
    decays: dict[str, float]
    alike: tuple[int, ...]  # the number of the first parameter with the same rates and decay

    @property
    def distinct(self) -> list[tuple[int, str]]:
        """Number and name of each parameter that is like none before it."""
        return [(p, name) for p, name in enumerate(NAMES) if self.alike[p] == p]

    @property
    def n_steps(self) -> int:
        """How many steps."""
        return int(self.moms.size)

    def shrinking(self, name: str) -> FloatArray:
        """Return 1 - lr weight_decay (n_steps,)."""
        kept: FloatArray = 1 - self.lrs[name] * self.decays[name]
        return kept


class Form(ABC):
    """One optimiser's update rule, for compiled loops; works on the optimiser's own arrays."""

    longest: ClassVar[int]  # history
    steps: ClassVar[Loop]

    def __init__(self, optimizer: Any):
        self.optimizer = optimizer
        self.params = tables_of(optimizer.params)
        self.dtype = self.params["user_factors"].dtype
        self.alike = tuple(range(len(NAMES)))  # `Run.alike`, of the history
        self.capacity = 0
        self.shrink, self.regrow = np.ones((2, len(NAMES), 1))  # and its inverse

    @abstractmethod
    def settings(self, run: Run) -> tuple[Any, ...]:
        """Return what must not change within a history."""

    @abstractmethod
    def moves_absent_rows(self, run: Run) -> bool:
        """Whether a row outside the batch changes at all."""

    @abstractmethod
    def deferrable(self, run: Run) -> bool:
        """Whether what absent rows miss can be made up for later."""

    @abstractmethod
    def numbers(self, name: str, run: Run) -> FloatArray:
        """Return the numbers (n_steps, n) of one parameter, float64."""

    def all_numbers(self, run: Run) -> Params:
        """Return the numbers of all parameters, in the parameters' dtype."""
        found = {p: self.numbers(name, run).astype(self.dtype) for p, name in run.distinct}
        return {name: found[p] for name, p in zip(NAMES, run.alike, strict=True)}

    @abstractmethod
    def prepare(self, run: Run) -> None:
        """Make sure that the optimiser has the state arrays which `run` needs."""

    @abstractmethod
    def finish(self, run: Run, taken: int) -> None:
        """Note that the first `taken` steps of `run` were taken."""

    @abstractmethod
    def tables(self, gradients: Mapping[str, FloatArray], numbers: Params | None) -> list[Any]:
        """Return what the loops know of each parameter, in the order of NAMES."""

    def waiting(self, marks: Any, now: int) -> Any:
        """Return which rows of these marks, int32, still have to make up for steps up to `now`."""
        return marks < now

    def settled(self, now: int) -> int:
        """Return the mark of a row that has made up for all steps up to `now`."""
        return now

    def shared(self) -> tuple[Any, ...]:
        """Return further arguments of the loops."""
        return ()

    def extend(self, run: Run, history: int) -> None:
        """Append `run` to a history of that many steps; what followed before is overwritten."""
        self.alike = run.alike
        self._grow(history + run.n_steps)
        for p, name in run.distinct:
            rest = self._left(p, run.shrinking(name), history)
            self.shrink[p, history + 1 : history + 1 + run.n_steps] = rest
            with np.errstate(divide="ignore"):  # total decay has no quotient, and none is asked for
                self.regrow[p, history + 1 : history + 1 + run.n_steps] = 1 / rest

    def room(self, run: Run, history: int) -> int:
        """Return how many steps of `run` a history of that many has room for, one if empty."""
        fits = np.ones(run.n_steps, bool)
        for p, name in run.distinct:
            fits &= abs(self._left(p, run.shrinking(name), history)) >= SMALLEST
        room = run.n_steps if fits.all() else int(fits.argmin())
        return max(min(room, self.longest - history), int(history == 0))

    def _left(self, p: int, shrinking: FloatArray, history: int) -> FloatArray:
        """Return what decay leaves of parameter `p` after each further step, (n_steps,).

        One product after another from the history's first step on, so that no bit depends on where
        a run was cut into slices.
        """
        products: FloatArray = np.cumprod(np.append(self.shrink[p, history], shrinking))
        return products[1:]

    def _grow(self, steps: int) -> bool:
        """Make room for that many steps in the history; return whether that was necessary."""
        if steps <= self.capacity:
            return False
        self.capacity = max(1024, 2 ** int(steps - 1).bit_length())
        shape = (len(NAMES), self.capacity + 1)
        self.shrink, self.regrow = enlarged(self.shrink, shape), enlarged(self.regrow, shape)
        return True


def tables_of(arrays: Mapping[str, FloatArray]) -> Params:
    """Return views (N, K) of what a mapping holds, itself, whatever reading from it does."""
    held: Any = [dict.__getitem__(arrays, name) for name in NAMES]  # type: ignore[index]
    return {
        name: table.reshape(len(table), table.shape[1] if table.ndim == 2 else 1)
        for name, table in zip(NAMES, held, strict=True)
    }


def enlarged(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return an array of `shape` that begins with `array`."""
    larger = np.empty(shape, array.dtype)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger
