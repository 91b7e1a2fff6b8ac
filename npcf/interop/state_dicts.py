"""The sources' names and shapes for the four tables, converted into each other bit for bit.

                    user_factors (U, K)  item_factors (I, K)   user_bias           item_bias
    npcf            user_factors         item_factors          user_bias (U,)      item_bias (I,)
    fastai          u_weight.weight      i_weight.weight       u_bias.weight       i_bias.weight
    lesson          u.weight             m.weight              ub.weight           mb.weight
    embedding       user_factors.weight  movie_factors.weight  user_bias.weight    movie_bias.weight
    create_params   user_factors         movie_factors         user_bias (U,)      movie_bias (I,)

fastai is the library's `EmbeddingDotBias`, lesson the notebook's class of that name, embedding and
create_params the book's two classes.  An Embedding's bias is (n, 1), an indexed array's (n,): the
same memory with or without a unit axis, so converting there and back gives the same bits, in the
same dtype.  A model without biases has the two tables of factors only.

A state is a mapping from names to arrays, a torch module, or either in one of the usual wrappings
(`npcf.interop.wrappings`).  torch tensors may be handed over as they are: they are detached and
copied to the CPU, and bfloat16 and float16 become float32, which holds the same numbers; torch
itself is not imported.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray, Params, YRange
from npcf.errors import (
    DTypeError,
    ShapeError,
    UsageError,
    no_numbers,
    require_choice,
    require_floats,
)
from npcf.interop.wrappings import unwrapped
from npcf.models import PairModel


class Layout(NamedTuple):
    """The keys of the four tables, in npcf's order, and whether biases have a unit axis."""

    user_factors: str
    item_factors: str
    user_bias: str
    item_bias: str
    column: bool

    @property
    def keys(self) -> dict[str, str]:
        """The source's key of each of npcf's tables."""
        return dict(zip(self._fields[:4], self[:4], strict=True))


LAYOUTS = {
    "npcf": Layout("user_factors", "item_factors", "user_bias", "item_bias", False),
    "fastai": Layout("u_weight.weight", "i_weight.weight", "u_bias.weight", "i_bias.weight", True),
    "lesson": Layout("u.weight", "m.weight", "ub.weight", "mb.weight", True),
    "embedding": Layout(
        "user_factors.weight",
        "movie_factors.weight",
        "user_bias.weight",
        "movie_bias.weight",
        True,
    ),
    "create_params": Layout("user_factors", "movie_factors", "user_bias", "movie_bias", False),
}


ROOTS = sorted({layout.user_factors for layout in LAYOUTS.values()})


def detect_layout(state: Mapping[str, Any]) -> str:
    """Return the name of the layout whose keys `state` has, all four or the two of factors.

    Raises UsageError naming what is missing or what is too much.
    """
    return _layout_of(unwrapped(state, ROOTS, lambda keys: _whole(keys) is not None))


def parameters_of(state: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Return the arrays of the one model inside `state`, under its own names, in any wrapping."""
    found = unwrapped(state, ROOTS, lambda keys: _whole(keys) is not None)
    return {str(key): array for key, array in found.items() if isinstance(array, np.ndarray)}


def _whole(have: set[str]) -> str | None:
    """Return the layout that has exactly these keys, or None."""
    for name, layout in LAYOUTS.items():
        keys = list(layout.keys.values())
        if have in (set(keys), set(keys[:2])):
            return name
    return None


def _layout_of(state: Mapping[str, Any]) -> str:
    """Return the layout of a mapping that is not wrapped, or raise."""
    have = set(map(str, state))
    whole = _whole(have)
    if whole is not None:
        return whole
    nearest = max(LAYOUTS, key=lambda name: len(have & set(LAYOUTS[name].keys.values())))
    wanted = set(LAYOUTS[nearest].keys.values())
    if not have & wanted:
        raise UsageError(
            "state",
            f"has none of the known keys; it has {_listed(have) or 'none at all'}",
            f"The layouts are {', '.join(LAYOUTS)}.",
        )
    missing, extra = _listed(wanted - have), _listed(have - wanted)
    parts = [f"lacks {missing}"] * bool(missing) + [f"has in addition {extra}"] * bool(extra)
    raise UsageError(
        "state",
        f"is nearest to the layout {nearest!r}, but {' and '.join(parts)}",
        f"That layout has {_listed(wanted)}.",
    )


def convert(state: Mapping[str, Any], to: str) -> Params:
    """Return the tables of `state`, whose layout is detected, as new arrays in the layout `to`.

    Values and dtype are untouched, but that bfloat16 and float16 are widened.
    Raises ShapeError, DTypeError or UsageError, naming the key.
    """
    target = LAYOUTS[require_choice("to", to, LAYOUTS)]
    state = unwrapped(state, ROOTS, lambda keys: _whole(keys) is not None)
    source = LAYOUTS[_layout_of(state)]
    result = {}
    for name, key in source.keys.items():
        if key in state:
            array = _as_array(key, state[key])
            if name.endswith("bias"):
                array = _with_axis(key, array, source.column, target.column)
            result[target.keys[name]] = array
    _check_tables(source, target, result)
    return result


def model_from_state(state: Mapping[str, Any], y_range: YRange = None) -> PairModel:
    """Return a model of npcf with copies of the tables of `state`, in any layout or wrapping.

    Values are untouched, as in `convert`; `y_range`, the ends of the predictions, is in no state.
    Predictions are (B,), whatever the source's are.

    Raises as `convert`, and SettingError for a range where there are no biases.
    """
    return PairModel(convert(state, "npcf"), y_range)


def _as_array(key: str, table: Any) -> FloatArray:
    """Return a copy of an array, or of a tensor, as a C-ordered ndarray of real floats."""
    array = require_floats(f"state[{key!r}]", table)
    if array.dtype.kind != "f":
        raise no_numbers(f"state[{key!r}]", array, "holds complex numbers", "float64")
    return np.array(array, order="C", subok=False)


def _with_axis(key: str, bias: FloatArray, has_axis: bool, wants_axis: bool) -> FloatArray:
    """Put the unit axis of a bias on or off."""
    right = bias.ndim == 2 and bias.shape[1] == 1 if has_axis else bias.ndim == 1
    if not right:
        shape = "(n, 1)" if has_axis else "(n,)"
        raise ShapeError(
            f"state[{key!r}]",
            f"must be {shape} in this layout, got {bias.shape}",
            "Biases are (n, 1) in an Embedding and (n,) in an indexed array.",
        )
    return bias.reshape(len(bias), *[1] * wants_axis)


def _check_tables(source: Layout, target: Layout, tables: Params) -> None:
    """Raise unless the tables, named as in `target`, belong together."""
    got = {name: tables[key] for name, key in target.keys.items() if key in tables}
    first = got["user_factors"]
    for name, table in got.items():
        key = f"state[{source.keys[name]!r}]"
        if table.dtype != first.dtype:
            raise DTypeError(
                key,
                f"dtype {table.dtype} is not {first.dtype} of {source.user_factors!r}",
                "Give all tables one dtype.",
            )
        side = got[f"{name.split('_')[0]}_factors"]
        if name.endswith("bias") and len(table) != len(side):
            raise ShapeError(
                key,
                f"has {len(table)} rows for {len(side)} rows of factors",
                "Take both tables of one model: as many rows of biases as of factors.",
            )
        if name.endswith("factors") and (table.ndim != 2 or table.shape[1:] != first.shape[1:]):
            raise ShapeError(
                key,
                f"shape {table.shape} does not match {source.user_factors!r} of shape "
                f"{first.shape}",
                "Factors are (U, K) and (I, K).",
            )


def _listed(keys: set[str]) -> str:
    return ", ".join(sorted(map(repr, keys)))
