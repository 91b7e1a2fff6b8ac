"""The models under the names and shapes of the sources."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given

from npcf import models, ops
from npcf.errors import ShapeError
from npcf.verify import Bounded, assert_same_bits, assert_within
from npcf.verify.strategies import problems, row_pairs

BIASED = [models.EmbeddingDotBias, models.DotProductBiasEmb, models.DotProductBiasCP]
PLAIN = [models.EmbeddingDot, models.TwoTableDotProduct]


def rng(seed=0):
    return np.random.default_rng(seed)


def loaded(cls, p):
    """Return a model of class `cls` holding the tables of problem `p`."""
    sizes = len(p.params["user_factors"]), *p.params["item_factors"].shape
    model = cls(*sizes, rng=rng(), dtype=p.dtype)
    if cls in BIASED:
        model.y_range = p.y_range
    for name, table in model.params.items():
        table[...] = p.params[name].reshape(table.shape)
    return model


@given(p=row_pairs())
def test_dot_product_of_the_lesson_has_no_parameters(p):
    """Seed 0: forward(u, m) = (u * m).sum(1), gu = g * m, gm = g * u."""
    model = models.DotProduct()
    out, cache = model.forward(p.left, p.right)
    assert_same_bits(model(p.left, p.right), out)
    want = (Bounded.exact(p.left) * Bounded.exact(p.right)).sum(axis=1)
    assert_within(out, (p.left * p.right).sum(1), want.tolerance)
    d_u, d_m = model.backward(p.d_out, cache)
    assert_same_bits(d_u, p.d_out[:, None] * p.right)
    assert_same_bits(d_m, p.d_out[:, None] * p.left)


@given(p=problems())
def test_squeeze_keepdim_and_create_params_predict_the_same_numbers(p):
    """Shapes (B,), (B, 1), (B,); one mathematics."""
    x = np.stack([p.users, p.items], axis=1)
    want = models.dot_product_bias_forward(p.params, p.users, p.items, p.y_range)[0]
    n = len(p.users)
    for cls, shape in zip(BIASED, [(n,), (n, 1), (n,)], strict=True):
        pred = loaded(cls, p)(x)
        assert pred.shape == shape
        assert_same_bits(pred.ravel(), want)


@given(p=problems())
def test_factors_in_a_range_are_the_model_with_biases_of_zero(p):
    """The book's second `DotProduct`; gradients of the factors to the bit."""
    ranged, biased = loaded(models.TwoTableDotProduct, p), loaded(models.DotProductBiasCP, p)
    ranged.y_range = p.y_range
    for name in ("user_bias", "item_bias"):
        biased.params[name][...] = 0
    x = np.stack([p.users, p.items], axis=1)
    results = []
    for model in (ranged, biased):
        pred, cache = model.forward(x)
        grads = model.backward(p.rating, cache)
        results.append((pred, grads["user_factors"], grads["item_factors"]))
    for mine, with_zeros in zip(*results, strict=True):
        assert_same_bits(mine, with_zeros)


@pytest.mark.parametrize("cls", [*BIASED, *PLAIN])
@given(p=problems())
def test_gradients_are_those_of_the_core_in_the_shapes_of_the_tables(cls, p):
    model = loaded(cls, p)
    pred, cache = model.forward(np.stack([p.users, p.items], axis=1))
    _, loss_cache = ops.mse_forward(pred, p.rating.reshape(pred.shape))
    d_pred = ops.mse_backward(1.0, loss_cache)
    grads = model.backward(d_pred, cache)
    if cls in BIASED:
        args = (p.params, p.users, p.items, p.y_range)
        core = models.dot_product_bias_backward(
            d_pred.ravel(), models.dot_product_bias_forward(*args)[1]
        )
    else:
        args = (p.params, p.users, p.items)
        core = models.dot_product_backward(d_pred.ravel(), models.dot_product_forward(*args)[1])
    assert grads.keys() == model.params.keys() == core.keys()
    for name, grad in grads.items():
        assert_same_bits(grad, core[name].reshape(model.params[name].shape), name)


@pytest.mark.parametrize("cls", [*BIASED, *PLAIN])
def test_conts_is_accepted_and_ignored(cls):
    model = cls(3, 4, 2, rng=rng())
    cats = np.array([[0, 1], [2, 3]])
    assert_same_bits(model(cats, np.ones((2, 7))), model(cats))
    assert_same_bits(model.forward(cats, None)[0], model(cats))


def test_column_option_is_the_posts_view():
    """ret.view(ret.size()[0], 1)."""
    cats = np.array([[0, 1], [2, 3], [0, 0]])
    flat = models.EmbeddingDot(3, 4, 2, rng=rng())
    column = models.EmbeddingDot(3, 4, 2, rng=rng(), column=True)
    assert column(cats).shape == (3, 1)
    assert_same_bits(column(cats)[:, 0], flat(cats))
    with pytest.raises(ShapeError, match="d_pred"):
        column.backward(np.ones(3, np.float32), column.forward(cats)[1])


