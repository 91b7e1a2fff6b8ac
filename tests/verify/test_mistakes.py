"""Every mistake of the catalogue is noticed: by a law of the suite, or by the derived bounds."""

import json
import sys

import numpy as np
import pytest

from npcf.verify.conformance import LAWS, Implementation
from npcf.verify.conformance.protocol import FUNCTIONS
from npcf.verify.conformance.runner import check_together, groups
from npcf.verify.examples import plain
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes import MISTAKES, STAGES, Mistake, Wrong, __main__, implementation
from npcf.verify.mistakes.killing import BEYOND, MUTANTS, kill, laws_for
from npcf.verify.mistakes.patching import Patch
from npcf.verify.running_error import RunningError

MAX_EXAMPLES = 200  # what the suite promises, in every profile
NOTHING = Wrong(Mistake("nothing", "step", "No mistake.", "None.", {"move": Formulas.move}))


@pytest.mark.slow("hundreds of mutants")
@pytest.mark.parametrize("name", MUTANTS)
def test_killed(name, record_property):
    found = kill(MUTANTS[name], MAX_EXAMPLES)
    record_property("law", found.law)
    record_property("inputs", found.examples)
    assert found.law, f"{name} survives: {MUTANTS[name].mistake.sentence}"
    assert 1 <= found.examples <= MAX_EXAMPLES


def test_an_entry_is_a_stage_a_sentence_and_a_cure():
    for name, mistake in MISTAKES.items():
        assert mistake.name == name
        assert mistake.stage in STAGES, name
        for text in (mistake.sentence, mistake.cure):
            assert text.strip() == text and text[-1] in ".?)", f"{name}: {text!r}"
        assert mistake.pieces or mistake.patch, name  # both: text, and what a live program does
    assert not MUTANTS.keys() & BEYOND.keys()


# -- what the formulas compute with a mistake ------------------------------------------------------

