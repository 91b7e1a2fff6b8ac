"""Laws of what the models do when little is said: defaults, fresh tables, the lessons' arrays."""

import inspect
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import models, ops
from npcf.errors import SettingError, ShapeError
from npcf.models.pair_model import split_pairs
from npcf.verify import assert_same_bits

FRESH = {"rng": None, "dtype": np.float32}
DEFAULTS = {
    models.EmbeddingDot: {"n_factors": 50, "column": False} | FRESH,
    models.EmbeddingDotBias: {"n_factors": 50, "y_range": None, "mean": 0} | FRESH,
    models.TwoTableDotProduct: {"y_range": None} | FRESH,
    models.DotProductBiasEmb: {"y_range": (0, 5.5), "mean": 0} | FRESH,
    models.DotProductBiasCP: {"y_range": (0, 5.5), "mean": 0} | FRESH,
    models.PairModel: {"y_range": None, "column": False, "mean": 0},
    models.PairModel.forward: {"conts": None, "backend": ops},
    models.Embedding: {"padding_idx": None, "init": models.fastai_normal} | FRESH,
    models.create_params: {"init": models.normal} | FRESH,
    models.init_params: {"dtype": np.float32, "init": models.fastai_normal},
    models.fastai_normal: {"dtype": np.float32},
    models.normal: {"dtype": np.float32},
    models.dot_product_forward: {"y_range": None, "backend": ops},
    models.dot_product_bias_forward: {"y_range": (0, 5.5), "backend": ops, "mean": 0},
    models.full_matrix_forward: {"y_range": (0, 5.5)},
    models.predict_matrix: {"y_range": (0, 5.5)},
    models.LessonArray.normal_: {"mean": 0, "std": 1},
    ops.embedding_forward: {"padding_idx": None, "scale_grad_by_freq": False},
    ops.one_hot: {"dtype": np.float64},
}
SIZED = [
    models.EmbeddingDot,
    models.EmbeddingDotBias,
    models.TwoTableDotProduct,
    models.DotProductBiasEmb,
    models.DotProductBiasCP,
]


@pytest.mark.parametrize("function", DEFAULTS, ids=lambda f: f.__qualname__)
def test_defaults_are_those_of_the_source(function):
    """The book's range is (0, 5.5), the lesson's tables have 50 factors, and both are float32."""
    signature = inspect.signature(function).parameters.values()
    got = {p.name: p.default for p in signature if p.default is not p.empty}
    assert got == DEFAULTS[function]


@pytest.mark.parametrize("cls", SIZED)
def test_sizes_and_the_generator_decide_the_tables(cls):
    """No generator: fresh numbers every time."""
    first, same = (cls(5, 6, 3, rng=np.random.default_rng(4)) for _ in range(2))
    other = cls(5, 6, 3)
    for name, table in first.params.items():
        rows = 5 if name.startswith("user") else 6
        assert table.shape in {(rows, 3), (rows, 1), (rows,)}
        assert (table.ndim == 2 and table.shape[1] == 3) == name.endswith("factors")
        assert table.dtype == np.float32
        assert_same_bits(same.params[name], table, name)
        assert (other.params[name] != table).any()


@pytest.mark.parametrize(
    ("cls", "low", "high"),
    [(models.EmbeddingDot, 0.0, 0.05), (models.EmbeddingDotBias, -0.01, 0.01)],
)
def test_the_lessons_tables_fill_their_interval(cls, low, high):
    """n uniform numbers leave the last 60 / n of the interval empty once in e**60."""
    model = cls(2000, 2000, 10, rng=np.random.default_rng(0), dtype=np.float64)
    for table in model.params.values():
        edge = (high - low) * 60 / table.size
        assert low <= table.min() <= low + edge
        assert high - edge <= table.max() < high


@given(mean=st.sampled_from([0.0, 3.0, -1.0]), std=st.sampled_from([1.0, 0.5, 2.0]))
def test_normal_fills_with_the_mean_and_the_deviation_that_are_asked_for(mean, std):
    """A mean strays by std / sqrt(n), a deviation by std / sqrt(2 n): six of those are allowed."""
    array = models.create_params([100, 100], dtype=np.float64)
    assert array.normal_(mean, std) is array
    assert abs(np.mean(array) - mean) <= 6 * std / np.sqrt(array.size)
    assert abs(np.std(array) - std) <= 6 * std / np.sqrt(2 * array.size)


@pytest.mark.parametrize(
    "left", [(3,), (3, 1), (3, 2), (4,), (4, 1), (1, 3), (1,), (3, 3), (2, 3, 1)]
)
@pytest.mark.parametrize("right", [(3,), (3, 1), (3, 2), (4,), (4, 1), (1, 3), (1,), (3, 3), ()])
def test_only_a_vector_and_a_column_of_its_length_do_not_add(left, right):
    """Whatever else NumPy adds is added; (B,) + (B, 1) would be (B, B)."""
    a, b = np.ones(left).view(models.LessonArray), np.full(right, 2.0)
    trap = {len(left), len(right)} == {1, 2} and left[0] == right[0]
    try:
        want = np.asarray(a) + b
    except ValueError:
        want = None
    if trap:
        with pytest.raises(ShapeError):
            a + b
        with pytest.raises(ShapeError):
            a += b
    elif want is not None:
        assert_same_bits(np.asarray(a + b), want)


