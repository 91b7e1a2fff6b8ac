"""A trained or half-trained model on the disk: what `Learner.save` writes and `load` reads."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npcf import models, optim
from npcf._types import Params
from npcf.data import CollabDataLoaders, Vocabulary
from npcf.data.columns import plain_names
from npcf.errors import DataError, UsageError, require_flag, require_number
from npcf.models import PairModel
from npcf.training import safetensors_io
from npcf.training.entries import (
    check_model,
    check_tables,
    entry,
    require_keys,
    require_only,
)
from npcf.training.safetensors_io import LARGEST, Arrays

if TYPE_CHECKING:
    from npcf.training.learner import Learner

VERSION = 1
MODELS = (
    models.PairModel, models.EmbeddingDot, models.EmbeddingDotBias, models.TwoTableDotProduct,
    models.DotProductBiasEmb, models.DotProductBiasCP, models.FastaiDotBias,
)  # fmt: skip
OPTIMIZERS = (optim.SGD, optim.Adam, optim.SparseAdam, optim.RMSProp)


class Saved(NamedTuple):
    """A model with the vocabularies and titles that say what its rows are, and the run's state."""

    model: PairModel
    user_vocab: Vocabulary
    item_vocab: Vocabulary
    titles: list[str]
    columns: tuple[Any, ...]  # of user, item, rating: text or int
    mean_rating: float
    text: dict[str, Any]  # everything else that was saved
    arrays: Arrays
    path: Any = None  # the file


def describe(learner: "Learner") -> tuple[dict[str, Any], Arrays]:
    """Return (text, arrays) of everything a learner needs to go on where it stands."""
    model, dls = learner.model, learner.dls
    text = {
        "format": "npcf checkpoint",
        "version": VERSION,
        "model": _model_as_json(model),
        "users": _vocabulary_as_json(dls.valid.user_vocab),
        "items": _vocabulary_as_json(dls.valid.item_vocab),
        "titles": dls.valid.titles,
        "columns": list(dls.valid.columns),
        "mean_rating": dls.train.ratings.mean_rating,
        "data": fingerprint(dls),
        "rows": [row._asdict() for row in learner.rows],
        "lr_mult": learner.lr_mult,
        "callbacks": [type(callback).__name__ for callback in learner.callbacks],
        "notes": learner.notes,
    }
    arrays = _prefixed("model", model.params)
    if learner.opt is not None:
        text["opt"] = _optimizer_as_json(learner.opt)
        arrays |= _prefixed("opt", learner.opt.state_arrays())
    if learner.fit_state is not None:
        text["fit"] = learner.fit_state.as_json()
        arrays |= _prefixed("fit", learner.fit_state.arrays())
    for i, callback in enumerate(learner.callbacks):
        arrays |= _prefixed(f"callback {i}", callback.state_arrays())
    return text, arrays


def require_savable(learner: "Learner") -> None:
    """Raise UsageError unless the learner's model and optimiser are of kinds that can be saved."""
    _model_as_json(learner.model)
    if learner.opt is not None:
        _optimizer_as_json(learner.opt)


def load(path: str | Path, largest: int = LARGEST) -> Saved:
    """Read a file written by `Learner.save`, verified to the last bit.

    Raises DataError if it is missing, damaged, too large, or of a later version, or if its entries
    do not belong together, whatever its checksum says.
    """
    text, arrays = safetensors_io.read(path, largest)
    if text.get("format") != "npcf checkpoint" or text.get("version") != VERSION:
        found = f"{text.get('format')} version {text.get('version')}"
        raise DataError(
            "path",
            f"{path} holds {found}",
            f"Save it by an npcf of version {VERSION} files.",
        )
    callbacks = text.get("callbacks")
    with entry(path, "callbacks"):
        if not isinstance(callbacks, list) or not all(isinstance(c, str) for c in callbacks):
            raise TypeError("are not a list of names")
    sections = ["model", *(part for part in ("opt", "fit") if part in text)]
    require_only(path, arrays, [*sections, *(f"callback {i}" for i in range(len(callbacks)))])
    model = _restore_model(path, text.get("model"), section(arrays, "model"))
    users, items = (
        _restore_vocabulary(path, side, text.get(side), len(model.params[f"{side[:-1]}_factors"]))
        for side in ("users", "items")
    )
    titles, columns = text.get("titles"), text.get("columns")
    with entry(path, "titles"):
        if not isinstance(titles, list) or len(titles) != len(items):
            raise ValueError(f"is not a list of {len(items)}, one for each item")
    with entry(path, "columns"):
        if not isinstance(columns, list) or len(columns) != 3:
            raise ValueError("are not three names")
        names = plain_names(columns)
    with entry(path, "mean_rating"):
        mean = require_number("mean_rating", text.get("mean_rating"), -np.inf)
    return Saved(model, users, items, titles, names, mean, text, arrays, path)


