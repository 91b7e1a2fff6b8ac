"""An answer, read: numbers of any library, or a function that computes them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from npcf.errors import NpcfError, ShapeError, UsageError, as_array, require_real
from npcf.foreign import SAID, kind_of
from npcf.teach.practice.draws import Inputs
from npcf.teach.practice.programs import Results

# What a function under study may raise.  Not Exception: a time limit is nobody's answer.  But
# sys.exit(0), passed on, would end `npcf exercise` as a right answer does.
RAISED = (*SAID, AssertionError, ImportError, NameError, SystemExit)


def read_answer(answer: Any, names: tuple[str, ...]) -> Results:
    """Return the numbers of an answer in float64, which holds each, by the names of what was asked.

    One array, or several: by name, or in their order.
    """
    if len(names) == 1 and not isinstance(answer, Mapping):
        parts = {names[0]: answer}
    elif isinstance(answer, Mapping):
        parts = dict(answer)
        if set(parts) != set(names):
            problem = f"has {', '.join(map(str, parts)) or 'nothing'}"
            raise UsageError("answer", problem, f"Name {', '.join(names)}.")
    else:
        found = answer if isinstance(answer, list | tuple) else as_array("answer", answer)
        n = 0 if getattr(found, "ndim", 1) == 0 else len(found)
        if n != len(names):
            cure = f"Give {len(names)}, in this order: {', '.join(names)}."
            raise ShapeError("answer", f"has {n} parts" if n else "is one number", cure)
        parts = dict(zip(names, found, strict=True))
    return {name: require_real(name, parts[name]).astype(np.float64) for name in names}


def copied(x: Inputs) -> Inputs:
    """Return the same numbers in arrays of their own, which may be written to."""
    return {name: np.array(a) if isinstance(a, np.ndarray) else a for name, a in x.items()}


def call(function: Callable[..., Any], x: Inputs, names: tuple[str, ...]) -> Results | str:
    """Return what a function answers, or in a line what it did instead."""
    try:
        with np.errstate(all="ignore"):
            answer = function(*copied(x).values())
    except RAISED as error:
        said = " ".join(str(error).split())
        return f"raised {type(error).__name__}{': ' if said else ''}{said}"
    if answer is None:
        return "returned None: the return is missing"
    try:
        return read_answer(answer, names)
    except NpcfError as error:
        return f"returned {kind_of(answer)}, which is no answer: {error.message}"
