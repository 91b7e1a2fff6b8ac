"""gradcheck(f, vjp, inputs): right gradients pass everywhere, wrong ones are caught and named."""

import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf import gradcheck, models, ops
from npcf.errors import DivergenceError, DTypeError, ShapeError, UsageError
from npcf.verify import as_vjp
from npcf.verify.strategies import lookups, problems, row_pairs, values, vectors, y_ranges
from tests.backends import both_backends, every_backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 2))
POSITIVE = np.exp(RNG.normal(size=5) * 8)  # from 1e-6 to 1e6
SMALLER = settings(max_examples=40)


def passes(f, vjp, inputs, **options):
    report = gradcheck(f, vjp, inputs, **options)
    assert report.ok, f"{inputs}\n{report}"
    return report


# ---- no false alarms -----------------------------------------------------------------------------


@SMALLER
@given(p=lookups(min_batch=1))
@both_backends
def test_accepts_the_lookup(backend, p):
    passes(*as_vjp(backend.embedding_forward, backend.embedding_backward), (p.weight, p.ids))


@SMALLER
@given(p=lookups(min_batch=1))
def test_accepts_the_one_hot_product(p):
    passes(*as_vjp(ops.one_hot_forward, ops.one_hot_backward), (p.weight, p.ids))


@SMALLER
@given(p=row_pairs())
@both_backends
def test_accepts_the_row_dot(backend, p):
    passes(*as_vjp(backend.row_dot_forward, backend.row_dot_backward), (p.left, p.right))


@SMALLER
@given(p=problems())
@both_backends
def test_accepts_the_biases(backend, p):
    dot = p.params["user_factors"][p.users, 0]
    inputs = (dot, p.params["user_bias"], p.params["item_bias"], p.users, p.items)
    passes(*as_vjp(backend.bias_forward, backend.bias_backward), inputs)


@SMALLER
@given(x=vectors(limit=900), y_range=y_ranges())
@both_backends
def test_accepts_the_range_however_saturated(backend, x, y_range):
    """Also where exp overflows."""
    low, high = y_range
    pair = backend.sigmoid_range_forward, backend.sigmoid_range_backward
    passes(*as_vjp(*pair, low=low, high=high), (x,))


@SMALLER
@given(p=problems(bias=False))
@both_backends
def test_accepts_the_loss(backend, p):
    pred = p.rating + p.params["item_factors"][p.items, 0]
    passes(*as_vjp(backend.mse_forward, backend.mse_backward, rating=p.rating), (pred,))


@pytest.mark.parametrize("seed", range(4))
@every_backend
def test_accepts_a_whole_model_with_its_loss(backend, seed):
    rng = np.random.default_rng(seed)
    users, items = rng.integers(0, 3, 6), rng.integers(0, 5, 6)
    rating = rng.integers(1, 6, 6).astype(float)
    params = models.init_params(3, 5, 2, rng, np.float64, models.uniform(-1, 1))

    def run(*tables):
        named = dict(zip(params, tables, strict=True))
        pred, cache = models.dot_product_bias_forward(named, users, items, backend=backend)
        return (*backend.mse_forward(pred, rating), cache)

    def vjp(d_loss, *tables):
        _, loss_cache, cache = run(*tables)
        d_pred = backend.mse_backward(d_loss, loss_cache)
        grads = models.dot_product_bias_backward(d_pred, cache)
        return tuple(grads[name] for name in params)

    report = passes(lambda *tables: run(*tables)[0], vjp, tuple(params.values()))
    assert report.entries == 3 * 2 + 5 * 2 + 3 + 5


