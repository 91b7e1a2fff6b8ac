"""Validation of what networks are made of: sizes of embeddings, widths of layers, dropouts."""

from collections.abc import Mapping, Sequence
from typing import Any

from npcf.errors import SettingError, ShapeError, require_count, require_number, require_pair
from npcf.foreign import shown


def checked_sizes(emb_szs: Any) -> list[tuple[int, int]]:
    """Return (rows, width) of each embedding, or raise."""
    sizes = list(emb_szs.values()) if isinstance(emb_szs, Mapping) else emb_szs
    if not isinstance(sizes, Sequence) or isinstance(sizes, str | bytes) or not len(sizes):
        cure = "Write a (rows, width) for each field: emb_szs=[(944, 74), (1665, 102)]."
        raise SettingError("emb_szs", f"is no list of sizes: {shown(emb_szs)}", cure)
    pairs = [require_pair(f"emb_szs[{i}]", size) for i, size in enumerate(sizes)]
    return [(require_count(f"emb_szs[{i}]", n, 0), require_count(f"emb_szs[{i}]", k, 0))
            for i, (n, k) in enumerate(pairs)]  # fmt: skip


def checked_widths(layers: Any) -> list[int]:
    """Return the outputs of each block, or raise."""
    if not isinstance(layers, list | tuple):
        cure = "Write the outputs of each block: layers=[100, 50]."
        raise SettingError("layers", f"is no list of widths: {shown(layers)}", cure)
    return [require_count(f"layers[{i}]", width) for i, width in enumerate(layers)]


def checked_ps(ps: Any, n: int) -> list[float]:
    """Return a dropout's probability for each of n blocks, or raise."""
    if ps is None:
        return [0.0] * n
    numbers = list(ps) if isinstance(ps, list | tuple) else [ps] * n
    if len(numbers) != n:
        problem = f"has {len(numbers)} numbers for {n} layers"
        raise ShapeError("ps", problem, "Write one number, or one for each of layers.")
    return [require_number(f"ps[{i}]", p, high=1.0) for i, p in enumerate(numbers)]
