"""SymPy differentiates each formula, and npcf's own backward, run on symbols, gives the same.

The formula is written here once more, entry by entry, from the docstring alone; ids repeat, and a
row is absent.  The backward is the one that trains: it gets arrays of symbols in its cache and
returns arrays of expressions, which must equal the derivatives for all values of the symbols, not
for the drawn ones.
"""

import numpy as np
import pytest
import sympy

from npcf import ops
from npcf.errors import arrays
from npcf.models import dot_product_bias

OBJECT = np.dtype(object)
USERS, ITEMS = np.array([1, 1, 0, 1]), np.array([2, 0, 2, 2])  # repeated, even as a pair
N_USERS, N_ITEMS, K, B = 3, 4, 2, 4  # user 2 and items 1 and 3 never; 2 / B is exact
LOW, HIGH = sympy.symbols("low high", real=True)
RATING = np.array(sympy.symbols(f"r:{B}", real=True))


def table(name, *shape):
    return np.array(sympy.symbols(f"{name}:{int(np.prod(shape))}", real=True)).reshape(shape)


def derivatives(loss, variables):
    """d loss / d every entry, by SymPy."""
    return np.array([sympy.diff(loss, v) for v in variables.ravel()]).reshape(variables.shape)


def assert_equal(got, want):
    """Equal as functions: the difference simplifies to zero, exactly."""
    got, want = np.asarray(got, object), np.asarray(want, object)
    assert got.shape == want.shape
    for index in np.ndindex(want.shape):
        difference = sympy.nsimplify(sympy.sympify(got[index]) - want[index], rational=True)
        assert is_zero(difference), f"{list(index)}: {got[index]}, expected {want[index]}"


def is_zero(expression):
    """Exactly: a rational function of the symbols and of the exponentials, each one more symbol."""
    powers = {e: sympy.Dummy(positive=True) for e in expression.atoms(sympy.exp)}
    return sympy.cancel(sympy.together(expression.xreplace(powers))) == 0


def sigmoid(x):
    return 1 / (1 + sympy.exp(-x))


def lookup_cache():
    return ops.EmbeddingCache(USERS, (N_USERS, K), None, OBJECT)


# ---- every operation: (its variables, <out, d_out> by the formula, npcf's gradients) -------------


def lookup():
    weight, d_out = table("w", N_USERS, K), table("d", B, K)
    loss = sum(weight[USERS[b], k] * d_out[b, k] for b in range(B) for k in range(K))
    return [weight], loss, [ops.embedding_backward(d_out, lookup_cache())]


def lookup_with_padding():
    weight, d_out = table("w", N_USERS, K), table("d", B, K)
    kept = [b for b in range(B) if USERS[b] != 0]
    loss = sum(weight[USERS[b], k] * d_out[b, k] for b in kept for k in range(K))
    return [weight], loss, [ops.embedding_backward(d_out, lookup_cache()._replace(padding_idx=0))]


def one_hot():
    weight, d_out = table("w", N_USERS, K), table("d", B, K)
    matrix = np.array([[int(USERS[b] == n) for n in range(N_USERS)] for b in range(B)], object)
    loss = sum((matrix[b] @ weight[:, k]) * d_out[b, k] for b in range(B) for k in range(K))
    return [weight], loss, [ops.one_hot_backward(d_out, ops.OneHotCache(matrix))]


def row_dot():
    left, right, d_out = table("l", B, K), table("r", B, K), table("d", B)
    loss = sum(left[b, k] * right[b, k] * d_out[b] for b in range(B) for k in range(K))
    return [left, right], loss, ops.row_dot_backward(d_out, ops.RowDotCache(left, right))


def bias():
    dot, d_out = table("a", B), table("d", B)
    user_bias, item_bias = table("b", N_USERS), table("c", N_ITEMS)
    loss = sum((dot[b] + user_bias[USERS[b]] + item_bias[ITEMS[b]]) * d_out[b] for b in range(B))
    cache = ops.BiasCache(USERS, ITEMS, N_USERS, N_ITEMS, OBJECT)
    return [dot, user_bias, item_bias], loss, ops.bias_backward(d_out, cache)