def section(arrays: Arrays, prefix: str) -> Arrays:
    """Return the arrays saved under `prefix`, by their own names."""
    start = f"{prefix}/"
    return {name[len(start) :]: a for name, a in arrays.items() if name.startswith(start)}


def restore_optimizer(text: dict[str, Any], arrays: Arrays, params: Params) -> optim.Optimizer:
    """Return the optimiser that was saved, over `params`."""
    by_name = {cls.__name__: cls for cls in OPTIMIZERS}
    opt: optim.Optimizer = by_name[text["class"]](params)
    require_keys(text["settings"], opt.SETTINGS)
    for name, value in text["settings"].items():
        if isinstance(getattr(opt, name), bool):
            require_flag(name, value)
        setattr(opt, name, tuple(value) if isinstance(value, list) else value)
    opt.check_settings()
    opt.load_state_arrays(arrays)
    for name, array in arrays.items():
        if name.startswith("v/") and not array.min(initial=0) >= 0:  # NaN is not, either
            raise ValueError(f"{name} has an average of squares that is negative, or no number")
    return opt


def fingerprint(dls: CollabDataLoaders) -> str:
    """Return a SHA-256 of the ratings and of how they are batched: another run is no resumption."""
    train = dls.train
    digest = hashlib.sha256(f"{train.batch_size} {train.sampling} {train.drop_last}".encode())
    for ratings in (train.ratings, dls.valid):
        for column in (ratings.users, ratings.items, ratings.rating):
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _prefixed(prefix: str, arrays: Any) -> Arrays:
    return {f"{prefix}/{name}": np.asarray(array) for name, array in arrays.items()}


def _model_as_json(model: PairModel) -> dict[str, Any]:
    if type(model) not in MODELS:
        names = ", ".join(cls.__name__ for cls in MODELS)
        raise UsageError(
            "model", f"a {type(model).__name__} cannot be saved", f"These can: {names}."
        )
    y_range = None if model.y_range is None else [float(end) for end in model.y_range]
    return {
        "class": type(model).__name__,
        "y_range": y_range,
        "column": model.column,
        "mean": model.mean,
    }


def _restore_model(path: Any, text: Any, params: Arrays) -> PairModel:
    check_tables(path, params)
    with entry(path, "model"):
        check_model(text)
        cls = {cls.__name__: cls for cls in MODELS}[text["class"]]
        model = cls.__new__(cls)
        y_range = None if text["y_range"] is None else tuple(text["y_range"])
        owned = {
            name: np.require(table, requirements=["C", "A", "W"]) for name, table in params.items()
        }
        PairModel.__init__(model, owned, y_range, column=text["column"], mean=text["mean"])
    return model


def _optimizer_as_json(opt: optim.Optimizer) -> dict[str, Any]:
    if type(opt) not in OPTIMIZERS:
        names = ", ".join(cls.__name__ for cls in OPTIMIZERS)
        raise UsageError(
            "opt_func", f"a {type(opt).__name__} cannot be saved", f"These can: {names}."
        )
    return {
        "class": type(opt).__name__,
        "settings": {name: getattr(opt, name) for name in opt.SETTINGS},
    }


def _vocabulary_as_json(vocab: Vocabulary) -> dict[str, Any]:
    return {"ids": vocab.ids.tolist(), "na_row": vocab.na_row}


def _restore_vocabulary(path: Any, name: str, text: Any, n_rows: int) -> Vocabulary:
    with entry(path, name):
        require_keys(text, ("ids", "na_row"))
        require_flag("na_row", text["na_row"])
        if not isinstance(text["ids"], list):
            raise TypeError("ids are not a list")
        vocabulary = Vocabulary(text["ids"], order="appearance", na_row=text["na_row"])
        if len(vocabulary.ids) != len(text["ids"]):
            raise ValueError("names an id twice")
        if len(vocabulary) > n_rows:
            raise ValueError(f"has {len(vocabulary)} rows, the model's table has {n_rows}")
    return vocabulary
