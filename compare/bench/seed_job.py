"""The seed run as a job that anybody can take: one epoch of lesson 5 on ML-100k.

k = 50, mini-batches of 64, Adam with decoupled decay 0.1 and fastai's betas and eps, fastai's
one-cycle up to 5e-3, 80,000 training ratings, 1,250 steps.  Everybody starts from the same weights
and takes the same batches at the same rates; what differs is who computes.
"""

from typing import Any, NamedTuple

import numpy as np

from compare.bench.measuring import Absent
from npcf import models
from npcf.data import CollabDataLoaders, planted, read_ml100k
from npcf.data.batches import Epoch
from npcf.optim import one_cycle_fastai
from tests import places

K, BATCH, LR, DECAY, SQR_MOM, EPS = 50, 64, 5e-3, 0.1, 0.99, 1e-5
Y_RANGE = (0.0, 5.5)


class SeedJob(NamedTuple):
    """One epoch: where it starts, its batches, its rates."""

    dls: CollabDataLoaders
    params: dict[str, Any]  # float32; not to be changed
    epoch: Epoch
    lrs: Any  # (n_steps,)
    moms: Any

    @property
    def n_steps(self) -> int:
        """Steps of the epoch."""
        return len(self.lrs)

    def fresh(self, dtype: Any = np.float32) -> dict[str, Any]:
        """Return a copy of the weights."""
        return {name: table.astype(dtype) for name, table in self.params.items()}

    def valid_loss(self, params: dict[str, Any]) -> float:
        """Return the mean squared error of `params` on the validation ratings."""
        valid = self.dls.valid
        pred = models.PairModel(params, Y_RANGE)(valid.pairs).reshape(-1)
        return float(np.mean((pred - valid.rating) ** 2))


def seed_job(ratings: Any) -> SeedJob:
    """Return the job on these ratings."""
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = CollabDataLoaders.from_ratings(ratings, bs=BATCH, rng=batches)
    model = models.EmbeddingDotBias(dls.n_users, dls.n_items, K, Y_RANGE, rng=tables)
    n_steps = len(dls.train)
    return SeedJob(dls, dict(model.params), dls.train.epoch(), *one_cycle_fastai(n_steps, LR))


def ml_100k() -> Any:
    """Return ML-100k as the lesson reads it, items by title."""
    folder = places.movielens()
    if folder is None:
        raise Absent(places.NO_MOVIELENS)
    return read_ml100k(folder, item="title")


def small_ratings() -> Any:
    """Return a few planted ratings, for tests."""
    return planted(60, 40, 800).ratings
