"""fastai itself: the training part of one epoch of its collaborative-filtering learner.

Without progress bar and log.  Small tensors gain nothing from threads, so one thread and two are
tried once each, and the faster runs.  The batches come from fastai's own loader: it is what its
users run; everything else is lesson 5's.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

from compare.bench.measuring import Contestant
from compare.bench.seed_job import BATCH, DECAY, LR, Y_RANGE, K, SeedJob

NAME = "fastai"
THREADS = (1, 2)


def contestant(job: SeedJob, keep: dict[str, float]) -> Contestant:
    """Return fastai; it leaves its validation loss after the epoch, and its threads, in `keep`."""
    return Contestant(NAME, lambda: _prepare(job, keep))


def _prepare(job: SeedJob, keep: dict[str, float]) -> Callable[[], float]:
    once = _epoch(job, keep)
    once(1)  # imports and first calls
    best = min(THREADS, key=once)
    keep["threads of fastai"] = best
    return lambda: once(best)


def _epoch(job: SeedJob, keep: dict[str, float]) -> Callable[[int], float]:
    """Return the function that trains an epoch on so many threads, and returns its seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about what fastai calls
        import torch
        from fastai.callback.core import Callback
        from fastai.collab import CollabDataLoaders, collab_learner

    class TrainingPart(Callback):
        """Takes the time between the two ends of an epoch's training."""

        def before_train(self) -> None:
            self.began = time.perf_counter()

        def after_train(self) -> None:
            self.taken = time.perf_counter() - self.began

    def once(threads: int) -> float:
        torch.set_num_threads(threads)
        part = TrainingPart()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dls = CollabDataLoaders.from_df(_frame(job), seed=42, bs=BATCH)
            learner = collab_learner(dls, n_factors=K, y_range=Y_RANGE)
            with learner.no_bar(), learner.no_logging():
                learner.fit_one_cycle(1, LR, wd=DECAY, cbs=part)
                keep[NAME] = float(learner.validate()[0])
        return part.taken

    return once


def _frame(job: SeedJob) -> Any:
    """Return all ratings as a DataFrame; fastai splits them itself, 80 to 20."""
    import pandas as pd

    parts = (job.dls.train.ratings, job.dls.valid)
    frames = [
        pd.DataFrame({"user": part.users, "item": part.items, "rating": part.rating})
        for part in parts
    ]
    return pd.concat(frames, ignore_index=True)
