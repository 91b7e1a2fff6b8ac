"""What computes the steps of a fit: the reference, the same compiled, or fused steps.

    reference   `npcf.ops` and the optimiser's own step, in NumPy
    compiled    the operations of `npcf.kernels`, one by one, then the optimiser's own step
    fused       `npcf.fused`: many whole steps in one compiled call

Fused steps exist for what most people train: tables with biases under the mean squared error, by
Adam or SGD.  They do what the others do, so the choice is made by what is possible, and logged.
What is overridden or replaced, `step`, `gradients`, `forward` or `backward`, is always called.
Where Numba is not installed, as in a browser, the reference takes every step.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from npcf import ops
from npcf.errors import require_choice
from npcf.models import PairModel
from npcf.models.look_up import require_backend
from npcf.optim import Optimizer
from npcf.optim.state import held
from npcf.training import steps
from npcf.training.history import log
from npcf.training.losses import MSELossFlat

if TYPE_CHECKING:
    from npcf.fused import Fused
    from npcf.training.learner import Learner

Backend = ModuleType | str | None
NO_NUMBA = "numba is not installed"


class Execution(NamedTuple):
    """What takes the steps; `str` of it is one line for people."""

    name: str  # "reference", "compiled" or "fused"
    fused: "Fused | None"
    reason: str  # why it is not fused, or what fused steps do with rows outside the batch

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"

    def __reduce__(self) -> Any:
        """Copy and pickle the words alone: the next fit chooses anew."""
        return type(self), (self.name, None, self.reason)


def operations(backend: Backend) -> ModuleType:
    """Return the module of operations for "numpy", "numba", None, or a module: that itself.

    None is "numba", or "numpy" where Numba is told not to compile (NUMBA_DISABLE_JIT) or is not
    installed.
    """
    if not isinstance(backend, str | None):
        return require_backend(backend)
    if backend is not None:
        require_choice("backend", backend, ("numpy", "numba"))
    if backend == "numpy" or (backend is None and not numba_installed()):
        return ops
    from npcf import kernels

    return kernels if backend == "numba" or kernels.compiles() else ops


@cache  # every step asks
def numba_installed() -> bool:
    """Whether there is a Numba to import."""
    try:
        return importlib.util.find_spec("numba") is not None
    except (ImportError, ValueError):  # kept from being imported
        return False


def choice(learner: "Learner") -> tuple[Any, ...]:
    """Return what `choose` looks at; when it is no longer equal, one has to choose anew."""
    model, opt = learner.model, learner.opt
    tables = [*_tables(model), *_tables(opt)]
    transform = getattr(model, "y_range", None), getattr(model, "mean", None)
    asked = learner.backend, learner.deferred, learner.fast
    return (*transform, *asked, _own(learner), *map(id, (model, opt, learner.loss_func, *tables)))


def choose(learner: "Learner") -> Execution:
    """Return what shall take the learner's steps."""
    name = {"npcf.ops": "reference", "npcf.kernels": "compiled"}.get(
        learner.operations.__name__, learner.operations.__name__
    )
    if isinstance(learner.backend, ModuleType):
        return Execution(name, None, "a module of operations was given")
    if name == "reference":
        return Execution(name, None, _why_reference(learner.backend))
    own = _own(learner)
    if own:
        return Execution(name, None, f"no fused steps for {own}")
    fused = _fused(learner)
    if fused is None:
        kind = type(learner.opt).__name__
        return Execution(name, None, f"no fused steps for this {kind} and its tables")
    return Execution("fused", fused, fused.describe())


def _why_reference(backend: Backend) -> str:
    if backend == "numpy":
        return 'backend="numpy"'
    if numba_installed():
        return "NUMBA_DISABLE_JIT is set"
    _say_once()
    return NO_NUMBA


@cache
def _say_once() -> None:
    log.warning("%s: the reference takes the steps, in NumPy", NO_NUMBA)


def own_step(learner: "Learner") -> bool:
    """Whether a step is anything else than npcf's own gradients and npcf's own update."""
    ours = isinstance(learner.opt, Optimizer) and not _replaced(learner.opt, step=Optimizer.step)
    return not ours or _replaced(learner, step=steps.step, gradients=steps.gradients)


def _own(learner: "Learner") -> str | None:
    """Return what of a step is not npcf's own, or None."""
    model, opt, loss = learner.model, learner.opt, learner.loss_func
    if type(loss) is not MSELossFlat or _replaced(
        loss, forward=MSELossFlat.forward, backward=MSELossFlat.backward
    ):
        return f"the loss {type(loss).__name__}"
    if not isinstance(model, PairModel) or _replaced(
        model, forward=PairModel.forward, backward=PairModel.backward
    ):
        return f"the model {type(model).__name__}"
    if not model.has_bias:
        return f"{type(model).__name__}, which has no biases"
    if _replaced(opt, step=getattr(type(opt), "step", None)) or _replaced(
        learner, step=steps.step, gradients=steps.gradients
    ):
        return "a step of one's own"
    if any(a is not b for a, b in zip(_tables(model), _tables(opt), strict=False)):
        return "an optimiser of other tables than the model's"
    return None


def _tables(holder: PairModel | Optimizer | None) -> list[Any]:
    """Return the tables of a model or an optimiser by name, whatever reading them does."""
    return [table for _, table in sorted(held(getattr(holder, "params", {})).items())]


def _fused(learner: "Learner") -> "Fused | None":
    from npcf.fused import trainer_for  # here, for it loads Numba

    model, opt = learner.model, steps.optimizer_of(learner)
    one = model.params is opt.params
    fused = trainer_for(
        opt,
        model.y_range,
        model.mean,
        deferred=learner.deferred,
        fast=learner.fast,
        batch_size=learner.dls.train.batch_size,
    )
    if fused is not None and one:  # and stay one: who replaces a table does so for both
        model.params = opt.params
    elif fused is not None:
        fused.attach(model)
    return fused


def _replaced(holder: object, **methods: Callable[..., Any] | None) -> bool:
    """Whether any of these methods of `holder` is another than the one that is given."""
    return any(
        getattr(getattr(holder, name), "__func__", None) is not method
        for name, method in methods.items()
    )