def test_sums_and_orders_in_numpys_spelling_are_numpys():
    plain = np.random.default_rng(0).standard_normal((3, 4))
    array = plain.view(models.LessonArray)
    assert_same_bits(np.asarray(array.sum()), np.asarray(plain.sum()))
    for axis in (0, 1):
        for keep in (False, True):
            want = plain.sum(axis, keepdims=keep)
            assert_same_bits(np.asarray(array.sum(axis, keepdims=keep)), want)
            assert_same_bits(np.asarray(array.sum(axis=axis, keepdim=keep)), want)
            assert_same_bits(np.asarray(array.sum(dim=axis, keepdim=keep)), want)
        assert (array.argsort(axis) == plain.argsort(axis)).all()
        assert (array.argsort(axis, descending=True) == (-plain).argsort(axis)).all()
    assert (array.argsort() == plain.argsort(1)).all()
    assert (array.argsort(descending=True) == (-plain).argsort(1)).all()


@pytest.mark.parametrize("padding", [0, 1, 2, -1, -3])
def test_the_padding_row_is_zero_and_the_others_are_not(padding):
    layer = models.Embedding(3, 2, padding_idx=padding, rng=np.random.default_rng(0))
    rows = np.flatnonzero(~layer.weight.any(axis=1))
    assert rows.tolist() == [padding % 3] == [layer.padding_idx]
    assert models.Embedding(3, 2, rng=np.random.default_rng(0)).weight.all()
    assert repr(models.Embedding(7, 2)) == "Embedding(7, 2)"


@pytest.mark.parametrize(
    "shape", [(2,), (), (0,), (1,), (2, 1), (2, 3), (2, 0), (2, 2, 2), (1, 2, 2), (2, 2, 1)]
)
def test_pairs_have_two_columns(shape):
    with pytest.raises(ShapeError, match=r"must be \(B, 2\)"):
        split_pairs(np.zeros(shape, np.int64))


def test_pairs_are_users_then_items():
    users, items = split_pairs([[5, 6], [7, 8], [9, 10]])
    assert (users.tolist(), items.tolist()) == ([5, 7, 9], [6, 8, 10])


def test_a_mean_needs_biases_and_moves_every_logit():
    """mean=0 is no mean: a model without biases may say it."""
    params = models.init_params(3, 4, 2, np.random.default_rng(0))
    factors = {name: params[name] for name in ("user_factors", "item_factors")}
    x = np.array([[0, 1], [2, 3]])
    models.PairModel(factors, mean=0.0)
    with pytest.raises(SettingError, match="mean: is for models with biases"):
        models.PairModel(factors, mean=0.5)
    plain, moved, lower = (models.PairModel(params, mean=m)(x) for m in (0, 0.5, -2))
    assert_same_bits(moved, plain + np.float32(0.5))
    assert_same_bits(lower, plain - np.float32(2))
    with pytest.raises(SettingError, match="mean: must be a finite number"):
        models.PairModel(params, mean=np.inf)


def test_gradients_of_a_column_are_asked_for_as_a_column():
    model = models.DotProductBiasEmb(3, 4, 2, rng=np.random.default_rng(0))
    pred, cache = model.forward(np.array([[0, 1], [2, 3]]))
    d_pred = np.array([[2.0], [3.0]], np.float32)
    assert pred.shape == d_pred.shape
    for wrong in (d_pred[:, 0], d_pred[..., None], d_pred[0, 0]):
        with pytest.raises(ShapeError, match=r"d_pred: must be \(B, 1\)"):
            model.backward(wrong, cache)
    grads = model.backward(d_pred, cache)
    assert {name: g.shape for name, g in grads.items()} == {
        name: table.shape for name, table in model.params.items()
    }
    assert grads["user_bias"].any(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["n_users", "n_items", "n_factors"])
def test_a_table_may_be_empty_but_not_less(name):
    sizes = {"n_users": 3, "n_items": 4, "n_factors": 2}
    params = models.init_params(**sizes | {name: 0}, rng=np.random.default_rng(0))
    assert params["user_factors"].shape == (
        (sizes | {name: 0})["n_users"],
        params["item_factors"].shape[1],
    )
    with pytest.raises(SettingError, match=f"{name}: must be a whole number >= 0"):
        models.init_params(**sizes | {name: -1}, rng=np.random.default_rng(0))


SHAPES = [(2, 3), (3, 2), (2, 2), (3, 3), (6,), (2, 3, 1)]


def test_matrix_ratings_and_mask_have_one_shape():
    for matrix, rating, mask in itertools.product(SHAPES, repeat=3):
        arrays = np.ones(matrix), np.zeros(rating), np.ones(mask, bool)
        if matrix == rating == mask:
            assert models.masked_mse_forward(*arrays)[0] == 1
        else:
            with pytest.raises(ShapeError, match="observed: must be a boolean mask"):
                models.masked_mse_forward(*arrays)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "float64", "datetime64[s]", "U1", "object"])
def test_a_mask_is_boolean(dtype):
    """Ones and zeros would be taken for row numbers."""
    with pytest.raises(ShapeError, match="observed: must be a boolean mask"):
        models.masked_mse_forward(np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 2), dtype))
