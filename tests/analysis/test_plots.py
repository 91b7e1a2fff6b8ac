"""Pictures by what they plot: the numbers of the function beside each, and these are right."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import npcf
from npcf.analysis import Predictor, pca, residuals
from npcf.analysis import plots as p
from npcf.data import CollabDataLoaders, Ratings, planted
from npcf.errors import DataError, NpcfError, SettingError, UsageError
from npcf.models import DotProductBiasEmb, EmbeddingDot
from npcf.optim import constant, one_cycle_fastai
from npcf.training import LRFind, SmoothedLoss
from npcf.verify import assert_same_bits, assert_within
from npcf.verify.precision import DOUBLE
from tests.analysis.asked import predictors

RATINGS = planted(30, 24, 300, seed=1).ratings


@pytest.fixture(autouse=True)
def no_window():
    pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib (extra `plot`)")
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def learner():
    loaders = CollabDataLoaders.from_ratings(RATINGS, bs=16, rng=np.random.default_rng(0))
    model = DotProductBiasEmb(31, 25, 4, rng=np.random.default_rng(0))
    learner = npcf.Learner(
        loaders, model, backend="numpy", progress=False, on_epoch=lambda row: None
    )
    learner.fit(1, 0.01)
    learner.fit_one_cycle(2, 0.02)
    return learner


@pytest.fixture(scope="module")
def predictor(learner):
    return Predictor.of(learner.model, RATINGS)


def drawn(artist):
    """Return the points of a line, or of a scatter."""
    points = artist.get_xydata() if hasattr(artist, "get_xydata") else artist.get_offsets()
    return np.asarray(points, float)


def test_importing_the_pictures_loads_no_matplotlib():
    code = "import npcf.analysis.plots, npcf.analysis, sys; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_without_matplotlib_a_picture_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "npcf\[plot\]"'):
        p.plot_parabolas()
    assert len(p.parabolas()) == 100


# ---- a fit ---------------------------------------------------------------------------------------


def test_the_loss_is_that_of_the_last_fit(learner):
    curve, points = p.loss_curve(learner), p.validation_points(learner)
    losses, smoother = learner.steps["loss"], SmoothedLoss()
    want = []
    for loss in losses:
        smoother.add(loss)
        want.append(smoother.smoothed)
    assert curve["step"].tolist() == [*range(1, len(losses) + 1)]
    assert curve["loss"].tolist() == want
    assert points["step"].tolist() == [len(losses) // 2, len(losses)]
    assert points["loss"].tolist() == learner.history["valid_loss"].tolist()[-2:]
    assert want[-1] == learner.rows[-1].train_loss_smoothed
    ax = p.plot_loss(learner)
    assert_same_bits(drawn(ax.lines[0]), curve.to_numpy(float))
    assert_same_bits(drawn(ax.lines[1]), points.to_numpy(float))


def test_the_schedule_is_the_learner_s_or_any(learner):
    n = len(learner.steps)
    lr, momentum = one_cycle_fastai(n, 0.02, n_epochs=2)
    for given_ in (learner, (lr, momentum)):
        frame = p.schedule_frame(given_)
        assert frame["step"].tolist() == [*range(1, n + 1)]
        assert_same_bits(frame["lr"], lr)
        assert_same_bits(frame["momentum"], momentum)
    assert p.schedule_frame(constant(3, 0.1))["momentum"].isna().all()
    ax = p.plot_schedule(learner, "momentum")
    assert_same_bits(drawn(ax.lines[0])[:, 1], momentum)
    assert_same_bits(drawn(p.plot_schedule(lr).lines[0])[:, 1], lr)


@given(n=st.integers(1, 5000))
def test_a_long_curve_is_thinned_and_keeps_its_ends(n):
    steps = p.schedule_frame(np.arange(n, dtype=float))["step"].tolist()
    assert len(steps) == min(n, 1000) and steps[0] == 1 and steps[-1] == n
    gaps = set(np.diff(steps).tolist())
    assert not gaps or gaps <= {min(gaps), min(gaps) + 1}


def test_the_rates_tried_and_the_valley():
    found = LRFind(np.array([0.1, 1.0, 10.0]), np.array([3.0, 2.0, 5.0]), 1.0)
    ax = p.plot_lr_find(found)
    assert drawn(ax.lines[0]).tolist() == [[0.1, 3], [1, 2], [10, 5]]
    assert drawn(ax.lines[-1]).tolist() == [[1, 2]]
    assert ax.get_xscale() == "log" and "valley is 1" in ax.get_title()


# ---- items ---------------------------------------------------------------------------------------


@given(asked=predictors(bias=True))
def test_bias_stands_against_the_mean_of_the_item_s_own_ratings(asked):
    predictor, ratings = asked
    frame = p.bias_against_mean(predictor, ratings)
    bias = predictor.model.core_params()["item_bias"]
    assert frame["row"].tolist() == sorted(set(ratings.items.tolist()))
    for row, item, title, count, mean, its in frame.itertuples(index=False):
        own = ratings.rating[ratings.items == row].astype(float)
        assert (count, its, title) == (len(own), bias[row], predictor.titles[row])
        assert mean == own.sum() / len(own)  # halves: their sum is exact
        assert predictor.item_vocab.labels[row] == item


def test_biases_are_drawn_with_their_ends_marked(predictor):
    frame = p.bias_against_mean(predictor, RATINGS)
    ax = p.plot_bias(predictor, RATINGS)
    points, ends = np.concatenate([*map(drawn, ax.lines)]), drawn(ax.collections[0])
    assert sorted(map(tuple, points)) == sorted(zip(frame["mean"], frame["bias"], strict=True))
    rows = {
        (m, b): n for m, b, n in zip(frame["mean"], frame["bias"], frame["ratings"], strict=True)
    }
    by_size = sorted(ax.lines, key=lambda line: line.get_markersize())
    counts = [rows[at] for line in by_size for at in map(tuple, drawn(line))]
    tenths = np.ceil(10 * np.array(counts) / max(counts))
    assert (np.diff(tenths) >= 0).all() and len(set(tenths)) == len(by_size)
    order = frame.sort_values("bias", kind="stable")
    assert sorted(ends[:, 1]) == [*order["bias"][:5], *order["bias"][-5:]]
    labels = {text.xy: text.get_text() for text in ax.texts if text.get_text()}
    places = {
        (m, b): t for m, b, t in zip(frame["mean"], frame["bias"], frame["title"], strict=True)
    }
    assert labels and all(places[at] == text for at, text in labels.items())


@pytest.mark.parametrize("weighted", [False, True])
def test_the_map_is_of_the_items_rated_most(predictor, weighted):
    some = RATINGS.take(RATINGS.items < 20)  # the others have not been rated
    counts = np.bincount(some.items, minlength=25)
    frame = p.item_map(predictor, some, 7, weighted=weighted)
    order = sorted(range(1, 20), key=lambda row: (-counts[row], row))
    assert frame["row"].tolist() == order[:7]
    assert frame["ratings"].tolist() == counts[order[:7]].tolist()
    rows = np.flatnonzero(counts)
    factors = predictor.model.params["item_factors"][rows]
    places = pca(factors, 2, "factors", counts[rows] if weighted else None)
    at = np.searchsorted(rows, frame["row"])
    assert_same_bits(frame[["x", "y"]].to_numpy(), places[at])
    ax = p.plot_map(predictor, some, 7, weighted=weighted)
    assert_same_bits(drawn(ax.collections[0]), frame[["x", "y"]].to_numpy())
    assert {text.get_text() for text in ax.texts} - {""} <= set(frame["title"])


def test_without_ratings_the_map_shows_what_lies_furthest_out(predictor):
    frame, everything = p.item_map(predictor, n=5), p.item_map(predictor, n=24)
    far = np.hypot(everything["x"], everything["y"])
    assert frame["row"].tolist() == everything["row"][:5].tolist()
    assert (np.diff(far) <= 0).all() and set(everything["row"]) == set(range(1, 25))


def test_factors_are_a_heat_map_around_zero(predictor):
    frame = p.factor_table(predictor, RATINGS, 6)
    counts = np.bincount(RATINGS.items, minlength=25)
    order = sorted(range(1, 25), key=lambda row: (-counts[row], row))[:6]
    assert frame.index.tolist() == [predictor.titles[row] for row in order]
    assert_same_bits(frame.to_numpy(), predictor.model.params["item_factors"][order].astype(float))
    ax = p.plot_factors(predictor, RATINGS, 6)
    cells = ax.collections[0]
    assert_same_bits(np.asarray(cells.get_array()).reshape(6, 4), frame.to_numpy())
    assert cells.norm.vmin == -cells.norm.vmax == -np.abs(frame.to_numpy()).max()
    assert p.factor_table(predictor, n=3).index.tolist() == predictor.titles[1:4]
    assert "rated most" in ax.get_title()
    assert "first items" in p.plot_factors(predictor, n=3).get_title()


# ---- residuals, parabolas ------------------------------------------------------------------------


QUARTERS = st.integers(-8, 8).map(lambda i: i / 4)
PAIRS = arrays(np.float64, st.tuples(st.integers(1, 60), st.just(2)), elements=QUARTERS)


@given(values=PAIRS, n_bins=st.integers(1, 9))
def test_bands_hold_each_residual_once_in_the_order_of_predictions(values, n_bins):
    frame = pd.DataFrame(values, columns=["prediction", "residual"])
    bands = p.residual_bands(frame, n_bins)
    assert bands["ratings"].sum() == len(frame) and len(bands) <= n_bins
    assert (np.diff(bands["prediction"]) > 0).all()
    rounding = 2 * DOUBLE.gamma(len(frame) + n_bins) * np.abs(values).sum(axis=0)
    for name, total, off in zip(("prediction", "mean"), values.sum(axis=0), rounding, strict=True):
        assert_within((bands[name] * bands["ratings"]).sum(), total, off)
    size = np.abs(values[:, 1]).max()
    assert (bands["mean"].abs() <= size * (1 + DOUBLE.gamma(len(frame)))).all()
    if len(bands) == 1:  # then it is everything
        assert_same_bits(bands["spread"].to_numpy(), np.array([values[:, 1].std()]))
        assert_same_bits(
            bands["error"].to_numpy(), 2 * bands["spread"].to_numpy() / len(frame) ** 0.5
        )


def test_a_bin_holds_about_as_many_as_another_and_equal_predictions_stay_together():
    frame = pd.DataFrame({"prediction": np.arange(100.0), "residual": 1.0})
    assert p.residual_bands(frame, 10)["ratings"].tolist() == [10] * 10
    frame["prediction"] = np.repeat([1.0, 2, 3], [1, 98, 1])
    assert p.residual_bands(frame, 50)["ratings"].tolist() == [1, 98, 1]


def test_residuals_are_drawn_as_means_in_a_band(predictor):
    found = residuals(predictor, RATINGS)
    bands = p.residual_bands(found, 8)
    ax = p.plot_residuals(found, n_bins=8)
    points = next(line for line in ax.lines if line.get_marker() == "o")
    assert_same_bits(drawn(points), bands[["prediction", "mean"]].to_numpy())


def test_the_parabolas_are_the_book_s():
    frame = p.parabolas()
    assert list(frame) == ["x", "a=1", "a=2", "a=5", "a=10", "a=50"]
    x = np.linspace(-2, 2, 100)
    for a in (1, 2, 5, 10, 50):
        assert_same_bits(frame[f"a={a}"].to_numpy(), a * x**2)
    ax = p.plot_parabolas()
    assert ax.get_ylim() == (0, 5)
    for line, name in zip(ax.lines, frame.columns[1:], strict=True):
        assert_same_bits(drawn(line), frame[["x", name]].to_numpy())
        assert line.get_label() == name
    assert len({(line.get_linestyle(), line.get_color()) for line in ax.lines}) == 5


# ---- refusals ------------------------------------------------------------------------------------

FRESH = Predictor.of(DotProductBiasEmb(31, 25, 4, rng=np.random.default_rng(0)), RATINGS)
PLAIN = Predictor.of(EmbeddingDot(31, 25, 4, rng=np.random.default_rng(0)), RATINGS)
NAN = Predictor.of(DotProductBiasEmb(31, 25, 4, rng=np.random.default_rng(0)), RATINGS)
NAN.model.params["item_factors"][2] = np.nan
STRANGE = Ratings.from_frame(pd.DataFrame({"user": [1], "item": [99], "rating": [3.0]}))


def untrained():
    return npcf.Learner(
        CollabDataLoaders.from_ratings(RATINGS, rng=np.random.default_rng(0)), FRESH.model
    )


REFUSED = [
    (lambda: p.plot_loss(untrained()), UsageError, "taken no step.*learner.fit"),
    (lambda: p.plot_loss(FRESH), UsageError, "fit_state"),
    (lambda: p.plot_schedule([]), UsageError, "0 rates"),
    (lambda: p.plot_schedule(([0.1, 0.2], [0.9])), UsageError, "2 rates and 1 momenta"),
    (lambda: p.plot_schedule([0.1], "rate"), SettingError, "quantity"),
    (lambda: p.plot_lr_find(0.1), UsageError, "lr_find"),
    (lambda: p.plot_bias(PLAIN, RATINGS), UsageError, "without item biases"),
    (lambda: p.plot_bias(FRESH, STRANGE), DataError, "no rating of an item that the model knows"),
    (lambda: p.plot_map(FRESH, weighted=True), UsageError, "needs the ratings"),
    (lambda: p.plot_map(NAN), DataError, "nan"),
    (lambda: p.plot_factors(NAN), DataError, "not finite"),
    (lambda: p.plot_factors(FRESH, n=0), SettingError, "n: "),
    (lambda: p.plot_residuals(pd.DataFrame({"prediction": [1.0]})), DataError, "residual"),
    (lambda: p.plot_residuals(residuals(FRESH, RATINGS.take([]))), DataError, "needs ratings"),
    (lambda: p.plot_parabolas([]), DataError, "one at least"),
    (lambda: p.plot_parabolas(ax=3), UsageError, "Pass an Axes"),
]  # fmt: skip


@pytest.mark.parametrize(("draw", "error", "message"), REFUSED)
def test_what_cannot_be_drawn_is_refused(draw, error, message):
    with pytest.raises(error, match=message):
        draw()


ODD = [None, 3, "x", np.zeros((2, 2)), object(), {}, float("nan"), FRESH]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_odd_arguments_meet_errors_of_npcf(odd):
    calls = [
        lambda: p.plot_loss(odd), lambda: p.plot_schedule(odd), lambda: p.plot_lr_find(odd),
        lambda: p.bias_against_mean(odd, RATINGS), lambda: p.bias_against_mean(FRESH, odd),
        lambda: p.item_map(odd), lambda: p.item_map(FRESH, RATINGS, odd),
        lambda: p.item_map(FRESH, RATINGS, weighted=odd), lambda: p.factor_table(odd),
        lambda: p.residual_bands(odd), lambda: p.parabolas(odd), lambda: p.parabolas(n=odd),
    ]  # fmt: skip
    for call in calls:
        try:
            call()
        except NpcfError:
            pass
