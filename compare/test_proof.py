"""The provers: no number outside its bound, and every bound within reach."""

from pathlib import Path

import pytest

from compare.proof import exact_run, safety, worst_cases
from compare.proof.__main__ import as_markdown, rows
from compare.proof.executions import EXECUTIONS
from npcf.verify import bounds

LEAST = 0.3  # of a bound; issue: "not vacuous", for every result at k = 8
# three sums one after the other, whose roundings hardly ever all point the same way
COMPOSED = {"batch_norm.d_weight": 0.2}
STEPS = 30


def test_no_number_lies_outside_its_bound_in_any_execution():
    uses = {}
    for number in range(len(exact_run.KINDS)):
        exact_run.merge(uses, exact_run.one_round(3, number))
    compared, outside = exact_run.totals(uses)
    assert outside == 0, exact_run.table(uses)
    assert {key[2] for key in uses} == set(EXECUTIONS)
    assert compared > 20_000


def test_torchs_nan_under_the_root_is_no_claim_of_the_bound():
    """Round 113 draws subnormals with v - a**2 < 0 in float32: torch's centred RMSProp is NaN."""
    assert exact_run.totals(exact_run.one_round(0, 113))[1] == 0


def test_the_same_round_gives_the_same_figures():
    assert exact_run.one_round(5, 2) == exact_run.one_round(5, 2)


def test_a_bound_that_is_too_small_is_found_and_ends_in_an_error(monkeypatch, capsys):
    right = bounds.row_dot
    monkeypatch.setattr(bounds, "row_dot", lambda *args, **library: right(*args, **library) / 4)
    assert exact_run.main(["--comparisons", "40000"]) == 1
    captured = capsys.readouterr()
    assert "row_dot.out, float32, npcf numpy: seed 0, round" in captured.err
    assert "0 outside the bound" not in captured.out


def test_every_bound_is_within_reach_at_eight_terms():
    found = worst_cases.worst_cases(sizes=(8,), steps=STEPS)
    shares = worst_cases.least(found).items()
    far = {name: share for name, share in shares if share < COMPOSED.get(name, LEAST)}
    assert not far
    assert max(worst.share for worst in found) <= 1
    assert "k = 8" in worst_cases.table(found)


@pytest.mark.parametrize("k", [50, 128])
def test_a_long_sum_can_still_use_nearly_all(k):
    subject = worst_cases.SUBJECT["embedding"]
    best = worst_cases.climb(subject, k, "float32", seed=0, steps=2)
    assert best["d_weight", "npcf numpy"] > 1 - 1 / k - 2**-5


def test_the_page_repeats_what_the_last_runs_reached():
    """Word by word where a run has left its figures; figures of now may differ, verdicts not."""
    page = (Path(__file__).parents[1] / "notebooks" / "proof.md").read_text()
    table = rows()
    for row, line in zip(table, as_markdown(table).splitlines()[2:], strict=True):
        assert row.ok, line
        assert row.question in page
        if row.when != "now":
            assert line in page


BEFORE_AND_AFTER = {
    "bits": ({"Adam": "a1"}, {"Adam": "a2"}, {"Adam": "a1", "new": "b"}),
    "kills": ({"lookup: +1": ["rows"]}, {"lookup: +1": []}, {"lookup: +1": ["another law"]}),
    "times": ({"loop": 20.0}, {"loop": 19.0}, {"loop": 19.5}),
}


@pytest.mark.parametrize("part", BEFORE_AND_AFTER)
def test_what_a_move_has_lost_is_an_error_and_what_it_has_changed_is_shown(part):
    before, lost, changed = BEFORE_AND_AFTER[part]
    assert [error for _, error in safety.differences(part, before, lost)] == [True]
    assert [error for _, error in safety.differences(part, before, changed)] == [False]
    assert not list(safety.differences(part, before, before))


def test_a_fit_that_is_gone_is_an_error():
    assert [error for _, error in safety.differences("bits", {"Adam": "a1"}, {})] == [True]
