"""State dicts as they come: wrapped by DataParallel, torch.compile, Lightning, fastai, averaging.

    module.                       torch.nn.DataParallel, DistributedDataParallel, swa AveragedModel
    _orig_mod.                    torch.compile
    model.                        Lightning, whose checkpoint has the state under "state_dict"
    {"model": ..., "opt": ...}    fastai's Learner.save
    {"model_state_dict": ...}     torch's own tutorial

Any prefix and any nesting is taken off where exactly one model is found under it, and it is said
which; where there are two, such as a model and its moving average, the error names both.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from npcf.errors import UsageError, require_type

log = logging.getLogger("npcf")  # warnings reach standard error even without a handler

DEPTH = 3  # mappings in mappings

State = Mapping[str, Any]
Fits = Callable[[set[str]], bool]


class Found(NamedTuple):
    """One model inside a state: the expression for the mapping that holds it, and its prefix."""

    where: str
    prefix: str
    tables: State

    @property
    def expression(self) -> str:
        """Python that takes these tables out of `state`."""
        if not self.prefix:
            return self.where
        p = self.prefix
        items = f"{self.where}.items()"
        return f"{{k.removeprefix({p!r}): v for k, v in {items} if k.startswith({p!r})}}"


def unwrapped(state: Any, roots: list[str], fits: Fits) -> State:
    """Return the one mapping inside `state` whose keys fit; or, if there is none, the likeliest.

    `roots` are the keys that a table of user factors may have; `fits` says whether a set of keys
    is a whole layout.  Raises UsageError if there are several.
    """
    state = _mapping(state)
    found = list(_search(state, roots, fits, "state", DEPTH))
    if len(found) > 1:
        places = " and ".join(_place(one) for one in found)
        cure = f"Pass one of them, such as {found[0].expression}."
        raise UsageError("state", f"holds {len(found)} models, {places}", cure)
    if not found:
        return _likeliest(state, roots)
    if found[0].tables is not state:
        log.warning("took the tables from %s", _place(found[0]))
    return found[0].tables


def _mapping(state: Any) -> State:
    if not isinstance(state, Mapping) and not isinstance(state, type):
        if hasattr(state, "state_dict"):  # a torch module
            state = state.state_dict()
        elif hasattr(state, "core_params"):  # a model of npcf
            state = state.core_params()
    cure = "Pass a state dict: model.state_dict(), or torch.load(path, weights_only=True)."
    mapping: State = require_type("state", state, Mapping, cure)
    return mapping


def _search(state: State, roots: list[str], fits: Fits, where: str, depth: int) -> Iterator[Found]:
    """Go through the models that `state` holds under a prefix, else those of nested mappings."""
    prefixes = _prefixes(state, roots)
    models = {prefix: _under(prefix, state) for prefix in prefixes}
    here = [
        Found(where, prefix, tables)
        for prefix, tables in models.items()
        if fits(set(tables)) and not (prefix and _strays(state, prefixes))
    ]
    yield from here
    if here or not depth:
        return
    for key, inner in state.items():
        if isinstance(inner, Mapping):
            yield from _search(inner, roots, fits, f"{where}[{key!r}]", depth - 1)


def _prefixes(state: State, roots: list[str]) -> list[str]:
    """Return what stands before a table of user factors, "" first."""
    names = [key for key in state if isinstance(key, str)]
    heads = {key[: -len(root)] for key in names for root in roots if key.endswith(root)}
    return sorted(head for head in heads if not head or head.endswith("."))


def _under(prefix: str, state: State) -> State:
    if not prefix:
        return state
    return {
        key[len(prefix) :]: value
        for key, value in state.items()
        if isinstance(key, str) and key.startswith(prefix)
    }


def _strays(state: State, prefixes: list[str]) -> list[Any]:
    """Return the keys of arrays under none of the prefixes; a counter such as n_averaged is 0-d."""
    heads = tuple(prefix for prefix in prefixes if prefix)
    return [
        key
        for key, value in state.items()
        if getattr(value, "ndim", 0) and not str(key).startswith(heads)
    ]


def _likeliest(state: State, roots: list[str], depth: int = DEPTH) -> State:
    """Return the mapping that holds most arrays, without the prefix that all of them share."""
    best, most = state, _arrays(state)
    if depth:
        for inner in state.values():
            found = _likeliest(inner, roots, depth - 1) if isinstance(inner, Mapping) else {}
            if _arrays(found) > most:
                best, most = found, _arrays(found)
    prefixes = _prefixes(best, roots)
    if len(prefixes) != 1:
        return best
    return {str(key).removeprefix(prefixes[0]): value for key, value in best.items()}


def _arrays(state: State) -> int:
    return sum(hasattr(value, "shape") for value in state.values())


def _place(found: Found) -> str:
    prefix = f" under the prefix {found.prefix!r}" if found.prefix else ""
    return f"{found.where}{prefix}"
