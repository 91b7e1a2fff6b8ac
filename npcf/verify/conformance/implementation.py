"""Somebody's module as the laws see it: the protocol's functions, their results as NumPy arrays."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

import numpy as np

from npcf.errors import UsageError
from npcf.verify.bounds import LIBRARIES, Library
from npcf.verify.conformance.protocol import FUNCTIONS

FEW_SHAPES = 6  # combinations of shapes in a part of the protocol, under `fixed_shapes`


class Implementation:
    """The functions of `module` that the protocol knows, as attributes; the others are absent."""

    def __init__(self, module: Any, name: str | None = None):
        self.name = str(getattr(module, "__name__", module)) if name is None else name
        self.functions: dict[str, Callable[..., Any]] = {
            function: getattr(module, function)
            for function in getattr(module, "PROTOCOL", FUNCTIONS)
            if callable(getattr(module, function, None))
        }
        if not self.functions:
            raise UsageError(
                self.name,
                "has none of the protocol's functions",
                "`npcf conformance --protocol` prints the page that lists them.",
            )
        self.dtypes = tuple(map(np.dtype, getattr(module, "DTYPES", ("float32", "float64"))))
        self.library = _library(self.name, getattr(module, "LIBRARY", "any"))
        self.tiles = tuple(map(int, getattr(module, "TILES", ())))  # more sizes to try around
        self.fixed_shapes = False  # whether each new shape costs a compilation
        self._shapes: dict[str, set[Any]] = {}

    @classmethod
    def imported(cls, name: str) -> "Implementation":
        """Import `package.module`, also from the working directory.

        Raises UsageError if it cannot be imported: what it needs may not be installed.
        """
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:  # whatever the module does while it is imported
            last = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"cannot be imported ({type(error).__name__}: {error}"
            if last.filename.startswith(os.getcwd()):
                problem += f", in {last.filename}, line {last.lineno}"
            raise UsageError(name, f"{problem})", "Give the dotted name of a module.") from error
        return cls(module, name)

    def lacks(self, needs: Iterable[str]) -> list[str]:
        """Return which of the functions `needs` are absent."""
        return [name for name in needs if name not in self.functions]

    def takes(self, family: str, p: Any) -> bool:
        """Whether an input is for this implementation: its dtype, and its shapes.

        With `fixed_shapes`, the first few combinations of shapes in a part of the protocol are.
        """
        dtype = getattr(p, "dtype", None)
        if dtype is not None and np.dtype(dtype) not in self.dtypes:
            return False
        if not self.fixed_shapes:
            return True
        shapes = self._shapes.setdefault(family, set())
        if len(shapes) < FEW_SHAPES:
            shapes.add(_shapes_of(p))
        return _shapes_of(p) in shapes

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            function, returns = self.functions[name], FUNCTIONS[name].returns
        except KeyError:
            raise AttributeError(f"{self.name} has no {name}") from None

        def call(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if len(returns) == 1:
                return _convert(result, returns[0])
            assert len(result) == len(returns), (
                f"{name} must return {len(returns)} things, got {len(result)}"
            )
            return tuple(map(_convert, result, returns))

        return call


def _shapes_of(p: Any) -> Any:
    """Return the shapes of all arrays in an input, and what else has a size."""
    if isinstance(p, np.ndarray):
        return p.dtype, p.shape
    if isinstance(p, dict):
        return tuple(map(_shapes_of, p.values()))
    return tuple(map(_shapes_of, p)) if isinstance(p, tuple | list) else None


def _library(name: str, key: str) -> Library:
    if key not in LIBRARIES:
        raise UsageError(
            f"{name}.LIBRARY", f"{key!r} is unknown", f"Choose one of {', '.join(LIBRARIES)}."
        )
    return LIBRARIES[key]


def _convert(value: Any, kind: str) -> Any:
    """Return `value` as NumPy, in the way that its place in the result asks for."""
    if kind == "opaque" or (kind == "maybe" and value is None):
        return value
    if kind == "arrays":
        return {name: as_array(array) for name, array in value.items()}
    if kind == "list":
        return [as_array(array) for array in value]
    return as_array(value)


def as_array(value: Any) -> Any:
    """Return anything with `__array__` or DLPack, a number or a list, as an ndarray."""
    if isinstance(value, np.ndarray):
        return value
    if not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
        return np.from_dlpack(value)
    return np.asarray(value)


def of(module: ModuleType | str | Implementation) -> Implementation:
    """Return the Implementation for a module, or for its name."""
    if isinstance(module, Implementation):
        return module
    return Implementation.imported(module) if isinstance(module, str) else Implementation(module)
