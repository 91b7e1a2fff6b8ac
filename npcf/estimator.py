"""The model of lesson 5 behind scikit-learn's protocol: fit, predict, score, parameters by name.

    CollabRegressor().fit(X, y).predict(X)

X has two columns, the raw ids of users and of items: a DataFrame, an array, or a list of pairs; y
are the ratings.  Ids keep their type.  An array has one type for both columns, so whole numbers
held as floats are taken for the integers they are; anything else with a fraction is refused.

`clone`, `cross_val_score`, `GridSearchCV` and `Pipeline` take it as one of theirs, although
scikit-learn is not imported here: it is asked for its tags class only when it calls.
Cross-validation leaves users and items out of training, hence unknown="mean" by default; the other
policies are in `npcf.analysis.predictor`.
"""

import copy
import inspect
from typing import Any

import numpy as np

from npcf._renamed import renamed_arguments, warn
from npcf._types import FloatArray, YRange
from npcf.analysis import Predictor
from npcf.analysis.rows import UNKNOWN
from npcf.data import CollabDataLoaders, Ratings
from npcf.errors import (
    DataError,
    SettingError,
    ShapeError,
    require_choice,
    require_count,
    require_flag,
    require_real,
    spell_checked,
)
from npcf.interop.sklearn_inputs import check_pairs, check_ratings, not_fitted, text_names
from npcf.models import DotProductBiasCP, DotProductBiasEmb
from npcf.suggestions import did_you_mean
from npcf.training import Learner
from npcf.training.validate import require_in_range

RENAMED = {"lr": "max_lr", "wd": "weight_decay"}
MODELS = {"embedding": DotProductBiasEmb, "create_params": DotProductBiasCP}