def sigmoid_range():
    x, d_out = table("x", B), table("d", B)
    loss = sum((LOW + (HIGH - LOW) * sigmoid(x[b])) * d_out[b] for b in range(B))
    s = np.array([sigmoid(z) for z in x], object)
    cache = ops.SigmoidRangeCache(s, HIGH - LOW)
    return [x], loss, [ops.sigmoid_range_backward(d_out, cache)]


def mse():
    pred, d_loss = table("p", B), sympy.Symbol("d")
    loss = sum((pred[b] - RATING[b]) ** 2 for b in range(B)) / sympy.Integer(B) * d_loss
    return [pred], loss, [ops.mse_backward(d_loss, ops.MSECache(pred - RATING))]


def linear():
    x, weight, bias, d_out = table("x", B, K), table("w", 3, K), table("b", 3), table("d", B, 3)
    loss = sum(((x[b] @ weight[o]) + bias[o]) * d_out[b, o] for b in range(B) for o in range(3))
    cache = ops.LinearCache(x, weight, True)
    return [x, weight, bias], loss, ops.linear_backward(d_out, cache)


def relu():
    """Each unit on its own side of zero: on the left the slope is 0, on the right 1."""
    x, d_out, off = table("x", B), table("d", B), np.array([True, False, False, True])
    loss = sum(x[b] * d_out[b] for b in range(B) if not off[b])
    return [x], loss, [ops.relu_backward(d_out, ops.ReluCache(off, OBJECT))]


def concatenate():
    left, right, d_out = table("l", B, 2), table("r", B, 1), table("d", B, 3)
    loss = sum(left[b, k] * d_out[b, k] for b in range(B) for k in range(2))
    loss += sum(right[b, 0] * d_out[b, 2] for b in range(B))
    cache = ops.ConcatenateCache((B,), (2, 1), OBJECT)
    return [left, right], loss, ops.concatenate_backward(d_out, cache)


def dropout():
    x, d_out, factor = table("x", B), table("d", B), table("f", B)
    loss = sum(x[b] * factor[b] * d_out[b] for b in range(B))
    return [x], loss, [ops.dropout_backward(d_out, ops.DropoutCache(factor))]


def batch_norm():
    """One column of three rows; the root is a symbol r, r**2 (var + eps) = 1."""
    n, eps, root = 3, sympy.Symbol("eps", positive=True), sympy.Symbol("root", positive=True)
    x, d_out, weight, bias = table("x", n, 1), table("d", n, 1), table("w", 1), table("b", 1)
    mean = sum(x[:, 0]) / sympy.Integer(n)
    var = sum((x[b, 0] - mean) ** 2 for b in range(n)) / sympy.Integer(n)
    of_x = 1 / sympy.sqrt(var + eps)
    loss = sum(((x[b, 0] - mean) * of_x * weight[0] + bias[0]) * d_out[b, 0] for b in range(n))
    h = (x - mean) * root
    cache = ops.BatchNormCache(h, np.array([root]), weight, np.array([mean]), np.array([var]), True)
    grads = ops.batch_norm_backward(d_out, cache)
    grads = [np.vectorize(lambda g: g.subs(root, of_x), [object])(grad) for grad in grads]
    return [x, weight, bias], loss, grads


def model():
    """The whole model under its loss: every cache as its forward would leave it."""
    p, q = table("p", N_USERS, K), table("q", N_ITEMS, K)
    b, c = table("b", N_USERS), table("c", N_ITEMS)
    logits = [p[u] @ q[i] + b[u] + c[i] for u, i in zip(USERS, ITEMS, strict=True)]
    s = np.array([sigmoid(z) for z in logits], object)
    pred = LOW + (HIGH - LOW) * s
    loss = sum((pred[n] - RATING[n]) ** 2 for n in range(B)) / sympy.Integer(B)
    cache = dot_product_bias.DotProductBiasCache(
        lookup_cache(),
        ops.EmbeddingCache(ITEMS, (N_ITEMS, K), None, OBJECT),
        ops.RowDotCache(p[USERS], q[ITEMS]),
        ops.BiasCache(USERS, ITEMS, N_USERS, N_ITEMS, OBJECT),
        ops.SigmoidRangeCache(s, HIGH - LOW),
        ops,
    )
    d_pred = ops.mse_backward(sympy.Integer(1), ops.MSECache(pred - RATING))
    grads = dot_product_bias.dot_product_bias_backward(d_pred, cache)
    return [p, q, b, c], loss, [grads[name] for name in dot_product_bias.PARAM_NAMES]


