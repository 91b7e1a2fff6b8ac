"""Old names work for one version more, with a DeprecationWarning that says the new one.

A module that has moved stands in `MODULES`; the package where it was imports this module.
"""

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
MODULES = {
    "npcf.data.blocks": "npcf.data.text",
    "npcf.data.kinds": "npcf.data.frames",
    "npcf.data.places": "npcf.data.archive",
    "npcf.data.resampling": "npcf.data.splits",
    "npcf.data.split": "npcf.data.splits",
    "npcf.kernels.per_rating": "npcf.kernels.blocked_sgd",
    "npcf.kernels.twins": "npcf.kernels.ops",
    "npcf.training.container": "npcf.training.safetensors_io",
    "npcf.training.execution": "npcf.training.backend",
    "npcf.training.metrics": "npcf.training.losses",
    "npcf.training.rating_range": "npcf.training.validate",
    "npcf.training.validation_ranking": "npcf.training.ranking",
    "npcf.verify.conformance.examples": "npcf.verify.examples",
    "npcf.verify.conformance.mutants": "npcf.verify.mistakes",
}


def renamed_arguments(**new_names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator under which keywords of old names are taken for the new ones.

    >>> @renamed_arguments(bs="batch_size")
    ... def load(batch_size): ...
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def renamed(*args: P.args, **kwargs: P.kwargs) -> T:
            for old in new_names.keys() & kwargs.keys():
                new = new_names[old]
                warn(f"{function.__qualname__}({old}=...)", f"{new}=...", stacklevel=3)
                if new in kwargs:
                    raise TypeError(f"{function.__qualname__}() got {old} and {new}")
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return renamed

    return decorate


def by_old_name(module: str, name: str, new_names: Mapping[str, str]) -> Any:
    """Return what `module.name` is now: `new_names` maps it to "name" or "npcf.room.name"."""
    where, _, new = new_names[name].rpartition(".")
    warn(f"{module}.{name}", new_names[name], stacklevel=4)
    return getattr(importlib.import_module(where or module), new)


def warn(old: str, new: str, stacklevel: int = 2) -> None:
    """Warn that `old` is called `new`."""
    message = f"{old} is now {new}; the old name goes in the next version"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel)


class _Moved:
    """Imports a module by its old name."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return a spec for what has moved."""
        return ModuleSpec(name, self) if name in MODULES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Leave it to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Put the new module in the place of `module`."""
        old = module.__name__
        warn(old, MODULES[old], stacklevel=3)
        sys.modules[old] = importlib.import_module(MODULES[old])


sys.meta_path.insert(0, _Moved())  # before a folder that a checkout may have left behind
