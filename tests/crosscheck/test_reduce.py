"""The reduced example is small, fails in the same stage, and its code prints both numbers."""

from dataclasses import replace

import numpy as np
import pytest

from npcf.crosscheck import reduce as reducing
from npcf.crosscheck.diagnose import diagnose
from npcf.crosscheck.judge import judge
from npcf.crosscheck.reduce import part_of, reduce_failure
from npcf.crosscheck.replay_code import numbers
from npcf.crosscheck.stand_in import predicted_by
from npcf.crosscheck.verdict import WRONG
from npcf.verify.mistakes import MISTAKES
from tests.crosscheck.synthetic import SIZES, _seen, observe

NAMES = {
    "user_bias_left_out": 1, "range_without_low": 1, "bias_tables_swapped": 1, "loss_is_the_sum": 2,
    "loss_of_all_pairs": 2, "repeated_rows_keep_last": 2, "gradient_of_its_own_side": 1,
}  # fmt: skip


def case(name, dtype=np.float32, y_range=(0.5, 5.5)):
    """Return evidence of a mistake, its stages, and the function that runs it again."""
    wrong = MISTAKES[name].variants()[0]
    evidence = observe(wrong, dtype=dtype, size=SIZES[1], seed=1, stepped=False, training=False)
    runs = []

    def again(probe):
        runs.append(len(probe.rating))
        with np.errstate(all="ignore"):
            return _seen(wrong.formulas(), probe, dtype, y_range, (wrong,), True)

    return evidence, judge(evidence), again, runs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_smallest_batch_that_fails_in_the_same_stage(name, dtype):
    evidence, stages, again, runs = case(name, dtype)
    small = reduce_failure(evidence, stages, again)
    assert len(small.users) == len(small.items) == len(small.rating) == NAMES[name]
    assert len(runs) <= reducing.TRIES
    first = next(stage.name for stage in stages if stage.verdict == WRONG)
    assert small.stage == first
    probe = replace(
        evidence.seen[0].probe, users=small.users, items=small.items, rating=small.rating,
        tables=small.tables, upstream=small.extra["upstream"],
    )  # fmt: skip
    alone = replace(evidence, seen=[again(probe)])
    assert {s.name: s.verdict for s in judge(alone)}[first] == WRONG
    assert np.shape(small.seen)[:1] == np.shape(small.expected)[:1]
    assert not np.array_equal(np.ravel(small.seen), np.ravel(small.expected))


def test_tables_are_emptied_and_rounded_where_the_failure_stays():
    evidence, stages, again, _ = case("user_bias_left_out")
    small = reduce_failure(evidence, stages, again)
    for name, table in small.tables.items():
        assert np.count_nonzero(table.reshape(len(table), -1).any(axis=1)) <= 1, name
        np.testing.assert_array_equal(table * 8, np.round(table * 8))
    assert not small.tables["user_factors"][:, 2:].any()


def test_a_failure_of_many_factors_keeps_them():
    """What goes away when the tables are emptied stays in them."""
    evidence, stages, again, _ = case("user_bias_left_out")

    def needs_all(probe):
        seen = again(probe)
        if not probe.tables["user_factors"][:, 2:].any():
            seen = replace(again_right(probe), probe=probe)
        return seen

    def again_right(probe):
        from npcf.verify.formulas import Formulas

        return _seen(Formulas, probe, np.float32, (0.5, 5.5), (), True)

    small = reduce_failure(evidence, stages, needs_all)
    assert small.tables["user_factors"][:, 2:].any()


def test_without_a_subject_the_smallest_probe_is_the_example():
    evidence, stages, _, _ = case("loss_is_the_sum")
    small = reduce_failure(evidence, stages, None)
    assert len(small.rating) == min(
        len(seen.probe.rating) for seen in evidence.seen if len(seen.probe.rating) > 1
    )
    assert small.probe in {seen.probe.name for seen in evidence.seen}


@pytest.mark.parametrize(
    "name", sorted(NAMES.keys() - {"bias_tables_swapped"})
)  # here its ids wrap
def test_a_diagnosed_program_stands_in_for_a_subject_that_is_gone(name):
    """As small as with the subject itself, in the same stage, with the same numbers."""
    evidence, stages, again, _ = case(name)
    found = diagnose(evidence, stages)
    assert found[0].name == name
    gone = reduce_failure(evidence, stages, predicted_by(found.program, evidence))
    there = reduce_failure(evidence, stages, again)
    assert gone.stage == there.stage
    for part in ("users", "items", "rating", "seen", "expected"):
        np.testing.assert_array_equal(getattr(gone, part), getattr(there, part))


def test_what_is_right_has_no_example():
    evidence = observe(size=SIZES[0])
    assert reduce_failure(evidence, judge(evidence), None) is None


@pytest.mark.parametrize("name", ["no_bias_correction", "decays_twice"])
def test_a_step_reduces_to_its_first_wrong_number(name):
    variants = MISTAKES[name].variants()
    wrong = next((wrong for wrong in variants if "adam" in wrong.sites), variants[0])
    evidence = observe(wrong, size=SIZES[0], training=False)
    evidence.paths = {name: f"{name}.weight" for name in evidence.seen[0].probe.tables}
    small = reduce_failure(evidence, judge(evidence), None)
    assert small.stage == "step"
    assert len(small.rating) == 0
    assert len(small.extra["gradient"]) == 1
    assert small.seen != small.expected
    assert f'print("right:", {numbers(small.expected)})' in small.code


def test_parts_of_a_probe_keep_what_belongs_together():
    probe = observe().seen[0].probe
    part = part_of(probe, np.array([3, 1]))
    assert part.users.tolist() == [probe.users[3], probe.users[1]]
    assert part.upstream.tolist() == [probe.upstream[3], probe.upstream[1]]
    assert part.rating.tolist() == [probe.rating[3], probe.rating[1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_come_back_from_what_is_written(dtype):
    rng = np.random.default_rng(0)
    drawn = (rng.normal(size=(4, 25)) * 10.0 ** rng.integers(-44, 38, (4, 25))).astype(dtype)
    written = np.array(eval(numbers(drawn)), dtype)
    np.testing.assert_array_equal(written, drawn)
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(np.array(eval(numbers(special)), dtype), special)
    assert numbers(np.float32(0.1)) == "0.1"
    assert numbers(np.array([[1, 2]])) == "[[1, 2]]"
