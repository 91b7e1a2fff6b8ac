"""A first call of every function: what is wrong with a signature breaks every law.

Each function is called once on a plain input: does it take its arguments, does it return as many
things as it should, of the right shape and dtype?  What fails here is said in one line, and the
laws that need the function are not tried.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.sizes import PLAIN, USUAL, make
from npcf.verify.conformance.subjects import SUBJECTS, Subject


class Finding(NamedTuple):
    """One thing that is wrong with a function before any law is tried."""

    function: str
    problem: str  # one line

    def __str__(self) -> str:
        return f"{self.function}: {self.problem}"


def preflight(impl: Implementation) -> list[Finding]:
    """Call every function of `impl` that the contracts are about; return what is wrong."""
    found: list[Finding] = []
    for s in SUBJECTS:
        for dtype in impl.dtypes:
            if impl.lacks(s.needs):
                break
            finding = _finding(s, impl, dtype)
            if finding is not None:
                found.append(finding)
                break
    return found


def _finding(s: Subject, impl: Implementation, dtype: Any) -> Finding | None:
    p = make(s.name, USUAL._replace(dtype=dtype))
    want = s.all(PLAIN, p)
    function = s.needs[0]
    try:
        if s.is_step:
            got = s.all(impl, p)
        else:
            out, cache = s.forward(impl, p)
            problem = _look(["out"], [out], want[:1])
            if problem:
                return Finding(function, problem)
            function = s.needs[1]
            got = (out, *s.backward(impl, s.upstream_of(p), cache))
    except Exception as error:  # whatever somebody's function raises on a plain input
        text = str(error).strip().splitlines()
        return Finding(function, f"{type(error).__name__}: {text[0] if text else ''}")
    problem = _look([*s.results], got, want)
    return Finding(function, problem) if problem else None


def _look(names: list[str], got: Any, want: Any) -> str:
    """Return what is wrong with the kind of a result, or ""."""
    if len(got) != len(want):
        return f"returns {len(got)} results, not {len(want)}"
    for name, a, b in zip(names, got, want, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return f"{name} has shape {a.shape}, not {b.shape}"
        if a.dtype != b.dtype:
            return f"{name} is {a.dtype} where the input is {b.dtype}"
    return ""
