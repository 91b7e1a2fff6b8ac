"""What a function holds, and what these things hold: its model, its optimizer, its counters."""

import types
from collections.abc import Iterator
from typing import Any

import numpy as np

from npcf.crosscheck.torch_objects import is_module, is_tensor

DEPTH = 4  # a step that calls a helper, whose trainer holds a schedule, which holds the optimizer
MOST = 1000  # members of a container that is looked into
OPAQUE = (str, bytes, int, float, complex, bool, type, types.ModuleType, np.ndarray, np.generic)
LIBRARIES = ("torch", "numpy", "pandas", "fastai", "fastcore")  # whose functions hold nothing
ENOUGH = 5000  # things


def reachable(function: Any, depth: int = DEPTH) -> Iterator[Any]:
    """Go through what a function holds, the nearest first, each thing once.

    That is its object, closure, defaults, arguments and globals; of objects their attributes; of
    dicts, lists and tuples their members.  Modules, tensors and optimizers are not looked into.
    """
    level, known = [function], {id(None), id(function)}
    for _ in range(depth):
        if len(known) > ENOUGH:
            return
        found = [thing for one in level for thing in _held(one)]
        level = []
        for thing in found:
            if id(thing) not in known:
                known.add(id(thing))
                level.append(thing)
        yield from level


def _held(thing: Any) -> Iterator[Any]:
    """Go through what one thing holds."""
    if isinstance(thing, dict | list | tuple):
        few = len(thing) <= MOST
        yield from (thing.values() if isinstance(thing, dict) else thing) if few else ()
    elif isinstance(thing, types.FunctionType | types.MethodType) or hasattr(thing, "func"):
        if not _of_library(thing):
            yield from _held_by_function(thing)
    elif not (isinstance(thing, OPAQUE) or is_tensor(thing) or is_module(thing)):
        if not hasattr(thing, "param_groups"):
            yield from getattr(thing, "__dict__", {}).values()
        call = vars(type(thing)).get("__call__")
        if isinstance(call, types.FunctionType) and not _of_library(call):
            yield from _held_by_function(call)


def _of_library(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).partition(".")[0] in LIBRARIES


def _held_by_function(function: Any) -> Iterator[Any]:
    yield getattr(function, "__self__", None)
    yield getattr(function, "func", None)  # what a functools.partial calls
    yield from getattr(function, "args", None) or ()  # of a functools.partial
    yield from (getattr(function, "keywords", None) or {}).values()
    inner = getattr(function, "func", None) or getattr(function, "__func__", None) or function
    for cell in getattr(inner, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from getattr(inner, "__defaults__", None) or ()
    code, names = getattr(inner, "__code__", None), getattr(inner, "__globals__", {})
    yield from (names[name] for name in getattr(code, "co_names", ()) if name in names)