LAYERS = linear, relu, concatenate, dropout, batch_norm
CASES = (lookup, lookup_with_padding, one_hot, row_dot, bias, sigmoid_range, mse, model, *LAYERS)
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


def check(case):
    variables, loss, grads = case()
    assert len(grads) == len(variables)
    for array, grad in zip(variables, grads, strict=True):
        assert_equal(grad, derivatives(loss, array))


@cases
def test_backward_is_the_derivative_of_the_formula(case):
    check(case)


def test_lookup_divided_by_frequency_is_the_mean_over_equal_ids():
    """Not a derivative: torch's formula, sum over ids_b = n of d_out_b / count_n."""
    d_out = table("d", B, K)
    cache = lookup_cache()._replace(ids=np.array([0, 0, 1, 2]), scale_grad_by_freq=True)
    want = [[(d_out[0, k] + d_out[1, k]) / 2 for k in range(K)], *d_out[2:].tolist()]
    assert_equal(ops.embedding_backward(d_out, cache), want)


def test_forwards_are_the_formulas(monkeypatch):
    """Of the operations without exp, which NumPy cannot take of a symbol."""
    monkeypatch.setattr(arrays, "FLOAT_DTYPES", (*arrays.FLOAT_DTYPES, OBJECT))
    weight, left, right = table("w", N_USERS, K), table("l", B, K), table("r", B, K)
    b, c, dot = table("b", N_USERS), table("c", N_ITEMS), table("a", B)
    assert_equal(ops.embedding_forward(weight, USERS)[0], [weight[u] for u in USERS])
    assert_equal(
        ops.row_dot_forward(left, right)[0],
        [sum(left[n, k] * right[n, k] for k in range(K)) for n in range(B)],
    )
    assert_equal(
        ops.bias_forward(dot, b, c, USERS, ITEMS)[0],
        [dot[n] + b[USERS[n]] + c[ITEMS[n]] for n in range(B)],
    )


# ---- each wrong formula is found -----------------------------------------------------------------


def keep_last(original):
    def backward(d_out, cache):
        d_weight = np.zeros(cache.table_shape, cache.dtype)
        d_weight[cache.ids] += d_out  # keeps one of several equal ids
        return d_weight

    return backward


WRONG = {
    "one of several equal ids": ("embedding_backward", keep_last, lookup),
    "padding forgotten": ("embedding_backward",
                          lambda f: lambda d, c: f(d, c._replace(padding_idx=None)),
                          lookup_with_padding),
    "no transpose": ("one_hot_backward", lambda f: lambda d, c: f(d[::-1], c), one_hot),
    "swapped sides": ("row_dot_backward", lambda f: lambda d, c: f(d, c)[::-1], row_dot),
    "swapped tables": ("bias_backward",
                       lambda f: lambda d, c: f(d, c._replace(users=c.items % N_USERS)), bias),
    "bias halved": ("bias_backward", lambda f: lambda d, c: [g / 2 for g in f(d, c)], bias),
    "s instead of 1 - s": ("sigmoid_range_backward",
                           lambda f: lambda d, c: d * c.height * c.s * c.s, sigmoid_range),
    "no height": ("sigmoid_range_backward",
                  lambda f: lambda d, c: f(d, c._replace(height=1)), sigmoid_range),
    "2 forgotten": ("mse_backward", lambda f: lambda d, c: f(d, c) / 2, mse),
    "d_loss forgotten": ("mse_backward", lambda f: lambda d, c: f(1, c), mse),
    "a part in a thousand": ("mse_backward",
                             lambda f: lambda d, c: f(d, c) * sympy.Rational(1001, 1000), mse),
    "y (1 - y) instead of s (1 - s)": ("sigmoid_range_backward",
                                       lambda f: lambda d, c: f(d, c) * c.height, model),
    "model: repeated users": ("embedding_backward", keep_last, model),
    "model: swapped sides": ("row_dot_backward", lambda f: lambda d, c: f(d, c)[::-1], model),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_formula_is_found(name, monkeypatch):
    function, bend, case = WRONG[name]
    monkeypatch.setattr(ops, function, bend(getattr(ops, function)))
    with pytest.raises(AssertionError):
        check(case)
