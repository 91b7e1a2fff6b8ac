"""The verbs beyond `train`, as a person types them, one after the other."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from npcf.cli import main
from npcf.data import planted

VERBS = ("train", "predict", "recommend", "evaluate", "similar", "data", "doctor")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a csv of planted ratings and a model trained on it."""
    folder = tmp_path_factory.mktemp("work")
    ratings = planted(40, 25, 400, seed=3).ratings
    frame = pd.DataFrame(
        {
            "userId": np.array(ratings.user_vocab.labels, object)[ratings.users],
            "movieId": np.array(ratings.item_vocab.labels, object)[ratings.items],
            "rating": ratings.rating,
        }
    )
    frame.to_csv(folder / "ratings.csv", index=False)
    frame[["userId", "movieId"]].head(7).to_csv(folder / "pairs.csv", index=False)
    arguments = ["--data", str(folder / "ratings.csv"), "--epochs", "2", "--factors", "4"]
    assert main(["train", *arguments, "--bs", "16", "--save", str(folder / "model")]) == 0
    return folder


def run_json(capsys, *arguments):
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_predict_adds_a_column_to_the_csv(work, capsys):
    assert main(["predict", str(work / "model"), str(work / "pairs.csv"), "--clip", "1", "5"]) == 0
    result = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(result.columns) == ["userId", "movieId", "prediction"]
    assert len(result) == 7
    assert result["prediction"].between(1, 5).all()
    rows = run_json(capsys, "predict", work / "model", work / "pairs.csv")
    assert len(rows) == 7
    assert rows[0]["userId"] == result["userId"][0]


def test_json_keeps_ids_and_every_digit(tmp_path, capsys):
    (tmp_path / "r.csv").write_text("user,item,rating\n" + "9007199254740993,007,1\n2,1,2\n" * 4)
    assert main(["train", "--data", f"{tmp_path}/r.csv", "--epochs", "1", "--factors", "1",
                 "--save", f"{tmp_path}/m"]) == 0  # fmt: skip
    digits = "9.99999999999999999999"
    lines = [f"9007199254740993,007,{digits},-0,{'1' * 5000}", "2.0,1,2.50,12,x"]
    (tmp_path / "p.csv").write_text("\n".join(["user,item,a,b,c", *lines]))
    rows = run_json(capsys, "predict", tmp_path / "m", tmp_path / "p.csv")
    got = [[row[name] for name in ("user", "item", "a", "b", "c")] for row in rows]
    assert got == [[9007199254740993, "007", digits, "-0", "1" * 5000], [2, "1", 2.5, 12, "x"]]