FUNCTIONS = {
    "exp": (np.exp, lambda d, x: d * np.exp(x), (X,)),
    "tanh": (np.tanh, lambda d, x: d * (1 - np.tanh(x) ** 2), (X * 9,)),
    "tanh, far out": (np.tanh, lambda d, x: d * (1 - np.tanh(x) ** 2), (X + 19,)),
    "tanh, moved": (lambda x: np.tanh(x - 1000), lambda d, x: d * (1 - np.tanh(x - 1000) ** 2),
                    (X + 1018,)),
    "sqrt": (np.sqrt, lambda d, x: d / (2 * np.sqrt(x)), (POSITIVE,)),
    "log": (np.log, lambda d, x: d / x, (POSITIVE,)),
    "reciprocal": (lambda x: 1 / x, lambda d, x: -d / x**2, (POSITIVE,)),
    "sum": (np.sum, lambda d, x: d * np.ones(x.shape), (X,)),
    "mean of an axis": (lambda x: x.mean(axis=0), lambda d, x: np.tile(d / len(x), (len(x), 1)),
                        (X,)),
    "matmul": (lambda a, b: a @ b, lambda d, a, b: (d @ b.T, a.T @ d), (X, X.T.copy())),
    "three matrices": (
        lambda a, b, c: a @ b @ c,
        lambda d, a, b, c: (d @ (b @ c).T, a.T @ d @ c.T, (a @ b).T @ d),
        (X, X[:2].copy(), X[1:].copy())),
    "cancelling": (lambda x, y: (x - y) ** 2, lambda d, x, y: (2 * d * (x - y), -2 * d * (x - y)),
                   (X + 1e3, X + 1e3 + RNG.normal(size=X.shape))),
    "softmax": (
        lambda x: np.exp(x) / np.exp(x).sum(),
        lambda d, x: (lambda s: s * (d - (d * s).sum()))(np.exp(x) / np.exp(x).sum()), (X,)),
    "a number": (lambda x: x * x, lambda d, x: 2 * d * x, (3.0,)),
    "float32": (np.exp, lambda d, x: d * np.exp(x), (X.astype(np.float32),)),
    "abs": (np.abs, lambda d, x: d * np.sign(x), (X,)),
    "relu": (lambda x: np.maximum(x, 0), lambda d, x: d * (x > 0), (X,)),
    "not complex": (lambda x: np.array([float(v) for v in x]), lambda d, x: d, (X[:, 0],)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_accepts_numpys_functions(name, seed):
    f, vjp, inputs = FUNCTIONS[name]
    report = passes(f, vjp, inputs, rng=np.random.default_rng(seed))
    assert bool(report.skipped) == (name in ("abs", "not complex")), report


@SMALLER
@given(a=arrays(np.float64, (2, 3), elements=values()), b=arrays(np.float64, 3, elements=values()))
def test_accepts_a_layer_of_neurons(a, b):
    def vjp(d, a, b):
        return (lambda z: (np.outer(z, b), a.T @ z))(d * (1 - np.tanh(a @ b) ** 2))

    passes(lambda a, b: np.tanh(a @ b), vjp, (a, b))


# ---- nothing wrong gets through ------------------------------------------------------------------


# where 1 - tanh**2 is as small as u, its right value has no three digits
SATURATED = {"tanh, far out", "tanh, moved"}


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SATURATED))
@pytest.mark.parametrize("seed", range(5))
def test_rejects_one_in_a_thousand(name, seed):
    """By central differences alone where f takes no complex numbers."""
    f, vjp, inputs = FUNCTIONS[name]
    report = gradcheck(f, bent(vjp, 1 + 1e-3), inputs, rng=np.random.default_rng(seed))
    wrong = {m.method for m in report.worst if not m.ok}
    assert {"central differences", "random direction"} <= wrong, report
    assert ("complex step" in wrong) == (not report.skipped)


def bent(vjp, factor):
    def wrong(d, *inputs):
        result = vjp(d, *inputs)
        if isinstance(result, tuple):
            return tuple(factor * grad for grad in result)
        return factor * result

    return wrong


# what cancels on its way has fewer digits than twelve
PRECISE = sorted(FUNCTIONS.keys() - SATURATED - {"cancelling", "abs", "not complex"})


@pytest.mark.parametrize("name", PRECISE)
def test_rejects_a_part_in_a_million_million(name):
    """By the complex step, 1e-12."""
    f, vjp, inputs = FUNCTIONS[name]
    report = gradcheck(f, bent(vjp, 1 + 1e-12), inputs)
    wrong = {m.method for m in report.worst if not m.ok}
    assert "complex step" in wrong, report


