"""The verbs as a person types them, one after the other."""

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from npcf.cli import main
from npcf.data import CollabDataLoaders
from npcf.models import DotProductBiasCP
from npcf.training import Learner

VERBS = (
    "train",
    "predict",
    "recommend",
    "evaluate",
    "similar",
    "explain",
    "data",
    "conformance",
    "sheet",
    "doctor",
)
FAST = ["train", "--epochs", "1", "--factors", "3"]


def run_json(capsys, *arguments):
    capsys.readouterr()
    assert main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_train_shows_table_error_ends_of_the_bias_table_and_gradient_check(capsys):
    assert main(FAST) == 0
    out, err = capsys.readouterr()
    for line in ("ratings         20000", "epoch  train_loss*  valid_loss", "validation RMSE",
                 "items of largest bias", "items of smallest bias", "complex step",
                 "central differences", "all right"):  # fmt: skip
        assert line in out
    assert out.count(" ratings)") == 10
    assert err == ""


def test_json_is_one_object_and_nothing_else(capsys):
    assert main([*FAST, "--json", "--seed", "3", "--y-range", "0.5", "5"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["settings"]["y_range"] == [0.5, 5.0]
    assert result["data"]["train"] == 16_000
    assert len(result["history"]) == 1
    assert result["rmse"] == result["history"][0]["rmse"]
    assert len(result["top"]) == len(result["bottom"]) == 5
    assert result["gradcheck"]["ok"] is True


@pytest.mark.parametrize("model", ["embedding", "create_params"])
@pytest.mark.parametrize("sampling", ["permutation", "replacement"])
def test_same_seed_same_numbers(model, sampling, capsys):
    """All but the clock."""
    arguments = [*FAST, "--json", "--model", model, "--sampling", sampling]
    results = []
    for seed in ("1", "1", "2"):
        main([*arguments, "--seed", seed])
        result = json.loads(capsys.readouterr().out)
        row = result["history"][0]
        del row["seconds"], row["compile_seconds"], result["settings"]
        results.append(result)
    assert results[0] == results[1] != results[2]


def test_reads_a_folder(tmp_path, capsys):
    pairs = [(u, i) for u in range(1, 9) for i in range(1, 6)]
    lines = [f"{u}\t{i}\t{1 + (u * i) % 5}\t0\n" for u, i in pairs]
    (tmp_path / "u.data").write_text("".join(lines))
    (tmp_path / "u.item").write_text("".join(f"{i}|Film {(i + 1) // 2}|x\n" for i in range(1, 6)))
    assert main([*FAST, "--bs", "8", "--data", str(tmp_path), "--item", "title"]) == 0
    out = capsys.readouterr().out
    assert "items           3" in out
    assert "repeated pairs  16" in out


def test_predict_adds_a_column_to_the_csv(work, capsys):
    assert main(["predict", str(work / "model"), str(work / "pairs.csv"), "--clip", "1", "5"]) == 0
    result = pd.read_csv(io.StringIO(capsys.readouterr().out))
    assert list(result.columns) == ["user", "item", "prediction"]
    assert len(result) == 300
    assert result["prediction"].between(1, 5).all()
    rows = run_json(capsys, "predict", work / "model", work / "pairs.csv")
    assert len(rows) == 300
    assert rows[0]["user"] == result["user"][0]


def test_ids_with_spaces_around_them_are_named_without(tmp_path, capsys):
    """Frames may hold such ids; those that differ by white space alone no line could tell apart."""
    frame = pd.DataFrame(
        {"user": ["a ", "b", "b"] * 4, "item": [" x", " x", "y"] * 4, "rating": 1.0}
    )
    (tmp_path / "p.csv").write_text("user,item,rating\na,x,1\nb,y,1\n")
    for users, code in ((frame["user"], 0), (frame["user"].replace("b", "a"), 1)):
        dls = CollabDataLoaders.from_df(frame.assign(user=users), seed=0)
        model = DotProductBiasCP(dls.n_users, dls.n_items, 2)
        Learner(dls, model).save(tmp_path / "m")
        for words in ("predict {w}/m {w}/p.csv", "evaluate {w}/m {w}/p.csv --unknown raise",
                      "recommend {w}/m a --seen {w}/p.csv", "similar {w}/m x"):  # fmt: skip
            assert main(words.format(w=tmp_path).split()) == code, words
    assert capsys.readouterr().err.count('frame["user"].str.strip()') == 4


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


def test_predict_reads_standard_input_and_writes_standard_output(work, monkeypatch, capsys):
    with open(work / "pairs.csv") as pairs:
        monkeypatch.setattr(sys, "stdin", pairs)
        assert main(["predict", str(work / "model"), "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], len(lines)) == ("user,item,prediction", 301)


def test_recommend_leaves_out_what_was_seen(work, capsys):
    seen = pd.read_csv(work / "u.csv")
    user = seen["user"][0]
    rated = set(seen.loc[seen["user"] == user, "item"])
    rows = run_json(capsys, "recommend", work / "model", user, "-n", 25,
                    "--seen", work / "u.csv")  # fmt: skip
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
    result = run_json(capsys, "evaluate", work / "model", work / "u.csv")
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
    found = run_json(capsys, "data", "show", work / "u.csv")
    assert found["ratings"] == 400
    assert main(["data", "show", str(work / "u.csv")]) == 0
    assert "400" in capsys.readouterr().out


@pytest.mark.slow("a process of its own")
def test_doctor_finds_nothing_wrong(capsys):
    report = run_json(capsys, "doctor")
    assert set(report["checks"].values()) == {"ok"}
    assert report["libraries"]["numpy"] == np.__version__


def test_train_resumes_to_the_same_numbers(work, capsys):
    """A run cut after one of its epochs, then resumed, ends as the whole run does."""
    base = ["train", "--data", str(work / "u.csv"), "--factors", "4", "--bs", "16"]
    whole = run_json(capsys, *base, "--epochs", "3")
    path = str(work / "run")
    run_json(capsys, *base, "--epochs", "3", "--checkpoint", path, "--every", "7")
    resumed = run_json(capsys, *base, "--epochs", "3", "--checkpoint", path, "--resume")
    assert resumed["rmse"] == whole["rmse"]
    assert resumed["top"] == whole["top"]


@pytest.mark.parametrize("verb", ["", *VERBS, "data fetch", "data show"])
def test_help_fits_80_columns_and_shows_an_example(verb, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        main([*verb.split(), "--help"])
    text = capsys.readouterr().out
    assert not stop.value.code
    assert max(map(len, text.splitlines())) <= 80
    assert f"example: npcf {verb}" in text


@pytest.mark.slow("a process of its own")
def test_a_pipe_whose_reader_leaves_is_quiet(work):
    command = f"{sys.executable} -m npcf.cli recommend {work}/model -n 25 | head -2"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


TRAIN = [*FAST, "--data", "{work}/u.csv"]
BAD = [
    (["predict", "/no/model"], 1, "there is no file /no/model"),
    (["predict", "{work}/u.csv"], 1, "is a table of text. The model comes first"),
    (["predict", "{work}/model", "/no/pairs.csv"], 1, "there is no file /no/pairs.csv"),
    (["evaluate", "{work}/model", "/no/ratings"], 1, "/no/ratings"),
    (["data", "show", "/no/ratings"], 1, "/no/ratings"),
    (["data", "fetch", "ml-1"], 2, "ml-1"),
    (["train", "--resume"], 2, "--checkpoint"),
    (["train", "--checkpoint", "/no/folder/run"], 2, "no folder"),
    ([*TRAIN, "--lr", "nan"], 2, "--lr: must be a finite number"),
    ([*TRAIN, "--bs", "0"], 2, "bs: must be a whole number >= 1"),
    ([*TRAIN, "--factors", "-1"], 2, "factors: must be a whole number >= 1"),
    ([*TRAIN, "--wd", "-1"], 2, "--wd: must be"),
    ([*TRAIN, "--seed", "-1"], 2, "seed: must be a whole number >= 0"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "code", "message"), BAD)
def test_mistakes_get_one_line_and_an_exit_code(arguments, code, message, work, capsys):
    assert main([word.format(work=work) for word in arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("npcf: ")
    assert message in err
    assert err.count("\n") == 1
