"""The stage "metric": the right aggregation passes in any order, each wrong one is named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf.crosscheck.metric_stage import METRICS, OF_OTHERS, OF_RMSE, metric_facts


def batches(sizes, seed=0):
    """Return predictions and ratings of batches; later ones are worse."""
    rng = np.random.default_rng(seed)
    ratings = [rng.integers(1, 11, n).astype(np.float32) / 2 for n in sizes]
    predictions = [
        (r + rng.normal(size=len(r)) * (b + 1)).astype(np.float32) for b, r in enumerate(ratings)
    ]
    return predictions, ratings


def errors(predictions, ratings):
    return [p.astype(float) - r for p, r in zip(predictions, ratings, strict=True)]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 70), min_size=1, max_size=6), st.integers(0, 2**16))
def test_all_together_is_right_in_float32(sizes, seed):
    """Summed forwards in single precision, term by term: the worst order there is."""
    predictions, ratings = batches(sizes, seed)
    total, count = np.float32(0), np.float32(0)
    for p, r in zip(predictions, ratings, strict=True):
        for e in p - r:
            total, count = np.float32(total + e * e), count + np.float32(1)
    mean = np.float32(total / count)
    assert metric_facts(predictions, ratings, float(mean), "mse") == []
    assert metric_facts(predictions, ratings, float(np.sqrt(mean))) == []


@pytest.mark.parametrize("name", OF_RMSE)
def test_every_wrong_rmse_is_named_first_or_with_its_like(name):
    predictions, ratings = batches([64, 64, 10])
    reported = OF_RMSE[name][0](errors(predictions, ratings))
    found = metric_facts(predictions, ratings, reported)
    assert [fact.name for fact in found] == [name]
    assert found[0].wrong
    assert found[0].stage == "metric"


@pytest.mark.parametrize("name", OF_OTHERS)
def test_every_wrong_mse_is_named(name):
    predictions, ratings = batches([64, 64, 10])
    reported = OF_OTHERS[name][0](errors(predictions, ratings))
    assert [f.name for f in metric_facts(predictions, ratings, reported, "mse")] == [name]


@pytest.mark.parametrize("metric", METRICS)
def test_what_nothing_explains_gets_no_false_name(metric):
    predictions, ratings = batches([64, 64, 10])
    right = METRICS[metric](errors(predictions, ratings))
    assert metric_facts(predictions, ratings, right, metric) == []
    found = metric_facts(predictions, ratings, right * 1.37, metric)
    assert [fact.name for fact in found] == ["metric-differs"]
    assert [f.name for f in metric_facts(predictions, ratings, np.nan, metric)] == [
        "metric-differs"
    ]


def test_one_batch_has_one_mean():
    """Where the mean of batches is the mean of all, nothing is said."""
    predictions, ratings = batches([50])
    reported = OF_RMSE["mean-of-batch-rmse"][0](errors(predictions, ratings))
    assert metric_facts(predictions, ratings, reported) == []


def test_nothing_to_compare_says_nothing():
    assert metric_facts([], [], 0.9) == []
    assert metric_facts([np.zeros(0)], [np.zeros(0)], 0.9) == []
