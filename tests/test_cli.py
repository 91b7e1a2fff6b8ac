"""`npcf train` as a person types it."""

import json
import os
import subprocess
import sys

import pytest

from npcf.cli import main

FAST = ["train", "--epochs", "1", "--factors", "3"]


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


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["--data", "/no/such/folder"], 1, "there is no file /no/such/folder"),
     (["--lr", "nan"], 2, "lr_max: must be a finite number"),
     (["--bs", "0"], 2, "bs: must be a whole number >= 1"),
     (["--factors", "-1"], 2, "factors: must be a whole number >= 1"),
     (["--y-range", "5", "1"], 2, "low 5 lies above high 1"),
     (["--seed", "-1"], 2, "seed: must be a whole number >= 0"),
     (["--wd", "-1"], 2, "weight_decay: must be")],
)  # fmt: skip
def test_mistakes_get_one_line_and_an_exit_code(arguments, code, message, capsys):
    assert main([*FAST, *arguments]) == code
    err = capsys.readouterr().err
    assert err.startswith("npcf: ")
    assert message in err
    assert err.count("\n") == 1


def test_unknown_options_are_usage_errors():
    with pytest.raises(SystemExit) as raised:
        main(["train", "--rate", "1"])
    assert raised.value.code == 2


def test_help_fits_80_columns_and_shows_an_example():
    for arguments in (["--help"], ["train", "--help"]):
        help_text = subprocess.run(
            [sys.executable, "-m", "npcf.cli", *arguments],
            capture_output=True, text=True, check=True, env=os.environ | {"COLUMNS": "80"},
        ).stdout  # fmt: skip
        assert max(map(len, help_text.splitlines())) <= 80
    assert "example: npcf train" in help_text


def test_a_reader_that_leaves_is_no_error():
    """`npcf train | head -1`."""
    command = f"{sys.executable} -m npcf.cli {' '.join(FAST)} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("source")
    assert done.stderr == ""
