"""A trained model on one page: how it was trained, what it learned, where it is wrong."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from npcf.analysis import plots
from npcf.analysis.explain_prediction import explain_prediction
from npcf.analysis.plots.svg import svg_of
from npcf.analysis.predictor import Predictor, require_predictor
from npcf.analysis.residuals import residuals
from npcf.analysis.similar import similar_items
from npcf.data import Ratings
from npcf.data.validate import require_ratings
from npcf.errors import DataError, require_members
from npcf.files import replace_file

SMALL, WIDE = 4.4, 7.2  # inches
NEIGHBOURS, ENDS, SHOWN = 3, 5, 3


class Section(NamedTuple):
    """A picture (SVG, or "" for none), what it says, and its numbers."""

    name: str
    title: str
    text: str
    table: pd.DataFrame
    svg: str = ""
    wide: bool = False


class Report(NamedTuple):
    """What the page shows: facts, and sections in their order."""

    facts: dict[str, str]
    sections: list[Section]

    def to_html(self, path: Any = None) -> str:
        """Return a page of HTML that needs nothing but itself; write it to `path` if given."""
        from npcf.analysis.report_page import page

        html = page(self)
        if path is not None:
            replace_file(path, html.encode())
        return html

    def __str__(self) -> str:
        names = (f"  {section.title}" for section in self.sections)
        return "\n".join([*(f"{name}: {value}" for name, value in self.facts.items()), *names])


def report(
    predictor: Predictor, ratings: Ratings | None = None, run: Any = None, found: Any = None
) -> Report:
    """Gather pictures and tables of a trained model; `.to_html(path)` writes them as one page.

    Parameters
    ----------
    ratings : on which it is measured, and which say how often an item was rated; those that it was
        trained on show what it learned, others what it can.  Unknown users and items are predicted
        by their means.
    run : a Learner, or `npcf.training.restoring.saved_run`: loss and schedule of its last fit
    found : what `learner.lr_find()` returned

    Raises
    ------
    UsageError
        Where matplotlib is not installed (extra `plot`).
    """
    require_predictor(predictor)
    if ratings is not None:
        require_ratings("ratings", ratings)
    if found is not None:
        cure = "Pass what learner.lr_find() returned."
        require_members("found", found, ("lrs", "losses", "valley"), cure)
    sections = [] if run is None else _of_a_run(run)
    if found is not None:
        table = pd.DataFrame({"lr": found.lrs, "loss": found.losses})
        sections.append(_drawn("rates", "Learning rates", "A new model's loss while the rate grows "
            "at every step. The valley is where it falls for longest.", table,
            lambda ax: plots.plot_lr_find(found, ax)))  # fmt: skip
    sections += _of_items(predictor, ratings)
    facts = _facts(predictor)
    if ratings is not None and len(ratings):
        wrong = residuals(predictor, ratings, unknown="mean")
        facts |= _measured(predictor, ratings, wrong)
        sections += _of_errors(predictor, ratings, wrong)
    sections.append(_drawn("decay", "Weight decay", "The book's picture of why decay holds weights "
        "near zero: added to the loss, a x² has the slope 2 a x, the steeper the larger a is.",
        plots.parabolas(n=9), lambda ax: plots.plot_parabolas(ax=ax)))  # fmt: skip
    return Report(facts, sections)


def _drawn(
    name: str,
    title: str,
    text: str,
    table: pd.DataFrame,
    draw: Callable[[Any], Any],
    size: tuple[float, float] = (SMALL, 2.7),
) -> Section:
    return Section(name, title, text, table, svg_of(draw, size, title), size[0] == WIDE)


def _of_a_run(run: Any) -> list[Section]:
    loss = _drawn("loss", "Loss", "The training loss is an average over batches while the weights "
        "moved; the validation loss is the mean after each epoch. A gap that grows is overfitting.",
        plots.validation_points(run), lambda ax: plots.plot_loss(run, ax))  # fmt: skip
    frame = plots.schedule_frame(run)
    some = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, 12).round().astype(int))]
    sections = [loss, _drawn("lr", "Learning rate", "The rate of every step of the last fit.",
        some[["step", "lr"]], lambda ax: plots.plot_schedule(run, "lr", ax))]  # fmt: skip
    if frame["momentum"].notna().any():
        sections.append(_drawn("momentum", "Momentum", "One-cycle lowers it while the rate is up.",
            some[["step", "momentum"]],
            lambda ax: plots.plot_schedule(run, "momentum", ax)))  # fmt: skip
    return sections


def _of_items(predictor: Predictor, ratings: Ratings | None) -> list[Section]:
    sections = []
    if ratings is not None and predictor.model.has_bias:
        frame = plots.bias_against_mean(predictor, ratings).sort_values("bias", kind="stable")
        ends = pd.concat([frame.iloc[::-1][:ENDS], frame[:ENDS][::-1]])
        text = ("A bias is how much an item is liked beyond what users and factors explain; the "
            "mean rating depends on who rated it as well.")  # fmt: skip
        sections.append(_drawn("bias", "Bias of items", text, ends.drop_duplicates("row"),
            lambda ax: plots.plot_bias(predictor, ratings, ax), (WIDE, 4.4)))  # fmt: skip
    shown = "rated most" if ratings is not None else "furthest from the middle"
    with contextlib.suppress(DataError):  # too few items, or factors, for two directions
        places = plots.item_map(predictor, ratings)
        sections.append(_drawn("map", "Map of items", f"The items {shown} along the two directions "
            "in which factors differ most. Neighbours are alike for the model; which side is which "
            "means nothing. A point without a name has no room for one.", places,
            lambda ax: plots.plot_map(predictor, ratings, ax=ax), (WIDE, 6.4)))  # fmt: skip
    table = plots.factor_table(predictor, ratings)
    sections.append(_drawn("factors", "Factors", "Blue is negative, red positive. Turning all "
        "factors together changes every cell and no prediction: only rows compared with each other "
        "mean something.", table.rename_axis("title").reset_index(),
        lambda ax: plots.plot_factors(predictor, ratings, ax=ax),
        (WIDE, 1.1 + 0.19 * len(table))))  # fmt: skip
    neighbours = _neighbours(predictor, table.index[:SHOWN].tolist())
    if len(neighbours):
        sections.append(Section("similar", "Neighbours", "The items whose factors point the same "
            "way, by the cosine.", neighbours))  # fmt: skip
    return sections


def _neighbours(predictor: Predictor, titles: list[str]) -> pd.DataFrame:
    found = []
    for title in titles:
        item = predictor.item_vocab.labels[predictor.titles.index(title)]
        near = similar_items(predictor, item, NEIGHBOURS)
        found.append(near.assign(of=title)[["of", "title", "similarity"]])
    return pd.concat(found)


def _of_errors(predictor: Predictor, ratings: Ratings, wrong: pd.DataFrame) -> list[Section]:
    bands = _drawn("residuals", "Residuals", "Rating less prediction, by prediction. A mean away "
        "from 0 by more than its error is a bias of the model.", plots.residual_bands(wrong),
        lambda ax: plots.plot_residuals(wrong, ax))  # fmt: skip
    known = predictor.user_vocab.rows_of(ratings.user_vocab, "users")[ratings.users] >= 0
    known &= predictor.item_vocab.rows_of(ratings.item_vocab, "items")[ratings.items] >= 0
    if not known.any():
        return [bands]
    size = np.where(known, wrong["residual"].abs(), -1)
    user, item, rating = (wrong[name].iloc[int(size.argmax())]
                          for name in ("user", "item", "rating"))  # fmt: skip
    parts = explain_prediction(predictor, user, item)
    text = (f"Predicted {parts.prediction:.2f}, rated {rating:g}: user {parts.user}, "
        f"{parts.title}. The parts add up to the logit, {parts.logit:.4f}.")  # fmt: skip
    return [bands, Section("worst", "The largest residual, taken apart", text, parts.table)]


def _facts(predictor: Predictor) -> dict[str, str]:
    model = predictor.model
    n_users, n_items = len(predictor.user_vocab.ids), len(predictor.item_vocab.ids)
    return {
        "model": type(model).__name__, "users": f"{n_users:,}", "items": f"{n_items:,}",
        "factors": str(model.params["item_factors"].shape[1]),
        "range": "none" if model.y_range is None else "{:g} to {:g}".format(*model.y_range),
        "mean rating": f"{predictor.mean_rating:.3f}",
    }  # fmt: skip


def _measured(predictor: Predictor, ratings: Ratings, wrong: pd.DataFrame) -> dict[str, str]:
    residual = wrong["residual"].to_numpy()
    strangers = predictor.unknown_counts(ratings)
    facts = {
        "ratings": f"{len(ratings):,}",
        "RMSE": f"{np.sqrt((residual**2).mean()):.4f}",
        "MAE": f"{np.abs(residual).mean():.4f}",
    }
    if any(strangers):
        facts["of unknown users, items"] = "{:,}, {:,}".format(*strangers)
    return facts
