"""Layers of networks beyond the protocol: leading axes, drawn masks, running statistics."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compare.limits import COMPLEX_STEP
from npcf import gradcheck, ops
from npcf.errors import DTypeError, EmptyBatchError, ShapeError, UsageError
from npcf.verify import as_vjp, assert_same_bits, bounds, exact
from npcf.verify.assertions import assert_within_exact
from npcf.verify.strategies import batch_norm_inputs, linear_inputs
from tests.backends import every_backend

RNG = np.random.default_rng(0)
X, WEIGHT, BIAS = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)), RNG.normal(size=4)
KEEP = RNG.random((5, 3)) < 0.5
GRADIENTS = {  # name of the operation: its differentiable inputs, its settings
    "linear": ((X, WEIGHT, BIAS), {}),
    "relu": ((X,), {}),
    "dropout": ((X,), {"p": 0.25, "keep": KEEP}),
    "batch_norm": ((X, WEIGHT[0], WEIGHT[1]), {}),
    "batch_norm, given": ((X, WEIGHT[0], WEIGHT[1]), {"mean": WEIGHT[2], "var": WEIGHT[3] ** 2}),
    "batch_norm, far from zero": ((X + 100, WEIGHT[0], WEIGHT[1]), {}),
}


def largest_difference(f, vjp, inputs):
    """Return the largest difference from the complex step, in units of an array's largest entry."""
    step, rng = 2.0**-400, np.random.default_rng(1)
    d_out = rng.normal(size=np.shape(f(*inputs)))
    found = []
    for i, (array, grad) in enumerate(zip(inputs, vjp(d_out, *inputs), strict=True)):
        want = np.empty(array.shape)
        for place in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[place] += 1j * step
            want[place] = np.sum(f(*inputs[:i], moved, *inputs[i + 1 :]).imag / step * d_out)
        found.append(np.max(np.abs(grad - want)) / np.max(np.abs(want)))
    return max(found)


def complex_like(forward):
    """Return the forward of arrays of which one is complex: then all are."""

    def f(*inputs, **settings):
        if any(array.dtype.kind == "c" for array in inputs):
            settings = {k: v.astype(complex) if k in ("mean", "var") else v
                        for k, v in settings.items()}  # fmt: skip
            inputs = [array.astype(complex) for array in inputs]
        return forward(*inputs, **settings)

    return f


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_agree_with_the_complex_step(name):
    inputs, settings = GRADIENTS[name]
    operation = name.split(",")[0]
    pair = getattr(ops, f"{operation}_forward"), getattr(ops, f"{operation}_backward")
    f, vjp = as_vjp(complex_like(pair[0]), pair[1], **settings)
    gradients = vjp if len(inputs) > 1 else lambda d, x: (vjp(d, x),)
    if "far" not in name:  # there deviations have lost the digits of the mean
        assert largest_difference(f, gradients, inputs) <= COMPLEX_STEP.limit
    assert gradcheck(*as_vjp(*pair, **settings), inputs).ok
    bent = lambda d, *x: tuple(g * (1 + 1e-3) for g in gradients(d, *x))  # noqa: E731
    assert not gradcheck(f, bent if len(inputs) > 1 else lambda *a: bent(*a)[0], inputs).ok


@given(p=linear_inputs())
def test_a_linear_layer_takes_more_leading_axes_and_no_bias(p):
    out, cache = ops.linear_forward(p.x[None], p.weight)
    want = ops.linear_forward(p.x, p.weight, np.zeros_like(p.bias))
    assert_same_bits(out[0], want[0])
    d_x, d_weight, d_bias = ops.linear_backward(p.d_out[None], cache)
    assert d_x.shape == (1, *p.x.shape) and d_bias is None
    assert_same_bits(d_weight, ops.linear_backward(p.d_out, want[1])[1])


@pytest.mark.parametrize("p", [0.0, 0.25, 0.9, 1.0])
def test_a_mask_is_drawn_with_its_probability_and_scaled_by_it(p):
    x, rng = np.ones(40_000), np.random.default_rng(0)
    out, cache = ops.dropout_forward(x, p, rng=rng)
    kept = out != 0
    assert_same_bits(out, kept * x / (1 - p or 1))
    deviation = np.sqrt(p * (1 - p) / len(x))
    assert abs(kept.mean() - (1 - p)) <= 5 * deviation  # five of them: one seed, always the same
    assert_same_bits(ops.dropout_backward(x, cache), out)
    again = ops.dropout_forward(x, p, rng=np.random.default_rng(0))[0]
    assert_same_bits(again, out)


def test_in_evaluation_nothing_is_dropped():
    out, cache = ops.dropout_forward(X, 0.9, training=False)
    assert_same_bits(out, X)
    assert not np.shares_memory(out, X)
    assert_same_bits(ops.dropout_backward(X, cache), X)


@given(p=batch_norm_inputs(), momentum=st.sampled_from([0.1, 0.0, 1.0, 0.25]))
def test_running_statistics_within_their_bounds(p, momentum):
    running = p.weight, np.abs(p.bias)
    _, cache = ops.batch_norm_forward(*p[:-1])
    got = ops.batch_norm_running(*running, cache, momentum)
    want = exact.batch_norm_running(*running, p.x, momentum)
    allowed = bounds.batch_norm_running(*running, p.x, momentum)
    for name, *triple in zip(("mean", "var"), got, want, allowed, strict=True):
        assert_within_exact(*triple, name)


def test_running_statistics_by_hand():
    """Columns 1 and 3, momentum 1/2: mean 2, variance 1, unbiased 2."""
    x = np.array([[1.0], [3.0]])
    _, cache = ops.batch_norm_forward(x, np.ones(1), np.zeros(1))
    mean, var = ops.batch_norm_running(np.zeros(1), np.ones(1), cache, momentum=0.5)
    assert (mean.tolist(), var.tolist()) == ([1.0], [1.5])


@every_backend
def test_what_is_refused(backend):
    ones = np.ones(3)
    with pytest.raises(ShapeError, match=r"x: shape .* does not fit weight"):
        backend.linear_forward(X[:, :2], WEIGHT, BIAS)
    with pytest.raises(ShapeError, match="bias: shape"):
        backend.linear_forward(X, WEIGHT, BIAS[:3])
    with pytest.raises(UsageError, match="parts: is empty"):
        backend.concatenate_forward([])
    with pytest.raises(ShapeError, match=r"parts\[1\]: shape"):
        backend.concatenate_forward([X, X[:2]])
    with pytest.raises(DTypeError, match="keep: dtype float64 is not bool"):
        backend.dropout_forward(X, 0.5, np.ones(X.shape))
    with pytest.raises(ShapeError, match="keep"):
        backend.dropout_forward(X, 0.5, KEEP[:1])
    with pytest.raises(ShapeError, match="one row"):
        backend.batch_norm_forward(X[:1], ones, ones)
    with pytest.raises(EmptyBatchError):
        backend.batch_norm_forward(X[:0], ones, ones)
    with pytest.raises(UsageError, match="var: is given alone|mean: is given alone|alone"):
        backend.batch_norm_forward(X, ones, ones, mean=ones)
    with pytest.raises(ShapeError, match="weight: shape"):
        backend.batch_norm_forward(X, ones[:2], ones)
    cache = backend.batch_norm_forward(X, ones, ones)[1]
    with pytest.raises(ShapeError, match="running_mean"):
        backend.batch_norm_running(ones[:2], ones, cache)
