"""fastai's own learner on ML-100k, both forms of the book: right, and to be found right."""

import importlib.util
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from compare.crosscheck.program import Case
from tests.places import NO_MOVIELENS, movielens

STEPS = 20


def missing() -> str:
    """Say what is not there, or nothing."""
    if importlib.util.find_spec("fastai") is None:
        return "fastai is not installed: make peers"
    return "" if movielens() else NO_MOVIELENS


def loaders() -> Any:
    """Return CollabDataLoaders of ML-100k, as the book makes them, on one processor."""
    import pandas as pd
    from fastai.collab import CollabDataLoaders

    names = ["user", "movie", "rating", "timestamp"]
    ratings = pd.read_csv(movielens() / "u.data", sep="\t", names=names)  # type: ignore[operator]
    return CollabDataLoaders.from_df(ratings, item_name="movie", bs=64, seed=42)


def cases() -> Iterator[tuple[str, Case]]:
    """Return each form, fresh and after 20 steps of its own one-cycle Adam."""
    if missing():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fastai.collab import collab_learner

        dls = loaders()
        for form in ("collab_learner", "DotProductBias"):
            learner = collab_learner(dls, n_factors=50, y_range=(0, 5.5))
            if form == "DotProductBias":
                learner = of_the_book(dls)
            batch = one_batch(dls)
            learner.create_opt()
            yield f"fastai {form}, fresh", {"model": learner.model, **batch}
            yield f"fastai {form}, the learner", {"model": learner, **batch}
            train(learner)
            yield f"fastai {form}, trained", {"model": learner.model, **batch,
                                              "loss": learner.loss_func}  # fmt: skip
            yield f"fastai {form}, its Adam", {"model": learner.model, **batch,
                                               "loss": learner.loss_func,
                                               "optimizer": learner.opt,
                                               "steps": STEPS}  # fmt: skip


def of_the_book(dls: Any) -> Any:
    """Return a Learner of the book's create_params model."""
    from fastai.collab import Learner, MSELossFlat

    from compare.crosscheck.right import BookParams

    sizes = len(dls.classes["user"]), len(dls.classes["movie"])
    return Learner(dls, BookParams(*sizes, 50, (0, 5.5)), loss_func=MSELossFlat())


def one_batch(dls: Any) -> Case:
    """Return the first training batch, with the sizes of the vocabularies."""
    x, y = dls.one_batch()
    x, y = x.cpu(), y.cpu()
    return {
        "users": x[:, 0].clone(),
        "items": x[:, 1].clone(),
        "rating": y.reshape(-1).to(torch.float32),
        "n_users": len(dls.classes["user"]),
        "n_items": len(dls.classes["movie"]),
        "y_range": (0, 5.5),
    }


def train(learner: Any) -> None:
    """Take 20 steps of fit_one_cycle and stop in the middle of it."""
    from fastai.callback.core import Callback, CancelFitException

    class Stop(Callback):
        """Ends the fit after 20 batches."""

        def after_batch(self) -> None:
            if self.iter + 1 >= STEPS:
                raise CancelFitException

    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(1, 5e-3, wd=0.1, cbs=Stop())
