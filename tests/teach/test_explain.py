"""One step explained: formulas with their numbers give the values, and the values are npcf's."""

import ast
import json
import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npcf
from npcf import optim
from npcf._tables import NAMES, TABLE
from npcf.errors import EmptyBatchError, IdRangeError, ShapeError, UsageError
from npcf.verify.formulas import Formulas
from npcf.verify.precision import PRECISION
from npcf.verify.running_error import RunningError

RULES = {
    "SGD": lambda p: optim.SGD(p, lr=0.3),
    "SGD coupled": lambda p: optim.SGD(p, lr=0.3, weight_decay=0.1, momentum=0.9, dampening=0.5),
    "SGD nesterov": lambda p: optim.SGD(p, 0.3, 0.9, nesterov=True, weight_decay=0.1),
    "SGD touched": lambda p: optim.SGD(p, 0.3, 0.9, rows="touched_rows"),
    "Adam": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    "AdamW": lambda p: optim.adamw(p, lr={"user_bias": 0.5, "default": 0.1}),
    "fastai": lambda p: optim.fastai_adam(p, 0.1),
    "SparseAdam": lambda p: optim.SparseAdam(p, lr=0.1),
    "RMSProp": lambda p: optim.RMSProp(p, lr=0.1, momentum=0.9, centered=True, weight_decay=0.1),
}  # fmt: skip