class CollabRegressor:
    """The model, trained under fastai's one-cycle schedule with decoupled weight decay.

    Parameters
    ----------
    max_lr : peak of the learning rate.
    random_state : None, a seed, or a numpy.random.Generator, for the tables and the batches.
    verbose : whether to print the row of each epoch.
    outside : what happens where ratings lie outside `y_range`, which no model reaches: "warn"
        (scikit-learn's own checks fit any), "raise", "allow".

    The other parameters are those of the models, of `Batches` and of `Predictor.predict`.

    After fit: `model_`, `predictor_`, `history_` (its valid columns are of the training ratings,
    since nothing is held back), `n_features_in_` (2) and, for a DataFrame, `feature_names_in_`.
    """

    @renamed_arguments(**RENAMED)
    @spell_checked
    def __init__(
        self,
        n_factors: int = 50,
        n_epochs: int = 5,
        max_lr: float = 5e-3,
        weight_decay: float = 0.1,
        y_range: YRange = (0, 5.5),
        batch_size: int = 64,
        sampling: str = "permutation",
        model: str = "embedding",
        random_state: int | np.random.Generator | None = None,
        unknown: str = "mean",
        verbose: bool = False,
        outside: str = "warn",
    ):
        self.n_factors, self.n_epochs = n_factors, n_epochs
        self.max_lr, self.weight_decay = max_lr, weight_decay
        self.y_range, self.batch_size, self.sampling = y_range, batch_size, sampling
        self.model, self.random_state, self.unknown = model, random_state, unknown
        self.verbose, self.outside = verbose, outside

    def fit(self, X: Any, y: Any) -> "CollabRegressor":  # noqa: N803
        """Train on the pairs `X` (n, 2) and their ratings `y` (n,); return self."""
        frame, ratings = check_pairs(X), check_ratings(y)
        if len(frame) != len(ratings):
            raise ShapeError("y", f"{len(ratings)} ratings for {len(frame)} pairs", "One a pair.")
        require_choice("unknown", self.unknown, UNKNOWN)
        cls = MODELS[require_choice("model", self.model, MODELS)]
        n_factors = require_count("n_factors", self.n_factors)
        for_tables, for_batches = _generator(self.random_state).spawn(2)
        data = Ratings.from_frame(frame.assign(rating=ratings), "user", "item", "rating")
        dls = CollabDataLoaders(data, data, self.batch_size, self.sampling, rng=for_batches)
        model = cls(data.n_users, data.n_items, n_factors, self.y_range, rng=for_tables)
        verbose = require_flag("verbose", self.verbose)
        report = print if verbose else _say_nothing
        require_in_range(ratings, self.y_range, self.outside, "y")
        progress = None if verbose else False
        learner = Learner(dls, model, on_epoch=report, outside="allow", progress=progress)
        learner.fit_one_cycle(self.n_epochs, self.max_lr, wd=self.weight_decay)
        self.model_, self.predictor_ = model, Predictor.of(model, data)
        self.history_ = learner.history
        self._remember_columns(X)
        return self

    def predict(self, X: Any) -> FloatArray:  # noqa: N803
        """Return predictions (n,) for the pairs `X` (n, 2)."""
        if not hasattr(self, "predictor_"):
            raise not_fitted(self)
        self._compare_columns(X)
        frame = check_pairs(X)
        return self.predictor_.predict(frame["user"], frame["item"], unknown=self.unknown)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return R**2 = 1 - sum w (y - pred)**2 / sum w (y - mean y)**2; 1 is perfect.

        If all ratings are equal: 1 if every prediction is right, else 0, as in scikit-learn.
        """
        rating, pred = check_ratings(y), self.predict(X).astype(np.float64)
        weight = np.ones_like(rating)
        if sample_weight is not None:
            weight = require_real("sample_weight", sample_weight)
        for name, array in (("y", rating), ("sample_weight", weight)):
            if array.shape != pred.shape:
                problem = f"shape {array.shape} for {pred.shape}"
                raise ShapeError(name, problem, "Give one number for each pair.")
        left = float((weight * (rating - pred) ** 2).sum())
        spread = float((weight * (rating - np.average(rating, weights=weight)) ** 2).sum())
        if spread == 0:
            return float(left == 0)
        return 1 - left / spread

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments by name; `deep` is there for the protocol."""
        return {name: getattr(self, name) for name in _parameter_names()}

    def set_params(self, **params: Any) -> "CollabRegressor":
        """Set some of the constructor's arguments; return self."""
        names = _parameter_names()
        for name in params.keys() - set(names) - RENAMED.keys():
            cure = f"{did_you_mean(name, names)}It has {', '.join(names)}."
            raise SettingError(name, "is no parameter of CollabRegressor", cure)
        for name, value in params.items():
            if name in RENAMED:
                warn(f"CollabRegressor.{name}", RENAMED[name], stacklevel=3)
            setattr(self, RENAMED.get(name, name), value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, parameter in inspect.signature(CollabRegressor).parameters.items()
            if repr(getattr(self, name)) != repr(parameter.default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_clone__(self) -> "CollabRegressor":
        return type(self)(**copy.deepcopy(self.get_params()))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "predictor_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            regressor_tags=RegressorTags(poor_score=True),  # ids say nothing about other ids
            input_tags=InputTags(categorical=True, string=True),
        )

    def _remember_columns(self, pairs: Any) -> None:
        self.n_features_in_ = 2
        names = text_names(pairs)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _compare_columns(self, pairs: Any) -> None:
        """Raise if a frame's columns are named otherwise than in fit: they may be exchanged."""
        names, known = text_names(pairs), getattr(self, "feature_names_in_", None)
        if names is not None and known is not None and list(names) != list(known):
            problem = f"has the columns {list(names)}, fit had {list(known)}"
            cure = "The feature names should match those that were passed during fit."
            raise DataError("X", problem, cure)


def _parameter_names() -> list[str]:
    return list(inspect.signature(CollabRegressor).parameters)


def _say_nothing(row: Any) -> None:
    """Stay silent."""


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.Generator):
        return random_state
    if random_state is not None:
        random_state = require_count("random_state", random_state, 0, np.inf)
    return np.random.default_rng(random_state)
