"""Exercises: right answers of every form are right, and each mistake of the catalogue is named."""

import re
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import NpcfError, SettingError
from npcf.teach import exercise, exercises
from npcf.teach.practice.diagnosis import SUBSETS, candidates
from npcf.teach.practice.exercise import PRINTED
from npcf.teach.practice.programs import apart, float_results, results_of
from npcf.teach.practice.tasks import TASKS
from npcf.verify.mistakes import MISTAKES
from tests.teach import right_answers

NAMES = tuple(TASKS)
TAUGHT = {  # functions of the conformance protocol
    f"{operation}_{way}" for way in ("forward", "backward")
    for operation in ("embedding", "row_dot", "bias", "sigmoid_range", "mse", "dot_product_bias")
}  # fmt: skip
NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")
every_exercise = pytest.mark.parametrize("name", NAMES)
names, seeds = st.sampled_from(NAMES), st.integers(0, 10**6)


def rightly(name, dtype=np.float64):
    """Return the right function of an exercise, which computes in a dtype."""

    def function(*inputs):
        return getattr(right_answers, name)(*(
            x.astype(dtype) if getattr(x, "dtype", None) == np.float64 else x for x in inputs
        ))  # fmt: skip

    return function


def answer_of(task, dtype=np.float64):
    copies = [np.array(x) if isinstance(x, np.ndarray) else x for x in task.inputs.values()]
    return rightly(task.name, dtype)(*copies)


def parts_of(answer):
    """Return an answer as a list of its arrays."""
    if isinstance(answer, dict):
        return list(answer.values())
    return list(answer) if isinstance(answer, tuple) else [answer]


def belonging(task, case, but=()):
    """Return the mistakes of the catalogue that no right program can be taken for, in one case.

    Each once with the same numbers; of the model, each once.  Not those that `but` names.
    """
    x, found = task._diagnosis.cases[case], {}
    right = results_of(None, task._task, x, np.float64)
    plain = float_results(None, task._task, x)
    for wrong in candidates(task.name):
        floats = None if wrong.mistake.name in but else float_results(wrong, task._task, x)
        if floats is None or all(np.array_equal(floats[k], plain[k]) for k in plain):
            continue
        same = (
            b""
            if task.name == "model_backward"
            else b"".join(map(np.ndarray.tobytes, floats.values()))
        )
        if (wrong.mistake.name, same) not in found:
            predicted = results_of(wrong, task._task, x, np.float64)
            if predicted is not None and apart(predicted, right):
                found[wrong.mistake.name, same] = wrong, floats
    return list(found.values())


# -- mistakes --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def named():
    """Say of each exercise which mistakes belong to it, and what is said of each."""
    found = defaultdict(list)
    for name in NAMES:
        task = exercise(name, 1)
        for wrong, floats in belonging(task, PRINTED):
            found[name].append((wrong, task.check(floats)))
    return found


@every_exercise
def test_each_mistake_that_belongs_to_an_exercise_is_named(name, named):
    assert named[name]
    for wrong, verdict in named[name]:
        assert not verdict
        assert wrong.mistake.name in verdict.mistakes, wrong.name
        first = MISTAKES[verdict.mistakes[0]]
        assert first.sentence in verdict.suspicion


@pytest.mark.parametrize("name", [name for name in NAMES if name != "model_backward"])
def test_only_mistakes_with_the_same_numbers_are_named_together(name, named):
    """If one is named beside another, so is that one beside it."""
    together = defaultdict(set)
    for wrong, verdict in named[name]:
        together[wrong.mistake.name] |= {*verdict.mistakes}
    for one, others in together.items():
        assert all(one in together[other] for other in others)


def test_the_exercises_leave_out_few_mistakes_of_what_they_teach(named):
    """Left out are roundings, constants of 1, sizes beyond an exercise, and what nothing asks."""
    seen = {wrong.mistake.name for rows in named.values() for wrong, _ in rows}
    missing = {
        mistake.name for mistake in MISTAKES.values()
        if mistake.functions & TAUGHT and not mistake.patch and not mistake.live
    } - seen  # fmt: skip
    assert missing == {
        "gradients_rounded", "dot_rounded", "sigmoid_in_float32", "ratings_in_float16",
        "loss_added_in_float32", "sigmoid_without_a_range", "mean_forgotten", "mean_subtracted",
        "mean_beside_the_range", "ratings_past_a_tile", "mentions_past_40",
        "row_modulo_256", "gradient_row_modulo_1024", "factors_past_a_vector",
        "rest_of_four_factors", "sigmoid_past_128", "sigmoid_rest_of_8", "loss_past_512",
        "bias_past_255",
    }  # fmt: skip
    of_rules = {"no_weight_decay", "decay_never_decoupled", "momentum_is_an_average", "no_root",
                "eps_inside_the_root", "no_bias_correction", "one_cycle_ends_as_torch_does",
                "half_cosine_to_zero", "dampening_ignored", "betas_swapped"}  # fmt: skip
    assert of_rules <= seen


