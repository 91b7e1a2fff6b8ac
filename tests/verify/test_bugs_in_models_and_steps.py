"""Bugs planted in the model and in the steps break the law one expects."""

from types import SimpleNamespace

import numpy as np
import pytest

from npcf.verify.conformance import LAWS, Implementation, check
from npcf.verify.conformance.examples import npcf_numpy

FAMILIES = ("model", "sgd", "adam")
OURS = [law for law in LAWS.values() if law.family in FAMILIES]
EXAMPLES = 200  # of a planted bug; most are found within ten


def test_there_are_as_many_laws_as_promised_and_each_states_something_else():
    assert len(OURS) >= 190
    assert len({(law.family, law.statement) for law in OURS}) == len(OURS)


right = npcf_numpy


def model_with(backward=None, forward=None):
    """Return npcf with another forward or backward; `backward` maps (d_pred, cache, grads)."""

    def bent_backward(d_pred, cache):
        return backward(d_pred, cache, right.dot_product_bias_backward(d_pred, cache))

    changed = {"dot_product_bias_backward": bent_backward} if backward else {}
    return changed | ({"dot_product_bias_forward": forward} if forward else {})


def last_of_repeated_rows(d_pred, cache, grads):
    grads["user_bias"][cache.bias.users] = right.bias_backward(d_pred, cache.bias)[0]
    return grads


def gradients_of_the_own_side(d_pred, cache, grads):
    d_q, d_p = right.row_dot_backward(d_pred, cache.dot)
    users = right.embedding_backward(d_p, cache.p)
    return grads | {"user_factors": users, "item_factors": right.embedding_backward(d_q, cache.q)}


def range_is_not_differentiated(d_pred, cache, grads):
    return right.dot_product_bias_backward(d_pred, cache._replace(range=None))


def absent_rows_leak(d_pred, cache, grads):
    grads["item_factors"][grads["item_factors"] == 0] = np.finfo(np.float32).tiny
    return grads


def gradients_are_clipped(d_pred, cache, grads):
    return {name: np.clip(grad, -1, 1) for name, grad in grads.items()}


def row_0_is_padding(d_pred, cache, grads):
    grads["user_factors"][0] = 0
    return grads


def ids_are_clamped(params, users, items, y_range):
    users = np.clip(users, 0, len(params["user_bias"]) - 1)
    return right.dot_product_bias_forward(params, users, items, y_range)


def low_is_forgotten(params, users, items, y_range):
    if y_range is not None:
        y_range = (0.0, y_range[1] - y_range[0])
    return right.dot_product_bias_forward(params, users, items, y_range)


def single_precision_inside(params, users, items, y_range):
    single = {name: table.astype(np.float32) for name, table in params.items()}
    pred = right.dot_product_bias_forward(single, users, items, y_range)[0]
    _, cache = right.dot_product_bias_forward(params, users, items, y_range)
    return pred.astype(params["user_bias"].dtype), cache


def column_of_predictions(params, users, items, y_range):
    pred, cache = right.dot_product_bias_forward(params, users, items, y_range)
    return pred[:, None], cache


class OneCache:
    """An implementation that keeps its cache to itself, and so has only the last one."""

    def forward(self, params, users, items, y_range):
        pred, self.cache = right.dot_product_bias_forward(params, users, items, y_range)
        return pred, None

    def backward(self, d_pred, _):
        return right.dot_product_bias_backward(d_pred, self.cache)


one = OneCache()


def sgd_with(bend):
    """Return npcf with an SGD step whose arguments (w, g, buf, settings) are bent first."""

    def sgd_step(w, g, buf, **setting):
        w, g, buf, setting = bend(w, g, buf, setting)
        return right.sgd_step(w, g, buf, **setting)

    return {"sgd_step": sgd_step}


def adam_with(bend):
    """Return npcf with an Adam step whose arguments (w, g, m, v, t, settings) are bent first."""

    def adam_step(w, g, m, v, t, **setting):
        w, g, m, v, t, setting = bend(w, g, m, v, t, setting)
        return right.adam_step(w, g, m, v, t, **setting)

    return {"adam_step": adam_step}


def in_place(w, g, buf, **setting):
    w[...], buf = right.sgd_step(w, g, buf, **setting)
    return w, buf


def buffer_is_the_gradient_itself(w, g, buf, **setting):
    moved, new = right.sgd_step(w, g, buf, **setting)
    return moved, g if buf is None and new is not None else new


def first_step_dampened(w, g, buf, setting):
    return w, g, np.zeros_like(w) if buf is None else buf, setting


def only_entries_with_a_gradient(w, g, m, v, t, **setting):
    moved, m, v = right.adam_step(w, g, m, v, t, **setting)
    return np.where(g == 0, w, moved), m, v