@pytest.mark.parametrize("factor", [1 + 1e-3, 1 + 1e-12])
@pytest.mark.parametrize("name", ["embedding", "row_dot", "sigmoid_range", "mse"])
def test_rejects_bent_operations(name, factor):
    rng = np.random.default_rng(3)
    inputs = {
        "embedding": (rng.normal(size=(3, 2)), np.array([1, 1, 2])),
        "row_dot": (X, X[::-1].copy()),
        "sigmoid_range": (X[:, 0],),
        "mse": (X[:, 0],),
    }[name]
    fixed = {"sigmoid_range": {"low": 0.0, "high": 5.5}, "mse": {"rating": X[:, 1]}}.get(name, {})
    pair = getattr(ops, f"{name}_forward"), getattr(ops, f"{name}_backward")
    f, vjp = as_vjp(*pair, **fixed)
    assert gradcheck(f, vjp, inputs).ok
    assert not gradcheck(f, bent(vjp, factor), inputs).ok


MISTAKES = {
    "keeps one of several equal ids": (
        lambda w, ids: w[ids], lambda d, w, ids: last_wins(d, w, ids), (X, np.array([0, 0, 1]))),
    "spills into a row that nobody reads": (
        lambda w, ids: w[ids], lambda d, w, ids: added(d, w, ids) + 1e-30, (X, np.array([0, 0]))),
    "ignores the upstream gradient": (np.exp, lambda d, x: np.exp(x), (X,)),
    "transposes": (lambda a, b: a @ b, lambda d, a, b: (d @ b, a.T @ d), (X[:2], X[1:])),
    "forgets a term": (lambda x: x * x, lambda d, x: d * x, (X,)),
    "wrong in one entry": (np.exp, lambda d, x: d * np.exp(x) * (1 + 1e-12 * (x == x.max())),
                           (X,)),
    "nan in one entry": (np.exp, lambda d, x: np.where(x == x.max(), np.nan, d * np.exp(x)), (X,)),
    "a sign": (np.cos, lambda d, x: d * np.sin(x), (X,)),
}  # fmt: skip


def last_wins(d, w, ids):
    result = np.zeros_like(w)
    result[ids] += d
    return result


def added(d, w, ids):
    result = np.zeros_like(w)
    np.add.at(result, ids, d)
    return result


@pytest.mark.parametrize("name", MISTAKES)
def test_rejects_mistakes_and_names_the_worst_entry(name):
    f, vjp, inputs = MISTAKES[name]
    report = gradcheck(f, vjp, inputs)
    assert not report.ok
    assert "WRONG" in str(report)
    if name.endswith("one entry"):
        worst = [m for m in report.worst if not m.ok and m.position][0]
        assert worst.position == tuple(np.unravel_index(X.argmax(), X.shape))
    if name.startswith("keeps"):
        assert {m.name for m in report.worst if m.position} == {"w"}


def test_the_projection_and_the_adjoint_identity_look_for_themselves():
    """A gradient right for the first upstream gradient only: the fresh one of the identity."""
    first = []

    def vjp(d, x):
        first.append(d)
        return d * np.exp(x) if np.array_equal(d, first[0]) else 1.001 * d * np.exp(x)

    report = gradcheck(np.exp, vjp, (X,))
    assert {m.method for m in report.worst if not m.ok} == {"adjoint identity"}


def test_the_projection_alone_finds_what_every_entry_hides():
    """Each entry within its allowance of the differences, all of them to the same side."""
    f, x = lambda x: np.abs(x[:1]), np.full(400, 1.5)  # no complex step
    right = np.r_[1.0, np.zeros(399)]
    found = passes(f, lambda d, x: d * right, (x,)).worst
    allowed = next(m for m in found if m.method == "central differences").allowed
    report = gradcheck(f, lambda d, x: d * right + np.r_[0, np.full(399, allowed / 2)], (x,))
    wrong = {m.method for m in report.worst if not m.ok}
    assert wrong == {"random direction"}, report


def test_a_report_says_what_was_skipped_and_reads_well():
    text = str(gradcheck(np.abs, lambda d, x: d * np.sign(x), (X,)))
    assert "complex step         skipped: f returns float64 for complex numbers" in text
    assert text.endswith("6 entries by each method: all right")
    assert max(map(len, text.splitlines())) <= 100


def test_an_overflow_of_complex_numbers_alone_is_no_false_alarm():
    def f(x):
        return x * np.inf if np.iscomplexobj(x) else 1 * x

    with np.errstate(invalid="ignore"):
        report = passes(f, lambda d, x: d, (X,))
    assert report.skipped == (("complex step", "f overflows in complex arithmetic"),)


