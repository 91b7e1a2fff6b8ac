"""Did you mean …?  Verbs, options, choices, public names, settings, columns: the nearest one."""

import importlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npcf
from npcf import data, models, optim, training
from npcf.cli import main
from npcf.errors import NpcfError, UsageError
from npcf.suggestions import ROOMS, did_you_mean, nearest

FRAME = pd.DataFrame({"user": [1, 2], "item": [3, 4], "rating": [1.0, 2.0]})
RATINGS = data.Ratings.from_frame(FRAME)


@given(st.lists(st.text("abcdefgh", min_size=3), min_size=1), st.data())
def test_a_known_word_is_nearest_to_itself_in_any_case(known, draw):
    word = draw.draw(st.sampled_from(known))
    assert nearest(word.upper(), known)[0] == word
    assert did_you_mean(word, known) == f"Did you mean {word!r}? "


def test_nothing_like_it_is_no_suggestion():
    assert did_you_mean("zzzz", ["train", "predict"]) == ""


@pytest.mark.parametrize(("words", "meant"), [
    ("tran", "train"),
    ("recomend m", "recommend"),
    ("train --epochz 3", "--epochs"),
    ("predict m p --unknwn na", "--unknown"),
    ("similar m 3 --by dott", "dot"),
    ("data fech ml-100k", "fetch"),
    ("data show f --jsn", "--json"),
    ("--confg run.toml train", "--config"),
    ("--confg=run.toml train", "--config"),
])  # fmt: skip
def test_the_command_line_says_what_was_meant(words, meant, capsys):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    assert stop.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(f"Did you mean {meant}?")


def test_an_option_before_its_verb_is_told_its_place(capsys):
    with pytest.raises(SystemExit):
        main(["--json", "train"])
    assert capsys.readouterr().err.rstrip().endswith("Write it behind the verb: npcf VERB --json")


@pytest.mark.parametrize(("name", "meant"), [
    ("npcf.Lerner", "Learner"),
    ("npcf.rating", "Ratings"),
    ("npcf.grad_check", "gradcheck"),
    ("npcf.model", "models"),
    ("npcf.DotProductBiasEmb", "npcf.models.DotProductBiasEmb"),
    ("npcf.IdRangeError", "npcf.errors.IdRangeError"),
    ("npcf.models.EmbedingDot", "EmbeddingDot"),
    ("npcf.models.PerRatingSGD", "npcf.training.PerRatingSGD"),
    ("npcf.optim.AdamW", "adamw"),
    ("npcf.ops.one_hott", "one_hot"),
    ("npcf.kernels.row_dot_foward", "row_dot_forward"),
    ("npcf.data.readcsv", "read_csv"),
    ("npcf.training.EarlyStoping", "EarlyStopping"),
    ("npcf.analysis.recomend_all", "recommend_all"),
    ("npcf.interop.detect", "detect_layout"),
    ("npcf.verify.as_vpj", "as_vjp"),
])  # fmt: skip
def test_a_public_name_that_is_misspelt(name, meant):
    module, _, attribute = name.rpartition(".")
    with pytest.raises(AttributeError, match=rf"no attribute '{attribute}'. Did you mean '{meant}"):
        getattr(importlib.import_module(module), attribute)


def test_names_that_others_probe_for_cost_nothing_and_are_not_there():
    for room in ("npcf", *(f"npcf.{room}" for room in ROOMS)):
        module = importlib.import_module(room)
        assert not hasattr(module, "__wrapped__")
        assert not hasattr(module, "nothing_like_it_at_all")
        assert set(getattr(module, "__all__", [])) <= set(dir(module))


@pytest.mark.parametrize(("call", "meant"), [
    (lambda: training.PerRatingSGD(n_factor=8), "n_factors"),
    (lambda: training.PerRatingSGD("ml-100"), "ml-100k"),
    (lambda: npcf.Learner(None, None, metric={}), "metrics"),
    (lambda: npcf.CollabRegressor(n_factor=3), "n_factors"),
    (lambda: npcf.CollabRegressor().set_params(n_epoch=3), "n_epochs"),
    (lambda: data.CollabDataLoaders.from_ratings(RATINGS, samplin="permutation"), "sampling"),
    (lambda: data.CollabDataLoaders.from_df(FRAME, valid_pc=0.5), "valid_pct"),
    (lambda: data.Ratings.from_frame(FRAME, user_="user"), "user"),
    (lambda: data.Ratings.from_frame(FRAME.rename(columns={"user": "usr"})), "usr"),
    (lambda: data.Ratings.from_frame(FRAME, rating="raiting"), "rating"),
    (lambda: models.DotProductBiasEmb(3, 4, 2, yrange=(0, 5)), "y_range"),
    (lambda: models.EmbeddingDot(3, 4, n_factor=2), "n_factors"),
    (lambda: optim.Adam({}, beta=(0.9, 0.99)), "betas"),
    (lambda: optim.SGD({}, momentun=0.9), "momentum"),
    (lambda: optim.SGD({"user_bias": np.ones(2)}, lr={"users_bias": 1.0}), "user_bias"),
    (lambda: optim.fastai_adam({}, w=0.1), "wd"),
    (lambda: data.licence("ml-100"), "ml-100k"),
])  # fmt: skip
def test_an_option_that_is_misspelt(call, meant):
    with pytest.raises(NpcfError, match=f"Did you mean '{meant}'"):
        call()


def test_an_unknown_option_lists_what_there_is():
    with pytest.raises(
        UsageError, match=r"frobnicate: is no option here. There are .*lr_mult"
    ) as e:
        npcf.Learner(None, None, frobnicate=1)
    assert e.value.argument == "frobnicate"
