"""A shrunk input as code to paste: it rebuilds the input and runs the one law it broke."""

from typing import Any

import numpy as np

from npcf.verify import strategies
from npcf.verify.conformance.implementation import of
from npcf.verify.conformance.law import LAWS

STRATEGIES = strategies.__name__


def replay(law: str, implementation: Any, p: Any) -> None:
    """Run one law on one input, given the implementation's module or its name.

    Raises whatever the law raises: AssertionError where it is broken.
    """
    LAWS[law].function(of(implementation), p)


def as_script(law: str, implementation: str, p: Any) -> str:
    """Return a script that replays `p`; layouts of arrays that are not plain are kept."""
    body = as_code(p, "    ") if _is_record(p) else as_code(p)
    lines = ["import numpy as np", "", "from npcf.verify.conformance import replay"]
    homes = {type(part).__name__: _home(type(part)) for part in _records(p)}
    if "lay_out(" in body:
        homes["lay_out"] = STRATEGIES
    for home in sorted(set(homes.values())):
        names = sorted(name for name, of in homes.items() if of == home)
        lines.append(f"from {home} import {', '.join(names)}")
    return "\n".join([*lines, "", f"p = {body}", f'replay("{law}", "{implementation}", p)', ""])


def as_code(value: Any, indent: str = "") -> str:
    """Return an expression that makes `value` again; a record stands on several lines."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if _is_record(value):
        fields = [
            f"{name}={as_code(part)}" for name, part in zip(value._fields, value, strict=True)
        ]
        if not indent:
            return f"{type(value).__name__}({', '.join(fields)})"
        inner = "".join(f"{indent}{field},\n" for field in fields)
        return f"{type(value).__name__}(\n{inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {as_code(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        inner = ", ".join(map(as_code, value)) + ("," if len(value) == 1 else "")
        return f"[{inner.rstrip(',')}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, np.dtype):
        return f"np.dtype({value.name!r})"
    if isinstance(value, float | np.generic):
        return _number(value)
    return repr(value)


def _array(array: Any) -> str:
    dtype = f"np.{array.dtype.name}"
    if array.size == 0:
        return f"np.zeros({array.shape}, {dtype})"
    layout = _layout(array)
    code = f"np.array({_nested(array)}, {dtype})"
    return code if layout == "C" else f'lay_out({code}, "{layout}")'


def _nested(array: Any) -> str:
    if array.ndim == 0:
        return _number(array[()])
    return "[" + ", ".join(_nested(np.asarray(part)) for part in array) + "]"


def _number(number: Any) -> str:
    """Return the shortest digits that give the number back in its own precision."""
    if np.isnan(number):
        return "np.nan"
    if np.isinf(number):
        return "np.inf" if number > 0 else "-np.inf"
    return str(number)


def _layout(array: Any) -> str:
    """Return the name that `strategies.lay_out` has for the array's memory."""
    if not array.flags.writeable:
        return "read-only"
    if array.flags.c_contiguous:
        return "C"
    if array.flags.f_contiguous:
        return "F"
    return "reversed" if array.strides[0] < 0 else "strided"


def _is_record(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _records(value: Any) -> list[Any]:
    """Return every NamedTuple inside `value`, itself included."""
    found = [value] if _is_record(value) else []
    if isinstance(value, tuple | list):
        for part in value:
            found += _records(part)
    return found


def _home(record: type) -> str:
    """Return the module to import a record from."""
    return STRATEGIES if hasattr(strategies, record.__name__) else record.__module__