def test_conj_is_silent_and_found():
    report = passes(lambda z: z * np.conj(z) * 1.0, lambda d, x: 2 * d * x, (X,))
    assert "conj" in report.skipped[0][1]


def test_a_longer_chain_of_roundings_is_allowed_more():
    few, many = (
        gradcheck(np.exp, lambda d, x: d * np.exp(x), (X,), roundings=n) for n in (0, 1000)
    )
    assert few.worst[0].allowed < many.worst[0].allowed


def test_same_rng_same_report_and_inputs_stay_as_they_are():
    x = X.copy()
    f, vjp = np.exp, lambda d, x: d * np.exp(x)
    one, two = (gradcheck(f, vjp, (x,), rng=np.random.default_rng(7)) for _ in range(2))
    assert one == two
    assert one != gradcheck(f, vjp, (x,), rng=np.random.default_rng(8))
    np.testing.assert_array_equal(x, X)


def test_nothing_to_check_is_all_right():
    assert gradcheck(np.exp, lambda d, x: d, (np.zeros(0),)).ok


# ---- used wrongly --------------------------------------------------------------------------------


def shrinks():
    calls = []

    def f(x):
        calls.append(0)
        return x[: 1 if len(calls) > 2 else 3]

    return f


def changes(x):
    x += 1
    return x


