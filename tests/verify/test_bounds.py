"""The a-priori bounds: npcf lies within, what is wrong by little does not, and neither is far.

Of what the conformance suite draws, its contract `is_exact_within_the_bound` sees to.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import kernels, models, ops, optim
from npcf.verify import LIBRARIES, PRECISION, assert_within_exact, bounds, exact
from npcf.verify.assertions import shares
from npcf.verify.strategies import (
    adam_settings,
    dtypes,
    problems,
    values,
    vectors,
)
from npcf.verify.tally import TALLY
from tests.backends import BACKENDS

every_library = pytest.mark.parametrize("library", list(BACKENDS))
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def known(library):
    return {"library": LIBRARIES[library]}


@every_library
@given(x=vectors(), ends=st.sampled_from([(0.1, 4.7), (-0.3, 0.3)]))
def test_a_range_whose_ends_no_format_holds(library, x, ends):
    backend, d_out = BACKENDS[library], x[::-1].copy()
    out, cache = backend.sigmoid_range_forward(x, *ends)
    assert_within_exact(cache.s, exact.sigmoid(x), bounds.sigmoid(x, LIBRARIES[library]), "s")
    allowed = bounds.sigmoid_range(x, *ends, LIBRARIES[library])
    assert_within_exact(out, exact.sigmoid_range(x, *ends), allowed, "out")
    args = (d_out, x, *ends)
    allowed = bounds.sigmoid_range_backward(*args, LIBRARIES[library])
    got = backend.sigmoid_range_backward(d_out, cache)
    assert_within_exact(got, exact.sigmoid_range_backward(*args), allowed, "d_x")


@every_library
@given(p=problems(), mean=st.sampled_from([3.53, -1.0, 0.1]))
def test_a_model_with_a_mean(library, p, mean):
    backend, batch = BACKENDS[library], (p.params, p.users, p.items)
    pred, cache = models.dot_product_bias_forward(*batch, p.y_range, backend=backend, mean=mean)
    loss, loss_cache = backend.mse_forward(pred, p.rating)
    grads = models.dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache)
    problem = (*batch, p.rating, p.y_range)
    want = exact.dot_product_bias_all(*problem, mean=mean)
    room = bounds.dot_product_bias_all(*problem, mean=mean, **known(library))
    assert_within_exact(pred, want[0], room[0], "pred")
    assert_within_exact(loss, want[1], room[1], "loss")
    assert list(room[2]) == list(want[2]) == list(p.params)
    for name in p.params:
        assert_within_exact(grads[name], want[2][name], room[2][name], name)


@st.composite
def states(draw, n=4):
    dtype, part = draw(dtypes), st.lists(values(), min_size=n, max_size=n)
    return [np.array(draw(part), dtype) for _ in range(4)]


@given(arrays=states(), setting=adam_settings(), t=st.integers(1, 100))
def test_sparse_adam(arrays, setting, t):
    w, g, m, v = arrays
    setting = {x: setting[x] for x in ("lr", "betas", "eps")} | {"lr": setting["lr"] or 0.1}
    v = v * v
    optimizer = optim.SparseAdam({"w": w.copy()}, **setting)
    optimizer.t, optimizer.m, optimizer.v = t - 1, {"w": m.copy()}, {"w": v.copy()}
    optimizer.step({"w": g}, {"w": np.arange(len(w))})
    got = (optimizer.params["w"], optimizer.m["w"], optimizer.v["w"])
    want, allowed = (m.sparse_adam_step(*arrays[:3], v, t, **setting) for m in (exact, bounds))
    for triple in zip(got, want, allowed, strict=True):
        assert_within_exact(*triple)


@given(arrays=states(), centered=st.booleans(), momentum=st.sampled_from([0.0, 0.9]))
def test_rmsprop(arrays, centered, momentum):
    w, g, a, buf = arrays
    setting = {"lr": 0.05, "centered": centered, "momentum": momentum, "weight_decay": 0.1}
    v = a * a * w.dtype.type(1.25)
    optimizer = optim.RMSProp({"w": w.copy()}, **setting)
    optimizer.v, optimizer.averages = {"w": v.copy()}, {"w": a.copy()}
    optimizer.buffers = {"w": buf.copy()}
    optimizer.step({"w": g})
    states = (optimizer.params, optimizer.v, optimizer.averages, optimizer.buffers)
    want, allowed = (module.rmsprop_step(w, g, v, a, buf, **setting) for module in (exact, bounds))
    for state, right, bound in zip(states, want, allowed, strict=True):
        assert_within_exact(state["w"], right, bound)


# ---- what must be caught ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_a_sum_that_drops_every_small_term_uses_nearly_all_and_one_more_is_caught(dtype):
    """1 + u' + u' + ..., u' a little below u: gamma_(K-1), which a bound for K - 2 would not be.

    Seven numbers are added one by one; from eight on the row dot adds some side by side.
    """
    u = PRECISION[dtype].u
    rows = np.array([[1.0] + [u * (1 - 2.0**-6)] * 6]).astype(dtype)
    ones, ids = np.ones((1, 7), dtype), np.zeros(7, int)
    got = kernels.row_dot_forward(rows, ones)[0]
    allowed = bounds.row_dot(rows, ones, **known("numba"))
    with TALLY.counting() as count:
        assert_within_exact(got, exact.row_dot(rows, ones), allowed)
    assert count.comparisons == 1 and count.used > 5 / 7
    column = np.ascontiguousarray(rows.T)
    summed = ops.embedding_backward(column, ops.embedding_forward(ones.T, ids)[1])[:1]
    tight = bounds.embedding_backward(ids, column, 1, **known("numpy"))
    assert_within_exact(summed, exact.embedding_backward(ids, column, 1), tight)
    with pytest.raises(AssertionError, match=r"array\[0, 0\].*times the bound"):
        assert_within_exact(summed, exact.embedding_backward(ids, column, 1), tight * 5 / 6)


def test_an_exp_that_is_too_coarse_is_caught():
    """Eight units off where the library promises one: beyond its bound, within one of nine."""
    x = np.linspace(-20, -1, 50, dtype=np.float32)
    u = PRECISION[F32].u
    e = (np.exp(-x.astype(np.float64)) * (1 + 8 * u)).astype(np.float32)
    s = np.float32(1) / (np.float32(1) + e)
    with pytest.raises(AssertionError, match="times the bound"):
        assert_within_exact(s, exact.sigmoid(x), bounds.sigmoid(x, LIBRARIES["libm"]))
    coarse = LIBRARIES["libm"]._replace(exp32=9.0)
    assert_within_exact(s, exact.sigmoid(x), bounds.sigmoid(x, coarse))


MISTAKES = {
    "eps inside the root": lambda m, v, eps: m / np.sqrt(v + eps),
    "no eps": lambda m, v, eps: m / np.sqrt(v),
    "one rounding in float32": lambda m, v, eps: (m / (np.sqrt(v) + eps)).astype(np.float32),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_slightly_wrong_adam_is_caught(mistake):
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((2, 20))
    zero, eps, lr = np.zeros(20), 1e-8, 0.1
    want, allowed = (module.adam_step(w, g, zero, zero, 1, lr=lr)[0] for module in (exact, bounds))
    assert_within_exact(w - lr * (g / (np.sqrt(g * g) + eps)), want, allowed)
    with pytest.raises(AssertionError, match="times the bound"):
        assert_within_exact(w - lr * MISTAKES[mistake](g, g * g, eps), want, allowed)


def test_where_the_format_may_overflow_nothing_is_claimed():
    big = np.full((1, 2), 2e38, np.float32)
    assert np.isinf(bounds.row_dot(big, big)).all()
    assert np.isinf(bounds.embedding_backward([0, 0], np.full((2, 1), 2e38, np.float32), 1)).all()
    w = np.full(1, 1e30, np.float32)
    assert np.isinf(bounds.adam_step(w, w, w, w, 2, lr=0.1)[2])
    assert np.isfinite(
        bounds.embedding_backward([0, 1], np.full((2, 1), 2e38, np.float32), 2)
    ).all()


def test_a_square_that_overflows_inside_a_step_leaves_no_claim():
    """g**2 is inf in float32, so v is, and w does not move; exactly it moves by lr."""
    g, zero = np.full(1, 1e25, np.float32), np.zeros(1, np.float32)
    steps = {
        "adam_step": optim.Adam({"w": zero.copy()}, lr=0.5),
        "sparse_adam_step": optim.SparseAdam({"w": zero.copy()}, lr=0.5),
        "rmsprop_step": optim.RMSProp({"w": zero.copy()}, lr=0.5),
    }
    for name, optimizer in steps.items():
        with np.errstate(over="ignore"):
            optimizer.step({"w": g}, {"w": np.zeros(1, int)})
        states = (zero, zero, 1) if "adam" in name else (zero, zero, zero)
        want, allowed = (getattr(m, name)(zero, g, *states, lr=0.5) for m in (exact, bounds))
        assert_within_exact(optimizer.params["w"], want[0], allowed[0], name)
        assert optimizer.params["w"] == 0 and want[0] < -0.4 and np.isinf(allowed[0])


def test_rmsprop_rounds_the_difference_of_w_and_its_step():
    """A case in which 0.59 of the bound is used; were w + lr g / root bounded, 1.18 of it."""
    arrays = (0.0010000000474974513, 1.2805451154708862, 6.525049209594727, 0, 1.2689321041107178)
    w, g, v, a, buf = (np.array([x], np.float32) for x in arrays)
    setting = {"lr": 0.05, "alpha": 0.5, "eps": 1e-30, "momentum": 0.5}
    optimizer = optim.RMSProp({"w": w.copy()}, **setting)
    optimizer.v, optimizer.buffers = {"w": v.copy()}, {"w": buf.copy()}
    optimizer.step({"w": g})
    want = exact.rmsprop_step(w, g, v, a, buf, **setting)[0]
    allowed = bounds.rmsprop_step(w, g, v, a, buf, **setting, **known("numpy"))[0]
    assert_within_exact(optimizer.params["w"], want, allowed)
    assert shares(optimizer.params["w"], want, allowed) > 0.5


def test_a_number_the_format_does_not_hold_counts_as_a_rounding():
    x = np.zeros(1, np.float32)
    plain = bounds.sigmoid_range(x, 0.0, 1.0)
    assert bounds.sigmoid_range(x, 0.1, 1.1) > plain
    assert bounds.sigmoid_range(x, 0.125, 1.125) < bounds.sigmoid_range(x, 0.1, 1.1)


def test_flushing_loosens_by_the_smallest_normal_number_alone():
    small = np.full((1, 3), 1e-30, np.float32)
    strict = bounds.row_dot(small, small, **known("numpy"))
    flushed = bounds.row_dot(small, small, **known("jax"))
    assert strict < PRECISION[F32].tiny < flushed < 10 * PRECISION[F32].tiny
    got = np.zeros(1, np.float32)
    assert_within_exact(got, exact.row_dot(small, small), flushed)


def test_the_comparison_is_exact_and_counts():
    third = exact.fractions(np.array([1.0])) / 3
    gap = abs(Fraction(1 / 3) - Fraction(1, 3))
    above = np.nextafter(float(gap), 1)
    with TALLY.counting() as count:
        assert_within_exact(np.array([1 / 3]), third, above)
        assert_within_exact(np.array([np.nan]), third, np.inf)  # claims nothing, counts nothing
    assert count.comparisons == 1 and 0 < count.used <= 1
    below = np.nextafter(np.nextafter(above, 0), 0)
    for got, bound in ((1 / 3, below), (np.nan, 1.0), (np.inf, 1.0), (0.5, 0.0)):
        with pytest.raises(AssertionError, match="1 of 1 wrong"):
            assert_within_exact(np.array([got]), third, bound)
    with pytest.raises(AssertionError, match="shape"):
        assert_within_exact(np.ones((1, 1)), third, 1.0)
    assert_within_exact(np.ones(2), exact.fractions(np.ones(2)), 0.0)


def test_any_library_is_the_worst_of_all():
    for library in LIBRARIES.values():
        assert all(mine <= worst for mine, worst in zip(library, LIBRARIES["any"], strict=True))
