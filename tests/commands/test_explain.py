"""`npcf explain` and `npcf train --show-step`: the numbers are `explain_step`'s."""

import json

import numpy as np
import pytest

import npcf
from npcf.cli import main
from npcf.data import planted
from npcf.models import DotProductBiasEmb

RATINGS = planted().ratings
USER, ITEM = (str(vocab.labels[rows[0]]) for vocab, rows in (
    (RATINGS.user_vocab, RATINGS.users), (RATINGS.item_vocab, RATINGS.items)))  # fmt: skip
PAIR = ("--user", USER, "--item", ITEM)


def said(capsys, *arguments):
    capsys.readouterr()
    assert main(["explain", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_a_new_model_s_step_is_explained_with_the_rating_of_the_data(capsys):
    entries = json.loads(said(capsys, *PAIR, "--factors", 2, "--seed", 3, "--json"))["entries"]
    sizes = len(RATINGS.user_vocab.labels), len(RATINGS.item_vocab.labels)
    model = DotProductBiasEmb(*sizes, 2, (0.0, 5.5), rng=np.random.default_rng(3))
    step = (RATINGS.users[0], RATINGS.items[0], RATINGS.rating[0])
    wanted = npcf.explain_step(model, step, npcf.optim.SGD(model.params, lr=0.1))
    assert entries == json.loads(wanted.to_json())["entries"]


def test_optimiser_rate_decay_and_rating_are_as_asked(capsys):
    text = said(capsys, *PAIR, "--optimizer", "adam", "--lr", 0.25, "--wd", 0.5, "--rating", 4.5)
    assert "one step of Adam" in text and "0.25 * " in text and "coupled" not in text
    assert f"user {USER} is row" in text and "- 4.5" in text and "0.5 * " in text


def test_a_saved_model_is_explained_and_the_page_written(tmp_path, capsys):
    model = tmp_path / "m"
    assert main(["train", "--epochs", "1", "--factors", "3", "--save", str(model)]) == 0
    text = said(capsys, *PAIR, "--model", model, "--rating", 4)
    assert "3 factors" in text
    page = tmp_path / "step.html"
    assert said(capsys, *PAIR, "--model", model, "--rating", 4, "--html", page) == ""
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--user", USER, "--item", "1e9"), "items"),
        ((*PAIR, "--rating", "nan"), "--rating"),
        ((*PAIR, "--ids", "text"), "--ids"),
        ((*PAIR, "--lr", "-1"), "--lr"),
    ],
)
def test_what_cannot_be_explained_is_one_line(arguments, word, capsys):
    assert main(["explain", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert error.startswith("npcf: ") and word in error and error.count("\n") == 1


def test_train_shows_the_next_step(capsys):
    arguments = ["train", "--epochs", "1", "--factors", "2", "--show-step"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "One step on 3 ratings, 2 factors, then one step of Adam." in text
    assert main([*arguments, "--json"]) == 0
    step = json.loads(capsys.readouterr().out)["step"]
    assert step["rule"] == "one step of Adam" and step["entries"][0]["name"] == "p"