@every_exercise
def test_a_function_with_a_mistake_is_named_too_also_if_only_other_numbers_show_it(name):
    task, tried = exercise(name, 2), set()
    cases = task._diagnosis.cases
    for case in cases:
        for wrong, _ in belonging(task, case, tried):
            if wrong.mistake.name in tried:
                continue
            tried.add(wrong.mistake.name)
            answers = iter([float_results(wrong, task._task, x) for x in cases.values()])

            def function(*inputs, answers=answers):
                found = next(answers)
                if found is None:
                    raise IndexError("a row that is not there")
                return found

            assert wrong.mistake.name in task.check(function).mistakes, (case, wrong.name)
    assert {"ratings_past_a_tile": name in ("embedding_backward", "bias", "model_backward"),
            "first_gradient_dampened": name == "sgd_step",
            "factors_past_a_vector": name == "row_dot_forward"}.items() <= {
                other: other in tried for other in (
                    "ratings_past_a_tile", "first_gradient_dampened", "factors_past_a_vector")
            }.items()  # fmt: skip


@given(name=names, seed=seeds, data=st.data())
def test_what_is_wrong_without_being_a_mistake_of_the_catalogue_gets_no_name(name, seed, data):
    task = exercise(name, seed)
    parts = [np.array(x, np.float64) for x in parts_of(answer_of(task))]
    for part in parts:  # off by a third to a half, each number in its own way
        off = data.draw(st.lists(st.sampled_from([0.37, -0.41, 0.43]), min_size=part.size,
                                 max_size=part.size))  # fmt: skip
        part += np.reshape(off, part.shape) * (1 + abs(part))
    verdict = task.check(parts if len(parts) > 1 else parts[0])
    assert not verdict and verdict.mistakes == () and verdict.suspicion == ""
    assert verdict.index == (0,) * parts[0].ndim and verdict.result == TASKS[name].results[0]


def test_a_mistake_at_any_tables_is_known():
    assert len(SUBSETS) == 2**4 - 1
    task = exercise("model_backward", 0)
    grads = {k: np.array(a) for k, a in answer_of(task).items()}
    grads["d_user_bias"] *= -1
    grads["d_item_factors"] *= -1
    assert "gradients_subtracted" in task.check(grads).mistakes


def test_a_mistake_in_one_of_its_forms_is_known():
    def function(p, q, b, c, users, items, rating, low, high):
        right = right_answers.model_backward(p, q, b, c, users, items, rating, low, high)
        s = 1 / (1 + np.exp(-((p[users] * q[items]).sum(1) + b[users] + c[items])))
        d = 2 / len(s) * (low + (high - low) * s - rating) * (high - low) * s * (1 - s)
        own_side = np.zeros_like(q)
        np.add.at(own_side, items, d[:, None] * q[items])  # for p[users]
        return right | {"d_item_factors": own_side}

    assert exercise("model_backward", 0).check(function).mistakes == ("gradient_of_its_own_side",)
    clipped = exercise("sigmoid_range_forward", 0).check(
        lambda x, low, high: right_answers.sigmoid_range_forward(np.clip(x, -4, 4), low, high)
    )
    assert clipped.mistakes == ("logit_clipped",)


# -- right answers ---------------------------------------------------------------------------------


@given(name=names, seed=seeds)
def test_right_answers_are_right_in_either_precision(name, seed):
    task = exercise(name, seed)
    for dtype in (np.float64, np.float32):
        assert task.check(rightly(name, dtype))
        assert task.check(answer_of(task, dtype))
    assert task.hints_given == 0