def eps_inside_the_root(w, g, m, v, t, *, lr, betas, eps, weight_decay, decoupled):
    setting = {"betas": betas, "weight_decay": weight_decay, "decoupled": decoupled}
    _, m, v = right.adam_step(w, g, m, v, t, lr=0.0, eps=eps, **setting)
    moved, _, _ = right.adam_step(w, g, m, v, t, lr=lr, eps=eps, **setting)
    root = np.sqrt(v / (1 - betas[1] ** t) + eps)
    return (w - lr / (1 - betas[0] ** t) * m / root).astype(moved.dtype), m, v


def batches_cut_to_the_shorter(params, users, items, y_range):
    n = min(len(users), len(items))
    return right.dot_product_bias_forward(params, users[:n], items[:n], y_range)


def columns_flattened(params, users, items, y_range):
    flat = {name: t.ravel() if name.endswith("bias") else t for name, t in params.items()}
    return right.dot_product_bias_forward(flat, users, items, y_range)


def missing_tables_are_zero(params, users, items, y_range):
    tables = {
        f"{side}_{kind}": np.zeros((8, 5) if kind == "factors" else 8)
        for side in ("user", "item") for kind in ("factors", "bias")
    }  # fmt: skip
    return right.dot_product_bias_forward(tables | params, users, items, y_range)


def decay_by_size(w, g, buf, setting):
    return w, g + w.dtype.type(setting["weight_decay"]) * np.abs(w), buf, setting


def flattened(step):
    """Return the step on flat arrays, which do not come back in shape."""
    return lambda *arrays, **setting: step(
        *(a.ravel() if isinstance(a, np.ndarray) else a for a in arrays), **setting
    )


def broadcasting(step):
    """Return the step on arrays stretched or cut until they fit together."""

    def bent(w, *arrays, **setting):
        fitting = [np.resize(a, w.shape) if isinstance(a, np.ndarray) else a for a in arrays]
        return step(w, *fitting, **setting)

    return bent


def first_entry_frozen(step):
    """Return the step that takes its first row for padding."""

    def bent(w, *arrays, **setting):
        moved, *state = step(w, *arrays, **setting)
        moved[0] = w[0]
        return moved, *state

    return bent


def first_buffer_forgotten(w, g, buf, **setting):
    moved, new = right.sgd_step(w, g, buf, **setting)
    return moved, new if buf is not None else None


def buffer_of_moved_parameters(w, g, buf, **setting):
    moved, new = right.sgd_step(w, g, buf, **setting)
    return moved, None if new is None else new + w.dtype.type(1e-3) * w


def buffer_kept_without_momentum(w, g, buf, **setting):
    moved, new = right.sgd_step(w, g, buf, **setting)
    return moved, buf if new is None else new


def always_dampened(w, g, buf, setting):
    return w, g * w.dtype.type(1 - setting["dampening"]), buf, setting


