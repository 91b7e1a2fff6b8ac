"""Options from files and the command line: each has its effect, or is refused."""

import json
import os

import pytest

from npcf.cli import _parser, main
from npcf.training import load


def train(folder, *more):
    return ["train", "--data", f"{folder}/u.csv", "--epochs", "1", "--factors", "2", "--bs", "32",
            *more]  # fmt: skip


def config(folder, text):
    path = folder / "c.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


PLACES = {
    "--config FILE before": lambda path, verb, rest: ["--config", path, *verb, *rest],
    "--config=FILE before": lambda path, verb, rest: [f"--config={path}", *verb, *rest],
    "--config FILE behind": lambda path, verb, rest: [*verb, "--config", path, *rest],
    "--config=FILE at the end": lambda path, verb, rest: [*verb, *rest, f"--config={path}"],
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_file_works_wherever_it_is_named(place, tmp_path, work, capsys):
    """Other verbs' tables do no harm; names with - or _; the command line wins."""
    path = config(tmp_path, """
        [train]
        epochs = 1
        lr = 0.02
        factors = 3
        y_range = [0.5, 5]
        split-seed = 7
        json = true
        [recommend]
        n = 2
        json = true
        [data]
        to = "x"
        [data.show]
        json = true
    """)  # fmt: skip
    assert main(place(path, ["train"], ["--factors", "2"])) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    got = [settings[name] for name in ("epochs", "lr", "factors", "y_range", "split_seed")]
    assert got == [1, 0.02, 2, [0.5, 5.0], 7]
    assert main(place(path, ["recommend"], [f"{work}/model", "1"])) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert main(place(path, ["data", "show"], [f"{work}/u.csv"])) == 0
    assert json.loads(capsys.readouterr().out)["ratings"] == 400


def test_two_files_the_second_wins(tmp_path, capsys):
    first = config(tmp_path, "[train]\nepochs = 1\nfactors = 2\njson = true\n")
    (tmp_path / "second.toml").write_text("[train]\nfactors = 3\n")
    assert main(["--config", first, "train", "--config", str(tmp_path / "second.toml")]) == 0
    settings = json.loads(capsys.readouterr().out)["settings"]
    assert (settings["epochs"], settings["factors"]) == (1, 3)


HOSTILE = {
    "no TOML": "[train\n",
    "another language": '{"train": {"epochs": 1}}',
    "binary": bytes(range(256)),
    "not UTF-8": "[train]\ndata = 'é'\n".encode("latin-1"),
    "UTF-16": "[train]\nepochs = 1\n".encode("utf-16"),
    "deep list": "[train]\ny_range = " + "[" * 100_000,
    "deep table": "[train]\ny_range = " + "{a=" * 50_000,
    "deep key": "train." + ".".join("a" * 2_000) + " = 1",
    "huge whole number": "[train]\nepochs = " + "9" * 10_000,
    "large whole number": "[train]\nepochs = " + "9" * 400,
    "large whole number as a rate": "[train]\nlr = 1" + "0" * 400,
    "long hexadecimal": "[train]\nepochs = 0x" + "f" * 10_000,
    "not a number": "[train]\nlr = nan\n",
    "infinite": "[train]\nwd = -inf\n",
    "NUL in a path": '[train]\nsave = "a\\u0000b"\n',
    "empty path": '[train]\nsave = ""\n',
    "NUL in the data's path": '[train]\ndata = "a\\u0000b"\n',
    "text for a number": '[train]\nepochs = "1"\n',
    "fraction for a whole number": "[train]\nepochs = 1.5\n",
    "truth for a number": "[train]\nlr = true\n",
    "number for a path": "[train]\nsave = 3\n",
    "number for a flag": "[train]\njson = 1\n",
    "number for a list": "[train]\ny_range = 5\n",
    "short list": "[train]\ny_range = [1]\n",
    "long list": "[train]\ny_range = [1, 2, 3]\n",
    "list of text": '[train]\ny_range = ["0", "5"]\n',
    "list for a number": "[train]\nlr = [1]\n",
    "table for a number": "[train.lr]\nmax = 1\n",
    "date": "[train]\nseed = 2024-01-01\n",
    "no choice": '[train]\nschedule = "cosine"\n',
    "no option": "[train]\nrate = 1\n",
    "nearly an option": "[train]\nepoch = 1\n",
    "two spellings": "[train]\nsplit-seed = 1\nsplit_seed = 2\n",
    "help": "[train]\nhelp = true\n",
    "nested file": '[train]\nconfig = "c.toml"\n',
    "positional": '[predict]\nmodel = "m"\n',
    "no verb": "[trian]\nepochs = 1\n",
    "no action": "[data.shwo]\nitem = 1\n",
    "option of no action": "[data]\nepochs = 1\n",
    "top-level option": "epochs = 1\n",
    "verb that is no table": "train = 3\n",
    "list of tables": "[[train]]\nepochs = 1\n",
    "wrong in another verb's table": "[recommend]\nn = 'two'\n",
    "no effect": "[train]\nthreads = 2\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_end_in_one_line(text, tmp_path, capsys):
    code = main(["--config", config(tmp_path, text), "train"])
    err = capsys.readouterr().err
    assert code == (1 if "data" in str(text) and "u0000" in str(text) else 2), err
    assert err.startswith("npcf: ")
    assert err.count("\n") == 1
    assert len(err) < 700


def test_what_is_no_file_ends_in_one_line(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    os.symlink("circle", tmp_path / "circle")
    paths = [tmp_path / "none", tmp_path, tmp_path / "circle", "", "a\0b", "n" * 300]
    for path in paths:
        assert main([f"--config={path}", "train"]) == 2, path
        err = capsys.readouterr().err
        assert err.startswith("npcf: --config: ")
        assert err.count("\n") == 1


def test_no_option_may_be_shortened(work, capsys):
    """`--conf c.toml` was taken, and its file ignored."""
    for line in ("--conf c.toml train", "train --epoch 1", "train --sav=m", "data show x --js",
                 "predict {w}/model --unk na"):  # fmt: skip
        words = line.format(w=work).split()
        with pytest.raises(SystemExit) as raised:
            main(words)
        assert raised.value.code == 2
    capsys.readouterr()


SMALL = ("--preset", "ml-100k", "--factors", "4")
BY_RATING = ("--rows", "touched", "--bs", "1")
READING = ("--columns=user=1,item=2,rating=3", "--ids=text", "--separator=;", "--quoting=none",
           "--encoding=latin-1", "--not-rated=0", "--matrix")  # fmt: skip
NO_EFFECT = [
    ("train --threads 2", "--threads"),
    ("train --threads 2 --rows touched", "--threads"),
    ("train --threads 2 --bs 1", "--threads"),
    ("train --cluster local:2", "--cluster"),
    ("train --cluster local:2 --bs 1", "--cluster"),
    ("doctor --codes --cluster local:2", "--cluster"),
    ("train --every 10", "--every"),
    ("train --every 10 --save {w}/m", "--every"),
    ("train --resume", "--resume"),
    ("train --item title", "--item"),
    *((f"train {option}", option.split()[0].partition("=")[0]) for option in READING),
    *((f"recommend {{w}}/model {option}", option.partition("=")[0]) for option in READING),
    ("train --preset ml-100k --outside allow", "--outside"),
    *((f"train --rows touched --bs 1 {option}", option.split()[0]) for option in (
        "--model create_params", "--sampling replacement", "--schedule constant",
        "--backend numpy", "--checkpoint {w}/run", "--every 5", "--resume")),
    *((f"train --preset ml-100k {option}", option.split()[0]) for option in (
        "--model embedding", "--sampling permutation", "--schedule one_cycle", "--backend numba",
        "--checkpoint {w}/run", "--every 5", "--resume", "--bs 64", "--rows all")),
    ("recommend {w}/model --item id", "--item"),
    ("conformance --protocol --json", "--json"),
    ("conformance --protocol --list", "--list"),
    ("conformance --protocol --laws x", "--laws"),
    ("conformance --protocol --seed 0", "--seed"),
    ("conformance --list --max-examples 5", "--max-examples"),
    ("conformance --list --seed 3", "--seed"),
    ("conformance --list my.module", "module"),
    ("conformance my.module --protocol", "module"),
    ("doctor --codes --json", "--json"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "option"), NO_EFFECT)
def test_an_option_without_effect_is_refused_by_name(line, option, work, capsys):
    assert main(line.format(w=work).split()) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"npcf: {option}: ")
    assert err.count("\n") == 1


# Two values of every option of train that change what is done or shown: with how it is asked.
EFFECTS = {
    "--model": ("create_params", "embedding", ()),
    "--sampling": ("replacement", "permutation", ()),
    "--schedule": ("constant", "flat_cos", ()),
    "--factors": ("2", "3", ()),
    "--epochs": ("1", "2", ()),
    "--lr": ("0.1", "0.01", ()),
    "--wd": ("0.5", "0", ()),
    "--bs": ("32", "16", ()),
    "--rows": ("touched", "all", ()),
    "--y-range": ("0 6", "0 5.5", ()),
    "--seed": ("1", "2", ()),
    "--split-seed": ("1", "2", ()),
    "--lr with a preset": ("0.1", "0.01", SMALL),
    "--wd with a preset": ("0.5", "0", SMALL),
    "--factors with a preset": ("2", "3", ("--preset", "ml-100k")),
    "--y-range with a preset": ("1 5", "0.5 5.5", SMALL),
    "--seed with a preset": ("1", "2", SMALL),
    "--lr by rating": ("0.1", "0.01", BY_RATING),
    "--wd by rating": ("0.5", "0", BY_RATING),
    "--seed by rating": ("1", "2", BY_RATING),
    "--y-range by rating": ("0 6", "0 5.5", BY_RATING),
}


@pytest.mark.parametrize("case", EFFECTS)
def test_an_option_that_is_taken_changes_something(case, work, capsys):
    """So that no option is accepted and ignored; what is shown but for settings and clock."""
    first, second, how = EFFECTS[case]
    option, results = case.split()[0], []
    for value in (first, second):
        words = ["--data", f"{work}/u.csv", "--epochs", "1", "--factors", "3", "--json", *how]
        assert main(["train", *words, option, *value.split()]) == 0
        result = json.loads(capsys.readouterr().out)
        result["history"][0].pop("seconds")
        results.append({name: part for name, part in result.items() if name != "settings"})
    assert results[0] != results[1]


def test_every_option_of_train_is_in_one_of_the_tables():
    """A new option must say when it has an effect."""
    verbs = next(action for action in _parser()._actions if action.choices)
    options = {name for name in verbs.choices["train"]._option_string_actions if name != "-h"}
    told = {case.split()[0] for case in EFFECTS} | {option for _, option in NO_EFFECT}
    elsewhere = {"--help", "--config", "--json", "--data", "--save", "--preset", "--show-step"}
    assert options - told - elsewhere == set()


def test_a_run_goes_on_with_the_options_it_was_begun_with(work, capsys):
    """`--checkpoint run --resume` is enough; the whole command line again does the same."""
    begun = train(work, "--lr", "0.03", "--schedule", "flat_cos", "--json", "--split-seed", "5",
                  "--checkpoint", f"{work}/run", "--every", "4")  # fmt: skip
    assert main(begun) == 0
    want = json.loads(capsys.readouterr().out)
    for words in (["train", "--json", "--checkpoint", f"{work}/run", "--resume"],
                  [*begun, "--resume"]):  # fmt: skip
        assert main(words) == 0
        got = json.loads(capsys.readouterr().out)
        assert (got["rmse"], got["top"]) == (want["rmse"], want["top"])
        for name in ("lr", "schedule", "bs", "factors", "split_seed", "data"):
            assert got["settings"][name] == want["settings"][name]


@pytest.mark.parametrize(
    "words",
    ["--epochs 2", "--lr 0.1", "--wd 0", "--factors 3", "--bs 16", "--schedule constant",
     "--model create_params", "--rows touched", "--y-range 1 5", "--seed 4", "--split-seed 1",
     "--sampling replacement", "--data more.csv"],
)  # fmt: skip
def test_an_option_that_contradicts_the_resumed_run_is_refused(words, work, capsys, monkeypatch):
    monkeypatch.chdir(work)
    (work / "more.csv").write_text((work / "u.csv").read_text() + "1,2,3\n")
    assert main(train(work, "--checkpoint", f"{work}/other", "--json")) == 0
    option = words.split()[0]
    asked = ["train", "--checkpoint", f"{work}/other", "--resume", *words.split()]
    capsys.readouterr()
    assert main(asked) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"npcf: {option}: ")
    assert "was begun with" in err


@pytest.mark.parametrize(
    "notes",
    [3, None, [1], {"rate": 1}, {"epochs": "x"}, {"data": 5}, {"schedule": "x"}, {"lr": [1]}],
)
def test_forged_notes_are_refused_in_one_line(notes, work, capsys):
    """A checkpoint with a right checksum, and options in it that no command line could hold."""
    assert main(train(work, "--checkpoint", f"{work}/honest", "--json")) == 0
    capsys.readouterr()
    from npcf.training import safetensors_io

    path = work / "forged"
    saved = load(work / "honest")
    safetensors_io.write(path, saved.text | {"notes": notes}, saved.arrays)
    asked = train(work, "--checkpoint", str(path), "--resume")
    assert main(asked) in (1, 2)
    err = capsys.readouterr().err
    assert err.startswith("npcf: ")
    assert err.count("\n") == 1


TARGETS = ["--save", "--checkpoint"]


@pytest.mark.parametrize("option", TARGETS)
@pytest.mark.parametrize(
    ("path", "words"),
    [("{w}", "is a folder"), ("", "is empty"), ("{w}/no/such/m", "mkdir -p"),
     ("{w}/u.csv/m", "Not a directory"), ("{w}/u.csv", "a file that this command reads"),
     ("{w}/link.csv", "a file that this command reads"), ("{w}/" + "n" * 256, "too long"),
     ("{w}/pipe", "named pipe"), ("/dev/null", "device"), ("{w}/new/", "folder")],
)  # fmt: skip
def test_targets_are_judged_before_anything_is_read(option, path, words, work, capsys):
    for make in (lambda: os.mkfifo(work / "pipe"), lambda: os.symlink("u.csv", work / "link.csv")):
        try:
            make()
        except FileExistsError:
            pass
    assert main(train(work, f"{option}={path.format(w=work)}")) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"npcf: {option}: ")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("option", TARGETS)
@pytest.mark.parametrize("number", [0, 1])
def test_no_file_behind_a_standard_stream_is_replaced(number, option, work, capsys):
    kept, path = os.dup(number), work / "u.csv"
    with open(path, "r+b") as file:
        os.dup2(file.fileno(), number)
    try:
        assert main(["train", "--data", "-", option, str(path)]) == 2
    finally:
        os.dup2(kept, number)
        os.close(kept)
    assert f"npcf: {option}: {path} is a file that this" in capsys.readouterr().err


@pytest.mark.parametrize("option", TARGETS)
def test_saving_without_safetensors_is_refused_before_training(option, work, capsys, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    assert main(train(work, option, f"{work}/m")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert 'pip install "npcf[save]"' in err
