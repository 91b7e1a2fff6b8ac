"""What an optimiser must say about itself to be run fused: records of its steps, tables, history.

The *history* is the steps since the updates of all rows were last applied: what a row that lags may
have skipped.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np

from npcf._atomic import Change
from npcf._tables import NAMES, TABLES
from npcf._types import FloatArray, Params
from npcf.errors import SettingError
from npcf.fused.workspace import HeldArrays
from npcf.kernels._jit import CompiledLoop
from npcf.kernels.fused.steps import DENSE, LAGGED, TOUCHED
from npcf.optim import Optimizer

PAYS = 4  # lagging pays from this many times as many rows as a batch can name
SMALLEST = 1e-200  # the history ends before what decay leaves of a row underflows
Optim = TypeVar("Optim", bound=Optimizer)


class StepSettings(NamedTuple):
    """Rates, momenta and decays of consecutive steps."""

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

    def part(self, here: slice) -> "StepSettings":
        """Return those of a stretch of the steps."""
        lrs = {name: lr[here] for name, lr in self.lrs.items()}
        return self._replace(lrs=lrs, moms=self.moms[here])

    def shrinking(self, name: str) -> FloatArray:
        """Return 1 - lr weight_decay (n_steps,)."""
        kept: FloatArray = 1 - self.lrs[name] * self.decays[name]
        return kept


class FusedRule(ABC, Generic[Optim]):
    """One optimiser's update rule, for compiled loops; works on the optimiser's own arrays.

    It does not keep the optimiser alive: the optimiser's mappings need the rule in order to be
    read, and tables in a reference cycle would outlive their user.
    """

    longest: ClassVar[int]  # history
    steps: ClassVar[CompiledLoop]
    fields: ClassVar[tuple[str, ...]]  # of the records of a step

    def __init__(self, optimizer: Optim, arrays: HeldArrays):
        self._optimizer = weakref.ref(optimizer)
        self.arrays = arrays
        self.dtype = arrays.views["params"][NAMES[0]].dtype
        self.step_dtype = np.dtype([(name, self.dtype) for name in self.fields], align=True)
        self.alike = tuple(range(len(NAMES)))  # `StepSettings.alike`, of the history
        self.capacity = 0
        self.shrink, self.regrow = np.ones((2, len(NAMES), 1))  # and its inverse

    @property
    def optimizer(self) -> Optim:
        """The optimiser."""
        optimizer = self._optimizer()
        assert optimizer is not None
        return optimizer

    @property
    def params(self) -> Params:
        """Views (N, K) of the parameters, in the order of NAMES."""
        return self.arrays.views["params"]

    @property
    def n_rows(self) -> list[int]:
        """How many users and how many items there are."""
        return [len(self.params[table.name]) for table in TABLES if not table.is_bias]

    def mode(self, run: StepSettings, lag: bool | None, batch: int) -> int:
        """Return which rows move when: as asked by `lag`, or where None by the size of batches."""
        if not self.moves_absent_rows(run):
            return TOUCHED
        possible = self.can_lag(run)
        if lag and not possible:
            problem = f"does not support these settings of {type(self.optimizer).__name__}"
            raise SettingError("deferred", problem, "Leave it None.", value=True)
        if lag is None:
            lag = sum(self.n_rows) >= PAYS * 2 * batch
        return LAGGED if possible and lag else DENSE

    @abstractmethod
    def constants(self, run: StepSettings) -> tuple[Any, ...]:
        """Return what must not change within a history."""

    @abstractmethod
    def moves_absent_rows(self, run: StepSettings) -> bool:
        """Whether a row outside the batch changes at all."""

    @abstractmethod
    def can_lag(self, run: StepSettings) -> bool:
        """Whether skipped updates can be applied later."""

    @abstractmethod
    def columns(self, name: str, run: StepSettings) -> dict[str, Any]:
        """Return `fields` of one parameter: arrays (n_steps,) float64, or numbers."""

    def records(self, run: StepSettings) -> Params:
        """Return the records (n_steps,) of all parameters, in the parameters' dtype."""
        found = {}
        for p, name in run.distinct:
            found[p] = np.empty(run.n_steps, self.step_dtype)
            for field, values in self.columns(name, run).items():
                found[p][field] = values
        return {name: found[p] for name, p in zip(NAMES, run.alike, strict=True)}

    @abstractmethod
    def prepare(self, run: StepSettings) -> list[Change]:
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
        records: Params | None,
    ) -> list[Any]:
        """Return what the loops know of each parameter, in the order of NAMES."""

    def shared(self) -> tuple[Any, ...]:
        """Return what the loops know of all parameters together."""
        return ()

    def extend(self, run: StepSettings, history: int) -> None:
        """Append `run` to a history of that many steps; what followed before is overwritten."""
        self.alike = run.alike
        self._grow(history + run.n_steps)
        here = slice(history + 1, history + 1 + run.n_steps)
        for p, name in run.distinct:
            self.shrink[p, here] = self._left(p, run.shrinking(name), history)
            with np.errstate(divide="ignore"):  # total decay has no quotient, and none is asked for
                self.regrow[p, here] = 1 / self.shrink[p, here]

    def capacity_for(self, run: StepSettings, history: int) -> int:
        """Return how many steps of `run` a history of that many can take in, one if empty."""
        fits = np.ones(run.n_steps, bool)
        for p, name in run.distinct:
            fits &= abs(self._left(p, run.shrinking(name), history)) >= SMALLEST
        n = run.n_steps if fits.all() else int(fits.argmin())
        return max(min(n, self.longest - history), int(history == 0))

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


def enlarged(array: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return an array of `shape` that begins with `array`."""
    larger = np.empty(shape, array.dtype)
    larger[tuple(slice(n) for n in array.shape)] = array
    return larger
