"""Laws of a step that moves touched rows only: SGD(rows="touched_rows") and SparseAdam."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import DTypeError, IdRangeError, SettingError, UsageError
from npcf.optim import SGD, SparseAdam
from npcf.verify import Formulas, RunningError, assert_same_bits, assert_within, bounds
from npcf.verify.strategies import sgd_settings
from tests.optim.runs import (
    bounded_touched,
    run,
    run_touched,
    sparse_adam_settings,
    touched_runs,
)

FUNK = {"rows": "touched_rows"}
choices = st.one_of(
    st.tuples(st.just(SGD), sgd_settings().map(lambda s: s | FUNK)),
    st.tuples(st.just(SparseAdam), sparse_adam_settings()),
)


def bounded(r, name, cls, setting):
    f = Formulas(RunningError(r.params[name].dtype))
    setting = {key: value for key, value in setting.items() if key != "rows"}
    if cls is SparseAdam:

        def rule(t, w, g, m, v):
            return f.sparse_adam(w, g, m, v, t, **setting)

        return bounded_touched(r, name, rule, 2)

    def rule(t, w, g, buf):
        w, moved = f.sgd(w, g, None if t == 1 else buf, **setting)
        return w, buf if moved is None or not setting["momentum"] else moved

    return bounded_touched(r, name, rule, 1)


@given(r=touched_runs(), choice=choices, data=st.data())
def test_a_step_moves_the_rows_that_are_named_and_no_other(r, choice, data):
    got = run_touched(choice[0], r, choice[1])
    stays_within_the_running_error(got, r, choice)
    rows_that_no_step_names_keep_their_bits_and_state(r, *choice)
    order_repetition_and_type_of_the_ids_change_no_bit(got, r, *choice, data)
    gradients_of_absent_rows_are_not_read(got, r, *choice)


def stays_within_the_running_error(got, r, choice):
    for name, start in r.params.items():
        want = bounded(r, name, *choice)
        assert got[name].dtype == start.dtype
        assert_within(got[name], want.value, want.tolerance, name)


def rows_that_no_step_names_keep_their_bits_and_state(r, cls, setting):
    params = {name: table.copy() for name, table in r.params.items()}
    opt = cls(params, **setting)
    for grads, touched in zip(r.grads, r.touched, strict=True):
        before = {k: a.copy() for k, a in (opt.state_arrays() | params).items() if a.ndim}
        opt.step(grads, touched)
        after = opt.state_arrays() | params
        for key, array in before.items():
            absent = np.setdiff1d(np.arange(len(array)), touched[key.split("/")[-1]])
            assert_same_bits(after[key][absent], array[absent], key)


def order_repetition_and_type_of_the_ids_change_no_bit(want, r, cls, setting, data):
    def disorder(ids):
        moved = data.draw(st.permutations(ids.tolist())) + ids.tolist()
        return np.array(moved, np.int32)

    other = [{k: disorder(ids) for k, ids in touched.items()} for touched in r.touched]
    got = run_touched(cls, r._replace(touched=other), setting)
    for name in want:
        assert_same_bits(got[name], want[name], name)


def gradients_of_absent_rows_are_not_read(want, r, cls, setting):
    spoilt = [{name: grad.copy() for name, grad in grads.items()} for grads in r.grads]
    for grads, touched in zip(spoilt, r.touched, strict=True):
        for name, grad in grads.items():
            grad[np.setdiff1d(np.arange(len(grad)), touched[name])] = np.nan
    got = run_touched(cls, r._replace(grads=spoilt), setting)
    for name in want:
        assert_same_bits(got[name], want[name], name)


@given(r=touched_runs(), setting=sgd_settings())
def test_of_all_rows_all_may_be_named_and_need_not_be(r, setting):
    want = run(SGD, r, setting)
    everything = {name: np.arange(len(w))[::-1] for name, w in r.params.items()}
    named = r._replace(touched=[everything] * len(r.touched))
    for got in (run_touched(SGD, named, setting | FUNK), run_touched(SGD, r, setting)):
        for name in want:
            assert_same_bits(got[name], want[name], name)


def test_a_buffers_row_waits_while_its_row_is_absent():
    w = np.array([1.0, 1.0])
    opt = SGD({"w": w}, 0.5, momentum=0.5, rows="touched_rows")
    opt.step({"w": np.array([1.0, 0.0])}, {"w": np.array([0])})
    opt.step({"w": np.array([0.0, 1.0])}, {"w": np.array([1])})
    assert opt.buffers["w"].tolist() == [1, 1]
    assert w.tolist() == [0.5, 0.5]
    opt.step({"w": np.array([1.0, 0.0])}, {"w": np.array([0, 0])})
    assert opt.buffers["w"].tolist() == [1.5, 1]
    assert w.tolist() == [-0.25, 0.5]


def test_sparse_adams_first_step_with_a_gradient_of_eps():
    """eps joins sqrt(v) and not sqrt(v_hat): -lr .0307 where Adam moves by -lr / 2."""
    w, g, zero = np.zeros(1), np.array([1e-8]), np.zeros(1)
    SparseAdam({"w": w}, lr=1.0).step({"w": g}, {"w": np.array([0])})
    root = np.sqrt(1 - 0.999)
    bound = bounds.sparse_adam_step(zero, g, zero, zero, 1, lr=1.0)[0]
    assert_within(w, np.array([-root / (root + 1)]), 2 * bound)


def test_sparse_adams_momentum_is_beta1_and_it_has_no_decay():
    opt = SparseAdam({"w": np.ones(1)})
    opt.momentum, opt.weight_decay = 0.5, 0.0
    assert opt.momentum == opt.betas[0]
    assert (opt.betas, opt.weight_decay, opt.rows) == ((0.5, 0.999), 0.0, "touched_rows")
    with pytest.raises(SettingError, match="weight_decay: SparseAdam has none"):
        opt.weight_decay = 0.1


@pytest.mark.parametrize("cls", [SparseAdam, lambda p: SGD(p, rows="touched_rows")])
@pytest.mark.parametrize(
    ("touched", "error", "message"),
    [(None, UsageError, r"touched: is missing, with rows=\"touched_rows\""),
     ({}, UsageError, "touched: has no rows for 'a'"),
     ({"a": [0], "b": [0], "c": [0]}, UsageError, "touched: names an unknown parameter 'c'"),
     ({"a": [0], "b": [0, 3]}, IdRangeError, r"touched\['b'\]\[1\]: id 3 is outside \[0, 3\)"),
     ({"a": [-1], "b": [0]}, IdRangeError, r"touched\['a'\]\[0\]: id -1"),
     ({"a": [True], "b": [0]}, DTypeError, r"touched\['a'\]: ids must be integers"),
     ({"a": [0.0], "b": [0]}, DTypeError, r"touched\['a'\]: ids must be integers")],
)  # fmt: skip
def test_rows_that_do_not_fit_are_refused_before_anything_moves(cls, touched, error, message):
    params = {"a": np.zeros(2), "b": np.zeros(3)}
    with pytest.raises(error, match=message):
        cls(params).step({"a": np.ones(2), "b": np.ones(3)}, touched)
    assert not params["a"].any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [({"lr": 0}, "lr: must be > 0"), ({"lr": {"w": 0.0}}, "lr: must be > 0"),
     ({"eps": 0.0}, "eps: must be > 0"), ({"lr": -1}, "lr: must be a finite number"),
     ({"eps": np.nan}, "eps"), ({"betas": (1.0, 0.9)}, r"betas\[0\]"),
     ({"betas": (0.9, -0.1)}, r"betas\[1\]"), ({"betas": 0.9}, "betas: must be 2 numbers")],
)  # fmt: skip
def test_sparse_adams_settings_outside_their_range_are_refused(setting, message):
    with pytest.raises(SettingError, match=message):
        SparseAdam({"w": np.ones(1)}, **setting)


def test_another_name_for_rows_is_refused():
    with pytest.raises(SettingError, match="rows: 'sparse' is unknown. Choose one of all_rows"):
        SGD({"w": np.ones(1)}, rows="sparse")
