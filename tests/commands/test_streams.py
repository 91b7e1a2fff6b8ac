"""Every verb, with standard streams closed, full, left by their reader, or of another encoding."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.conftest import lay_out
from tests.extras import needs
from tests.laws import LONG

HARNESS = Path(__file__).with_name("hostile_streams.py")
pytestmark = [
    pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full and fork"),
    needs("safetensors"),
]

TRAIN = "train --data {w}/u.csv --epochs 1 --factors 2 --bs 32"
COMMANDS = {
    "help": "--help",
    "help of train": "train --help",
    "help of fetch": "data fetch --help",
    "no verb": "",
    "unknown option": "train --rate 1",
    "wrong setting": "train --every 3",
    "no such file": "evaluate {w}/model {w}/none.csv",
    "train": TRAIN,
    "train saving": TRAIN + " --save {w}/saved",
    "train checkpoint": TRAIN + " --checkpoint {w}/saved --every 3",
    "train saving json": TRAIN + " --save {w}/saved --json",
    "train by rating": TRAIN + " --rows touched --bs 1 --save {w}/saved",
    "predict": "predict {w}/model {w}/pairs.csv",
    "predict stdin": "predict {w}/model",
    "predict json": "predict {w}/model {w}/pairs.csv --json",
    "recommend": "recommend {w}/model 1 -n 25",
    "similar": "similar {w}/model é1 -n 25",
    "evaluate": "evaluate {w}/model {w}/u.csv",
    "show": "data show {w}/u.csv",
    "show stdin": "data show -",
    "fetch": "data fetch ml-latest-small --from {w}/none.zip --to {w}",
    "laws": "conformance --list",
    "protocol": "conformance --protocol",
    "codes": "doctor --codes",
    "doctor": "doctor",
}
STATES = ("closed", "full", "left")
SITUATIONS = [
    "plain", "stdin closed", *(f"stdout {state}" for state in STATES),
    *(f"stderr {state}" for state in STATES), "stdin closed stdout closed stderr closed",
    "stdout full stderr full", "stdout left stderr left",
]  # fmt: skip
ENCODINGS = [("ascii", "strict"), ("latin-1", "strict"), ("koi8-r", "strict")]
NORMAL = {"no verb": 2, "unknown option": 2, "wrong setting": 2, "no such file": 1, "fetch": 1}
NO_INPUT = ("predict stdin", "show stdin")  # /dev/null, or closed: an error
# One command of each kind meets every state: help, errors before and after parsing, a saved model,
# a table written block by block, standard input.  The others meet a few; in a long run, all.
EACH_KIND = ("help", "unknown option", "wrong setting", "no such file", "train saving",
             "train checkpoint", "predict", "predict stdin", "show")  # fmt: skip
A_FEW = ("plain", "stdout full", "stdout left", "stdin closed stdout closed stderr closed")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Ratings of items whose names are no ASCII, a model of them, pairs."""
    return lay_out(
        tmp_path_factory.mktemp("streams"), item=lambda frame: "é" + frame["item"].astype(str)
    )


def run_all(work, requests, **environment):
    """Return (exit code, standard error, standard output) of each (name, situation, encoding)."""
    asked = [
        [COMMANDS[name].format(w=work).split(), situation, encoding]
        for name, situation, encoding in requests
    ]
    (work / "requests.json").write_text(json.dumps(asked))
    command = [
        sys.executable,
        str(HARNESS),
        str(work / "requests.json"),
        str(work / "results.json"),
    ]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((work / "results.json").read_text())


def judge(name, situation, code, err, out, saved):
    """Say what is wrong with the end of a command, or nothing."""
    for word in ("Traceback", "Exception ignored", "Error:", "Fatal"):
        if word in err:
            return f"{word} on standard error: {err}"
    normal = 1 if name in NO_INPUT else NORMAL.get(name, 0)
    lost = "stdout closed" in situation or "stdout full" in situation
    if code != (1 if lost and normal == 0 else normal):
        return f"ends with {code}: {err}"
    if saved != ("{w}/saved" in COMMANDS[name]):
        return "lost the model"
    if err and not err.startswith(("npcf: ", "usage: ", "ml-latest")):
        return f"says {err}"
    if "stderr" not in situation and code == 1 and err.count("\n") != 1:
        return f"says {err.count(chr(10))} lines: {err}"
    if not err and code == 1 and name != "doctor" and "stderr" not in situation:
        return "fails without a word"
    return None


@pytest.mark.slow("processes of their own")
def test_no_state_of_the_streams_costs_a_traceback_or_a_model(work):
    """Command lines in up to 17 states: the exit code, one line that says why, and the model."""
    utf8, requests = ("utf-8", "strict"), []
    for name in COMMANDS:
        every = name in EACH_KIND or LONG
        requests += [(name, situation, utf8) for situation in (SITUATIONS if every else A_FEW)]
        if every:
            requests += [(name, "plain", encoding) for encoding in ENCODINGS]
            requests += [(name, f"stdout {state}", (*utf8, True)) for state in STATES]
    results = run_all(work, requests)
    wrong = []
    for (name, situation, encoding), result in zip(requests, results, strict=True):
        if problem := judge(name, situation, *result):
            wrong.append(f"{name}, {situation}, {encoding[0]}: {problem}")
    assert wrong == [], "\n".join(wrong)


ENVIRONMENTS = {
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "no terminal": {"TERM": "dumb", "COLUMNS": "0", "LINES": "0"},
    "narrow": {"COLUMNS": "1", "PYTHONUNBUFFERED": "1"},
}


@pytest.mark.slow("a process of its own")
@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_no_environment_costs_a_traceback_or_a_model(environment, work):
    """The streams as Python itself makes them there, from a shell that knows nothing of UTF-8."""
    requests = [(name, "plain", None) for name in COMMANDS if name in EACH_KIND or LONG]
    results = run_all(work, requests, **environment)
    problems = {r[0]: judge(*r[:2], *result) for r, result in zip(requests, results, strict=True)}
    assert {name: problem for name, problem in problems.items() if problem} == {}
