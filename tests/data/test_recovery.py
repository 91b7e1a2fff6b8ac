"""A planted truth is recognised, rotated or not; what is no truth is not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import CollabDataLoaders, planted
from npcf.data.recovery import scores
from npcf.models import DotProductBiasEmb
from npcf.training import Learner

EPS = 2.0**-53
PLANTED = planted(60, 40, 1_200, n_factors=4, seed=2)


def rotation(k, seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((k, k)))[0]


def rotated(params, r):
    factors = {name: params[name] @ r for name in ("user_factors", "item_factors")}
    return dict(params) | factors


def procrustes_bound(truth):
    """What rounding may leave of |T R R' - T| / |T| for an exact truth T (n, k), rotated by R.

    Rotating rounds each entry by gamma(k + 1), and R is orthogonal up to c k**1.5 eps, c < 10 for
    Householder QR (Higham 2002, 19.3).  The best rotation is the polar factor of M = (T R)' T; the
    sum over n rows and the SVD change M by at most (n + c k**1.5) eps |T|**2, and a change of M by
    E turns its polar factor by at most 2 |E| / sigma_min(M) (Higham 2008, 8.9), where
    sigma_min(M) = sigma_min(T)**2.  Applying it rounds once more.
    """
    n, k = truth.shape
    norm, smallest = np.linalg.norm(truth), np.linalg.svd(truth, compute_uv=False)[-1]
    entries = 2 * np.sqrt(k) * (k + 1) * EPS + 2 * 10 * k**1.5 * EPS
    return entries + 2 * (n + 10 * k**1.5) * EPS * (norm / smallest) ** 2


@given(k=st.integers(1, 6), seed=st.integers(0, 999))
def test_the_truth_rotated_is_the_truth(k, seed):
    p = planted(30, 20, 100, n_factors=k, seed=seed)
    found = p.recovery(rotated(p.params, rotation(k, seed)))
    both = np.concatenate([p.params[name][1:] for name in ("user_factors", "item_factors")])
    assert found.factor_error <= procrustes_bound(both)
    assert found.user_error <= procrustes_bound(p.params["user_factors"][1:])
    assert found.item_error <= procrustes_bound(p.params["item_factors"][1:])
    # a logit is k products of rotated entries; 2**4 covers the rotation's own 10 k**1.5 eps
    size = np.abs(both).max() ** 2 * k
    assert found.rmse <= 2**4 * 2 * (k + 10 * k**1.5) * EPS * (size + 4)
    # two vectors e apart, relatively, have a correlation of at least 1 - e**2 / 2; and its rounding
    spread = scores(p.params, p.ratings.users, p.ratings.items).std()
    apart = (found.rmse + EPS * size) / spread
    assert found.correlation >= 1 - apart**2 - 4 * (len(p.ratings) + 4) * EPS


@given(seed=st.integers(0, 99), scale=st.sampled_from([0.5, 2.0]))
def test_stretching_is_no_rotation(seed, scale):
    """|s T - T| / |T| = |s - 1| is the least distance: rotations keep the length."""
    params = dict(PLANTED.params)
    params["user_factors"] = scale * params["user_factors"]
    found = PLANTED.recovery(params)
    bound = 4 * procrustes_bound(PLANTED.params["user_factors"][1:])
    assert abs(found.user_error - abs(scale - 1)) <= bound
    assert found.rmse > 0.1
    assert found.factor_error > 0.1


def test_users_and_items_must_be_rotated_together():
    """Two different rotations are invisible table by table, and change every score."""
    params = dict(PLANTED.params)
    params["user_factors"] = params["user_factors"] @ rotation(4, 0)
    params["item_factors"] = params["item_factors"] @ rotation(4, 1)
    found = PLANTED.recovery(params)
    for table, error in (("user", found.user_error), ("item", found.item_error)):
        assert error <= procrustes_bound(PLANTED.params[f"{table}_factors"][1:])
    assert found.factor_error > 0.1
    assert found.rmse > 0.1


def test_more_factors_than_the_truth_has_are_no_error_if_they_are_zero():
    params = {
        name: np.pad(table, ((0, 0), (0, 3))) if table.ndim == 2 else table[:, None]
        for name, table in PLANTED.params.items()
    }
    found = PLANTED.recovery(params)
    assert found.rmse == 0
    tables = [PLANTED.params[name][1:] for name in ("user_factors", "item_factors")]
    assert found.factor_error <= procrustes_bound(np.concatenate(tables))


def test_noise_is_not_the_truth():
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(t.shape) for name, t in PLANTED.params.items()}
    found = PLANTED.recovery(params, np.arange(600))
    assert -0.3 < found.correlation < 0.3
    assert found.factor_error > 0.5


def test_training_recovers_scores():
    p = planted(150, 80, 6_000, n_factors=2, noise=0.1, seed=1)
    dls = CollabDataLoaders.from_ratings(p.ratings, rng=np.random.default_rng(0))
    model = DotProductBiasEmb(dls.n_users, dls.n_items, 2, rng=np.random.default_rng(1))
    before = p.recovery(model.core_params())
    Learner(dls, model, progress=False).fit_one_cycle(15, 5e-2, wd=0.01)
    after = p.recovery(model.core_params())
    assert after.correlation > 0.95 > before.correlation
    assert after.factor_error < 0.5 < before.factor_error
