"""Laws of the row-wise dot product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import DTypeError, ShapeError
from npcf.models import matmul_pairs
from npcf.verify import Bounded, assert_same_bits, assert_within
from npcf.verify.strategies import LAYOUTS, lay_out, row_pairs
from tests.backends import agree, every_backend, inner


def bounded_dot(left, right) -> Bounded:
    return (Bounded.exact(left) * Bounded.exact(right)).sum(axis=1)


@every_backend
def test_the_lessons_example_is_6_and_70(backend):
    a, b = np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [10, 10]])
    assert backend.row_dot_forward(a, b)[0].tolist() == [6, 70]


def test_the_threads_np_dot_is_the_elementwise_product():
    """The post quotes np.dot(a, b) as [[2, 4], [30, 40]]; that is a * b."""
    a, b = np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [10, 10]])
    assert (a * b).tolist() == [[2, 4], [30, 40]]
    assert (a @ b).tolist() == [[22, 22], [46, 46]]


@every_backend
@given(p=row_pairs())
def test_equals_the_diagonal_of_the_matrix_product(backend, p):
    out, _ = backend.row_dot_forward(p.left, p.right)
    assert out.shape == (len(p.left),)
    assert out.dtype == p.left.dtype
    want = matmul_pairs(p.left, p.right)
    assert_within(out, want, bounded_dot(p.left, p.right).tolerance)


@every_backend
@given(p=row_pairs())
def test_is_symmetric_to_the_bit(backend, p):
    assert_same_bits(
        backend.row_dot_forward(p.left, p.right)[0], backend.row_dot_forward(p.right, p.left)[0]
    )


@every_backend
@given(p=row_pairs(), power=st.integers(-8, 8))
def test_scaling_the_sides_by_opposite_powers_of_two_changes_no_bit(backend, p, power):
    two = p.left.dtype.type(2.0**power)
    # numbers near the smallest normal would lose bits when scaled down
    smallest = np.finfo(p.left.dtype).tiny * 2**8
    left, right = (np.where(np.abs(x) < smallest, x.dtype.type(0), x) for x in (p.left, p.right))
    want = backend.row_dot_forward(left, right)[0]
    assert_same_bits(backend.row_dot_forward(left * two, right / two)[0], want)


@every_backend
@given(p=row_pairs(), data=st.data())
def test_permuting_factors_changes_nothing_beyond_rounding(backend, p, data):
    order = np.array(data.draw(st.permutations(range(p.left.shape[1]))), np.intp)
    got = backend.row_dot_forward(p.left[:, order], p.right[:, order])[0]
    want = backend.row_dot_forward(p.left, p.right)[0]
    assert_within(got, want, bounded_dot(p.left, p.right).tolerance)


@every_backend
@given(p=row_pairs())
def test_gradients_are_the_other_side_scaled(backend, p):
    """d_left = d_out * right and d_right = d_out * left, one rounding each: to the bit."""
    d_left, d_right = backend.row_dot_backward(p.d_out, backend.row_dot_forward(p.left, p.right)[1])
    for b in range(len(p.left)):
        assert_same_bits(d_left[b], p.right[b] * p.d_out[b])
        assert_same_bits(d_right[b], p.left[b] * p.d_out[b])


@every_backend
@given(p=row_pairs())
def test_euler_identity(backend, p):
    """<d_left, left> == <d_out, out> == <d_right, right>: no oracle needed."""
    out, cache = backend.row_dot_forward(p.left, p.right)
    d_left, d_right = backend.row_dot_backward(p.d_out, cache)
    dot = bounded_dot(p.left, p.right)
    want = inner(Bounded(out, dot.error, dot.precision), p.d_out)
    rows = Bounded.exact(p.d_out).rows()
    for got, side, other in ((d_left, p.left, p.right), (d_right, p.right, p.left)):
        error = (rows * Bounded.exact(other)).error
        assert agree(inner(Bounded(got, error, dot.precision), side), want)


@every_backend
@given(p=row_pairs())
def test_memory_layout_changes_no_bit(backend, p):
    left, right = np.ascontiguousarray(p.left), np.ascontiguousarray(p.right)
    want, cache = backend.row_dot_forward(left, right)
    d_want = backend.row_dot_backward(p.d_out, cache)
    for layout in LAYOUTS:
        out, cache = backend.row_dot_forward(lay_out(left, layout), lay_out(right, layout))
        assert_same_bits(out, want)
        for got, wanted in zip(backend.row_dot_backward(p.d_out, cache), d_want, strict=True):
            assert_same_bits(got, wanted)


@every_backend
@given(p=row_pairs())
def test_a_row_does_not_depend_on_its_batch(backend, p):
    out = backend.row_dot_forward(p.left, p.right)[0]
    for b in range(len(out)):
        alone = backend.row_dot_forward(p.left[b : b + 1], p.right[b : b + 1])[0]
        assert_same_bits(alone, out[b : b + 1])


@every_backend
def test_no_factors_and_no_rows(backend):
    assert backend.row_dot_forward(np.zeros((2, 0)), np.zeros((2, 0)))[0].tolist() == [0, 0]
    assert backend.row_dot_forward(np.zeros((0, 3)), np.zeros((0, 3)))[0].shape == (0,)


@every_backend
def test_sides_that_do_not_match_are_refused(backend):
    with pytest.raises(ShapeError, match=r"shape \(2, 3\) does not match left of shape \(1, 3\)"):
        backend.row_dot_forward(np.ones((1, 3)), np.ones((2, 3)))
    with pytest.raises(DTypeError, match="right: dtype float32"):
        backend.row_dot_forward(np.ones((2, 3)), np.ones((2, 3), np.float32))
    with pytest.raises(DTypeError, match="int64"):
        backend.row_dot_forward(np.ones((2, 3), int), np.ones((2, 3), int))
    with pytest.raises(ShapeError, match="d_out"):
        backend.row_dot_backward(
            np.ones((2, 1)), backend.row_dot_forward(*[np.ones((2, 3))] * 2)[1]
        )
