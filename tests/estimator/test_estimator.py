"""The estimator: what the Learner trains, under scikit-learn's protocol."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from npcf.data import CollabDataLoaders, Ratings, planted
from npcf.errors import (
    DataError,
    DTypeError,
    SettingError,
    UnknownIdError,
    UsageError,
)
from npcf.estimator import CollabRegressor
from npcf.models import DotProductBiasCP, DotProductBiasEmb
from npcf.training import Learner
from npcf.verify import assert_same_bits

PLANTED = planted(60, 40, 1_500, seed=1).ratings
IDS, RATING = PLANTED.pairs, PLANTED.rating
FRAME = pd.DataFrame({"who": IDS[:, 0], "what": [f"m{i}" for i in IDS[:, 1]]})
SMALL = {"n_factors": 4, "n_epochs": 3, "max_lr": 5e-2, "random_state": 0}


def fitted(X=IDS, y=RATING, **settings):  # noqa: N803
    return CollabRegressor(**(SMALL | settings)).fit(X, y)


@pytest.mark.parametrize(
    ("name", "cls"), [("embedding", DotProductBiasEmb), ("create_params", DotProductBiasCP)]
)
@pytest.mark.parametrize("sampling", ["permutation", "replacement"])
@pytest.mark.parametrize("y_range", [(0, 5.5), None])
def test_fit_is_the_learner_and_predict_the_predictor(name, cls, sampling, y_range):
    """The same seed gives the same bits as doing it by hand."""
    got = fitted(model=name, sampling=sampling, y_range=y_range, weight_decay=0.05, batch_size=32)
    tables, batches = np.random.default_rng(0).spawn(2)
    frame = pd.DataFrame({"user": IDS[:, 0], "item": IDS[:, 1], "rating": RATING})
    data = Ratings.from_frame(frame)
    dls = CollabDataLoaders(data, data, 32, sampling, rng=batches)
    learn = Learner(dls, cls(61, 41, 4, y_range, rng=tables), progress=False)
    learn.fit_one_cycle(3, 5e-2, wd=0.05)
    for table, want in learn.model.params.items():
        assert_same_bits(got.model_.params[table], want, table)
    assert_same_bits(got.predict(IDS), learn.predict(data.pairs))
    losses = ["train_loss_smoothed", "valid_loss"]
    assert got.history_[losses].equals(learn.history[losses])


def test_it_learns_and_score_is_r_squared():
    model = fitted(n_epochs=8)
    assert model.score(IDS, RATING) > 0.3
    weight = np.arange(len(RATING)) % 3 + 1.0
    for w in (None, weight):
        want = r2_score(RATING, model.predict(IDS).astype(float), sample_weight=w)
        # n squares and sums on both sides; 1 - quotient
        assert abs(model.score(IDS, RATING, w) - want) <= 8 * len(RATING) * 2.0**-53


def test_score_of_equal_ratings_is_one_or_zero():
    model = fitted()
    exact = model.predict(IDS[:1])
    assert model.score(IDS[:1], exact) == 1
    assert model.score(IDS[:1], exact + 1) == 0


def test_the_seed_decides_and_a_generator_goes_on():
    assert_same_bits(fitted().predict(IDS), fitted().predict(IDS))
    assert (fitted(random_state=1).predict(IDS) != fitted().predict(IDS)).any()
    assert (fitted(random_state=None).predict(IDS) != fitted(random_state=None).predict(IDS)).any()
    rng = np.random.default_rng(0)
    first = fitted(random_state=rng).predict(IDS)
    assert_same_bits(first, fitted().predict(IDS))
    assert (fitted(random_state=rng).predict(IDS) != first).any()


def test_frames_lists_floats_and_objects_are_the_same_pairs():
    want = fitted().predict(IDS)
    for pairs in (IDS.astype(float), IDS.tolist(), pd.DataFrame(IDS), IDS.astype(object)):
        assert_same_bits(fitted(pairs).predict(pairs), want)
    model = fitted(FRAME)
    assert model.feature_names_in_.tolist() == ["who", "what"]
    assert model.n_features_in_ == 2
    assert_same_bits(model.predict(FRAME.to_numpy()), model.predict(FRAME))
    shuffled = FRAME.sample(frac=1, random_state=0)  # an index that does not count from 0
    assert_same_bits(model.predict(shuffled), model.predict(FRAME)[shuffled.index])
    model.fit(IDS, RATING)
    assert not hasattr(model, "feature_names_in_")


def test_unknown_ids_by_policy():
    pairs = [[10**6, 1], [1, 10**6], [10**6, 10**6]]
    model = fitted()
    guess = model.predict(pairs)
    assert guess[2] == np.float32(RATING.mean(dtype=np.float64))
    assert np.isfinite(guess).all()
    assert (model.set_params(unknown="na").predict(pairs) != guess).any()
    with pytest.raises(UnknownIdError, match=r"users\[0\]"):
        model.set_params(unknown="raise").predict(pairs)


def test_verbose_prints_an_epoch_a_line(capsys):
    fitted(verbose=True)
    assert len(capsys.readouterr().out.splitlines()) == 3
    fitted()
    assert capsys.readouterr().out == ""


def test_parameters_by_name():
    model = CollabRegressor(n_factors=7)
    assert model.get_params()["n_factors"] == 7
    assert model.set_params(max_lr=0.1, weight_decay=0.0) is model
    assert (model.max_lr, model.weight_decay) == (0.1, 0.0)
    assert repr(model) == "CollabRegressor(n_factors=7, max_lr=0.1, weight_decay=0.0)"
    with pytest.raises(SettingError, match="reg: is no parameter of CollabRegressor. It has n_f"):
        model.set_params(max_lr=9, reg=1)
    assert model.max_lr == 0.1
    with pytest.warns(DeprecationWarning, match="is now max_lr"):
        assert model.set_params(lr=0.2).max_lr == 0.2
    with pytest.warns(DeprecationWarning, match="is now weight_decay"):
        assert CollabRegressor(wd=0.5).weight_decay == 0.5


def test_clone_copies_the_settings_and_not_the_training():
    rng = np.random.default_rng(3)
    model = fitted(y_range=(1, 5), random_state=rng)
    copied = clone(model)
    assert not hasattr(copied, "model_")
    assert copied.random_state is not rng
    assert copied.get_params() | {"random_state": 0} == model.get_params() | {"random_state": 0}
    assert is_regressor(model)


def test_cross_validation_grid_search_and_pipeline():
    """Folds leave users and items out; they are predicted by the mean."""
    folds = KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(CollabRegressor(**SMALL), FRAME, RATING, cv=folds)
    by_hand = [
        fitted(FRAME.iloc[train], RATING[train]).score(FRAME.iloc[test], RATING[test])
        for train, test in folds.split(FRAME)
    ]
    assert scores.tolist() == by_hand
    grid = GridSearchCV(CollabRegressor(**SMALL), {"max_lr": [1e-9, 5e-2]}, cv=folds)
    grid.fit(FRAME, RATING)
    assert grid.best_params_ == {"max_lr": 5e-2}
    assert_same_bits(grid.predict(FRAME), fitted(FRAME).predict(FRAME))
    steps = [("order", FunctionTransformer(lambda f: f[["who", "what"]])), ("npcf", fitted())]
    pipe = Pipeline(steps).set_params(npcf__n_epochs=1).fit(FRAME[["what", "who"]], RATING)
    want = fitted(FRAME, n_epochs=1).predict(FRAME)
    assert_same_bits(pipe.predict(FRAME[["what", "who"]]), want)


def test_it_survives_pickle_and_deepcopy():
    model = fitted(FRAME)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert_same_bits(other.predict(FRAME), model.predict(FRAME))


def test_fit_changes_nothing_it_was_given():
    frame, rating = FRAME.copy(), RATING.copy()
    model = CollabRegressor(**SMALL)
    before = model.get_params()
    model.fit(frame, rating)
    pd.testing.assert_frame_equal(frame, FRAME, check_exact=True)
    assert_same_bits(rating, RATING)
    assert model.get_params() == before


def test_scikit_learn_is_not_imported():
    code = (
        "import sys, numpy as np; from npcf.estimator import CollabRegressor as C;"
        "m = C(n_epochs=1).fit([[1, 1], [2, 2]], [3, 4]); m.predict([[1, 1]]); repr(m);"
        "m.score([[1, 1], [2, 2]], [3, 4]); m.set_params(**m.get_params());"
        "assert not [name for name in sys.modules if name.startswith('sklearn')]\n"
        "try: C().predict([[1, 1]])\n"
        "except TypeError as e: assert 'is not fitted yet' in str(e)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


GOOD = fitted(FRAME)
ONE_USER = {"who": [1, 2], "what": ["m1", "m2"]}
BAD = [
    (lambda: CollabRegressor().predict(IDS), UsageError, "CollabRegressor: is not fitted yet"),
    (lambda: CollabRegressor().predict(IDS), NotFittedError, "is not fitted yet. Call fit"),
    (lambda: fitted([[1, 2]], [1e39]), DataError, r"rating\[0\]: 1e\+39 is no finite float32"),
    (lambda: fitted([[1, 2], [1, 2.5]], [1, 2]), DataError, r"X\[:, 1\]\[1\]: 2.5 is no id"),
    (lambda: fitted([[np.nan, 2]], [1]), DataError, r"X\[:, 0\]\[0\]: nan is no id"),
    (lambda: fitted([[1, 2.0**53]], [1]), DataError, r"X\[:, 1\]\[0\]: 9007199254740992.0 is no"),
    (lambda: fitted([[None, 2]], [1]), DataError, "user"),
    (
        lambda: fitted([["a", 2], [1, 2]], [1, 2]),
        DataError,
        r"X\[:, 0\]\[1\]: ids cannot be",
    ),
    (lambda: fitted([[True, False]], [1]), DataError, "user: ids have dtype bool"),
    (lambda: fitted(n_factors=0), SettingError, "n_factors: must be a whole number >= 1"),
    (lambda: fitted(n_epochs=0), SettingError, "n_epoch: must be a whole number >= 1"),
    (lambda: fitted(max_lr=-1), SettingError, "lr"),
    (lambda: fitted(weight_decay=-1), SettingError, "w.*d.*: must be a finite number"),
    (lambda: fitted(batch_size=0), SettingError, "bs: must be a whole number >= 1"),
    (lambda: fitted(sampling="no"), SettingError, "sampling: 'no' is unknown"),
    (lambda: fitted(model="no"), SettingError, "model: 'no' is unknown. Choose one of embedding"),
    (lambda: fitted(unknown="no"), SettingError, "unknown: 'no' is unknown"),
    (lambda: fitted(random_state=-1), SettingError, "random_state: must be a whole number >= 0"),
    (lambda: fitted(random_state="a"), SettingError, "random_state: must be a whole number >= 0"),
    (lambda: fitted(y_range=(5, 1)), SettingError, "y_range: low 5 lies above high 1"),
    (lambda: GOOD.predict([["1", "m1"]]), DTypeError, "users: ids are of type string"),
]


@pytest.mark.parametrize(("ask", "error", "message"), BAD)
def test_what_cannot_be_used_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