@st.composite
def steps(draw):
    """A model, a batch with ids drawn more than once, an optimiser after 0 to 2 steps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    n_users, n_items, k, b = (draw(st.integers(1, n)) for n in (3, 3, 2, 4))
    params = npcf.models.init_params(n_users, n_items, k, rng, dtype)
    for table in params.values():
        table += rng.normal(0, draw(st.sampled_from([0.1, 1.0])), table.shape).astype(dtype)
    y_range = draw(st.sampled_from([None, (0, 5.5), (-1.3, 2.7)]))
    mean = draw(st.sampled_from([0.0, 3.5]))
    model = npcf.models.PairModel(params, y_range, mean=mean)
    batch = rng.integers(0, n_users, b), rng.integers(0, n_items, b), rng.uniform(1, 5, b)
    batch = batch[0], batch[1], batch[2].astype(dtype)
    opt = RULES[draw(st.sampled_from([*RULES]))](model.params)
    for _ in range(draw(st.integers(0, 2))):
        opt.step(
            {n: rng.normal(size=t.shape).astype(dtype) for n, t in params.items()}, rows(batch)
        )
    return model, batch, opt


def rows(batch):
    ids = {"user": batch[0], "item": batch[1]}
    return {name: ids[TABLE[name].side] for name in NAMES}


class Rounded:
    """A number, and how far any order of computing it in a precision may be from it."""

    def __init__(self, value, error, u):
        self.value, self.error, self.u = value, error, u

    def combined(self, other, do):
        a, b = self, other
        exact = do(a.value, b.value)
        corners = [
            do(a.value + s * a.error, b.value + t * b.error) for s in (-1, 1) for t in (-1, 1)
        ]
        spread = max(abs(c - exact) for c in corners)  # each of + - * / is monotone in each operand
        return Rounded(exact, spread + self.u * (abs(exact) + spread), self.u)


def evaluated(text, u):
    """Evaluate a filled formula with error bounds: every literal may have been rounded once."""
    functions = {
        "exp": lambda x: _function(x, math.exp, 4), "sqrt": lambda x: _function(x, math.sqrt, 1),
        "max": lambda x, y: x if x.value > 0 else Rounded(0.0, x.error, u),
    }  # fmt: skip
    operators = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
                 ast.Div: operator.truediv}  # fmt: skip

    def walk(node):
        match node:
            case ast.Constant():
                return Rounded(float(node.value), u * abs(float(node.value)), u)
            case ast.UnaryOp():
                x = walk(node.operand)
                return Rounded(-x.value, x.error, u)
            case ast.BinOp(op=ast.Pow()):
                base, n = walk(node.left), int(walk(node.right).value)
                result = Rounded(1.0, 0.0, u)
                for _ in range(n):
                    result = result.combined(base, operator.mul)
                return result
            case ast.BinOp():
                return walk(node.left).combined(walk(node.right), operators[type(node.op)])
            case ast.Call():
                return functions[node.func.id](*map(walk, node.args))
        raise AssertionError(ast.dump(node))

    return walk(ast.parse(text, mode="eval").body)


def _function(x, f, units):
    low, high = max(x.value - x.error, 0.0 if f is math.sqrt else -math.inf), x.value + x.error
    value = f(x.value)
    spread = max(abs(f(low) - value), abs(f(high) - value))
    return Rounded(value, spread + units * x.u * (value + spread), x.u)


@given(steps())
def test_a_formula_with_its_numbers_gives_the_value(step):
    model, batch, opt = step
    precision = PRECISION[model.params["user_factors"].dtype]
    for entry in npcf.explain_step(model, batch, opt).entries(digits=None, whole=True):
        got = evaluated(entry.numbers, precision.u)
        tiny = precision.tiny  # what underflows
        assert abs(got.value - entry.value) <= 2 * got.error + tiny, entry


@given(steps())
def test_gradients_agree_with_the_numeric_column(step):
    """Within the bound of the formulas, for the tables; the rest leads to them."""
    model, batch, opt = step
    e = npcf.explain_step(model, batch, opt)
    formulas = Formulas(RunningError(model.params["user_factors"].dtype))
    *_, bounds = formulas.loss_and_gradients(model.core_params(), *batch, model.y_range, model.mean)
    for name in NAMES:
        rows = e.rows[TABLE[name].side]
        error = np.broadcast_to(bounds[name].error, bounds[name].shape)[rows]
        assert (abs(e.values[f"d_{name}"] - e.numeric[f"d_{name}"]) <= 2 * error).all(), name


@given(steps())
def test_what_is_explained_is_the_step_that_is_taken_to_the_bit(step):
    model, batch, opt = step
    e = npcf.explain_step(model, batch, opt)
    before = {n: t.copy() for n, t in model.params.items()}
    pred, cache = model.forward(np.stack(batch[:2], 1))
    loss, loss_cache = npcf.ops.mse_forward(pred, batch[2])
    grads = model.backward(npcf.ops.mse_backward(1.0, loss_cache), cache)
    assert e.values["loss"] == loss
    assert all((model.params[n] == t).all() for n, t in before.items()), "explaining changed it"
    opt.step(grads, rows(batch))
    for name, new in e.new_params().items():
        np.testing.assert_array_equal(new, model.params[name][e.rows[TABLE[name].side]], name)


def test_all_forms_say_the_same():
    model, batch, opt = lesson()
    e = npcf.explain_step(model, batch, opt)
    table, parsed = e.table(), json.loads(e.to_json())
    assert [x["name"] for x in parsed["entries"]] == [*table.name]
    assert parsed["rule"] == "one step of Adam" and table.stage.unique().tolist() == [
        "forward", "backward", "update"]  # fmt: skip
    text = e.text()
    for word in ("x: logit", "d_user_bias", "update  item_factors, item 3, factor 1", "m_hat"):
        assert word in text
    assert text.count("\n") > str(e).count("\n") - 3 and r"\frac{2}{B}" in e.latex()
    assert "<script" not in e._repr_html_()


def lesson():
    rng = np.random.default_rng(0)
    model = npcf.models.PairModel(npcf.models.init_params(3, 4, 2, rng, np.float64), (0, 5.5))
    batch = np.array([0, 0, 2]), np.array([1, 3, 3]), np.array([4.0, 5.0, 1.0])
    return model, batch, optim.Adam(model.params, lr=0.1)


def test_a_repeated_user_has_the_sum_and_a_single_rating_will_do():
    model, batch, _ = lesson()
    table = npcf.explain_step(model, batch).table().set_index(["name", "of"])
    assert " + " in table.loc[("d_user_bias", "user 0"), "numbers"]
    one = npcf.explain_step(model, (2, 3, 1.0))
    assert one.values["d_x"].shape == (1,)


@pytest.mark.parametrize(
    ("batch", "opt", "error", "word"),
    [
        ((np.array([3]), np.array([0]), np.array([1.0])), None, IdRangeError, "users"),
        ((np.array([0, 1]), np.array([0, 1]), np.array([1.0])), None, ShapeError, "rating"),
        ((np.array([], int), np.array([], int), np.array([])), None, EmptyBatchError, "batch"),
        ((0, 0, 1.0), "adam", UsageError, "opt"),
        ((0, 0, 1.0), optim.SGD({"w": np.zeros(3)}), UsageError, "opt"),
    ],
)
def test_what_cannot_be_explained_is_refused(batch, opt, error, word):
    with pytest.raises(error, match=word):
        npcf.explain_step(lesson()[0], batch, opt)


def test_a_model_without_biases_is_refused_with_a_cure():
    params = {n: np.ones((2, 2)) for n in ("user_factors", "item_factors")}
    with pytest.raises(UsageError, match="DotProductBiasEmb"):
        npcf.explain_step(npcf.models.PairModel(params), (0, 0, 1.0))


def test_the_numeric_column_sees_a_wrong_gradient(monkeypatch):
    monkeypatch.setattr(
        npcf.ops, "mse_backward", lambda d, cache: d * cache.error / cache.error.size
    )
    with pytest.raises(AssertionError):
        test_gradients_agree_with_the_numeric_column.hypothesis.inner_test(lesson())


def test_numbers_in_formulas_read_back_exactly():
    e = npcf.explain_step(*lesson())
    x = next(e.entries(digits=None))
    assert float(x.numbers.strip("()")) == x.value
