"""`make picture`: what a model has learned, held against what was planted.

Ratings are drawn from known parameters (`npcf.data.planted`), so the truth is known: the bias that
each item was given, and the rating that each pair should get.  The picture is drawn from one
training with fixed seeds.
"""

from pathlib import Path
from typing import Any

import numpy as np

import npcf
from compare.bench.picture import BLUE, GREY, axes_of, save
from npcf.data import planted

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "notebooks" / "learned.svg"
EPOCHS = 5


def train() -> tuple[Any, Any, Any]:
    """Return (what was planted, loaders, learner), as `npcf train` makes them."""
    truth = planted()
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = npcf.data.CollabDataLoaders.from_ratings(truth.ratings, rng=batches)
    model = npcf.models.EmbeddingDotBias(dls.n_users, dls.n_items, 50, (0, 5.5), rng=tables)
    learner = npcf.Learner(dls, model, backend="numpy", progress=False, on_epoch=lambda row: None)
    learner.fit_one_cycle(EPOCHS, 5e-3, wd=0.1)
    return truth, dls, learner


def draw(path: Path = PICTURE) -> None:
    """Train, and draw the loss, the items' biases, and predictions of ratings never seen."""
    truth, dls, learner = train()
    figure, axes = axes_of("", height=2.5, columns=3)
    history = learner.history
    for name, label, colour in (
        ("train_loss_smoothed", "training", GREY),
        ("valid_loss", "validation", BLUE),
    ):
        axes[0].plot(history["epoch"] + 1, history[name], "o-", color=colour, label=label)
    axes[0].set(xlabel="epoch", title="mean squared error")
    axes[0].legend(frameon=False, fontsize=8)

    bias = learner.model.params["item_bias"].reshape(-1)[1:]
    planted_bias = truth.params["item_bias"].reshape(-1)[1:]
    axes[1].scatter(planted_bias, bias, 8, BLUE, alpha=0.5, linewidths=0)
    axes[1].set(xlabel="planted", ylabel="learned", title="bias of each item")

    pred = learner.predict(dls.valid.pairs)
    stars = range(1, 6)
    shown = [pred[dls.valid.rating == star] for star in stars]
    axes[2].boxplot(shown, positions=stars, showfliers=False, medianprops={"color": BLUE})
    axes[2].set(xlabel="rating", ylabel="prediction", title="ratings not trained on")
    save(figure, path)


if __name__ == "__main__":
    draw()
