"""Weights, ratings, and what else was saved of a model: files that no recorder wrote."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array, Evidence
from npcf.crosscheck.intended import intended_of
from npcf.crosscheck.recordings import gradients_of
from npcf.crosscheck.written import (
    Gradients,
    Subject,
    Written,
    evidence_of,
    find_tables,
    mean_of,
    tables_of,
)
from npcf.data import Reader
from npcf.data.format import is_number
from npcf.errors import DataError
from npcf.interop import TensorFile, read_tensors
from npcf.interop.state_dicts import parameters_of
from npcf.training.safetensors_io import read_bytes

TEXT = (".csv", ".tsv", ".txt")
OUTPUTS = ("output", "outputs", "prediction", "predictions", "pred", "preds")


def evidence_of_weights(
    weights: TensorFile, ratings: Any, *, outputs: Any = None, gradients: Any = None,
    after: Any = None, intended: Any = None, y_range: tuple[float, float] | None = None,
    tables: Mapping[str, str] | None = None, reader: Reader | None = None,
) -> Evidence:  # fmt: skip
    """Return the evidence of files: what a model returned for ratings, and one step of training.

    Parameters
    ----------
    weights : TensorFile
        Of `npcf.interop.read_tensors`: a state dict, wrapped or not.
    ratings : path
        A csv of one batch; user and item are row numbers of the tables.
    outputs : path, optional
        What the model returned: an array, or a csv with a column "prediction" (or one column).
    gradients : path, optional
        Of the parameters, under the names that they have in `weights`.
    after : path, optional
        Weights after one step of the optimiser `intended`.
    intended, y_range, tables
        As in `evidence_of_recording`.

    Raises
    ------
    DataError, ShapeError, IdRangeError
        Naming the file's entry that does not fit.
    """
    parameters = parameters_of(weights.tensors)
    users, items, rating = read_batch(ratings, reader or Reader())
    least = int(users.max(initial=-1)) + 1, int(items.max(initial=-1)) + 1
    mapped = find_tables(parameters, least, tables)
    subject = Subject(mapped, y_range, computes_in=weights.narrow, mean=mean_of(mapped))
    subject.intended = None if intended is None else intended_of(intended, None, {})
    step = Written(users, items, rating, mapped.tables)
    if outputs is not None:
        step.output = read_outputs(outputs)
    if gradients is not None:
        step.gradients = _gradients(gradients, parameters, mapped.paths, mapped.tables, subject)
    if after is not None:
        later = parameters_of(read_tensors(after, "--after").tensors)
        _require_same("--after", later, parameters, mapped.paths)
        step.after = tables_of(later, mapped.paths)
    if y_range is None:
        subject.notes.append("no range was said (--y-range): outputs are taken to have none")
    if outputs is None and gradients is None and after is None:
        subject.notes.append("nothing to compare: give --outputs, --gradients or --after")
    return evidence_of([step], subject)


def read_batch(path: Any, reader: Reader) -> tuple[Array, Array, Array]:
    """Return (users, items, rating) of a csv whose ids are row numbers; ratings as float64."""
    column = reader.read(path).columns[2]  # refuses what is no rating
    users, items, rating = list[Array](), list[Array](), list[Array]()
    for frame, user, item in reader.pairs(path):
        for ids, side in ((user, users), (item, items)):
            if ids.dtype.kind not in "iu":
                problem = f"{ids.iloc[0]!r} is no row number"
                raise DataError(str(ids.name), problem, "Write rows of the tables, from 0.")
            side.append(ids.to_numpy(np.int64))
        texts = frame.iloc[:, int(column) - 1] if isinstance(column, int) else frame[column]
        rating.append(texts.astype(np.float64).to_numpy())
    return np.concatenate(users), np.concatenate(items), np.concatenate(rating)


def read_outputs(path: Any) -> Array:
    """Return the predictions in a file: an array, or a column of a table of text."""
    if str(path).lower().endswith(TEXT):
        return _column(path)
    tensors = read_tensors(path, "--outputs").tensors
    arrays = {name: a for name, a in tensors.items() if isinstance(a, np.ndarray)}
    named = [name for name in OUTPUTS if name in arrays]
    if len(arrays) != 1 and not named:
        problem = f"{path} has {len(arrays)} arrays, and none is called output"
        raise DataError("--outputs", problem, "Save one array: np.save('outputs.npy', pred).")
    array: Array = arrays[named[0]] if named else next(iter(arrays.values()))
    if array.dtype.kind not in "fiu":
        raise DataError("--outputs", f"has dtype {array.dtype}", "Save numbers.")
    return array


def _column(path: Any) -> Array:
    """Return the column "prediction" of a text, or its last one."""
    lines = read_bytes(path).decode("utf-8", "replace").split("\n")
    rows = [line.replace("\t", ",").split(",") for line in lines if line.strip()]
    place, first = -1, 0
    names = [word.strip().strip('"').lower() for word in rows[0]] if rows else []
    if names and not is_number(rows[0][-1]):
        first = 1
        place = next((names.index(name) for name in OUTPUTS if name in names), -1)
    for number, row in enumerate(rows[first:], first + 1):
        if not -len(row) <= place < len(row) or not is_number(row[place]):
            raise DataError(
                "--outputs", f"line {number} of {path} ends in no number", "Write one a line."
            )
    return np.array([float(row[place]) for row in rows[first:]])


def _gradients(
    path: Any, parameters: Mapping[str, Array], paths: Mapping[str, str],
    tables: Mapping[str, Array], subject: Subject,
) -> Gradients:  # fmt: skip
    found = parameters_of(read_tensors(path, "--gradients").tensors)
    found = {key.removesuffix(".grad"): array for key, array in found.items()}
    known = {path: path for path in parameters} | {name: path for name, path in paths.items()}
    strange = sorted(found.keys() - known.keys())
    if strange:
        problem = f"has a gradient of {strange[0]!r}, which is no parameter"
        raise DataError("--gradients", problem, f"The parameters are {', '.join(parameters)}.")
    found = {known[key]: array for key, array in found.items()}
    _require_same("--gradients", found, parameters, [p for p in paths.values() if p in found])
    missing = [path for path in paths.values() if path not in found]
    if missing:
        subject.notes.append(
            f"no gradient (None) is taken of {', '.join(missing)}: not in the file"
        )
    return gradients_of(found, paths, tables)


def _require_same(
    argument: str, found: Mapping[str, Array], like: Mapping[str, Array], paths: Any
) -> None:
    """Raise unless the arrays have the shapes of the weights."""
    for path in paths.values() if isinstance(paths, Mapping) else paths:
        if path not in found:
            names = ", ".join(found) or "nothing"
            problem = f"lacks {path!r}; it has {names}"
            raise DataError(argument, problem, "Save both files in the same way.")
        if found[path].size != like[path].size or len(found[path]) != len(like[path]):
            problem = f"has {path!r} of shape {found[path].shape}, the weights {like[path].shape}"
            raise DataError(argument, problem, "Save both files in the same way.")
