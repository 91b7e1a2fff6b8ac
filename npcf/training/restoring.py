"""Putting a checkpoint back into a learner, after making sure that it belongs there."""

from typing import Any

from npcf.errors import DataError
from npcf.training.checkpoint import Saved, fingerprint, restore_optimizer, section
from npcf.training.fit_state import FitState
from npcf.training.history import EpochRow


def restore(learner: Any, saved: Saved) -> None:
    """Put model, optimiser, schedule, generator, history and callbacks back; or raise DataError."""
    _judge(learner, saved)
    learner.model = saved.model
    arrays, params = section(saved.arrays, "opt"), saved.model.params
    learner.opt = restore_optimizer(saved.text["opt"], arrays, params)
    learner.fit_state = FitState.restore(saved.text["fit"], section(saved.arrays, "fit"))
    learner.rows = [EpochRow(**row) for row in saved.text["rows"]]
    learner.lr_mult = saved.text["lr_mult"]
    learner.notes = saved.text.get("notes", {})
    for i, callback in enumerate(learner.callbacks):
        callback.load_state_arrays(section(saved.arrays, f"callback {i}"))


def _judge(learner: Any, saved: Saved) -> None:
    """Raise DataError unless the run can go on with this learner's ratings and callbacks."""
    if "fit" not in saved.text:
        raise DataError("path", "was saved outside a fit", "There is nothing to resume.")
    for side in ("user", "item"):
        mine, its = getattr(learner.dls.valid, f"{side}_vocab"), getattr(saved, f"{side}_vocab")
        its.require_kind(mine.ids, f"dls.{side}s")
        if not mine.equals(its):
            problem, cure = f"are ratings of other {side}s", "Resume with the run's own ratings."
            raise DataError("dls", problem, cure)
    if saved.text["data"] != fingerprint(learner.dls):
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
    wanted = saved.text["fit"]["rng_state"]["bit_generator"]
    if generator != wanted:
        cure = f"Give the loaders rng=np.random.Generator(np.random.{wanted}())."
        raise DataError("dls", f"draws from {generator}, the saved run from {wanted}", cure)
