"""Putting a checkpoint back into a learner, after making sure that it belongs there."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from npcf._atomic import assign, in_one_go
from npcf.errors import DataError, require_count, require_number
from npcf.optim.optimizer import per_parameter
from npcf.training.checkpoint import Saved, fingerprint, restore_optimizer, section
from npcf.training.entries import check_fit, entry, require_keys
from npcf.training.fit_state import FitState
from npcf.training.history import EpochRow

if TYPE_CHECKING:
    from npcf.training.learner import Learner


def restore(learner: "Learner", saved: Saved) -> None:
    """Put model, optimiser, schedule, generator, history and callbacks back; or raise DataError.

    A learner that refuses a file is as it was before.
    """
    _check(learner, saved)
    text, path, params = saved.text, saved.path, saved.model.params
    with entry(path, "opt"):
        opt = restore_optimizer(text["opt"], section(saved.arrays, "opt"), params)
    rows, state = _run_of(saved, len(learner.dls.train))
    with entry(path, "fit"):
        _check_generator(learner, text["fit"]["rng_state"])
    with entry(path, "lr_mult"):
        lr_mult = dict(text["lr_mult"])
        per_parameter("lr_mult", lr_mult or 1.0, params)
    with entry(path, "notes"):
        notes = dict(text.get("notes", {}))
    _restore_callbacks(learner, saved)
    restored = {
        "model": saved.model, "opt": opt, "fit_state": state, "rows": rows, "lr_mult": lr_mult,
        "notes": notes,
    }  # fmt: skip
    in_one_go(*(assign(vars(learner), name, value) for name, value in restored.items()))


class SavedRun(NamedTuple):
    """History and last fit of a run that was saved."""

    rows: list[EpochRow]
    fit_state: FitState


def saved_run(saved: Saved) -> SavedRun | None:
    """Return the run that a file holds, without its ratings; None if it was saved outside a fit."""
    if "fit" not in saved.text:
        return None
    with entry(saved.path, "fit"):
        n_epoch = require_count("n_epoch", saved.text["fit"]["n_epoch"])
        batches = require_count("batches", len(section(saved.arrays, "fit")["lr"]) // n_epoch)
    return _run_of(saved, batches)


def _run_of(saved: Saved, batches: int) -> SavedRun:
    """Return history and fit over so many batches an epoch; or raise DataError."""
    with entry(saved.path, "fit"):
        arrays = section(saved.arrays, "fit")
        check_fit(saved.text["fit"], arrays, batches)
        state = FitState.restore(saved.text["fit"], arrays)
    with entry(saved.path, "rows"):
        rows = [_row(row) for row in saved.text["rows"]]
    return SavedRun(rows, state)


def _row(text: Any) -> EpochRow:
    """Return a row of the history, or raise."""
    later = EpochRow._field_defaults  # fields that files of older versions lack
    require_keys(text, EpochRow._fields[: -len(later)], later)
    require_count("epoch", text["epoch"], 0)
    for name in text.keys() - {"epoch", "metrics"}:
        require_number(name, text[name], -np.inf)
    return EpochRow(**text | {"metrics": {name: float(x) for name, x in text["metrics"].items()}})


def _check_generator(learner: "Learner", state: Any) -> None:
    """Raise unless the generator of the batches can be put into that state."""
    type(learner.dls.train.rng.bit_generator)().state = state


def _restore_callbacks(learner: "Learner", saved: Saved) -> None:
    """Give all callbacks what they remember; or raise, and leave all of them as they were."""
    tables, before = saved.model.params, [dict(vars(callback)) for callback in learner.callbacks]
    try:
        for i, callback in enumerate(learner.callbacks):
            with entry(saved.path, f"callback {i}"):
                arrays = section(saved.arrays, f"callback {i}")
                if arrays.keys() & tables.keys():
                    require_keys(arrays, tables, arrays)
                for name, array in arrays.items():
                    like = tables.get(name, array)
                    if (array.shape, array.dtype) != (like.shape, like.dtype):
                        raise ValueError(f"{name} is not like the model's table")
                callback.load_state_arrays(arrays)
    except BaseException:
        for callback, held in zip(learner.callbacks, before, strict=True):
            vars(callback).clear()
            vars(callback).update(held)
        raise


def _check(learner: "Learner", saved: Saved) -> None:
    """Raise DataError unless the run can go on with this learner's ratings and callbacks."""
    if "fit" not in saved.text or "opt" not in saved.text:
        raise DataError("path", "was saved outside a fit", "There is nothing to resume.")
    for side in ("user", "item"):
        mine, its = getattr(learner.dls.valid, f"{side}_vocab"), getattr(saved, f"{side}_vocab")
        its.require_same_kind(mine, f"dls.{side}s")
        if not mine.equals(its):
            problem, cure = f"are ratings of other {side}s", "Resume with the run's own ratings."
            raise DataError("dls", problem, cure)
    if saved.text.get("data") != fingerprint(learner.dls):
        raise DataError(
            "dls",
            "are not the ratings and batches of the saved run",
            "Resume with the same ratings, split, bs and sampling.",
        )
    names = [type(callback).__name__ for callback in learner.callbacks]
    if saved.text["callbacks"] != names:
        raise DataError(
            "callbacks",
            f"are {names}, the saved run had {saved.text['callbacks']}",
            "Resume with the same callbacks in the same order.",
        )
    generator = type(learner.dls.train.rng.bit_generator).__name__
    with entry(saved.path, "fit"):
        wanted = saved.text["fit"]["rng_state"]["bit_generator"]
    if generator != wanted:
        cure = f"Give the loaders rng=np.random.Generator(np.random.{wanted}())."
        raise DataError("dls", f"draws from {generator}, the saved run from {wanted}", cure)
