"""The report: verdict, printed text, table, JSON, notebook; made by hand."""

import json
import math

import numpy as np
import pytest

from npcf.crosscheck import wording
from npcf.crosscheck.report import Report
from npcf.crosscheck.verdict import (
    NOT_SEEN,
    RIGHT,
    STAGES,
    SUSPICIOUS,
    WRONG,
    Diagnosis,
    Reduced,
    Stage,
)
from tests.crosscheck import reports


@pytest.mark.parametrize(
    ("name", "title", "code", "failed"),
    [
        ("right", "RIGHT.", 0, None),
        ("suspicious", "RIGHT, BUT SUSPICIOUS.", 0, None),
        ("nothing", "CANNOT TELL.", 2, None),
        ("wrong", "WRONG.", 1, "loss"),
        ("unexplained", "WRONG.", 1, "loss"),
    ],
)
def test_verdict_comes_first_and_agrees_with_the_exit_code(name, title, code, failed):
    report = reports.ALL[name]()
    assert str(report).startswith(title)
    assert report.exit_code == code
    assert report.ok == (code == 0)
    assert report.failed_stage == failed
    assert all(len(line) <= 80 for line in str(report).splitlines())


def test_first_stage_counts_in_whatever_order_they_come():
    stages = [Stage(name, WRONG, 2.0, 1) for name in STAGES]
    for n in range(1, len(STAGES)):
        report = Report(reports.evidence(), stages[: n - 1 : -1], [])
        assert report.failed_stage == STAGES[n]


@pytest.mark.parametrize("verdict", [RIGHT, SUSPICIOUS])
def test_a_report_in_which_nothing_was_compared_is_not_ok(verdict):
    assert not Report(reports.evidence(), [Stage("contract", verdict)], []).ok
    assert Report(reports.evidence(), [Stage("output", verdict, 0.0, 1)], []).ok
    assert not Report(reports.evidence(), [Stage("output", NOT_SEEN, 0.0, 1)], []).ok


def test_print_says_what_it_rests_on():
    text = str(reports.wrong())
    for words in (
        "users are taken to be column 0", "user_factors of user 17, factor 3", "3.2e+06",
        "1. broadcast_pairs", "2. loss_sum + y_range", "With y_range = (0.5, 6)",
        "the same as: lr_factor", "mistake_0,", "and 68", "2 ratings that still fail",
        "Not certain", 'print("yours:", loss(pred, rating).item())',
        "    loss = F.mse_loss(pred.view(-1), rating)",
    ):  # fmt: skip
        assert words in text, words


def test_a_stage_that_was_not_seen_says_what_it_needs():
    stages = [Stage("output", RIGHT, 0.1, 3), Stage("step", NOT_SEEN), Stage("metric", NOT_SEEN)]
    report = Report(reports.evidence(), stages, [])
    for page in (str(report), report.to_html(), report._repr_html_()):
        assert "needs optimizer=" in page
        assert "CrosscheckCallback" in page
    assert "was given" in str(reports.right())  # what the judge said stands


def test_a_fact_that_explains_itself_is_said_once():
    said = "users[0] is 9, and their table has 4 rows."
    found = Diagnosis("ids", ("ids",), said, "x", True)
    report = Report(reports.evidence(), [Stage("data", WRONG, message=said)], [found])
    assert wording.summary(report).count(said[:-1]) == 1


def test_unexplained_is_said():
    text = str(reports.wrong(diagnosed=False))
    assert "unexplained" in text
    assert "No known mistake explains it" in text
    assert "explains it:" not in text.replace("\n", " ")


def test_right_has_no_diagnosis_and_no_worst_entry():
    text = str(reports.right())
    assert "Diagnosis" not in text
    assert "Worst" not in text


def test_table_has_a_row_a_stage():
    table = reports.wrong().table()
    assert list(table["stage"]) == ["contract", "mapping", "output", "loss", "gradient", "step"]
    row = table.set_index("stage").loc["loss"]
    assert (row["verdict"], row["share"], row["compared"]) == (WRONG, 3.2e6, 66)
    assert row["worst entry"] == "probe 'yours'"
    assert math.isnan(table.set_index("stage").loc["step", "share"])


def refuse(word):
    raise AssertionError(f"{word} is not JSON")


@pytest.mark.parametrize("name", reports.ALL)
def test_json_is_plain(name):
    report = reports.ALL[name]()
    content = json.loads(report.to_json(), parse_constant=refuse)
    assert content["ok"] == report.ok
    assert content["failed_stage"] == report.failed_stage
    assert [stage["name"] for stage in content["stages"]] == [s.name for s in report.stages]
    assert [found["name"] for found in content["diagnosis"]] == [d.name for d in report.diagnosis]


def test_json_keeps_what_is_not_finite_and_what_was_fitted():
    content = json.loads(reports.wrong().to_json())
    by_name = {stage["name"]: stage for stage in content["stages"]}
    assert float(by_name["gradient"]["share"]) == math.inf
    assert math.isnan(float(by_name["gradient"]["worst"]["seen"]))
    assert by_name["loss"]["worst"]["expected"] == 2.7143
    assert content["diagnosis"][1]["parameters"] == {"y_range": [0.5, 6.0]}
    assert content["reduced"]["rating"] == [4.0, 1.0]
    assert content["subject"]["paths"]["user_bias"] == "user_bias.weight"


def test_reduced_example_comes_back_from_its_file(tmp_path):
    small = reports.wrong().reduced
    small.save(tmp_path / "small.npz")
    with np.load(tmp_path / "small.npz", allow_pickle=False) as saved:
        assert {*saved} >= {"users", "items", "rating", "user_factors", "seen", "expected", "code"}
        for name, array in small.arrays().items():
            np.testing.assert_array_equal(saved[name], array)
            assert saved[name].dtype == array.dtype


def test_a_step_reduces_to_one_number():
    small = Reduced(np.array([], int), np.array([], int), np.array([]), "print(1)", "step")
    report = Report(reports.evidence(), [Stage("step", WRONG, 2.0, 1)], [], small)
    assert 'One number that fails in stage "step":\n    print(1)' in str(report)
