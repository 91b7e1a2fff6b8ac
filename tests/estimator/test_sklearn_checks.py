"""scikit-learn's own checks of an estimator, and by name those that cannot pass, and why.

The checks make up X with 1, 3, 4, 5 or 10 columns of measurements.  `CollabRegressor` insists on
two columns of ids, so most of them stop at that.  What they are about is checked all the same, on
`AnyColumns`, which makes two columns of ids out of any X and passes all but the named ones.
"""

import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

from npcf.estimator import CollabRegressor

COLUMNS = "feeds X of {} columns: ids are refused unless they are user and item"
SETTINGS = {"n_factors": 3, "n_epochs": 2, "random_state": 0}

TWO_COLUMNS_ONLY = {
    "check_dict_unchanged": COLUMNS.format(3),
    "check_dont_overwrite_parameters": COLUMNS.format(3),
    "check_dtype_object": COLUMNS.format(10),
    "check_estimators_dtypes": COLUMNS.format(5),
    "check_estimators_nan_inf": COLUMNS.format(3),
    "check_estimators_pickle": COLUMNS.format(3),
    "check_f_contiguous_array_estimator": COLUMNS.format(3),
    "check_fit2d_1sample": COLUMNS.format(10),
    "check_fit2d_predict1d": COLUMNS.format(3),
    "check_fit_score_takes_y": COLUMNS.format(3),
    "check_methods_sample_order_invariance": COLUMNS.format(3),
    "check_methods_subset_invariance": COLUMNS.format(3),
    "check_n_features_in_after_fitting": COLUMNS.format(4),
    "check_pipeline_consistency": COLUMNS.format(3),
    "check_positive_only_tag_during_fit": COLUMNS.format(10),
    "check_regressor_data_not_an_array": COLUMNS.format(10),
    "check_regressors_int": COLUMNS.format(10),
    "check_regressors_no_decision_function": COLUMNS.format(4),
    "check_regressors_train": COLUMNS.format(10),
    "check_supervised_y_2d": COLUMNS.format(3),
}

ANY_COLUMNS = {
    "check_supervised_y_2d": "wants y (n, 1) taken with a warning; npcf refuses it, as everywhere"
}


class AnyColumns(CollabRegressor):
    """Takes the first and the last column, in steps of 1/4, for ids."""

    def fit(self, X, y):  # noqa: N803, D102
        table = validate_data(self, X)
        super().fit(two_columns(table), y)
        self.n_features_in_ = table.shape[1]
        return self

    def predict(self, X):  # noqa: N803, D102
        if not hasattr(self, "predictor_"):
            return super().predict(X)
        return super().predict(two_columns(validate_data(self, X, reset=False)))

    def _remember_columns(self, pairs):
        pass  # validate_data has

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        return tags


def two_columns(table):
    return np.floor(4 * table[:, [0, -1]].astype(float)).astype(np.int64)


def only_named(estimator):
    return TWO_COLUMNS_ONLY if type(estimator) is CollabRegressor else ANY_COLUMNS


with warnings.catch_warnings():
    # The warning is that BaseEstimator is no base class; that is the point of the protocol.
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from")
    checks = parametrize_with_checks(
        [CollabRegressor(**SETTINGS), AnyColumns(**SETTINGS)], expected_failed_checks=only_named
    )
    names, pairs = checks.args  # before 1.8 a generator, which would warn when it is asked
    every_check = pytest.mark.parametrize(names, [*pairs], **checks.kwargs)


@every_check
@pytest.mark.filterwarnings("ignore::npcf.errors.RangeWarning")  # any y is fitted
def test_check(estimator, check):
    check(estimator)
