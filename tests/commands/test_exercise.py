"""`npcf exercise`: the tasks and verdicts are `npcf.teach.exercise`'s."""

import io
import json
import sys

import numpy as np
import pytest

from npcf.cli import main
from npcf.teach import exercise, exercises
from tests.teach import right_answers

NAME = "mse_backward"


def said(capsys, *arguments, code=0):
    capsys.readouterr()
    assert main(["exercise", *map(str, arguments)]) == code
    return capsys.readouterr().out


@pytest.fixture
def right():
    return right_answers.mse_backward(*exercise(NAME, 3).inputs.values())


def test_without_a_name_they_are_listed(capsys):
    assert said(capsys) == f"{exercises()}\n"
    assert json.loads(said(capsys, "--json")) == dict(exercises())


def test_a_task_is_printed_with_its_seed(capsys):
    assert said(capsys, NAME, "--seed", 3) == f"{exercise(NAME, 3)}\n"
    found = json.loads(said(capsys, NAME, "--json"))
    again = exercise(NAME, found["seed"]).inputs
    assert found["inputs"] == {key: np.asarray(x).tolist() for key, x in again.items()}


@pytest.mark.parametrize(
    "form", [json.dumps, lambda x: " ".join(map(str, x)), lambda x: str(x)[1:-1]]
)
def test_answers_are_numbers_in_a_file_or_piped(form, right, tmp_path, monkeypatch, capsys):
    file = tmp_path / "answer.txt"
    for answer, code in ((right, 0), (right / 2, 1)):
        file.write_text(form(answer.tolist()))
        text = said(capsys, NAME, "--seed", 3, "--answer", file, code=code)
        assert ("loss_gradient_without_2" in text) == bool(code)
        piped = io.TextIOWrapper(io.BytesIO(file.read_bytes()))
        monkeypatch.setattr(sys, "stdin", piped)
        assert said(capsys, NAME, "--seed", 3, "--answer", "-", code=code) == text


def test_several_results_are_a_json_object(tmp_path, capsys):
    file, x = tmp_path / "step.json", exercise("adam_step", 1).inputs
    w, m, v = right_answers.adam_step(*(np.array(a) if np.ndim(a) else a for a in x.values()))
    file.write_text(json.dumps({"w": w.tolist(), "m": m.tolist(), "v": v.tolist()}))
    assert "Right" in said(capsys, "adam_step", "--seed", 1, "--answer", file)


def test_a_function_is_tried_on_other_numbers_too(tmp_path, capsys):
    file = tmp_path / "mine.py"
    body = "2 * d_loss * (pred - rating) / max(len(pred) - {}, 1)"
    start = f"def {NAME}(pred, rating, d_loss):\n    return "
    file.write_text(start + body.format(0) + "\n")
    assert "Right, on the printed numbers" in said(capsys, NAME, "--seed", 3, "--answer", file)
    file.write_text(start + body.format(1) + "\n")
    found = json.loads(said(capsys, NAME, "--seed", 3, "--answer", file, "--json", code=1))
    assert not found["right"] and "loss_gradient_by_b_minus_1" in found["mistakes"]


@pytest.mark.parametrize("n", [None, 0, 1, 2, 3])
def test_so_many_hints_are_shown(n, tmp_path, capsys):
    file = tmp_path / "answer.json"
    file.write_text("[1, 2, 3, 4]")
    options = () if n is None else ("--hints", n)
    text = said(capsys, NAME, "--seed", 3, "--answer", file, *options, code=1)
    assert text.count("Hint ") == (1 if n is None else n)


@pytest.mark.parametrize(
    ("arguments", "word", "code"),
    [
        (("mse_backwards",), "Did you mean", 2),
        (("--seed", 3), "--seed", 2),
        ((NAME, "--seed", -1), "seed", 2),
        ((NAME, "--hints", 2), "--hints", 2),
        ((NAME, "--seed", 3, "--answer", "here", "--hints", 4), "--hints", 2),
        ((NAME, "--answer", "here"), "--seed", 2),
        ((NAME, "--seed", 3, "--answer", "nowhere"), "nowhere", 1),
    ],
)
def test_wrong_usage_is_one_line(arguments, word, code, capsys):
    assert main(["exercise", *map(str, arguments)]) == code
    error = capsys.readouterr().err
    assert error.startswith("npcf: ") and word in error and error.count("\n") == 1


def test_what_is_no_answer_is_one_line(tmp_path, capsys):
    file = tmp_path / "answer.json"
    file.write_text('{"d_loss": [1]}')
    assert main(["exercise", NAME, "--seed", "3", "--answer", str(file)]) == 1
    assert "d_pred" in capsys.readouterr().err


@pytest.mark.parametrize("program", ["def mse_backward(*x):\n    exit_(0)", "exit_(0)"])
def test_a_program_that_leaves_is_no_right_answer(program, tmp_path, capsys):
    file = tmp_path / "leaves.py"
    file.write_text("from sys import exit as exit_\n" + program)
    assert main(["exercise", NAME, "--seed", "3", "--answer", str(file)]) == 1
    said = capsys.readouterr()
    assert "raised SystemExit" in said.out + said.err
