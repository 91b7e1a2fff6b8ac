"""The spreadsheet and the pairs are the same model."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from npcf import models, ops
from npcf.verify import Bounded, Formulas, RunningError, assert_within
from npcf.verify.strategies import problems, row_pairs


def as_matrix(p, data):
    """Return (rating matrix, mask, the observed pairs): each cell at most once."""
    shape = len(p.params["user_factors"]), len(p.params["item_factors"])
    cells = np.unique(p.users * shape[1] + p.items)
    observed = np.zeros(shape, bool)
    observed.flat[cells] = True
    rating = np.where(observed, 3.5, np.nan).astype(p.dtype)
    rating.flat[cells] = data.draw(
        st.lists(st.integers(2, 10), min_size=len(cells), max_size=len(cells))
    )
    users, items = np.nonzero(observed)
    return rating, observed, users, items


@given(p=st.one_of(problems(), problems(bias=False)))
def test_predict_matrix_holds_every_pair(p):
    matrix = models.predict_matrix(p.params, p.y_range)
    users, items = (ids.ravel() for ids in np.indices(matrix.shape))
    want, _ = Formulas(RunningError(p.dtype)).forward(p.params, users, items, p.y_range)
    assert matrix.dtype == p.dtype
    assert_within(matrix.ravel(), want.value, want.tolerance)
    columns = {name: table.reshape(len(table), -1) for name, table in p.params.items()}
    same, cache = models.full_matrix_forward(columns, p.y_range)  # biases (n, 1), as layers have
    np.testing.assert_array_equal(same, matrix)
    for name, grad in models.full_matrix_backward(matrix, cache).items():
        assert grad.shape == columns[name].shape


@given(p=st.one_of(problems(), problems(bias=False)), data=st.data())
def test_masked_matrix_loss_and_gradients_equal_those_of_the_pairs(p, data):
    """An unobserved cell has no rating, hence no term; the rest are the pairs."""
    rating, observed, users, items = as_matrix(p, data)
    matrix, cache = models.full_matrix_forward(p.params, p.y_range)
    loss, loss_cache = models.masked_mse_forward(matrix, rating, observed)
    grads = models.full_matrix_backward(models.masked_mse_backward(1.0, loss_cache), cache)

    pairs = (p.params, users, items)
    if "user_bias" in p.params:
        pred, cache = models.dot_product_bias_forward(*pairs, p.y_range)
        backward = models.dot_product_bias_backward
    else:
        pred, cache = models.dot_product_forward(*pairs)
        backward = models.dot_product_backward
    pair_loss, loss_cache = ops.mse_forward(pred, rating[users, items])
    pair_grads = backward(ops.mse_backward(1.0, loss_cache), cache)

    _, bound, grad_bounds = Formulas(RunningError(p.dtype)).loss_and_gradients(
        p.params, users, items, rating[users, items], p.y_range
    )
    assert_within(loss, pair_loss, bound.tolerance)
    assert grads.keys() == pair_grads.keys()
    for name, grad in grads.items():
        # the matrix product also adds the zeros of unobserved cells: no further error
        assert_within(grad, pair_grads[name], grad_bounds[name].tolerance, name)


def test_costs_of_a_matrix_product_on_a_batch():
    """Why not torch.mm(u, m.T)?  B times the work and B times the memory for B wanted numbers."""
    costs = models.pair_costs(batch=64, n_factors=50)
    assert costs.row_dot_multiplications == 3_200
    assert costs.matmul_multiplications == 204_800
    assert (costs.row_dot_numbers, costs.matmul_numbers) == (64, 4096)
    rows = np.random.default_rng(0).standard_normal((2, 64, 50))
    assert (rows[0] @ rows[1].T).nbytes == 64 * models.matmul_pairs(*rows).nbytes


class Counting(float):
    """A number that counts the multiplications made with it."""

    made = 0

    def __mul__(self, other):
        Counting.made += 1
        return Counting(float(self) * float(other))

    def __add__(self, other):
        return Counting(float(self) + float(other))


def multiplications(compute, *arrays):
    """Return (what `compute` returns, how many multiplications it made)."""
    Counting.made = 0
    result = compute(*(np.frompyfunc(Counting, 1, 1)(array) for array in arrays))
    return result, Counting.made


@given(batch=st.integers(1, 9), n_factors=st.integers(1, 7))
def test_costs_are_counted_forward_and_backward(batch, n_factors):
    """Elementwise products are cheaper in both directions, by the size of the batch."""
    left, right = np.random.default_rng(batch).integers(-9, 10, (2, batch, n_factors))
    d_out, costs = np.arange(1.0, batch + 1), models.pair_costs(batch, n_factors)
    dot, forward = multiplications(lambda p, q: (p * q).sum(axis=1), left, right)
    diagonal, by_matrix = multiplications(lambda p, q: (p @ q.T).diagonal(), left, right)
    assert np.array_equal(dot, diagonal)
    assert forward == costs.row_dot_multiplications
    assert by_matrix == costs.matmul_multiplications
    grads, backward = multiplications(
        lambda d, p, q: [d[:, None] * q, d[:, None] * p], d_out, left, right
    )
    same, by_matrix = multiplications(lambda d, p, q: [d @ q, d.T @ p], np.diag(d_out), left, right)
    assert all(map(np.array_equal, grads, same))
    assert backward == 2 * costs.row_dot_multiplications
    assert by_matrix == 2 * costs.matmul_multiplications


@given(p=row_pairs())
def test_rows_meet_their_partner_on_the_diagonal_of_the_product(p):
    """Of left @ right.T a batch wants B of B**2 numbers."""
    out, _ = ops.row_dot_forward(p.left, p.right)
    dot = (Bounded.exact(p.left) * Bounded.exact(p.right)).sum(axis=1)
    assert_within(out, models.matmul_pairs(p.left, p.right), dot.tolerance)
