"""The bounds themselves, against exact rational arithmetic; and that they are not vacuous."""

import operator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf import kernels, ops, verify
from npcf.verify import LIBRARIES, PRECISION, Bounded, Formulas, RunningError
from npcf.verify.exact import Exact
from npcf.verify.exact import fractions as exact
from npcf.verify.exact import sigmoid_of as sigmoid
from npcf.verify.exact import sqrt as exact_sqrt
from npcf.verify.precision import precision_of
from npcf.verify.rationals import Rationals
from npcf.verify.setting import Setting
from npcf.verify.strategies import dtypes, lookups, row_pairs, values, vectors
from tests.backends import both_backends


def used(got, want, error):
    """The largest share of `error` that |got - want| uses, computed exactly."""
    shares = [0.0]
    for g, w, e in zip(got.ravel(), want.ravel(), error.ravel(), strict=True):
        difference = abs(Fraction(float(g)) - w)
        if difference:
            shares.append(float(difference / Fraction(float(e))) if e else np.inf)
    return max(shares)


@st.composite
def pairs(draw, divisor=False):
    dtype, n = draw(dtypes), draw(st.integers(1, 6))
    a = draw(arrays(dtype, n, elements=values()))
    b = draw(arrays(dtype, n, elements=values()))
    if divisor:
        b = np.abs(b) + dtype.type(2.0**-10)
    return a, b


OPERATIONS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@pytest.mark.parametrize("sign", OPERATIONS)
@given(pair=pairs())
def test_arithmetic_in_the_working_precision_stays_within(sign, pair):
    a, b = pair
    f = OPERATIONS[sign]
    assert used(f(a, b), f(exact(a), exact(b)), f(Bounded.exact(a), Bounded.exact(b)).error) <= 1


@given(pair=pairs(divisor=True))
def test_division_and_square_root_stay_within(pair):
    a, b = pair
    bound = Bounded.exact(a) / Bounded.exact(b)
    assert used(a / b, exact(a) / exact(b), bound.error) <= 1
    root = Bounded.exact(b).sqrt()
    want = np.array([exact_sqrt(x) for x in exact(b)], object)
    assert used(np.sqrt(b), want, root.error) <= 1


@given(p=row_pairs())
@both_backends
def test_row_dot_stays_within(backend, p):
    bound = (Bounded.exact(p.left) * Bounded.exact(p.right)).sum(axis=1)
    want = (exact(p.left) * exact(p.right)).sum(axis=1) + Fraction(0)
    assert used(backend.row_dot_forward(p.left, p.right)[0], want, bound.error) <= 1


@given(p=lookups())
@both_backends
def test_scatter_stays_within(backend, p):
    bound = Bounded.exact(p.d_out).scatter(p.ids.astype(np.intp), len(p.weight))
    want = np.full(p.weight.shape, Fraction(0))
    np.add.at(want, p.ids.astype(np.intp), exact(p.d_out))
    got = backend.embedding_backward(p.d_out, backend.embedding_forward(p.weight, p.ids)[1])
    assert used(got, want, bound.error) <= 1


@pytest.mark.parametrize(("backend", "library"), [(ops, "numpy"), (kernels, "numba")])
@given(x=vectors(limit=30))
def test_sigmoid_stays_within(backend, library, x):
    s = Bounded.exact(x, precision_of(x.dtype, LIBRARIES[library])).sigmoid()
    want = np.array([sigmoid(Fraction(float(z))) for z in x], object)
    got = backend.sigmoid_range_forward(x, 0, 1)[1].s
    assert used(got, want, s.error) <= 1
    assert used((1 - got) * got, (1 - want) * want, s.slope().error) <= 1


# ---- what operands bring in -------------------------------------------------------------------

INHERITING = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "sqrt": lambda a, b: b.sqrt() if isinstance(b, Bounded) else exact_sqrt(b),
    "sigmoid": lambda a, b: a.sigmoid() if isinstance(a, Bounded) else sigmoid(a),
    "slope": lambda a, b: (
        a.sigmoid().slope() if isinstance(a, Bounded) else sigmoid(a) * (1 - sigmoid(a))
    ),
}
part = st.integers(-8, 8).map(lambda eighths: Fraction(eighths, 8))


@pytest.mark.parametrize("operation", INHERITING)
@given(a=values(), b=values().filter(bool), errors=st.tuples(*[st.integers(0, 40)] * 2),
       at=st.tuples(*[part] * 4))  # fmt: skip
