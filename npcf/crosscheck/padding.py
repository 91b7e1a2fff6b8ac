"""Padding rows: an Embedding's padding_idx, which no id of the caller's names, is no mistake.

Its row gets no gradient.  Where ids begin at 1 that is meant; where a row 0 is somebody it is a
mistake, and shows on a batch that names it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from npcf.crosscheck.batch import Batch
from npcf.crosscheck.evidence import Fact, Probe
from npcf.crosscheck.subject import Subject


def padding_left_out(subject: Subject, batch: Batch) -> tuple[dict[str, int], list[Fact]]:
    """Return the padding row of "user" and "item", where the caller's ids leave it out."""
    modules = subject.model.modules() if subject.model is not None else ()
    rows = {
        id(module.weight): module.padding_idx
        for module in modules
        if getattr(module, "padding_idx", None) is not None and hasattr(module, "weight")
    }
    found: dict[str, int] = {}
    for name, table in subject.tables.items():
        side = name.partition("_")[0]
        ids = batch.users if side == "user" else batch.items
        row = rows.get(id(table))
        if row is not None and row not in ids and len(table) > 1:
            found[side] = row
    facts = [
        Fact(
            "contract", "padding-row",
            f"Row {row} of the {side} tables is padding and gets no gradient; your batch names no "
            f"{side} {row}, so it is left out.",
            f"Leave padding_idx out if there is a {side} {row}, or check a batch that names it.",
            False,
        )
        for side, row in found.items()
    ]  # fmt: skip
    return found, facts


def without_padding(probe: Probe, padding: Mapping[str, int]) -> Probe:
    """Return the probe with the row after it in the place of a padding row."""
    columns = {}
    for side, ids in (("user", probe.users), ("item", probe.items)):
        n, row = len(probe.tables[f"{side}_factors"]), padding.get(side)
        columns[side] = ids if row is None else np.where(ids == row, (row + 1) % n, ids)
    return replace(probe, users=columns["user"], items=columns["item"])
