"""Laws of the operations at the edge of what they take: the last thing accepted, the first not."""

import numpy as np
import pytest

from npcf import ops
from npcf.errors import DTypeError, EmptyBatchError, ShapeError
from npcf.verify import assert_same_bits
from tests.backends import every_backend

REAL, COMPLEX = ("float32", "float64"), ("complex64", "complex128")
NUMBERS = ("int8", "int64", "uint8", "uint64", "float16", "float32", "float64")
NO_NUMBERS = ("bool", "U1", "S1", "datetime64[s]", "timedelta64[s]", "object")


@pytest.mark.parametrize("pred_dtype", [*REAL, *COMPLEX])
@pytest.mark.parametrize("dtype", [*NUMBERS, *COMPLEX, *NO_NUMBERS])
def test_ratings_are_real_numbers_unless_the_prediction_is_complex(pred_dtype, dtype):
    """A complex rating against a real prediction would lose its imaginary part."""
    pred, rating = np.full(2, 3, pred_dtype), np.ones(2, dtype)
    if dtype in NUMBERS or (dtype in COMPLEX and pred_dtype in COMPLEX):
        loss, cache = ops.mse_forward(pred, rating)
        assert (loss, loss.dtype, cache.error.dtype) == (4, pred_dtype, pred_dtype)
    else:
        with pytest.raises(DTypeError, match="rating: dtype .* is not a real number"):
            ops.mse_forward(pred, rating)


@every_backend
@pytest.mark.parametrize("shape", [(0,), (0, 1), (1, 0), (0, 0)])
def test_nothing_has_no_mean(backend, shape):
    with pytest.raises(EmptyBatchError):
        backend.mse_forward(np.zeros(shape), np.zeros(shape))


@every_backend
@pytest.mark.parametrize("d_loss", [[1.0], [[1.0]], [], [1.0, 2.0]])
def test_the_gradient_of_a_loss_is_one_number(backend, d_loss):
    _, cache = backend.mse_forward(np.ones(2), np.zeros(2))
    with pytest.raises(ShapeError, match="d_loss: must be one number"):
        backend.mse_backward(np.array(d_loss), cache)


@every_backend
@pytest.mark.parametrize("shape", [(), (1,), (2,), (4,), (0,), (3, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("side", [0, 1])
def test_there_is_one_user_and_one_item_for_each_dot(backend, shape, side):
    """Fewer ids would be stretched by broadcasting, and pair the wrong rows."""
    ids = [np.zeros(3, np.int64), np.zeros(3, np.int64)]
    ids[side] = np.zeros(shape, np.int64)
    with pytest.raises(ShapeError, match=f"{('users', 'items')[side]}: shape .* does not match"):
        backend.bias_forward(np.ones(3), np.ones(2), np.ones(5), *ids)


@every_backend
@pytest.mark.parametrize("side", [0, 1])
def test_each_id_is_judged_by_its_own_table(backend, side):
    """Two users and five items: user 2 does not exist, item 2 does."""
    ids = [np.array([1]), np.array([4])]
    backend.bias_forward(np.ones(1), np.ones(2), np.ones(5), *ids)
    ids[side] = ids[side] + 1
    with pytest.raises(IndexError, match=f"{('users', 'items')[side]}"):
        backend.bias_forward(np.ones(1), np.ones(2), np.ones(5), *ids)


@pytest.mark.parametrize("shape", [(3,), (2,), (3, 2, 1), (2, 2), (4, 2), (0, 2)])
def test_a_gradient_of_the_one_hot_product_has_a_row_for_each_id(shape):
    _, cache = ops.one_hot_forward(np.ones((4, 2)), [0, 1, 1])
    with pytest.raises(ShapeError, match="d_out"):
        ops.one_hot_backward(np.ones(shape), cache)


def test_a_cache_without_a_word_on_frequency_sums():
    """Caches made before the option existed, and caches made by hand."""
    cache = ops.EmbeddingCache(np.array([1, 1, 0]), (3, 2), None, np.dtype(np.float64))
    rows = np.array([[1.0, 2.0], [10.0, 20.0], [5.0, 6.0]])
    want = np.array([[5.0, 6.0], [11.0, 22.0], [0.0, 0.0]])
    assert_same_bits(ops.embedding_backward(rows, cache), want)


@every_backend
@pytest.mark.parametrize("rating_dtype", [np.int8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("dtype", REAL)
def test_ratings_are_cast_to_the_dtype_of_the_prediction(backend, dtype, rating_dtype):
    pred, rating = np.linspace(0, 1, 7).astype(dtype), np.arange(7).astype(rating_dtype)
    (loss, cache), want = (backend.mse_forward(pred, r) for r in (rating, rating.astype(dtype)))
    assert_same_bits(loss, want[0])
    gradient = backend.mse_backward(1.0, cache)
    assert_same_bits(gradient, backend.mse_backward(1.0, want[1]))
    assert (loss.dtype, gradient.dtype) == (dtype, dtype)


@every_backend
def test_vector_against_column_is_refused_with_the_reason(backend):
    """torch only warns here, and averages 64 * 64 wrong pairs."""
    with pytest.raises(ShapeError) as raised:
        backend.mse_forward(np.ones(64), np.ones((64, 1)))
    for word in ("(64,)", "(64, 1)", "keepdim=True", "(64, 64)"):
        assert word in str(raised.value)
    assert backend.mse_forward(np.ones((64, 1)), np.zeros((64, 1)))[0] == 1
