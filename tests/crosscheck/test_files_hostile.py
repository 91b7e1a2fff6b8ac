"""Files that cannot be used: one line on standard error and exit 2, whatever is wrong."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from npcf import models
from npcf.cli import main
from tests.crosscheck.recorded import N_ITEMS, N_USERS, K, record

PARAMS = models.init_params(N_USERS, N_ITEMS, K, np.random.default_rng(0), np.float32)
HEAD = "user,item,rating\n"
FINE = HEAD + "0,1,3\n6,4,5\n2,2,1.5\n"
NAN = {**PARAMS, "user_bias": np.full(N_USERS, np.nan, np.float32)}


def without(name):
    return {key: table for key, table in PARAMS.items() if key != name}


WEIGHTS = {  # words of the message: tables of the file
    "not two tables of factors": without("item_factors"),
    "has shape (5, 2)": PARAMS | {"item_factors": np.ones((N_ITEMS, 2), np.float32)},
    "has 5 rows for 7 of factors": PARAMS | {"user_bias": np.ones(N_ITEMS, np.float32)},
    "user_bias[0]: is nan, not finite": NAN,
    "factors: it has w": {"w": np.ones((3, 3, 3))},
    "is no file of tensors": {},
}
RATINGS = {
    "id 7 is outside [0, 7)": HEAD + "7,1,3\n",
    "id 5 is outside [0, 5)": HEAD + "0,5,3\n",
    "id -1 is outside [0, 7)": HEAD + "-1,1,3\n",
    "no row number": HEAD + "anna,1,3\n",
    "rating": HEAD + "0,1,five\n",
    "nan": HEAD + "0,1,nan\n",
    "holds no ratings": HEAD,
    "r.csv": "",
}
OTHERS = {  # an option: words of the message, content of its file
    "--outputs": {
        "4 arrays, and none is called output": PARAMS,
        "dtype": {"output": np.array(["a", "b", "c"])},
        "no file of tensors": b"\xff" * 40,
        "is empty": b"",
    },
    "--gradients": {
        "'other', which is no parameter": PARAMS | {"other": np.ones(3, np.float32)},
        "of shape (5,)": {"user_bias": np.ones(N_ITEMS, np.float32)},
        "pickle": pickle.dumps({"user_bias": 1}),
    },
    "--after": {
        "lacks 'item_bias'": without("item_bias"),
        "of shape (7, 4)": PARAMS | {"user_factors": np.ones((N_USERS, 4), np.float32)},
    },
}


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("w.npz", **PARAMS)
    (tmp_path / "r.csv").write_text(FINE)
    return tmp_path


def assert_refused(capsys, words, *line):
    assert main(["crosscheck", *line]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert words in err
    assert err.startswith("npcf: ")
    assert "NPCF-E" in err


@pytest.mark.parametrize("words", WEIGHTS)
def test_weights(words, desk, capsys):
    np.savez("w.npz", **WEIGHTS[words])
    assert_refused(capsys, words, "w.npz", "--ratings", "r.csv")


@pytest.mark.parametrize("words", RATINGS)
def test_ratings(words, desk, capsys):
    (desk / "r.csv").write_text(RATINGS[words])
    assert_refused(capsys, words, "w.npz", "--ratings", "r.csv")


@pytest.mark.parametrize(
    ("option", "words"), [(option, words) for option in OTHERS for words in OTHERS[option]]
)
def test_what_belongs_to_them(option, words, desk, capsys):
    content = OTHERS[option][words]
    if isinstance(content, dict):
        np.savez("other.npz", **content)
    else:
        (desk / "other.npz").write_bytes(content)
    meant = ["--optimizer", "sgd", "--lr", "0.1"]
    assert_refused(capsys, words, "w.npz", "--ratings", "r.csv", option, "other.npz", *meant)


LINES = {
    "RUN: is missing": "",
    "RUN: are 3": "a b c",
    "there is no file none": "none",
    "is a folder": ".",
    "--ratings: is missing": "w.npz",
    "--after: needs --optimizer": "w.npz --ratings r.csv --after w.npz",
    "--lr: has no effect without --optimizer": "w.npz --ratings r.csv --lr 3",
    "--y-range: 5 0 is no range": "w.npz --ratings r.csv --y-range 5 0",
    "is no recording": "w.npz w.npz",
    "--tables: 'x' is not": "w.npz --ratings r.csv --tables x",
    "no parameter 'x'": "w.npz --ratings r.csv --tables user_factors=x,item_factors=y",
    "could not be imported": "nowhere:make --ratings r.csv",
    "could not be imported and called (ZeroDivisionError": "broken:make --ratings r.csv",
    "'sgdd'": "w.npz --ratings r.csv --optimizer sgdd",
}


@pytest.mark.parametrize("words", LINES)
def test_command_lines(words, desk, capsys):
    (desk / "broken.py").write_text("def make():\n    return 1 / 0\n")
    assert_refused(capsys, words, *LINES[words].split())


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    with open(record(tmp_path_factory.mktemp("run") / "run"), "rb") as file:
        return file.read()


def changed(data, change):
    """Return a recording whose JSON is another."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["recording"])
    about = change(about) or about
    header["__metadata__"]["recording"] = json.dumps(about)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


CHANGES = {
    "version 7": lambda about: about.update(version=7),
    "has no step": lambda about: about.update(steps=[]),
    "no whole recording": lambda about: about.update(steps=[1]),
    "no whole": lambda about: about.pop("callbacks") and None,
    "whole recording (": lambda about: [about],
    "recording (KeyError": lambda about: about["steps"].append(about["steps"][0]),
    "names no optimizer": lambda about: about.update(intended={"lr": 1}),
    "intended": lambda about: about.update(intended="adam"),
    "no whole recording (V": lambda about: about.update(y_range=["a", 3]),
}


@pytest.mark.parametrize("words", CHANGES)
def test_recordings(words, recording, desk, capsys):
    (desk / "run").write_bytes(changed(recording, CHANGES[words]))
    assert_refused(capsys, words, "run")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # capsys is emptied
@given(
    place=st.floats(0, 1), byte=st.integers(1, 255), cut=st.booleans(), head=st.booleans(),
)  # fmt: skip
def test_a_damaged_recording_gives_a_verdict_or_one_line(
    place, byte, cut, head, recording, tmp_path_factory, capsys
):
    """Cut anywhere, or with any byte changed, of the header by turns: no traceback, no hang."""
    data = bytearray(recording)
    end = 8 + int.from_bytes(data[:8], "little") if head else len(data)
    at = int(place * (end - 1))
    if cut:
        del data[at:]
    else:
        data[at] ^= byte
    path = tmp_path_factory.mktemp("damaged") / "run"
    path.write_bytes(data)
    capsys.readouterr()
    code = main(["crosscheck", str(path)])
    out, err = capsys.readouterr()
    if code == 2 and not out:
        assert err.count("\n") == 1
    else:
        assert not cut
        assert code in (0, 1, 2)
        assert out
