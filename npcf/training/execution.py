"""Who computes the steps of a fit: the reference, the same compiled, or fused steps.

    reference   `npcf.ops` and the optimiser's own step, in NumPy
    compiled    the operations of `npcf.kernels`, one by one, then the optimiser's own step
    fused       `npcf.kernels.fused`: many whole steps in one compiled call

Fused steps exist for what most people train: tables with biases under the mean squared error, by
Adam or SGD.  They do what the others do, so the choice is made by what is possible, and said.
Whatever somebody has put something of their own into is never passed over: an overridden or
replaced `step`, `forward` or `backward` is called.
"""

from types import ModuleType
from typing import Any, NamedTuple

from npcf import ops
from npcf.errors import SettingError
from npcf.models import PairModel
from npcf.optim import Optimizer
from npcf.training.losses import MSELossFlat

Backend = ModuleType | str | None


class Execution(NamedTuple):
    """What takes the steps; `str` of it is one line for people."""

    name: str  # "reference", "compiled" or "fused"
    fused: Any  # npcf.kernels.fused.Fused, or None
    reason: str  # why it is not fused, or what fused steps do with rows outside the batch

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"

    def __reduce__(self) -> Any:
        """Copy and pickle the words alone: the next fit chooses anew."""
        return type(self), (self.name, None, self.reason)


def operations(backend: Backend) -> ModuleType:
    """Return the module of operations for "numpy", "numba", None, or a module: that itself.

    None is "numba", or "numpy" where Numba is told not to compile (NUMBA_DISABLE_JIT).
    """
    if isinstance(backend, ModuleType):
        return backend
    if backend not in ("numpy", "numba", None):
        raise SettingError(
            "backend", f"there is no backend {backend!r}", 'Give "numpy", "numba" or a module.'
        )
    if backend == "numpy":
        return ops
    from npcf import kernels

    return kernels if backend == "numba" or kernels.compiles() else ops


def choice(learner: Any) -> tuple[Any, ...]:
    """Return what `choose` looks at; when it is no longer equal, one has to choose anew."""
    model, opt = learner.model, learner.opt
    tables = [*_tables(model), *_tables(opt)]
    head = getattr(model, "y_range", None), getattr(model, "mean", None)
    asked = learner.backend, learner.deferred, learner.fast
    return (*head, *asked, _own(learner), *map(id, (model, opt, learner.loss_func, *tables)))


def choose(learner: Any) -> Execution:
    """Return what shall take the learner's steps."""
    name = {"npcf.ops": "reference", "npcf.kernels": "compiled"}.get(
        learner.operations.__name__, learner.operations.__name__
    )
    if isinstance(learner.backend, ModuleType):
        return Execution(name, None, "a module of operations was given")
    if name == "reference":
        asked = learner.backend == "numpy"
        return Execution(name, None, 'backend="numpy"' if asked else "NUMBA_DISABLE_JIT is set")
    own = _own(learner)
    if own:
        return Execution(name, None, f"there is no fused form of {own}")
    fused = _fused(learner)
    if fused is None:
        kind = type(learner.opt).__name__
        return Execution(name, None, f"there is no fused form of this {kind} and its tables")
    return Execution("fused", fused, fused.describe())


def _own(learner: Any) -> str | None:
    """Return what of a step is not npcf's own, or None."""
    model, opt, loss = learner.model, learner.opt, learner.loss_func
    if type(loss) is not MSELossFlat or _replaced(loss, MSELossFlat, "forward", "backward"):
        return f"the loss {type(loss).__name__}"
    if not isinstance(model, PairModel) or _replaced(model, PairModel, "forward", "backward"):
        return f"the model {type(model).__name__}"
    if not model.has_bias:
        return f"{type(model).__name__}, which has no biases"
    if _replaced(opt, type(opt), "step") or _replaced(
        learner, _learner_class(), "step", "gradients"
    ):
        return "a step of one's own"
    if any(a is not b for a, b in zip(_tables(model), _tables(opt), strict=False)):
        return "an optimiser of other tables than the model's"
    return None


def own_step(learner: Any) -> bool:
    """Whether a step is anything else than npcf's own gradients and npcf's own update."""
    ours = isinstance(learner.opt, Optimizer) and not _replaced(learner.opt, Optimizer, "step")
    return not ours or _replaced(learner, _learner_class(), "step", "gradients")


def _tables(holder: Any) -> list[Any]:
    """Return the tables of a model or an optimiser, whatever reading them does, by name."""
    tables = getattr(holder, "params", {})
    held = dict.items(tables) if isinstance(tables, dict) else tables.items()
    return [table for _, table in sorted(held)]


def _fused(learner: Any) -> Any:
    from npcf.kernels.fused import trainer_for

    model = learner.model
    one = model.params is learner.opt.params
    fused = trainer_for(
        learner.opt,
        model.y_range,
        model.mean,
        deferred=learner.deferred,
        fast=learner.fast,
        batch_size=learner.dls.train.batch_size,
    )
    if fused is not None and one:  # and stay one: who replaces a table does so for both
        model.params = learner.opt.params
    elif fused is not None:
        fused.attach(model)
    return fused


def _replaced(holder: Any, cls: type, *names: str) -> bool:
    """Whether any of these methods is another than the one of `cls`."""
    return any(getattr(getattr(holder, n), "__func__", None) is not getattr(cls, n) for n in names)


def _learner_class() -> type:
    from npcf.training.learner import Learner

    return Learner
