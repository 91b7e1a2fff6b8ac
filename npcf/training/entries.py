"""Validation of checkpoint entries: a file with a valid checksum may still hold anything.

Whoever writes a file can compute its checksum as well.  Nothing that is read from one reaches
compiled code, or a learner, before its shape, dtype and range are known to belong together.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from npcf.errors import (
    DataError,
    NpcfError,
    require_count,
    require_flag,
    require_number,
    require_pair,
)
from npcf.models.dot_product_bias import PARAM_NAMES
from npcf.training.safetensors_io import Arrays

WRONG = (ArithmeticError, AttributeError, LookupError, NpcfError, TypeError, ValueError)


@contextmanager
def entry(path: Any, name: str) -> Iterator[None]:
    """Let whatever is found wrong inside be a DataError that names the file and its entry."""
    try:
        yield
    except WRONG as error:
        what = str(error) if isinstance(error, NpcfError) else f"{type(error).__name__}: {error}"
        cure = "Use another copy, or save the run again."
        problem = f"{path} has an entry {name!r} that is no good: {what}"
        raise DataError("path", problem, cure) from None


def require_keys(mapping: Any, names: Iterable[str], optional: Iterable[str] = ()) -> None:
    """Raise unless `mapping` has these keys, maybe the optional ones, and no others."""
    if not isinstance(mapping, Mapping):
        raise TypeError(f"is {type(mapping).__name__}, not a mapping")
    missing = sorted(set(names) - mapping.keys())
    surplus = sorted(mapping.keys() - set(names) - set(optional))
    if missing or surplus:
        raise ValueError(f"lacks {missing}, and has {surplus} too many")


def require_only(path: Any, arrays: Arrays, sections: Iterable[str]) -> None:
    """Raise unless every array belongs to one of the sections."""
    known = tuple(f"{section}/" for section in sections)
    for name in arrays:
        with entry(path, name):
            if not name.startswith(known):
                raise ValueError("belongs to nothing that was saved")


def check_tables(path: Any, tables: Arrays) -> None:
    """Raise unless these are the tables of a model: one dtype, and shapes that belong together."""
    with entry(path, "model"):
        require_keys(tables, PARAM_NAMES[:2], PARAM_NAMES[2:])
        if len(tables) not in (2, 4):
            raise ValueError("has one bias table, and not the other")
    width, dtype = None, tables["user_factors"].dtype
    for name, table in tables.items():
        with entry(path, f"model/{name}"):
            if table.dtype not in (np.float32, np.float64) or table.dtype != dtype:
                raise TypeError(f"dtype {table.dtype} is not that of the other tables")
    for side in ("user", "item"):
        factors, bias = tables[f"{side}_factors"], tables.get(f"{side}_bias")
        with entry(path, f"model/{side}_factors"):
            width = factors.shape[1] if width is None else width
            if factors.ndim != 2 or factors.shape[1] != width:
                raise ValueError(f"shape {factors.shape} is not (n, {width})")
        with entry(path, f"model/{side}_bias"):
            n = len(factors)
            if bias is not None and bias.shape not in ((n,), (n, 1)):
                raise ValueError(f"shape {bias.shape} is not ({n},) or ({n}, 1)")


def check_model(text: Any) -> None:
    """Raise unless `text` says what a model is."""
    require_keys(text, ("class", "y_range", "column", "mean"))
    if text["y_range"] is not None:
        ends = [
            require_number("y_range", end, -np.inf)
            for end in require_pair("y_range", text["y_range"])
        ]
        if ends[0] > ends[1]:
            raise ValueError(f"y_range {ends} is upside down")
    require_flag("column", text["column"])
    require_number("mean", text["mean"], -np.inf)


def check_fit(text: Any, arrays: Arrays, batches: int) -> None:
    """Raise unless this is where a fit over so many batches an epoch can stand."""
    require_keys(text, ("n_epoch", "epoch", "batch", "smoothed", "rng_state"))
    require_keys(arrays, ("lr", "losses"), ("mom",))
    n_epoch = require_count("n_epoch", text["n_epoch"])
    epoch = require_count("epoch", text["epoch"], 0)
    batch, (value, count) = require_count("batch", text["batch"], 0), text["smoothed"]
    require_number("smoothed", value)
    done, n_steps = require_count("smoothed", count, 0), n_epoch * batches
    ended = epoch == n_epoch and batch == 0 and done <= n_steps  # also before its time
    if not ended and not (epoch < n_epoch and batch <= batches and done == epoch * batches + batch):
        raise ValueError(f"epoch {epoch} and batch {batch} do not follow {done} steps")
    for name, array in arrays.items():
        if array.shape != (n_steps,) or array.dtype != np.float64:
            problem = f"is {array.dtype} {array.shape}, not float64 ({n_steps},)"
            raise ValueError(f"{name} {problem}: one number for each step")
    series = arrays["lr"], arrays["losses"][:done], arrays.get("mom", np.zeros(0))
    for name, numbers in zip(("lr", "losses", "mom"), series, strict=True):
        if not (np.isfinite(numbers) & (numbers >= 0)).all():
            raise ValueError(f"{name} has entries that are not finite numbers >= 0")
    if (arrays.get("mom", np.zeros(0)) >= 1).any():
        raise ValueError("mom has entries >= 1")