class Tensor:
    """As a tensor behaves that is not torch's."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


@every_exercise
def test_right_answers_in_other_containers_are_right(name):
    task = exercise(name, 4)
    parts = [np.asarray(x) for x in parts_of(answer_of(task, np.float32))]
    for form in (np.ndarray.tolist, lambda x: np.array(x, np.float64, order="F"), Tensor):
        forms = list(map(form, parts))
        assert task.check(forms[0] if len(forms) == 1 else forms)
        assert task.check(dict(zip(TASKS[name].results, forms, strict=True)))
    if len(parts) > 1:
        assert task.check(tuple(parts))


@given(seed=seeds)
def test_sums_in_another_order_are_right(seed):
    def backward(d_out, ids, n_rows):
        one_hot = (np.arange(n_rows)[:, None] == ids[::-1]).astype(float)
        return one_hot @ d_out[::-1]

    def loss(pred, rating):
        e = (rating - pred)[::-1] / np.sqrt(len(pred))
        return float(sum(x * x for x in e))

    assert exercise("embedding_backward", seed).check(backward)
    assert exercise("mse_forward", seed).check(loss)


def test_right_numbers_in_a_wrong_shape_are_told_apart():
    task = exercise("mse_backward", 3)
    right = answer_of(task)
    column = task.check(right[:, None])
    assert not column and column.index is None and column.result == "d_pred"
    assert "shape (4, 1); shape (4,) is wanted. Its numbers are right." in column.message
    assert "broadcast to (4, 4)" in column.message
    assert "Its numbers are right." not in task.check(right[:, None] + 1).message
    assert "shape (3,)" in task.check(right[:3]).message
    assert "a number is wanted" in exercise("mse_forward", 0).check([1.0]).message


def test_numbers_that_are_rounded_are_told_so():
    task = exercise("adam_step", 3)
    rounded = [np.round(x, 3) for x in answer_of(task)]
    verdict = task.check(rounded)
    assert not verdict and "as far as the decimals go" in verdict.suspicion
    assert "decimals" not in task.check([x + 0.01 for x in rounded]).suspicion
    assert "decimals" not in task.check([*rounded[:2], rounded[2][:1]]).suspicion


# -- what is printed -------------------------------------------------------------------------------


@every_exercise
def test_every_number_that_is_printed_is_an_input_or_was_given(name):
    """The task shows its inputs; a verdict what was given, places, counts, and fixed sentences."""
    task = exercise(name, 6)
    inputs = {float(v) for x in task.inputs.values() for v in np.ravel(x)}
    fixed = {float(x) for x in NUMBER.findall(TASKS[name].text + TASKS[name].title)}
    sizes = {float(n) for x in parts_of(answer_of(task)) for n in np.shape(x)} | {6.0}
    for text in (str(task), task._repr_html_()):
        words = NUMBER.findall(re.sub(r"\b[a-zA-Z_]\w*", "", text))
        assert {*map(float, words)} <= inputs | fixed | sizes | {39.0}  # &#39;
    for _, floats in belonging(task, PRINTED)[:12]:
        verdict = task.check(floats)
        said = re.sub(r"\b[a-zA-Z_]\w*", "", verdict.message)
        found = NUMBER.findall(said)
        if verdict.index is not None:
            found.remove(f"{floats[verdict.result][verdict.index]:.7g}")
        assert all(word.isdigit() for word in found), said  # places, counts, shapes
        first, rest = MISTAKES[verdict.mistakes[0]], verdict.suspicion
        for known in (first.sentence, first.cure, *verdict.mistakes):
            rest = rest.replace(known, "")
        assert not NUMBER.findall(rest)
        assert verdict.hint in (*task.hints(3), "There are no more hints.")


@every_exercise
def test_three_hints_then_no_more(name):
    task = exercise(name, 0)
    said = [task.check(lambda *inputs: None).hint for _ in range(5)]
    assert said[:3] == [f"Hint {i} of 3: {text}" for i, text in enumerate(TASKS[name].hints, 1)]
    assert said[3:] == ["There are no more hints."] * 2
    assert task.hints_given == 3 and len(set(said)) == 4


@pytest.mark.parametrize("seed", range(10))
def test_a_class_is_the_same_on_all_numbers_and_the_cure_comes_with_the_second_hint(seed):
    task = exercise("mse_backward", seed)
    half = answer_of(task) / 2
    first, second = task.check(half), task.check(half)
    same = "loss_gradient_without_2", "loss_halved", "loss_huber"  # Huber's, far out
    assert first.mistakes == second.mistakes == same
    cure = MISTAKES["loss_gradient_without_2"].cure
    assert cure not in str(first) and cure in str(second)


@given(name=names, seed=seeds)
def test_the_same_seed_has_the_same_numbers_and_another_others(name, seed):
    one, same, other = (exercise(name, s) for s in (seed, seed, seed + 1))
    assert str(one) == str(same) and str(one) != str(other).replace(f"{seed + 1})", f"{seed})")
    assert list(one.inputs) == list(other.inputs)


def test_a_fresh_seed_is_printed_and_repeats_the_exercise():
    one, other = exercise("mse_forward"), exercise("mse_forward")
    assert one.seed != other.seed or exercise("mse_forward").seed != one.seed
    assert str(exercise("mse_forward", one.seed)) == str(one)
    assert f"(seed {one.seed})" in str(one)


@every_exercise
def test_what_is_printed_are_the_inputs(name):
    """The lines of numbers are Python, and give the same numbers."""
    task = exercise(name, 5)
    lines = [line[4:] for line in str(task).split("\n\n")[-2].split("\n")]
    found = {"np": np}
    exec("\n".join(lines), found)
    for key, x in task.inputs.items():
        assert np.array_equal(found[key], x), key


def test_there_are_twelve_from_the_dot_product_to_the_one_cycle_schedule():
    listed = exercises()
    assert list(listed) == list(NAMES) and len(NAMES) == 12
    assert (NAMES[0], NAMES[-1]) == ("row_dot_forward", "one_cycle")
    assert str(listed).count("\n") == 11 and "<table>" in listed._repr_html_()


# -- functions that fail, and answers that are none ------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [ValueError("bad\nnews"), ZeroDivisionError(), NameError("q"), AssertionError(), SystemExit(0)],
)
def test_what_a_function_raises_is_an_observation_in_one_line(error):
    def function(*inputs):
        raise error

    verdict = exercise("mse_backward", 0).check(function)
    assert not verdict and verdict.mistakes == ()
    assert f"your function raised {type(error).__name__}" in verdict.message
    assert "\n" not in verdict.message


class TimeLimitError(Exception):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeLimitError, TimeoutError])
def test_a_time_limit_and_ctrl_c_pass_through(error):
    def function(*inputs):
        raise error

    with pytest.raises(error):
        exercise("mse_backward", 0).check(function)


def test_a_function_that_fails_elsewhere_only_says_where_and_on_what():
    def function(x, low, high):
        if abs(x).max() > 60:
            raise OverflowError("math range error")
        return right_answers.sigmoid_range_forward(x, low, high)

    verdict = exercise("sigmoid_range_forward", 1).check(function)
    assert "on logits that overflow exp: your function raised OverflowError" in verdict.message
    assert abs(verdict.inputs["x"]).max() > 60

    def column(left, right):
        return (left * right).sum(1).squeeze()  # a number for a batch of one

    verdict = exercise("row_dot_forward", 1).check(column)
    assert "on one rating: out has shape (); shape (1,) is wanted" in verdict.message
    assert verdict.inputs["left"].shape == (1, 3)


def test_what_fails_on_the_printed_numbers_is_said_before_what_is_wrong_elsewhere():
    def seventeenth(pred, rating, d_loss):
        return pred[17]  # there is one in the case of many ratings alone

    verdict = exercise("mse_backward", 0).check(seventeenth)
    assert "on the printed numbers: your function raised IndexError" in verdict.message


def test_a_function_that_writes_to_its_inputs_changes_no_exercise():
    task = exercise("sgd_step", 1)
    before = str(task)
    assert task.check(rightly("sgd_step")) and str(task) == before
    task.inputs["w"][:] = 0  # a copy
    verdict = task.check(lambda *inputs: (inputs[0], inputs[0]))
    verdict.inputs["g"][:] = 0
    assert task.check(rightly("sgd_step")) and str(task) == before


@pytest.mark.parametrize(
    "answer",
    [None, "1 2 3", {"loss": 1.0}, {1, 2}, [[1.0], [2.0, 3.0], 1.0], [1j], ["x"], object(), [True]],
    ids=lambda answer: "object" if type(answer) is object else str(answer),
)
@pytest.mark.parametrize("name", ["mse_backward", "sgd_step"])
def test_what_is_no_answer_is_a_typed_error_and_costs_no_hint(answer, name):
    task = exercise(name, 0)
    with pytest.raises(NpcfError):
        task.check(answer)
    assert task.hints_given == 0
    verdict = task.check(lambda *inputs: answer)
    assert "returned" in verdict.message and "\n" not in verdict.message


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(SettingError, match="seed"):
        exercise("mse_backward", seed)


def test_an_unknown_exercise_is_told_the_nearest():
    with pytest.raises(SettingError, match="Did you mean 'mse_backward'"):
        exercise("mse_backwards")
