"""What an optimiser must be able to say to be run fused: its numbers, tables and history.

A *run* is a stretch of steps with the rates and momenta in force at each.  The *history* is the
steps since all rows were last up to date: what a deferred row may have to make up for.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from npcf._atomic import Change
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
    """One optimiser's update rule, for compiled loops; works on the optimiser's own arrays.

    It knows the optimiser, but does not keep it alive: the optimiser's mappings need the form in
    order to be read, and memory that is held in a circle is not given back when its user goes.
    """

    longest: ClassVar[int]  # history
    steps: ClassVar[Loop]

    def __init__(self, optimizer: Any, bound: Any):
        self._optimizer = weakref.ref(optimizer)
        self.bind(bound)
        self.dtype = self.params["user_factors"].dtype
        self.alike = tuple(range(len(NAMES)))  # `Run.alike`, of the history
        self.capacity = 0
        self.shrink, self.regrow = np.ones((2, len(NAMES), 1))  # and its inverse

    def bind(self, bound: Any) -> None:
        """Take up the arrays in `bound`, `npcf.kernels.fused.arrays.Bound`; no row may wait."""
        self.bound, self.views = bound, bound.views

    @property
    def optimizer(self) -> Any:
        """The optimiser."""
        return self._optimizer()

    @property
    def params(self) -> Params:
        """Views (N, K) of the parameters, in the order of NAMES."""
        tables: Params = self.views["params"]
        return tables

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
    def prepare(self, run: Run) -> list[Change]:
        """Make what `run` needs; return what has to be changed as soon as a step was taken."""

    @property
    @abstractmethod
    def counter(self) -> Any:
        """Where the optimiser counts its steps, (1,) int64."""

    @abstractmethod
    def tables(
        self,
        views: Mapping[str, Params],
        gradients: Sequence[FloatArray],
        numbers: Params | None,
    ) -> list[Any]:
        """Return what the loops know of each parameter, in the order of NAMES."""

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

    def _grow(self, steps: int) -> None:
        """Make room for that many steps in the history.  Stopped anywhere, it is done anew."""
        if steps <= self.capacity:
            return
        capacity = max(1024, 2 ** int(steps - 1).bit_length())
        shape = (len(NAMES), capacity + 1)
        shrink, regrow = enlarged(self.shrink, shape), enlarged(self.regrow, shape)
        self.shrink, self.regrow, self.capacity = shrink, regrow, capacity


def table_view(table: FloatArray) -> FloatArray:
    """Return an array (N, K) or (N,) as (N, K): the same memory, a plain array."""
    array = np.asarray(table)
    return array.reshape(len(array), array.shape[1] if array.ndim == 2 else 1)


def enlarged(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return an array of `shape` that begins with `array`."""
    larger = np.empty(shape, array.dtype)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger
