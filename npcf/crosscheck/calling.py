"""How a model takes its ids: as x (B, 2), as two columns, as a pair of them, or in a dict.

    x            model(x)
    columns      model(users, items)
    x, None      model(x, None): fastai's tabular models
    pair         model((users, items))
    dict u i     model({"u": users, "i": items})

The signature says which are likely; the first that gives a number for each pair of ids is taken.
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.crosscheck.names import side_of
from npcf.crosscheck.torch_objects import is_module
from npcf.errors import UsageError
from npcf.foreign import kind_of

PAIRS = 3  # to try a form on: two could be taken for the two columns
CODE = {"x": "x", "columns": "x[:, 0], x[:, 1]", "x, None": "x, None",
        "pair": "(x[:, 0], x[:, 1])"}  # fmt: skip


def arguments(form: str, users: Any, items: Any, stacked: Callable[[], Any]) -> tuple[Any, ...]:
    """Return the arguments of a call; `stacked` makes x (B, 2)."""
    if form == "columns":
        return users, items
    if form == "pair":
        return ((users, items),)
    if form.startswith("dict "):
        user, item = form.split()[1:]
        return ({user: users, item: items},)
    return (stacked(),) if form == "x" else (stacked(), None)


def code_of_call(form: str) -> str:
    """Return the arguments of a call, as code in which x is (B, 2)."""
    if form.startswith("dict "):
        user, item = form.split()[1:]
        return f'{{"{user}": x[:, 0], "{item}": x[:, 1]}}'
    return CODE[form]


def call_forms(model: Any) -> tuple[str, ...]:
    """Return the ways to call a model that its signature admits, the likeliest first.

    Raises UsageError if it needs more than ids.
    """
    inner = model
    while is_module(inner) and (hasattr(inner, "_orig_mod") or _wraps(inner)):
        inner = getattr(inner, "_orig_mod", None) or inner.module
    try:
        signature = inspect.signature(inner.forward if is_module(inner) else inner)
    except (TypeError, ValueError):
        return ("x", "columns")
    kinds = inspect.Parameter
    required = [
        p.name
        for p in signature.parameters.values()
        if p.default is kinds.empty
        and p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
    ]
    if len(required) > 2:
        problem = f"takes {', '.join(required)}, where users and items alone are given"
        more = ", ".join(required[2:])
        cure = f"Pass a function of ids: model=lambda x: model(x[:, 0], x[:, 1], {more})."
        raise UsageError("model", problem, cure)
    if len(required) == 2:
        rest = required[1].startswith("cont")
        return ("x, None", "columns") if rest else ("columns", "x, None")
    return ("x", "pair", "dict") if required else ("x", "columns", "pair", "dict")


def _wraps(module: Any) -> bool:
    return type(module).__name__ in (
        "DataParallel", "DistributedDataParallel", "AveragedModel"
    ) and hasattr(module, "module")  # fmt: skip


class _Asked(dict[str, Any]):
    """A batch that learns its keys from who reads them: those that name a user or an item."""

    def __init__(self, users: Any, items: Any):
        super().__init__()
        self.columns = {"user": users, "item": items}
        self.keys_of: dict[str, str] = {}

    def __missing__(self, key: Any) -> Any:
        side = side_of(str(key))
        if not side or " " in str(key):
            raise KeyError(key)
        self.keys_of.setdefault(side, key)
        return self.columns[side]


def working_form(
    call: Callable[..., Any], forms: tuple[str, ...], ids: Any, stacked: Callable[[], Any]
) -> str:
    """Return the first form in which a call gives a number for each pair; else the first of all.

    Parameters
    ----------
    call : callable
        The model.
    forms : tuple of str
        Those that its signature admits.
    ids : column of `PAIRS` row numbers
        Given as users and as items.
    stacked : function
        Makes x (B, 2) of two columns.

    Raises
    ------
    UsageError
        If what it returns is no output alone, but several of them.
    """
    for form in forms:
        asked = _Asked(ids, ids)
        given = (asked,) if form == "dict" else arguments(form, ids, ids, stacked)
        try:
            output = call(*given)
        except Exception:  # not to be called so, or wrong: the first form is watched then
            continue
        if isinstance(output, tuple | list | dict):
            problem = f"returns {kind_of(output)}, not the predictions alone"
            key = repr(next(iter(output), "pred")) if isinstance(output, dict) else "0"
            cure = f"Pass a function that takes them out: model=lambda x: model(x)[{key}]."
            raise UsageError("model", problem, cure)
        shape = tuple(getattr(output, "shape", ()))
        if shape and np.prod(shape) % PAIRS == 0:
            keys = [asked.keys_of.get(side, side) for side in ("user", "item")]
            return " ".join(["dict", *keys]) if form == "dict" else form
    return forms[0]
