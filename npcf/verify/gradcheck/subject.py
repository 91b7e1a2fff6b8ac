"""Somebody's function and gradient as the checks see them: one vector in, one vector out, checked.

All float inputs, laid end to end, are the vector x (N,); the output, flattened, is (M,).
"""

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params
from npcf.errors import (
    DivergenceError,
    DTypeError,
    ShapeError,
    UsageError,
    as_array,
    require_callable,
    require_floats,
)
from npcf.verify.precision import PRECISION, Precision
from npcf.verify.report import Mismatch, worst_entry

SINGLE, DOUBLE = PRECISION[np.dtype(np.float32)], PRECISION[np.dtype(np.float64)]


def as_vjp(
    forward: Callable[..., Any], backward: Callable[..., Any], **settings: Any
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return (f, vjp) of a pair forward(*inputs) -> (out, cache), backward(d_out, cache).

    `settings` are keyword arguments of `forward` that get no gradient: low, high, rating.
    """

    def f(*inputs: Any) -> Any:
        return forward(*inputs, **settings)[0]

    def vjp(d_out: Any, *inputs: Any) -> Any:
        return backward(d_out, forward(*inputs, **settings)[1])

    # the inputs' names in a report are those of `forward`
    f.__signature__ = _without(forward, settings)  # type: ignore[attr-defined]
    return f, vjp


class FlatFunction:
    """f and vjp over one vector; raises typed errors where they are not what they should be."""

    def __init__(self, f: Callable[..., Any], vjp: Callable[..., Any], inputs: Sequence[Any]):
        for name, function in (("f", f), ("vjp", vjp)):
            require_callable(name, function, "Pass f, vjp.")
        if not isinstance(inputs, tuple | list):
            raise UsageError(
                "inputs", f"must be a tuple, got {type(inputs).__name__}", "Write (x,) for one x."
            )
        self._f, self._vjp = f, vjp
        self._inputs = [_check(i, value) for i, value in enumerate(inputs)]
        self._floats = [i for i, array in enumerate(self._inputs) if array.dtype.kind == "f"]
        if not self._floats:
            raise UsageError("inputs", "has no float array", "Pass one, as np.array([1.0]).")
        names = _names(f, len(inputs))
        self.arrays = [(names[i], self._inputs[i].shape) for i in self._floats]
        self.x = np.concatenate([self._inputs[i].ravel() for i in self._floats])
        self.shape: tuple[int, ...] = ()
        self.value = self._first_call()
        self.precision = self._precision()
        if self.precision is SINGLE:  # the step must land on numbers that f can tell apart
            self.x = self.x.astype(np.float32).astype(np.float64)
            self.value = self.out(self.x).astype(np.float64)

    @property
    def step(self) -> float:
        """The step of a central quotient, relative: where truncation and rounding balance."""
        return float((2 * self.precision.u) ** (1 / 3))

    def out(self, x: FloatArray) -> FloatArray:
        """Return f at x, flattened: (M,), of the dtype that f returns."""
        result = as_array("f", self._f(*self._at(x)))
        if result.shape != self.shape:
            raise ShapeError(
                "f",
                f"returned {result.shape} after {self.shape}",
                "Let its shape depend on the shapes of the inputs alone.",
            )
        return result.reshape(-1)

    def out_or_nan(self, x: FloatArray) -> FloatArray:
        """Return f at x, or NaN where a step led outside the domain of f."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                return self.out(x).astype(np.float64)
        except ShapeError:
            raise
        except (ValueError, ArithmeticError):  # math.log(-1), an overflow that f refuses
            return np.full(self.value.shape, np.nan)

    def pull(self, d_out: FloatArray, x: FloatArray | None = None) -> FloatArray:
        """Return vjp of the flattened d_out (M,) at x: (N,)."""
        upstream: Any = d_out.reshape(self.shape) if self.shape else float(d_out[0])
        result = self._vjp(upstream, *self._at(self.x if x is None else x))
        grads = list(result) if isinstance(result, tuple | list) else [result]
        if len(grads) == len(self._inputs):
            grads = [grads[i] for i in self._floats]
        if len(grads) != len(self._floats):
            raise UsageError(
                "vjp",
                f"returned {len(grads)} gradients for {len(self._floats)} float inputs",
                "Return one for each, in their order; None for what has no gradient.",
            )
        names = [f"vjp's gradient of {name}" for name, _ in self.arrays]
        grads = [as_array(name, grad) for name, grad in zip(names, grads, strict=True)]
        for grad, name, (_, shape) in zip(grads, names, self.arrays, strict=True):
            if grad.shape != shape or grad.dtype.kind not in "iuf":
                raise ShapeError(
                    name,
                    f"is {grad.dtype} {grad.shape}, and the input {shape}",
                    "A gradient has the shape of its input.",
                )
        return np.concatenate([np.asarray(grad, np.float64).ravel() for grad in grads])

    def _at(self, x: FloatArray) -> list[Any]:
        """Return the inputs, fresh copies, with the floats taken from x."""
        values, start = [array.copy() for array in self._inputs], 0
        for i in self._floats:
            size = values[i].size
            values[i] = x[start : start + size].reshape(values[i].shape).copy()
            start += size
        return values

    def _precision(self) -> Precision:
        """Return the precision that f computes in, whatever it is given.

        JAX without x64 and functions that cast answer float64 in float32.  f shows it by its
        output's dtype, or by not noticing a change of its inputs far above float64's rounding.
        """
        if np.asarray(self._f(*self._at(self.x))).dtype == np.float32:
            return SINGLE
        signs = np.where(np.arange(self.x.size) % 2, 1.0, -1.0)
        slightly, more = (self.out_or_nan(self.x * (1 + signs * eps)) for eps in (2**-40, 2**-18))
        blind = (slightly == self.value).all() and (more != self.value).any()
        return SINGLE if blind else DOUBLE

    def _first_call(self) -> FloatArray:
        """Return f at the inputs, having looked at all that can be wrong with f."""
        given = self._at(self.x)
        result = as_array("f", self._f(*given))
        for i, (before, after) in enumerate(zip(self._inputs, given, strict=True)):
            if not np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
                raise UsageError(f"inputs[{i}]", "was changed by f", "f must leave it as it is.")
        if result.dtype.kind != "f":
            raise DTypeError(
                "f",
                f"must return floats, got {result.dtype} {result.shape}",
                "Return one float array or number.",
            )
        self.shape, value = result.shape, result.reshape(-1).astype(np.float64)
        if not np.isfinite(value).all():
            at = int((~np.isfinite(value)).argmax())
            raise DivergenceError(
                "f",
                f"returned {value[at]}",
                "Pass inputs at which f is finite.",
                position=at,
                value=value[at],
            )
        if (self.out(self.x) != value).any():
            raise UsageError(
                "f",
                "returned other numbers the second time",
                "Make its generator anew in each call.",
            )
        return value


def worst_entries(
    subject: FlatFunction,
    method: str,
    analytic: FloatArray,
    numeric: FloatArray,
    allowed: FloatArray,
    rows: Any = None,
) -> Iterator[Mismatch]:
    """Yield the worst entry of every array; `rows` are the row numbers of each, if not 0, 1, …."""
    start = 0
    for name, shape in subject.arrays:
        part = slice(start, start + int(np.prod(shape)))
        start = part.stop
        if analytic[part].size:
            a, b, room = (values[part].reshape(shape) for values in (analytic, numeric, allowed))
            yield worst_entry(method, name, a, b, room, rows and rows[name])


def _check(i: int, value: Any) -> Any:
    """Return one input as an array: float64, or integers as they are."""
    array = as_array(f"inputs[{i}]", value)
    if array.dtype.kind in "iub":
        return array
    array = require_floats(f"inputs[{i}]", array)
    if array.dtype.kind == "c":
        raise DTypeError(f"inputs[{i}]", "is complex", "Pass the real numbers; the step is ours.")
    if not np.isfinite(array).all():
        raise DivergenceError(
            f"inputs[{i}]",
            "is not finite",
            "Pass finite numbers.",
        )
    return array.astype(np.float64)


def _names(f: Callable[..., Any], n: int) -> list[str]:
    """Return the names of the inputs: f's own where its signature has them."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    named = [p.name for p in parameters if p.kind in plain]
    return [named[i] if i < len(named) else f"input {i}" for i in range(n)]


def _without(forward: Callable[..., Any], settings: dict[str, Any]) -> inspect.Signature:
    parameters = inspect.signature(forward).parameters.values()
    return inspect.Signature([p for p in parameters if p.name not in settings])


class FlatTables(FlatFunction):
    """A function of a model's tables, by their names, that is right by itself: only stepped."""

    def __init__(self, f: Callable[[Params], Any], tables: Params):
        self._f = lambda *inputs: f(dict(zip(tables, inputs, strict=True)))
        self._inputs, self._floats = list(tables.values()), list(range(len(tables)))
        self.arrays = [(name, table.shape) for name, table in tables.items()]
        self.x = np.concatenate([table.ravel() for table in tables.values()])
        value = np.asarray(self._f(*self._inputs))
        self.shape, self.value, self.precision = value.shape, value.reshape(-1), DOUBLE
        self._ends = np.cumsum([table.size for table in tables.values()]).tolist()

    def _at(self, x: FloatArray) -> list[Any]:
        """Return x as tables: views, for this f changes nothing."""
        starts = [0, *self._ends]
        parts = zip(starts, self._ends, self.arrays, strict=False)
        return [x[start:end].reshape(shape) for start, end, (_, shape) in parts]
