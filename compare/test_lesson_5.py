"""Lesson 5 on ML-100k: five seeds of each form and each way of sampling, by the command itself."""

import json
import time

import numpy as np
import pytest

from compare.limits import LESSON_5
from compare.recorded import movielens
from npcf.cli import main
from npcf.commands import train


@pytest.mark.parametrize(("model", "sampling"), LESSON_5)
def test_final_validation_loss_is_the_lessons(model, sampling, capsys, monkeypatch):
    """`replacement` reproduces fastai's numbers, `permutation` is what shuffling gives."""
    monkeypatch.setattr(train, "CHECKED", 2)  # of 64 gradients take four times the training
    data, losses, seconds = str(movielens()), [], []
    for seed in range(5):
        start = time.perf_counter()
        arguments = ["--data", data, "--item", "title", "--model", model, "--sampling", sampling]
        assert main(["train", *arguments, "--seed", str(seed), "--json"]) == 0
        seconds.append(time.perf_counter() - start)
        result = json.loads(capsys.readouterr().out)
        assert (result["data"]["train"], result["data"]["valid"]) == (80_000, 20_000)
        assert (result["data"]["users"], result["data"]["items"]) == (943, 1_664)
        assert result["gradcheck"]["ok"]
        losses.append(result["valid_loss"])
    band, mean = LESSON_5[model, sampling], float(np.mean(losses))
    with capsys.disabled():
        deviation = np.std(losses, ddof=1)
        print(f"\n{model} {sampling}: {mean:.4f} +- {deviation:.4f}, {np.median(seconds):.1f} s")
    assert band.low <= mean <= band.high
    assert np.median(seconds) < 60