BUGS = {
    "batches cut": (
        model_with(forward=batches_cut_to_the_shorter), "model_refuses_batches_of_unequal_length"),
    "columns flattened": (
        model_with(forward=columns_flattened), "model_refuses_biases_in_a_column"),
    "missing tables are zero": (
        model_with(forward=missing_tables_are_zero), "model_refuses_a_missing_table"),
    "decay by size": (sgd_with(decay_by_size), "sgd_negates_with_its_arguments"),
    "sgd flattens": ({"sgd_step": flattened(right.sgd_step)}, "sgd_keeps_shapes"),
    "adam flattens": ({"adam_step": flattened(right.adam_step)}, "adam_keeps_shapes"),
    "sgd stretches g": (
        {"sgd_step": broadcasting(right.sgd_step)}, "sgd_refuses_a_gradient_of_another_shape"),
    "sgd stretches buf": (
        {"sgd_step": broadcasting(right.sgd_step)}, "sgd_refuses_a_buffer_of_another_shape"),
    "adam stretches g": (
        {"adam_step": broadcasting(right.adam_step)}, "adam_refuses_a_gradient_of_another_shape"),
    "adam stretches m": (
        {"adam_step": broadcasting(right.adam_step)}, "adam_refuses_a_moment_of_another_shape"),
    "sgd freezes row 0": (
        {"sgd_step": first_entry_frozen(right.sgd_step)}, "sgd_moves_entries_in_any_order"),
    "adam freezes row 0": (
        {"adam_step": first_entry_frozen(right.adam_step)}, "adam_moves_entries_in_any_order"),
    "first buffer forgotten": (
        {"sgd_step": first_buffer_forgotten}, "sgd_returns_the_first_buffer"),
    "parameters in the buffer": (
        {"sgd_step": buffer_of_moved_parameters}, "sgd_parameters_stay_out_of_the_buffer"),
    "buffer without momentum": (
        {"sgd_step": buffer_kept_without_momentum}, "sgd_without_momentum_has_no_buffer"),
    "always dampened": (sgd_with(always_dampened), "sgd_dampening_needs_momentum"),
    "last of repeated rows": (
        model_with(last_of_repeated_rows), "model_repeated_pairs_are_pulled_twice"),
    "gradients of the own side": (
        model_with(gradients_of_the_own_side), "model_gradients_are_slopes_of_logits"),
    "range not differentiated": (
        model_with(range_is_not_differentiated), "model_gradients_are_slopes_of_predictions"),
    "absent rows leak": (model_with(absent_rows_leak), "model_absent_rows_get_no_gradient"),
    "gradients clipped": (
        model_with(gradients_are_clipped), "model_gradients_double_with_the_pull"),
    "row 0 is padding": (model_with(row_0_is_padding), "model_gradients_follow_the_numbering"),
    "ids clamped": (
        model_with(forward=ids_are_clamped), "model_refuses_ids_outside_their_table"),
    "low forgotten": (model_with(forward=low_is_forgotten), "model_of_zeros_predicts_the_middle"),
    "float32 inside float64": (
        model_with(forward=single_precision_inside),
        "model_predictions_are_exact_up_to_their_bound"),
    "column of predictions": (
        model_with(forward=column_of_predictions), "model_predictions_are_a_vector"),
    "one cache for all": (
        {"dot_product_bias_forward": one.forward, "dot_product_bias_backward": one.backward},
        "model_cache_outlives_another_forward"),
    "sgd in place": ({"sgd_step": in_place}, "sgd_changes_no_argument"),
    "buffer is the gradient": (
        {"sgd_step": buffer_is_the_gradient_itself}, "sgd_results_are_new_arrays"),
    "first step dampened": (sgd_with(first_step_dampened), "sgd_first_step_is_not_dampened"),
    "nesterov ignored": (
        sgd_with(lambda w, g, buf, s: (w, g, buf, s | {"nesterov": False})),
        "sgd_nesterov_looks_ahead"),
    "buffer forgotten": (
        sgd_with(lambda w, g, buf, s: (w, g, None, s)),
        "sgd_buffer_moves_a_parameter_without_gradient"),
    "sgd couplings exchanged": (
        sgd_with(lambda w, g, buf, s: (w, g, buf, s | {"decoupled": not s["decoupled"]})),
        "sgd_decoupled_decay_stays_out_of_the_buffer"),
    "rate inside the buffer": (
        sgd_with(lambda w, g, buf, s: (w, g * w.dtype.type(s["lr"]), buf, s | {"lr": 1.0})),
        "sgd_rate_stays_out_of_the_buffer"),
    "betas exchanged": (
        adam_with(lambda w, g, m, v, t, s: (w, g, m, v, t, s | {"betas": s["betas"][::-1]})),
        "adam_first_moments"),
    "t counts from 2": (
        adam_with(lambda w, g, m, v, t, s: (w, g, m, v, t + 1, s)),
        "adam_first_step_is_lr_g_over_abs_g_plus_eps"),
    "absolute gradient in v": (
        adam_with(lambda w, g, m, v, t, s: (w, np.abs(g), m, v, t, s)),
        "adam_first_step_goes_against_the_gradient"),
    "only entries with a gradient": (
        {"adam_step": only_entries_with_a_gradient}, "adam_moves_parameters_without_gradient"),
    "eps inside the root": (
        {"adam_step": eps_inside_the_root}, "adam_first_gradient_of_the_size_of_eps"),
    "adam couplings exchanged": (
        adam_with(lambda w, g, m, v, t, s: (w, g, m, v, t, s | {"decoupled": not s["decoupled"]})),
        "adam_decoupled_decay_stays_out_of_the_moments"),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_breaks_the_law_one_expects(bug):
    functions, name = BUGS[bug]
    wrong = Implementation(SimpleNamespace(**vars(npcf_numpy) | functions), bug)
    outcome = check(LAWS[name], wrong, max_examples=EXAMPLES, shrink=False)
    assert outcome.status == "broken", f"{name} did not notice"


def test_a_counterexample_of_repeated_rows_is_small():
    functions, name = BUGS["last of repeated rows"]
    wrong = Implementation(SimpleNamespace(**vars(npcf_numpy) | functions), "last")
    found = check(LAWS[name], wrong, max_examples=EXAMPLES).counterexample
    assert len(found.users) == 1  # the law itself asks for the pair twice
