"""State dicts of fastai's networks: which layers there are follows from names and shapes."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from npcf._types import YRange
from npcf.errors import (
    UsageError,
    as_array,
    require_floats,
    require_same_dtype,
    require_tables,
)
from npcf.models.networks.network import Layout, Network, names_of
from npcf.models.networks.parts import COUNT, VAR, Part, linear_block
from npcf.models.networks.settings import checked_ps

Model = TypeVar("Model", bound=Network)
CURE = "Pass the state_dict() of fastai's EmbeddingNN, or of its TabularModel."
LAYER = re.compile(r"layers\.(\d+)\.(\d+)\.\w+")


def arrays_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return copies of the arrays of a state dict, in its order; a count keeps its integers."""
    require_tables("state", state)
    found = {}
    for name, value in state.items():
        argument = f"state[{name!r}]"
        is_count = str(name).endswith(COUNT)
        array = as_array(argument, value) if is_count else require_floats(argument, value)
        found[str(name)] = np.array(array, order="C")
    floats = {f"state[{name!r}]": a for name, a in found.items() if a.dtype.kind == "f"}
    if floats:
        require_same_dtype(**floats)
    return found


def built(
    cls: type[Model], layout: Layout, arrays: Mapping[str, Any], y_range: YRange, rng: Any
) -> Model:
    """Return a network of `cls` that holds the arrays of a state dict, or raise."""
    _require_names(layout, arrays)
    self = cls.__new__(cls)
    Network.__init__(self, {}, {}, layout, y_range, rng)
    names = {theirs: ours for ours, theirs in names_of(layout).items()}
    for theirs, array in arrays.items():
        statistic = theirs.rpartition(".")[2] not in ("weight", "bias")
        (self.buffers if statistic else self.params)[names[theirs]] = array
    return self


def layout_of(arrays: Mapping[str, Any], ps: Any) -> Layout:
    """Return what a network with these arrays is made of, or raise."""
    fields = {f"embeds_{i}": f"embeds.{i}" for i in range(len(arrays))
              if f"embeds.{i}.weight" in arrays}  # fmt: skip
    blocks: dict[int, dict[int, bool]] = {}  # block: {place: whether it is a normalisation}
    for name in arrays:
        if match := LAYER.fullmatch(name):
            block, place = map(int, match.groups())
            norm = f"layers.{block}.{place}.{VAR}" in arrays
            blocks.setdefault(block, {})[place] = norm
    n = len(blocks) - 1
    if n < 0 or not fields or sorted(blocks) != list(range(n + 1)):
        raise UsageError("state", "has no embeds.0.weight and layers.0.0.weight, ...", CURE)
    lin_first = _linear_first(blocks)
    parts: list[Part] = []
    for i, p in enumerate([*checked_ps(ps, n), 0.0]):
        norm = any(blocks[i].values())
        parts += linear_block(i, f"layers.{i}", norm=norm, p=p, relu=i < n, lin_first=lin_first)
    return _with_columns(Layout(fields, parts), arrays)


def _linear_first(blocks: Mapping[int, Mapping[int, bool]]) -> bool:
    """Whether linear layers stand before normalisations and dropouts."""
    return not any(places.get(0, False) for places in blocks.values())


def _with_columns(layout: Layout, arrays: Mapping[str, Any]) -> Layout:
    """Return the layout with as many continuous columns as the first linear layer has room for."""
    first = next(part for part in layout.parts if part.kind == "linear")
    weight = arrays.get(f"{first.source}.weight")
    if weight is None or weight.ndim != 2:
        raise UsageError("state", f"has no matrix {first.source}.weight", CURE)
    width = sum(arrays[f"{source}.weight"].shape[-1] for source in layout.fields.values())
    n_cont = weight.shape[1] - width
    if n_cont < 0:
        problem = f"has embeddings of {width} numbers, and {first.source}.weight takes fewer"
        raise UsageError("state", problem, CURE)
    return layout._replace(n_cont=n_cont, cont_norm="bn_cont.weight" in arrays)


def _require_names(layout: Layout, arrays: Mapping[str, Any]) -> None:
    """Raise unless the arrays are those that the layers have, no more and no fewer."""
    known = set(names_of(layout).values())
    more = sorted(set(arrays) - known)
    if more:
        raise UsageError("state", f"has {more[0]!r}, which no layer has", CURE)
    needed = {name for name in known if not name.endswith(".bias")}
    lacks = sorted(needed - set(arrays))
    if lacks:
        raise UsageError("state", f"lacks {lacks[0]!r}", CURE)