def test_operands_that_are_off_are_accounted_for(operation, a, b, errors, at):
    """Whatever a and b exactly are, and however far off they were computed."""
    f, b = INHERITING[operation], abs(b)
    ea, eb = (2.0**-bits * abs(size) / 4 for bits, size in zip(errors, (a, b), strict=True))
    precision = PRECISION[np.dtype(np.float64)]
    bound = f(Bounded(a, ea, precision), Bounded(b, eb, precision))
    # the exact operand, and a computed one that is at most its error away from that
    true = Fraction(a) + at[0] * Fraction(ea), Fraction(b) + at[1] * Fraction(eb)
    computed = true[0] + at[2] * Fraction(ea), true[1] + at[3] * Fraction(eb)
    difference = abs(f(*computed) - f(*true))
    assert difference <= Fraction(float(bound.error))


ordinary = st.floats(0.01, 100)

# ---- pieces that right programs evaluate in several ways ---------------------------------------


def root_ways(v, beta):
    correction = 1 - beta**3
    return [(v / correction) ** 0.5, (v * (1 / correction)) ** 0.5, v**0.5 / correction**0.5]


PIECES = {  # the piece, and its ways in plain numbers; x and y > 0
    "average": (
        lambda f, x, y, beta: f.average(x, y, beta),
        lambda x, y, b: [b * x + (1 - b) * y,
                         x + (1 - b) * (y - x) if b > 0.5 else y - b * (y - x)],
    ),
    "lerp": (
        lambda f, x, y, beta: f.lerp(x, y, beta),
        lambda x, y, b: [b * x + (1 - b) * y, x + (1 - b) * (y - x)],
    ),
    "shrink": (
        lambda f, x, y, beta: f.shrink(x, beta, beta),
        lambda x, y, b: [x * (1 - b * b), x - (b * b) * x],
    ),
    "average_square": (
        lambda f, x, y, beta: f.average_square(x, y, beta),
        lambda x, y, b: [b * x + (1 - b) * y * y, b * x + (1 - b) * (y * y)],
    ),
    "root": (
        lambda f, x, y, beta: f.adam_root(f.n.nonnegative(x), f.correction(beta, 3), 0 * beta),
        lambda x, y, b: root_ways(x, b),
    ),
    "slope": (
        lambda f, x, y, beta: f.range_backward(y, f.sigmoid(x), beta, 3 + beta),
        lambda x, y, b: [y * (3 + b - b) * (1 - s) * s for s in [1 / (1 + np.exp(-x))]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@given(x=ordinary, y=ordinary, beta=st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.999]),
       errors=st.tuples(*[st.integers(2, 60)] * 2), at=st.tuples(*[part] * 4))  # fmt: skip
def test_every_way_to_evaluate_a_piece_stays_within(piece, x, y, beta, errors, at):
    """From operands that are off, wherever the exact ones and the computed ones lie."""
    evaluated, ways = PIECES[piece]
    f, exactly = Formulas(RunningError()), Formulas(Exact())
    off = [2.0**-bits * size for bits, size in zip(errors, (x, y), strict=True)]
    true = [Fraction(v) + a * Fraction(e) for v, e, a in zip((x, y), off, at[:2], strict=True)]
    computed = [float(t + a * Fraction(e)) for t, e, a in zip(true, off, at[2:], strict=True)]
    for i in range(2):
        if abs(Fraction(computed[i]) - true[i]) > off[i]:
            computed[i] = (x, y)[i]
    operands = [Bounded(np.array([v]), np.array([e]), f.n.precision)
                for v, e in zip((x, y), off, strict=True)]  # fmt: skip
    bound = evaluated(f, *operands, Setting(beta))
    numbers = [Rationals.dyadic(np.array([t], object)) for t in true]
    want = evaluated(exactly, *numbers, Fraction(beta)).fractions()[0]
    for got in (bound.value[0], *ways(*computed, beta)):
        assert abs(Fraction(float(got)) - want) <= Fraction(float(bound.error[0]))


SETTINGS = {**OPERATIONS, "/": operator.truediv}


@pytest.mark.parametrize("first", SETTINGS)
@pytest.mark.parametrize("second", SETTINGS)
@given(a=ordinary, b=ordinary, c=ordinary)
def test_settings_are_combined_in_double_and_converted_once(first, second, a, b, c):
    def combined(x, y, z):
        return SETTINGS[second](z, SETTINGS[first](x, y))

    if not a - b or not combined(a, b, c):
        return
    want, computed = combined(*map(Fraction, (a, b, c))), combined(a, b, c)
    setting = combined(a, Setting(b), c)
    assert abs(Fraction(computed) - want) <= Fraction(setting.error)
    _, error, _ = setting.within(PRECISION[np.dtype(np.float32)])
    assert abs(Fraction(float(np.float32(computed))) - want) <= Fraction(error)


@given(beta=st.floats(0.01, 0.9999), t=st.integers(1, 200))
def test_a_bias_correction_and_its_root_are_off_by_what_cancels(beta, t):
    setting, want = 1 - Setting(beta) ** t, 1 - Fraction(beta) ** t
    assert abs(Fraction(1 - beta**t) - want) <= Fraction(setting.error)
    root = Fraction(float(np.sqrt(1 - beta**t))) - exact_sqrt(want)
    assert abs(root) <= Fraction(setting.sqrt().error)


def test_settings_beyond_a_format_claim_nothing():
    single = PRECISION[np.dtype(np.float32)]
    assert Setting(1e39).within(single)[1] == np.inf
    assert 1e-46 < Setting(1e-46).within(single)[1] <= 2 * single.eta  # it becomes zero
    assert (1 / Setting(1e-9, 1e-8)).error == np.inf
    assert Setting(0.0, 1e-8).sqrt().error == 1e-4
    one = Bounded.exact(np.ones(2, np.float32))
    assert np.isinf((one / 0.0).error).all() and np.isinf((one * 1e39).error).all()
    assert ((Setting(0.5) - one).value == -0.5).all()


def test_bounds_are_reached_by_constructed_cases():
    """A bound that is never used proves nothing: these use more than 0.4 of it."""
    f32 = np.float32
    ones = np.full(2, f32(1))
    odd = np.array([1 + 2.0**-23, 1 - 2.0**-24], f32)
    cases = {
        "+": (odd[:1] + ones[:1] * f32(2), exact(odd[:1]) + 2,
              (Bounded.exact(odd[:1]) + Bounded.exact(ones[:1] * f32(2))).error),
        "*": (odd[:1] * odd[:1], exact(odd[:1]) ** 2,
              (Bounded.exact(odd[:1]) * Bounded.exact(odd[:1])).error),
    }  # fmt: skip
    shares = {name: used(*case) for name, case in cases.items()}
    assert shares["+"] > 0.4, shares
    assert 0 < shares["*"] <= 1, shares
    # a sum in which every addition rounds the same way: u relative to each partial sum
    stack = np.array([[1.0, *[2.0**-24] * 6]], f32)  # from eight on, some are added side by side
    bound = (Bounded.exact(stack) * Bounded.exact(np.ones_like(stack))).sum(axis=1)
    got = kernels.row_dot_forward(stack, np.ones_like(stack))[0]
    share = used(got, exact(stack).sum(axis=1), bound.error)
    assert share > 0.4, share


def test_gamma_is_highams():
    p = PRECISION[np.dtype(np.float32)]
    assert p.gamma(0) == 0
    assert p.gamma(1) == p.u / (1 - p.u)
    assert p.gamma(10) > 10 * p.u


def test_dividing_by_what_may_be_zero_gives_no_false_certainty():
    zero = Bounded(0.0, 1e-9, PRECISION[np.dtype(np.float64)])
    one = Bounded(1.0, 0.0, PRECISION[np.dtype(np.float64)])
    assert np.isinf((one / zero).error)


def test_old_names_work_with_a_warning():
    w, g, zero = (Bounded.exact(np.full(2, x)) for x in (1.0, 0.5, 0.0))
    f, adam, params = Formulas(RunningError()), {"lr": 0.1, "eps": 1e-5}, {
        "user_factors": np.ones((2, 1)), "item_factors": np.ones((1, 1)),
    }  # fmt: skip
    batch = np.array([0, 1]), np.array([0, 0]), np.array([1.0, 5.0]), (0.0, 5.5)
    tables = verify.exact_params(params)
    cases = {
        "sgd": ((w, g, None, True, {"lr": 0.1, "rows": "all_rows"}), f.sgd(w, g, None, lr=0.1)),
        "adam": ((w, g, zero, zero, 1, adam), f.adam(w, g, zero, zero, 1, **adam)),
        "sparse_adam": ((w, g, zero, zero, 1, adam), f.sparse_adam(w, g, zero, zero, 1, **adam)),
        "rmsprop": ((w, g, zero, zero, zero, adam), f.rmsprop(w, g, zero, zero, zero, **adam)),
        "predictions": ((tables, *batch[:2], batch[3]), f.forward(params, *batch[:2], batch[3])),
        "gradients": ((tables, *batch, np.float64), f.loss_and_gradients(params, *batch)),
    }
    for name, (args, want) in cases.items():
        with pytest.warns(DeprecationWarning, match=rf"npcf\.verify\.bounded_{name} is now"):
            got = getattr(verify, f"bounded_{name}")(*args)
        assert (got[0].value == want[0].value).all() and (got[0].error == want[0].error).all()
    assert got[2].keys() == params.keys()
