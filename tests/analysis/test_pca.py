"""Principal components: scikit-learn's, in three forms, and what these have in common."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.analysis import PCA, pca
from npcf.errors import DataError, SettingError, ShapeError, UsageError
from npcf.verify import assert_same_bits, assert_within
from npcf.verify.precision import DOUBLE
from tests.analysis.components import aligned, backward_error, directions, vectors_apart

rng = np.random.default_rng
THREAD = rng(0).normal(size=(300, 50))
WHOLE = st.integers(-9, 9).map(float)


@st.composite
def tables(draw):
    """Whole numbers, so that some rows are equal, and floats that use all their digits."""
    shape = draw(st.integers(3, 9)), draw(st.integers(3, 6))
    if draw(st.booleans()):
        return draw(arrays(np.float64, shape, elements=WHOLE))
    return rng(draw(st.integers(0, 2**32))).normal(size=shape)


def scikit_learn():
    """Return its PCA."""
    return pytest.importorskip("sklearn.decomposition", reason="scikit-learn").PCA


def centred(x):
    return x - x.mean(axis=0)


def fitted(x, k):
    """Return PCA(k).fit(x), or None where the samples differ in fewer directions."""
    if directions(x) >= k:
        return PCA(k).fit(x)
    with pytest.raises(DataError, match="Ask for n_components|no direction"):
        PCA(k).fit(x)
    return None


@given(x=tables(), k=st.integers(1, 3))
def test_components_are_eigenvectors_of_the_covariance_by_falling_variance(x, k):
    """Without a word about gaps: A^T A v = s^2 v, and v of length 1, orthogonal to the others."""
    found = fitted(x, k)
    if found is None:
        return
    a, v, s = centred(x), found.components_, found.singular_values_
    off = backward_error(a)
    largest = np.linalg.norm(a)
    assert_within(a.T @ (a @ v.T) - v.T * s**2, np.zeros_like(v.T), 4 * largest * off)
    assert_within(v @ v.T, np.eye(k), off / largest)
    assert (np.diff(s) <= 0).all()
    assert_within(np.linalg.norm(found.transform(x), axis=0), s, 2 * off)
    assert_within(found.explained_variance_ratio_ * largest**2, s**2, 2 * largest * off)


@given(x=tables(), k=st.integers(1, 3))
def test_the_largest_entry_of_a_component_is_positive(x, k):
    if (found := fitted(x, k)) is not None:
        v = found.components_
        largest = np.abs(v).max(axis=1)
        assert (v.max(axis=1) >= largest * (1 - 2.0**-20)).all()
        first = (np.abs(v) >= largest[:, None] * (1 - 2.0**-20)).argmax(axis=1)
        assert (v[np.arange(k), first] > 0).all()


@given(x=tables(), k=st.integers(1, 3), transposed=st.booleans())
def test_scikit_learn_says_the_same_up_to_the_sign(x, k, transposed):
    x = x.T if transposed else x
    if (found := fitted(x, k)) is None:
        return
    theirs, a = scikit_learn()(k, svd_solver="full").fit(x), centred(x)
    apart = vectors_apart(a, k)
    assert_within(found.singular_values_, theirs.singular_values_, 2 * backward_error(a))
    assert_within(
        aligned(found.components_, theirs.components_), theirs.components_, apart[:, None]
    )
    scores = aligned(found.transform(x).T, theirs.transform(x).T)
    size = np.linalg.norm(a)
    assert_within(scores, theirs.transform(x).T, (apart * size)[:, None] + backward_error(a))
    assert_within(found.mean_, theirs.mean_, 2 * DOUBLE.gamma(len(x)) * np.abs(x).mean(axis=0))


def test_the_three_forms_have_the_shapes_of_the_thread():
    assert pca(THREAD, 3, "items").shape == (3, 300)  # test1, and what the lesson takes
    assert PCA(3).fit(THREAD).components_.shape == (3, 50)  # test2
    assert pca(THREAD, 3, "factors").shape == (300, 3)  # test3
    assert pca(THREAD, 3, "fastai").shape == (300, 3)
    assert_same_bits(pca(THREAD, 3, "items"), PCA(3).fit(THREAD.T).components_)
    assert_same_bits(pca(THREAD, 3), PCA(3).fit_transform(THREAD))
    assert_same_bits(pca(THREAD, 3, "fastai"), pca(THREAD, 3, "factors"))
    assert repr(PCA(3)) == "PCA(n_components=3)"


def doubly_centred(a):
    """Return n K times `a` less the means of rows and of columns: whole numbers, so it is exact."""
    n, k = a.shape
    rows, columns = a.sum(axis=1, keepdims=True), a.sum(axis=0, keepdims=True)
    return n * k * a - n * rows - k * columns + a.sum()


def same_picture(e, k):
    """Assert that a column of scores is a component of the transpose times its singular value."""
    items, factors = PCA(k).fit(e.T), pca(e, k, "factors")
    picture = items.components_ * items.singular_values_[:, None]
    apart = vectors_apart(centred(e), k) * np.linalg.norm(e) + backward_error(e)
    assert_within(aligned(picture, factors.T), factors.T, apart[:, None], "the picture")


@given(a=arrays(np.float64, st.tuples(st.integers(3, 8), st.integers(3, 5)), elements=WHOLE),
       k=st.integers(1, 2))  # fmt: skip
@example(a=np.diag([4.0, 3, 2, 1]), k=2)
def test_on_a_doubly_centred_table_both_forms_are_one_picture(a, k):
    """The means are exactly 0, so both are the SVD of one matrix, and of its transpose."""
    e = doubly_centred(a)
    assert not e.sum(axis=0).any() and not e.sum(axis=1).any()
    if fitted(e, k) is not None:
        same_picture(e, k)


def test_on_other_tables_they_are_two():
    """The comparison of the theorem says so, and not for want of a gap."""
    e = rng(1).normal(size=(40, 6)) + rng(2).normal(size=(40, 1))
    assert np.isfinite(vectors_apart(centred(e), 2)).all()
    with pytest.raises(AssertionError, match="the picture"):
        same_picture(e, 2)


@given(x=arrays(np.float64, (8, 4), elements=WHOLE), data=st.data())
def test_each_form_is_blind_to_its_own_mean(x, data):
    """To the bit: a mean of 8 or of 4 whole numbers is exact."""
    if fitted(x, 2) is None or fitted(x.T, 2) is None:
        return
    for_all = data.draw(arrays(np.float64, (1, 4), elements=WHOLE))
    for_each = data.draw(arrays(np.float64, (8, 1), elements=WHOLE))
    assert_same_bits(pca(x + for_all, 2, "factors"), pca(x, 2, "factors"))
    assert_same_bits(pca(x + for_each, 2, "items"), pca(x, 2, "items"))


@given(x=arrays(np.float64, (8, 4), elements=WHOLE), signs=st.integers(1, 14))
def test_turning_the_factors_changes_the_average_over_them_alone(x, signs):
    """Some factors mirrored, for users and items alike: no prediction changes, nor "factors"."""
    if fitted(x, 2) is None:
        return
    turned = x * np.where([signs >> i & 1 for i in range(4)], -1.0, 1.0)
    assert_same_bits(turned @ turned.T, x @ x.T)
    a = centred(x)
    apart = vectors_apart(a, 2) * np.linalg.norm(a) + backward_error(a)
    want = pca(x, 2).T
    assert_within(aligned(pca(turned, 2).T, want), want, apart[:, None])


def test_the_average_over_factors_does_change():
    x = rng(3).normal(1, 1, (30, 5))
    turned = x * [-1, 1, 1, 1, 1]
    one, other = pca(x, 2, "items"), pca(turned, 2, "items")
    apart = vectors_apart(centred(x.T), 2)
    with pytest.raises(AssertionError):
        assert_within(aligned(other, one), one, apart[:, None])


@given(x=tables(), data=st.data(), k=st.integers(1, 2))
def test_a_weight_counts_as_so_many_copies(x, data, k):
    counts = data.draw(arrays(np.int64, len(x), elements=st.integers(0, 3)))
    copies = np.repeat(x, counts, axis=0)
    if not len(copies):
        with pytest.raises(DataError, match="all 0"):
            pca(x, k, weights=counts)
        return
    if directions(copies) < k:
        return
    weighted, want = PCA(k).fit(x, counts), PCA(k).fit(copies)
    # the mean of so many rows, a root, and a product
    further = 2 * DOUBLE.gamma(len(copies) + 6) * np.linalg.norm(copies)
    apart = vectors_apart(centred(copies), k, further)
    assert_within(aligned(weighted.components_, want.components_), want.components_, apart[:, None])
    allowed = 2 * backward_error(copies) + further
    assert_within(weighted.singular_values_, want.singular_values_, allowed)
    assert_same_bits(pca(x, k, weights=counts), weighted.transform(x))


def test_float32_and_whole_numbers_are_computed_in_float64():
    for dtype in (np.float32, np.int64):
        x = (8 * THREAD[:9, :4]).astype(dtype)
        assert_same_bits(pca(x, 2), pca(x.astype(np.float64), 2))


@pytest.mark.parametrize("scale", [2.0**400, 2.0**-400])
def test_scale_changes_nothing_but_the_scale(scale):
    x = THREAD[:9, :4]
    apart = vectors_apart(centred(x), 2)
    want = pca(x, 2, "items")
    apart = vectors_apart(centred(x.T), 2)
    assert_within(aligned(pca(x * scale, 2, "items"), want), want, apart[:, None])


def test_the_threads_transform_says_what_went_wrong():
    """x = pca.transform(movie_emb), after fit(movie_emb.T)."""
    with pytest.raises(ShapeError, match="X has 50 features, but PCA is expecting 300.*transpose"):
        PCA(3).fit(THREAD.T).transform(THREAD)
    with pytest.raises(ShapeError, match="X has 49 features, but PCA is expecting 50"):
        PCA(3).fit(THREAD).transform(THREAD[:, 1:])
    with pytest.raises(ValueError, match="X has 50 features, but PCA is expecting 300"):
        scikit_learn()(3).fit(THREAD.T).transform(THREAD)


NAN = THREAD.copy()
NAN[7, 3] = np.nan
REFUSED = [
    (lambda: pca(THREAD[:3], 3), DataError, "E: .* in 2 of the 3 .*Ask for n_components=2"),
    (lambda: pca(THREAD[:, :3], 3, "items"), DataError, "in 2 of the 3"),
    (lambda: pca(np.full((9, 4), 0.1), 1), DataError, "equal samples"),
    (lambda: pca(THREAD[:1], 1), DataError, "equal samples"),
    (lambda: pca(NAN, 3), DataError, r"E\[\(7, 3\)\]: nan"),
    (lambda: pca(THREAD * 2.0**600, 3), DataError, "no number that can be squared"),
    (lambda: pca(THREAD[0], 1), ShapeError, "2 dimension"),
    (lambda: pca(THREAD[:0], 1), ShapeError, "empty"),
    (lambda: pca(THREAD, 0), SettingError, "n_components"),
    (lambda: pca(THREAD, 3, "rows"), SettingError, "how"),
    (lambda: pca(THREAD, 3, "items", np.ones(300)), SettingError, "weights"),
    (lambda: pca(THREAD, 3, weights=np.ones(50)), ShapeError, "weights"),
    (lambda: pca(THREAD, 3, weights=-np.ones(300)), DataError, r"weights\[0\]: -1.0 is no count"),
    (lambda: PCA(3).transform(THREAD), UsageError, "Call fit"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "error", "message"), REFUSED)
def test_what_has_no_components_is_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()