@given(p=problems(bias=False))
def test_two_tables_take_ids_in_two_columns_and_return_a_vector(p):
    """Seed 3: input (batch, 2) -> (batch,)."""
    model = loaded(models.TwoTableDotProduct, p)
    out = model(np.stack([p.users, p.items], axis=1))
    assert out.shape == (len(p.users),)
    want = [model.user_factors.weight[u] @ model.movie_factors.weight[i]
            for u, i in zip(p.users, p.items, strict=True)]  # fmt: skip
    left = Bounded.exact(p.params["user_factors"]).take(p.users)
    right = Bounded.exact(p.params["item_factors"]).take(p.items)
    assert_within(out, np.array(want), (left * right).sum(axis=1).tolerance)


def test_tables_and_layers_share_memory():
    """An optimiser that changes `params` in place changes what the layers look up."""
    model = models.DotProductBiasEmb(3, 4, 2, rng=rng())
    model.params["item_bias"][3, 0] = 7
    assert model.movie_bias(np.array([3])).tolist() == [[7]]
    assert model.movie_bias.weight.squeeze().argmax() == 3
    twin = models.DotProductBiasCP(3, 4, 2, rng=rng())
    twin.params["item_bias"][3] = 7
    assert twin.movie_bias[3] == 7


def test_bias_of_an_embedding_is_a_column_and_of_create_params_a_vector():
    """Seed 2: (64, 1) against (64,)."""
    ids = np.zeros(64, int)
    assert models.Embedding(944, 1, rng=rng())(ids).shape == (64, 1)
    assert models.create_params([944], rng=rng())[ids].shape == (64,)


def test_embedding_returns_the_row_it_is_asked_for():
    """Seed 3: nn.Embedding(3, 4) with index [1] is row 1."""
    embedding = models.Embedding(3, 4, rng=rng())
    assert_same_bits(embedding(np.array([1])), embedding.weight[1:2])
    assert repr(embedding) == "Embedding(3, 4)"


def test_missing_arguments_are_named_as_in_the_source():
    with pytest.raises(TypeError) as raised:
        models.Embedding()
    assert str(raised.value) == (
        "Embedding.__init__() missing 2 required positional arguments: 'ni' and 'nf'"
    )
    with pytest.raises(TypeError) as raised:
        models.create_params()
    assert str(raised.value) == "create_params() missing 1 required positional argument: 'size'"


def test_forgetting_keepdim_is_refused_with_the_cure():
    """Seed 2: `res += user_bias(...)` on (64,) and (64, 1)."""
    x = np.zeros((64, 2), int)
    users, movies, bias = (models.Embedding(5, k, rng=rng()) for k in (3, 3, 1))
    res = (users(x[:, 0]) * movies(x[:, 1])).sum(dim=1)
    with pytest.raises(ShapeError) as raised:
        res += bias(x[:, 0])
    assert str(raised.value) == (
        "right: shape (64, 1) does not match left of shape (64,). Broadcasting would make a "
        "(64, 64) table out of 64 pairs. Either keep the unit axis on both sides (sum(..., "
        "keepdim=True), or array[:, None]) or drop it on both (array[:, 0]). [NPCF-E001]"
    )
    with pytest.raises(ShapeError, match="keepdim=True"):
        res + bias(x[:, 0])
    res = (users(x[:, 0]) * movies(x[:, 1])).sum(dim=1, keepdim=True)
    res += bias(x[:, 0])
    assert res.shape == (64, 1)


def test_initial_tables_follow_their_sources():
    """fmod(z, 2) / 100 has standard deviation .8656 / 100; the book's normal .01."""
    big = (200_000,)
    wrapped, normal = (f(big, rng(1), np.float64) for f in (models.fastai_normal, models.normal))
    assert -0.02 <= wrapped.min() < wrapped.max() <= 0.02
    z = rng(1).standard_normal(big)
    assert_same_bits(wrapped, np.fmod(z, 2) * 0.01)
    # a sample's deviation strays by about sigma / sqrt(2 n): five of those are allowed
    for sample, deviation in ((wrapped, 0.008656), (normal, 0.01)):
        assert abs(sample.std() - deviation) < 5 * deviation / np.sqrt(2 * big[0])
    flat = models.uniform(-0.5, 0.25)(big, rng(2))
    assert flat.dtype == np.float32
    assert -0.5 <= flat.min() < flat.max() <= 0.25


def test_a_lesson_array_reads_the_lessons_spelling():
    array = models.create_params([3, 2], rng=rng())
    assert_same_bits(array.sum(dim=1, keepdim=True), np.asarray(array).sum(1, keepdims=True))
    assert_same_bits(array.sum(0), np.asarray(array).sum(0))
    ties = np.array([1.0, 3, 2, 3]).view(type(array))
    assert ties.argsort(descending=True).tolist() == [1, 3, 2, 0]
    assert ties.argsort().tolist() == np.asarray(ties).argsort().tolist()
    before = np.asarray(array).copy()
    assert_same_bits(array + array, 2 * before)
    assert array.normal_(0, 0.01) is array
    assert array.shape == before.shape
    assert (array != before).all()


def test_models_can_be_copied():
    model = models.DotProductBiasEmb(3, 4, 2, rng=rng())
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        twin.params["user_bias"][:] = 5
        assert (twin.user_bias.weight == 5).all()
        assert not (model.params["user_bias"] == 5).any()