WRONG_USES = {
    "no inputs": (lambda: gradcheck(np.exp, np.exp), UsageError, "inputs"),
    "array instead of tuple": (lambda: gradcheck(np.exp, np.exp, X), UsageError, r"\(x,\)"),
    "no function": (lambda: gradcheck(3, np.exp, (X,)), UsageError, "f: is an int"),
    "no vjp": (lambda: gradcheck(np.exp, None, (X,)), UsageError, "vjp: is None"),
    "backend": (lambda: gradcheck(np.exp, np.exp, (X,), backend=ops), UsageError, "backend"),
    "rng": (lambda: gradcheck(np.exp, np.exp, (X,), rng=3), UsageError, "rng"),
    "roundings": (lambda: gradcheck(np.exp, lambda d, x: d, (X,), roundings=-1), ValueError,
                  "roundings"),
    "ids only": (lambda: gradcheck(np.exp, np.exp, (np.arange(3),)), UsageError, "no float"),
    "complex": (lambda: gradcheck(np.exp, np.exp, (X + 0j,)), DTypeError, "is complex"),
    "half": (lambda: gradcheck(np.exp, np.exp, (X.astype(np.float16),)), DTypeError, "float16"),
    "nan": (lambda: gradcheck(np.exp, np.exp, (X * np.nan,)), DivergenceError, "not finite"),
    "nan out": (lambda: gradcheck(lambda x: x * np.inf, np.exp, (X,)), DivergenceError, "inf"),
    "ints out": (lambda: gradcheck(np.argsort, np.exp, (X,)), DTypeError, "int64"),
    "shape": (lambda: gradcheck(np.exp, lambda d, x: d[0], (X,)), ShapeError, r"\(2,\)"),
    "complex gradient": (lambda: gradcheck(np.exp, lambda d, x: d + 0j, (X,)), ShapeError,
                         "complex128"),
    "number of gradients": (lambda: gradcheck(np.add, lambda d, x, y: d, (X, X)), UsageError,
                            "1 gradients for 2"),
    "random": (lambda: gradcheck(lambda x: x + np.random.default_rng().normal(), np.exp, (X,)),
               UsageError, "second time"),
    "in place": (lambda: gradcheck(changes, np.exp, (X,)), UsageError, "changed by f"),
    "changing shape": (lambda: gradcheck(shrinks(), lambda d, x: d, (X,)), ShapeError, "after"),
    "model with inputs": (lambda: gradcheck(models.TwoTableDotProduct(2, 3, 1), None, (X,)),
                          UsageError, "inputs"),
    "model with roundings": (lambda: gradcheck(models.TwoTableDotProduct(2, 3, 1), None,
                                               roundings=3), UsageError, "roundings"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_USES)
def test_wrong_use_is_a_typed_error(name):
    call, error, text = WRONG_USES[name]
    with pytest.raises(error, match=text):
        call()


def test_ids_may_have_a_gradient_of_none():
    passes(lambda w, ids: w[ids], lambda d, w, ids: (added(d, w, ids), None), (X, np.array([0, 2])))


def test_a_domain_error_of_a_step_is_no_false_alarm():
    """math.log raises where numpy returns nan; the smaller step stays inside."""
    import math

    x = np.array([1e-9, 2.0])
    f = lambda x: np.array([math.log(v) for v in x.tolist()])  # noqa: E731
    report = passes(f, lambda d, x: d / x, (x,))
    assert report.skipped


def test_numbers_of_arrays_in_positions_are_named_by_their_function():
    f, _ = as_vjp(ops.sigmoid_range_forward, ops.sigmoid_range_backward, low=0.0, high=1.0)
    assert isinstance(f, types.FunctionType)
    report = passes(*as_vjp(ops.row_dot_forward, ops.row_dot_backward), (X, X))
    assert {m.name for m in report.worst if m.position} == {"left", "right"}


@given(data=st.data())
@settings(max_examples=20)
def test_every_entry_is_looked_at(data):
    """One entry wrong, any entry of any array: both methods of entries name it."""
    which, at = data.draw(st.integers(0, 1)), data.draw(st.integers(0, 5))
    a, b = X, X[::-1].copy()

    def vjp(d, a, b):
        grads = [d * b, d * a]
        grads[which].flat[at] *= 1.001
        return tuple(grads)

    report = gradcheck(lambda a, b: a * b, vjp, (a, b))
    wrong = [m for m in report.worst if not m.ok and m.position]
    place = ("ab"[which], tuple(np.unravel_index(at, X.shape)))
    assert {(m.name, m.position) for m in wrong} == {place}
    assert {m.method for m in wrong} == {"complex step", "central differences"}


# ---- functions that compute in float32, whatever they are given ----------------------------------


def normalised(x, gain, shift):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + shift


def normalised_vjp(d_out, x, gain, shift, forgotten=False):
    centred = x - x.mean(-1, keepdims=True)
    scale = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    hat, d_hat = centred * scale, d_out * gain
    along = 0 if forgotten else hat * (d_hat * hat).mean(-1, keepdims=True)
    d_x = scale * (d_hat - d_hat.mean(-1, keepdims=True) - along)
    return d_x, (d_out * hat).sum(0), d_out.sum(0)


def in_float32(function, returned=np.float32):
    """As JAX without x64 does: everything on the way is float32."""

    def f(*arrays):
        single = [np.asarray(a, np.float32) for a in arrays]
        out = function(*single)
        if isinstance(out, tuple):
            return tuple(np.asarray(one, np.float32).astype(returned) for one in out)
        return np.asarray(out, np.float32).astype(returned)

    return f


@pytest.mark.parametrize("returned", [np.float32, np.float64], ids=["float32", "hidden"])
@given(seed=st.integers(0, 2**16), rows=st.integers(1, 4), width=st.integers(2, 6))
def test_a_function_that_computes_in_float32_is_not_called_wrong(returned, seed, rows, width):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, width)), rng.normal(size=width), rng.normal(size=width)
    f, vjp = in_float32(normalised, returned), in_float32(normalised_vjp, returned)
    report = gradcheck(f, vjp, inputs)
    assert report.ok, str(report)
    assert "f computes in float32" in str(report)


@pytest.mark.parametrize("returned", [np.float32, np.float64], ids=["float32", "hidden"])
@given(seed=st.integers(0, 2**16))
def test_a_wrong_gradient_of_it_is_still_found(returned, seed):
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=6)
    wrong = in_float32(lambda *a: normalised_vjp(*a, forgotten=True), returned)
    assert not gradcheck(in_float32(normalised, returned), wrong, inputs).ok


def test_a_function_in_float64_is_judged_as_one():
    x = np.random.default_rng(0).normal(size=5)
    slightly_off = gradcheck(np.tanh, lambda d, x: d * (1 - np.tanh(x) ** 2) * (1 + 1e-6), (x,))
    assert not slightly_off.ok
    assert "float32" not in str(slightly_off)


@pytest.mark.parametrize(
    ("factor", "words"), [(2, "is 2 times"), (-1, "is -1 times"), (3, "is B = 3 times")]
)
def test_a_constant_factor_is_said(factor, words):
    x = np.random.default_rng(0).normal(size=(3, 4))
    report = gradcheck(lambda x: x**2, lambda d, x: factor * 2 * d * x, (x,))
    assert not report.ok
    assert f"hint: the gradient of x {words} what it should be" in str(report)