def test_predict_reads_standard_input_and_writes_standard_output(work):
    command = [sys.executable, "-m", "npcf.cli", "predict", str(work / "model"), "-"]
    with open(work / "pairs.csv") as pairs:
        done = subprocess.run(command, stdin=pairs, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "userId,movieId,prediction"
    assert len(done.stdout.splitlines()) == 8


def test_recommend_leaves_out_what_was_seen(work, capsys):
    seen = pd.read_csv(work / "ratings.csv")
    user = seen["userId"][0]
    rated = set(seen.loc[seen["userId"] == user, "movieId"])
    rows = run_json(capsys, "recommend", work / "model", user, "-n", 25,
                    "--seen", work / "ratings.csv")  # fmt: skip
    assert len(rows) == 25 - len(rated)
    assert not rated & {row["item"] for row in rows}
    predictions = [row["prediction"] for row in rows]
    assert predictions == sorted(predictions, reverse=True)
    assert len(run_json(capsys, "recommend", work / "model", "-n", 2)) == 2 * 40


def test_similar_ranks_the_other_items(work, capsys):
    rows = run_json(capsys, "similar", work / "model", 3, "-n", 4)
    assert len(rows) == 4
    assert 3 not in {row["item"] for row in rows}
    assert all(-1 <= row["similarity"] <= 1 for row in rows)


def test_evaluate_measures_and_counts_the_unknown(work, capsys):
    result = run_json(capsys, "evaluate", work / "model", work / "ratings.csv")
    assert result["ratings"] == 400
    assert 0 < result["mae"] <= result["rmse"] < 3
    assert result["unknown_users"] == result["unknown_items"] == 0
    other = work / "other.csv"
    other.write_text("user,item,rating\n1,1,4\n999,1,3\n1,998,5\n")
    result = run_json(capsys, "evaluate", work / "model", other)
    assert (result["unknown_users"], result["unknown_items"]) == (1, 1)
    assert main(["evaluate", str(work / "model"), str(other), "--unknown", "raise"]) == 1
    assert "999" in capsys.readouterr().err


def test_data_show_describes(work, capsys):
    found = run_json(capsys, "data", "show", work / "ratings.csv")
    assert found["ratings"] == 400
    assert main(["data", "show", str(work / "ratings.csv")]) == 0
    assert "400" in capsys.readouterr().out


def test_doctor_finds_nothing_wrong(capsys):
    report = run_json(capsys, "doctor")
    assert set(report["checks"].values()) == {"ok"}
    assert report["libraries"]["numpy"] == np.__version__


def test_train_resumes_to_the_same_numbers(work, capsys):
    """A run cut after one of its epochs, then resumed, ends as the whole run does."""
    base = ["train", "--data", str(work / "ratings.csv"), "--factors", "4", "--bs", "16"]
    whole = run_json(capsys, *base, "--epochs", "3")
    path = str(work / "run")
    run_json(capsys, *base, "--epochs", "3", "--checkpoint", path, "--every", "7")
    resumed = run_json(capsys, *base, "--epochs", "3", "--checkpoint", path, "--resume")
    assert resumed["rmse"] == whole["rmse"]
    assert resumed["top"] == whole["top"]


@pytest.mark.parametrize("verb", ["", *VERBS, "data fetch", "data show"])
def test_help_fits_80_columns_and_shows_an_example(verb):
    command = [sys.executable, "-m", "npcf.cli", *verb.split(), "--help"]
    environment = os.environ | {"COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "example: npcf" in done.stdout


def test_a_pipe_whose_reader_leaves_is_quiet(work):
    command = f"{sys.executable} -m npcf.cli recommend {work}/model -n 25 | head -2"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


BAD = [
    (["predict", "/no/model"], 1, "there is no file /no/model"),
    (["predict", "{work}/ratings.csv"], 1, "is a table of text. The model comes first"),
    (["predict", "{work}/model", "/no/pairs.csv"], 1, "there is no file /no/pairs.csv"),
    (["predict", "{work}/model", "{work}/pairs.csv", "--clip", "5", "1"], 2, "clip"),
    (["recommend", "{work}/model", "12345"], 1, "12345 is not among the 40 known ids"),
    (["recommend", "{work}/model", "x7"], 1, "'x7' is no number"),
    (["recommend", "{work}/model", "1", "-n", "0"], 2, "n: must be a whole number"),
    (["similar", "{work}/model", "777"], 1, "777 is not among"),
    (["evaluate", "{work}/model", "/no/ratings"], 1, "/no/ratings"),
    (["data", "show", "/no/ratings"], 1, "/no/ratings"),
    (["data", "fetch", "ml-1"], 2, "ml-1"),
    (["train", "--resume"], 2, "--checkpoint"),
    (["train", "--checkpoint", "/no/folder/run"], 2, "no folder"),
    (["train", "--checkpoint", "{work}/model", "--resume", "--data", "{work}/ratings.csv",
      "--bs", "16"], 1, "callbacks"),
    (["--config", "/no/config", "train"], 2, "cannot be read"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), BAD)
def test_mistakes_get_one_line_and_an_exit_code(arguments, code, message, work, capsys):
    assert main([word.format(work=work) for word in arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("npcf: ")
    assert message in err
    assert err.count("\n") == 1
