"""Recordings and plain files: right ones are found right, planted mistakes named; no torch."""

import json
import sys

import numpy as np
import pytest

from npcf import models, ops, optim
from npcf.cli import main
from npcf.crosscheck.from_files import RunComparison, report_of
from npcf.crosscheck.recorder import SOURCE, recorder
from npcf.crosscheck.recordings import evidence_of_recording
from npcf.interop import read_tensors
from tests.crosscheck.recorded import N_ITEMS, N_USERS, K, batch, record

MEANT = "--optimizer adamw --lr 0.02"


def crosscheck(*words):
    return main(["crosscheck", *map(str, words)])


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with recordings and plain files of right models, and of wrong ones."""
    folder = tmp_path_factory.mktemp("runs")
    record(folder / "right")
    record(folder / "double", dtype=np.float64)
    record(folder / "sum", scale=9.0)
    record(folder / "range", y_range=(0.5, 5.5))
    rng = np.random.default_rng(1)
    params = models.init_params(N_USERS, N_ITEMS, K, rng, np.float64)
    users, items, rating = batch(rng)
    rating = rating + 0.1  # no float32
    rows = [f"{u},{i},{r!r}" for u, i, r in zip(users, items, rating.tolist(), strict=True)]
    (folder / "ratings.csv").write_text("\n".join(["user,item,rating", *rows]) + "\n")
    np.savez(folder / "w.npz", **params)
    pred, cache = models.dot_product_bias_forward(params, users, items, (0, 5.5))
    np.save(folder / "outputs.npy", pred)
    np.savetxt(folder / "outputs.csv", pred, header="prediction", comments="")
    np.save(folder / "shifted.npy", pred + 1e-6)
    grads = models.dot_product_bias_backward(
        ops.mse_backward(1.0, ops.mse_forward(pred, rating)[1]), cache
    )
    np.savez(folder / "gradients.npz", **grads)
    np.savez(folder / "doubled.npz", **{name: 2 * g for name, g in grads.items()})
    optim.adamw(params, 0.02).step(grads)
    np.savez(folder / "after.npz", **params)
    return folder


@pytest.mark.parametrize("name", ["right", "double"])
def test_a_right_recording_is_right(name, desk, capsys):
    assert crosscheck(desk / f"{name}.safetensors") == 0
    said = capsys.readouterr().out
    assert said.startswith("RIGHT")
    report = report_of(evidence_of_recording(read_tensors(desk / f"{name}.safetensors")))
    compared = {stage.name for stage in report.stages if stage.n_compared}
    assert compared >= {"output", "loss", "gradient", "step"}
    assert len(report.evidence.stepped[0].gradients) == 3
    assert report.evidence.trained.state is None  # recorded from the first step on


@pytest.mark.parametrize(
    ("name", "stage", "mistake"),
    [("sum", "loss", "loss_is_the_sum"), ("range", "output", "another_range")],
)
def test_a_planted_mistake_is_named(name, stage, mistake, desk, capsys):
    assert crosscheck(desk / f"{name}.safetensors", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["failed_stage"] == stage
    assert found["diagnosis"][0]["name"] == mistake


def test_what_was_meant_may_be_said(desk, capsys):
    assert crosscheck(desk / "right.safetensors", *MEANT.split()) == 0
    words = ["--optimizer", "adam", "--lr", "0.02", "--weight-decay", "0.01"]
    assert crosscheck(desk / "right.safetensors", *words) == 1
    assert "step" in capsys.readouterr().out
    assert crosscheck(desk / "range.safetensors", "--y-range", 0.5, 5.5) == 0


def test_a_recording_in_mid_training_begins_with_its_state(tmp_path):
    evidence = evidence_of_recording(read_tensors(record(tmp_path / "late", skip=2)))
    assert int(evidence.trained.state["t"]) == 2
    assert report_of(evidence).ok
    evidence.stepped[0].state = evidence.trained.state = None  # a fresh optimiser does otherwise
    assert report_of(evidence).failed_stage == "step"


FILES = {
    "outputs": "--outputs {d}/outputs.npy",
    "outputs in a table": "--outputs {d}/outputs.csv",
    "gradients": "--gradients {d}/gradients.npz",
    "all": "--outputs {d}/outputs.npy --gradients {d}/gradients.npz --after {d}/after.npz " + MEANT,
    "one step": "--after {d}/after.npz " + MEANT,
}
WRONG = {
    "outputs": ("--outputs {d}/shifted.npy", "output"),
    "gradients": ("--gradients {d}/doubled.npz", "gradient"),
    "another rate": ("--after {d}/after.npz --optimizer adamw --lr 0.03", "step"),
    "another rule": ("--after {d}/after.npz --optimizer sgd --lr 0.02", "step"),
}


@pytest.mark.parametrize("case", FILES)
def test_right_files_are_right(case, desk, capsys):
    words = f"{desk}/w.npz --ratings {desk}/ratings.csv --y-range 0 5.5 " + FILES[case]
    assert crosscheck(*words.format(d=desk).split()) == 0, capsys.readouterr()


@pytest.mark.parametrize("case", WRONG)
def test_wrong_files_are_wrong_where_they_are(case, desk, capsys):
    words, stage = WRONG[case]
    line = f"{desk}/w.npz --ratings {desk}/ratings.csv --y-range 0 5.5 --json {words}"
    assert crosscheck(*line.format(d=desk).split()) == 1
    assert json.loads(capsys.readouterr().out)["failed_stage"] == stage


def test_weights_alone_tell_nothing(desk, capsys):
    assert crosscheck(desk / "w.npz", "--ratings", desk / "ratings.csv") == 2
    assert "nothing to compare" in capsys.readouterr().out


def test_two_runs_of_one_model_agree(desk, capsys):
    assert crosscheck(desk / "right.safetensors", desk / "right.safetensors") == 0
    assert "A and B agree: both are right" in capsys.readouterr().out


def test_of_two_runs_the_right_one_is_named(desk, capsys):
    assert crosscheck(desk / "sum.safetensors", desk / "right.safetensors", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["right"], found["agree"]) == ("B", False)
    shares = {stage["stage"]: stage["share"] for stage in found["stages"]}
    assert shares["output"] <= 1 < shares["loss"]


def test_runs_that_differ_by_rounding_alone_agree(desk):
    """One number of an output moved by a share of the tolerance, or by more than all of it."""
    runs = [evidence_of_recording(read_tensors(desk / "right.safetensors")) for _ in range(3)]
    from npcf.crosscheck.predict import STAGES
    from npcf.crosscheck.program import RIGHT, arithmetic

    room = next(iter(STAGES["output"](RIGHT, runs[0], arithmetic(runs[0])))).predicted.tolerance[0]
    for run, share in zip(runs[1:], (0.4, 2.5), strict=True):
        run.seen[0].output[0] += share * room
    assert RunComparison(runs[0], runs[1]).agree
    assert not RunComparison(runs[0], runs[2]).agree


def test_a_page_is_written(desk, tmp_path, capsys):
    assert crosscheck(desk / "sum.safetensors", "--html", tmp_path / "out.html") == 1
    assert "<html" in (tmp_path / "out.html").read_text("utf-8")


def test_the_recorder_is_printed_as_it_stands(capsys):
    assert crosscheck("--recorder") == 0
    text = capsys.readouterr().out
    assert text == recorder() == SOURCE.read_text("utf-8")
    imported = {line.split()[1] for line in text.splitlines() if line.startswith("import ")}
    assert imported == {"contextlib", "ctypes", "json", "os", "sys"}
    assert "from " not in "".join(line[:5] for line in text.splitlines())
    assert imported <= set(sys.stdlib_module_names)
