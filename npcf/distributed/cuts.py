"""Consistent cuts: what all workers held at the end of an epoch, saved without waiting.

    cut-00000012/group-0003.safetensors

After its last block of an epoch a group of users, and the group of items that it was trained with,
are as one machine has them at the end of that epoch, whatever other workers do just then.  So each
worker saves these two, and when all files of a cut are there, it is a model, and training can go on
from it to the same bits.  Each file is written whole or not at all.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from npcf.distributed.blocks import Layout
from npcf.distributed.order import Order
from npcf.errors import require_count
from npcf.kernels.blocked_sgd.row_step import padded
from npcf.kernels.blocked_sgd.sgd_loop import Side
from npcf.training import safetensors_io
from npcf.training.entries import entry, require_keys

FORMAT, VERSION = "npcf cut", 1
NAMES = ("user_factors", "user_scalars", "item_factors", "item_scalars")


def write_cut(
    folder: Path, run: str, number: int, pair: tuple[int, int], users: Side, items: Side
) -> None:
    """Save the users and items of the groups `pair` = (b, c) at the end of epoch `number` - 1."""
    path = _file(folder, number, pair[0])
    path.parent.mkdir(exist_ok=True)
    text = {"format": FORMAT, "version": VERSION, "run": run, "number": number,
            "users": pair[0], "items": pair[1]}  # fmt: skip
    safetensors_io.write(path, text, dict(zip(NAMES, (*users, *items), strict=True)))


def read_cut(folder: Path, run: str, layout: Layout, number: int, side: int, n: int) -> Side:
    """Return group `n` of users (side 0) or items (side 1) as of the beginning of an epoch."""
    order = Order(layout.blocks.parts, layout.seed)
    b, c = pair_of(order, number, side, n)
    path = _file(folder, number, b)
    text, arrays = safetensors_io.read(path)
    with entry(path, "cut"):
        require_keys(text, ("format", "version", "run", "number", "users", "items"))
        require_keys(arrays, NAMES)
        wanted = {"format": FORMAT, "version": VERSION, "run": run, "number": number,
                  "users": b, "items": c}  # fmt: skip
        for name, value in wanted.items():
            if text[name] != value:
                raise ValueError(f"{name} is {text[name]!r}, not {value!r}")
        rows = layout.rows(side, n)
        shapes = [(rows.stop - rows.start, width) for width in (16 * len(layout.lanes), 4)]
        tables = [arrays[name] for name in NAMES[2 * side : 2 * side + 2]]
        for table, shape in zip(tables, shapes, strict=True):
            if table.shape != shape or table.dtype != np.float32:
                raise ValueError(f"a table is {table.dtype} {table.shape}, not float32 {shape}")
    return owned(*tables)


def pair_of(order: Order, number: int, side: int, n: int) -> tuple[int, int]:
    """Return the groups (users, items) of the file of a cut that holds group `n` of a side."""
    turn = order.ended_with(number)
    if side == 0:
        return n, n if turn is None else order.items_of(turn, n)
    return (n if turn is None else order.users_of(turn, n)), n


def whole_cuts(folder: Path, parts: int) -> list[int]:
    """Return the cuts of which every group's file is there, in order."""
    found = (_number(path) for path in folder.glob("cut-*"))
    return sorted(
        number for number in found
        if number is not None and all(_file(folder, number, b).is_file() for b in range(parts))
    )  # fmt: skip


def remove_cuts(folder: Path, before: float = np.inf) -> None:
    """Remove the cuts of epochs before `before`, or all."""
    for path in folder.glob("cut-*"):
        number = _number(path)
        if number is not None and number < before:
            shutil.rmtree(path, ignore_errors=True)  # a worker may be writing into it still


def owned(factors: Any, scalars: Any) -> Side:
    """Return a group's tables as copies that compiled loops may change: rows at cache lines."""
    table = padded(*factors.shape)
    table[:] = factors
    return Side(table, np.array(scalars, np.float32, order="C"))


def _file(folder: Path, number: int, b: int) -> Path:
    return folder / f"cut-{require_count('number', number, 0):08}" / f"group-{b:04}.safetensors"


def _number(path: Path) -> int | None:
    digits = path.name.removeprefix("cut-")
    return int(digits) if digits.isdigit() and path.is_dir() else None