TABLES = {"user_factors": (6, 3), "item_factors": (9, 3), "user_bias": (6,), "item_bias": (9,)}
SGD = [
    {"momentum": 0.9, "dampening": damp, "nesterov": nesterov, "weight_decay": 0.1, "decoupled": d}
    for damp, nesterov in ((0.0, True), (0.3, False))
    for d in (False, True)
]
SGD.append(SGD[0] | {"momentum": 0.0, "nesterov": False})
ADAM = [{"betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1, "decoupled": d} for d in (0, 1)]
RMSPROP = [
    {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": mu, "centered": c, "decoupled": d}
    for mu, c, d in ((0.5, True, False), (0.0, False, True))
]


def problem(dtype, seed=5):
    """Return tables, batches of repeated and of absent rows, gradients, and states of a run."""
    rng = np.random.default_rng(seed)
    draw = lambda scale: {  # noqa: E731
        name: rng.normal(0, scale, shape).astype(dtype) for name, shape in TABLES.items()
    }
    params, grads, first, second = draw(0.6), draw(1.0), draw(0.3), draw(0.3)
    params["user_bias"][0], params["item_bias"][0] = 20, -18  # saturated, alone
    grads["user_bias"][0] = 300  # its square overflows in float16
    grads = {name: g * (rng.random(g.shape) < 0.7) for name, g in grads.items()}
    batches = []
    for _ in range(4):
        ids = [np.append(rng.integers(0, n - 1, 6), [0, 0]) for n in (6, 9)]
        batches.append((*ids, (rng.integers(1, 11, 8) / 2).astype(dtype)))
    return params, batches, grads, first, {k: v**2 for k, v in second.items()}


def steps_of(formulas, numbers, dtype):
    """Return what the formulas give over `numbers`, by name: the model and single steps."""
    params, batches, grads, first, second = problem(dtype)
    f = formulas(numbers)
    tables, g, m, v = (
        {name: numbers.array(a) for name, a in arrays.items()}
        for arrays in (params, grads, first, second)
    )
    users, items, rating = batches[0]
    pred, tape = f.forward(tables, users, items, (0.5, 5.5), 0.25)
    e = f.residual(numbers.array(rating), pred)
    found = {"pred": pred, "loss": f.loss(e), "d_pred": f.loss_gradient(e, numbers.number(9.5))}
    found |= {f"d_{k}": a for k, a in f.backward(numbers.array(rating), tape).items()}
    counts = np.bincount(users, minlength=6)
    found["by frequency"] = f.scatter_mean(f.lookup(tables["item_factors"], items), users, counts)
    found |= layers_of(f, params, dtype)
    for k, w in tables.items():
        for i, settings in enumerate(SGD):
            for buf in (None, m[k]):
                found |= _named(
                    f"sgd {i} {buf is None} {k}", f.sgd(w, g[k], buf, lr=0.3, **settings)
                )
        for i, settings in enumerate(ADAM):
            for t in (1, 4):
                after = f.adam(w, g[k], m[k], v[k], t, lr=0.3, **settings)
                found |= _named(f"adam {i} {t} {k}", after)
        sparse = {"lr": 0.3, "betas": (0.8, 0.95), "eps": 1e-3}
        found |= _named(f"sparse {k}", f.sparse_adam(w, g[k], m[k], v[k], 2, **sparse))
        for i, settings in enumerate(RMSPROP):
            after = f.rmsprop(w, g[k], v[k], m[k] * 0.1, m[k], lr=0.3, **settings)
            found |= _named(f"rmsprop {i} {k}", after)
    return found


def layers_of(f, params, dtype):
    """Return what layers give on rows of the tables, zeros and a column of ones among them."""
    n, rng = f.n, np.random.default_rng(3)
    rows, given = params["item_factors"].copy(), params["user_factors"]
    rows[:2, 0], keep = 0, rng.random((9, 3)) < 0.5
    d_out, d_wide = (rng.normal(size=(9, k)).astype(dtype) for k in (6, 3))
    x, weight, bias, d, wide = (
        n.array(a) for a in (rows, given, given[:, 0] + dtype(0.5), d_out, d_wide)
    )
    scale, shift, mean, var = (n.array(a) for a in (*given[:3], given[3] ** 2))
    eps, rate, p = n.number(1e-2), n.number(0.25), n.number(0.25)
    found = {"affine": f.affine(x, weight, bias), "relu": f.relu(x), "kept": f.kept(x, p, keep),
             "d_relu": f.relu_gradient(wide, x), "both": f.concatenate([x, wide, x])}  # fmt: skip
    found |= _named("d_affine", f.affine_gradients(d, x, weight))
    found |= _named("parts", f.parts_of(d, [2, 4]))
    for own, statistics in ((True, (None, None)), (False, (mean, var))):
        out, of = f.batch_norm(x, scale, shift, *statistics, eps)
        found |= {f"norm {own}": out} | _named(f"d_norm {own}", f.batch_norm_gradients(wide, of))
    found |= {"running": f.running(mean, var, rate), "unbiased": f.unbiased(var, 9)}
    return found


def run_of(formulas, loop, numbers, dtype):
    """Return what four steps of training give, the last two in a second call."""
    params, batches, *_ = problem(dtype)
    f, tables, found = formulas(numbers), {k: numbers.array(a) for k, a in params.items()}, {}
    for rule, settings in (("sgd", SGD[0]), ("adam", ADAM[0])):
        how = (0.5, 5.5), rule, settings
        after, losses, state = loop(f).train(tables, batches[:2], *how, [0.1, 0.2], None)
        after, more, _ = loop(f).train(after, batches[2:], *how, [0.05, 0.3], state)
        losses += more
        found |= {f"{rule} {k}": a for k, a in after.items()}
        found |= _named(f"{rule} loss", losses)
    return found


def computed(wrong, numbers, dtype):
    """Return what shows the mistake, or all without one."""
    formulas, loop = (wrong.formulas(), wrong.loop()) if wrong else (Formulas, Loop)
    only_loop = formulas is Formulas and loop is not Loop
    found = {} if only_loop else steps_of(formulas, numbers, dtype)
    if formulas is not Formulas and loop is Loop:
        return found
    return found | run_of(formulas, loop, numbers, dtype)


def _named(name, arrays):
    return {f"{name} {i}": a for i, a in enumerate(arrays) if a is not None}


def apart(got, want):
    """Return the names under which `got` leaves the bounds of `want`, twice as wide."""
    return [
        name for name, array in got.items()
        if name not in want or np.shape(array) != np.shape(want[name].value)
        or not _within(array, want[name].value, want[name].tolerance).all()
    ]  # fmt: skip


def _within(got, value, tolerance):
    return (np.abs(got - value) <= tolerance) | np.isinf(tolerance)


RIGHT = {dtype: computed(None, RunningError(dtype), dtype) for dtype in (np.float32, np.float64)}
OF_FORMULAS = {
    wrong.name: wrong
    for mistake in MISTAKES.values()
    if not (mistake.live or mistake.patch)
    for wrong in mistake.variants()
    if wrong.formulas() is not Formulas or wrong.loop() is not Loop
}
# What the formulas' own problem has no room for; the suite's laws draw it.
OTHER_SIZES = ("past", "modulo", "rest_of", "sigmoid_without_a_range")


def test_no_false_alarm_on_the_right_formulas():
    for dtype, right in RIGHT.items():
        assert apart(computed(None, Floats(dtype), dtype), right) == []
        assert all(np.isfinite(number.tolerance).all() for number in right.values())


@pytest.mark.parametrize("name", OF_FORMULAS)
def test_a_mistake_in_the_formulas_leaves_their_bounds_and_keeps_its_own(name):
    wrong = OF_FORMULAS[name]
    dtype = np.float32 if "float16" in name else np.float64
    with np.errstate(all="ignore"):
        got = computed(wrong, Floats(dtype), dtype)
        own = computed(wrong, RunningError(dtype), dtype)
    assert apart(got, own) == []
    if not any(word in name for word in OTHER_SIZES):
        assert apart(got, RIGHT[dtype]), "nothing changed"


# -- as implementations ----------------------------------------------------------------------------


def test_a_mutant_has_the_whole_protocol_and_calls_its_own_functions():
    module = implementation(MUTANTS["loss_changes_pred"])
    assert all(callable(getattr(module, name)) for name in FUNCTIONS)
    assert module.train.__globals__["mse_forward"] is module.mse_forward
    assert module.mse_forward is not plain.mse_forward


def test_a_mistake_is_the_formulas_or_the_plain_example_with_one_thing_changed():
    w, g = np.ones(2), np.array([1.0, 2.0])
    options = {"lr": 0.5, "momentum": 0.0, "dampening": 0.0, "nesterov": False}
    options |= {"weight_decay": 0.0, "decoupled": False}
    assert implementation(MUTANTS["sgd_climbs"]).sgd_step(w, g, None, **options)[0].tolist() == [
        1.5,
        2,
    ]
    assert implementation().sgd_step(w, g, None, **options)[0].tolist() == [0.5, 0]
    lines = implementation(MUTANTS["linear_backwards"]).linear(n_steps=2, start=1.0, end=0.0)
    assert lines.tolist() == [0, 0.5]


def test_the_right_formulas_obey_every_law():
    right = Implementation(implementation(), "formulas")
    for group in groups(LAWS.values()):
        for outcome in check_together(group, right, max_examples=3):
            assert outcome.status == "held", f"{outcome.law.name}: {outcome.message}"


def test_two_mistakes_together():
    both = MUTANTS["dot_is_a_mean"].formulas(MUTANTS["user_bias_left_out"].formulas())
    params, (batch, *_), *_ = problem(np.float64)
    params = {name: np.round(table * 4) / 4 for name, table in params.items()}  # exact sums
    pred, _ = both(Floats()).forward(params, *batch[:2], None)
    p, q = params["user_factors"][batch[0]], params["item_factors"][batch[1]]
    assert (pred == (p * q).sum(axis=1) / 3 + params["item_bias"][batch[1]]).all()


def test_a_patch_that_does_not_fit_is_refused():
    for old in ("no such line", "    "):
        with pytest.raises(ValueError, match="times in steps.py"):
            implementation(Wrong(Mistake("x", "step", "", "", patch=Patch("steps", old, ""))))


def test_laws_near_the_mistake_come_first():
    laws = laws_for(MUTANTS["no_weight_decay[sgd]"])
    assert "sgd_step" in laws[0].needs
    assert {name for law in laws for name in law.needs} >= {"sgd_step", "train", "save"}
    assert not any(law.family == "row_dot" for law in laws)
    assert all("save" in law.needs for law in laws_for(MUTANTS["save_without_state"]))
    assert "embedding_forward" in MISTAKES["ids_wrap"].functions


def test_the_command_prints_the_table_and_fails_if_one_survives(monkeypatch, capsys, tmp_path):
    few = [law.name for law in laws_for(NOTHING) if law.needs == ("sgd_step",)][:3]
    for name in LAWS.keys() - set(few):
        monkeypatch.delitem(LAWS, name)
    monkeypatch.setitem(MISTAKES, "nothing", NOTHING.mistake)
    monkeypatch.setitem(MUTANTS, "nothing", NOTHING)
    file = tmp_path / "kills.json"
    arguments = ["mistakes", "sgd_climbs", "nothing", "--max-examples", "30", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert __main__.main() == 1
    printed = capsys.readouterr().out
    assert "| sgd_climbs | The step climbs. | sgd: `sgd_" in printed
    assert "| nothing | No mistake. | **survives** |" in printed
    assert "1 of 2 mutants killed" in printed
    assert [row["mutant"] for row in json.loads(file.read_text())] == ["sgd_climbs", "nothing"]
    monkeypatch.setattr(sys, "argv", arguments[:2])
    assert __main__.main() == 0
