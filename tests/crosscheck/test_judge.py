"""Verdicts: right programs are right in every stage, and a wrong one is wrong where it begins."""

import numpy as np
import pytest

from npcf.crosscheck.evidence import Fact
from npcf.crosscheck.judge import judge
from npcf.crosscheck.predict import losses
from npcf.crosscheck.program import RIGHT, arithmetic
from npcf.crosscheck.verdict import NOT_SEEN, STAGES, SUSPICIOUS, WRONG
from npcf.crosscheck.verdict import RIGHT as RIGHT_VERDICT
from npcf.verify.mistakes import MISTAKES
from tests.crosscheck.synthetic import RULES, SIZES, observe

FIRST = {
    "user_bias_left_out": "output", "range_without_low": "output", "bias_tables_swapped": "output",
    "loss_is_the_sum": "loss", "loss_of_all_pairs": "loss", "repeated_rows_keep_last": "gradient",
    "gradient_of_its_own_side": "gradient", "no_bias_correction": "step", "decays_twice": "step",
    "biases_do_not_decay": "step", "gradients_not_cleared": "step",
}  # fmt: skip


def failed(stages):
    return next((stage.name for stage in stages if stage.verdict == WRONG), None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
def test_a_right_program_is_right_in_every_stage(rule, dtype):
    mid = rule in ("adamw", "sgd")
    stages = judge(observe(rule=rule, dtype=dtype, seed=3, mid=mid, y_range=(-1.0, 2.3)))
    assert [stage.name for stage in stages] == list(STAGES)
    assert not [stage for stage in stages if stage.verdict in (WRONG, SUSPICIOUS)]
    assert {stage.name for stage in stages if stage.n_compared} >= {"output", "loss", "gradient"}


@pytest.mark.parametrize("name", FIRST)
def test_the_first_wrong_stage_is_where_the_mistake_is(name):
    variants = MISTAKES[name].variants()
    wrong = next((wrong for wrong in variants if "adam" in wrong.sites), variants[0])
    stages = judge(observe(wrong, size=SIZES[1], seed=1))
    assert failed(stages) == FIRST[name]


def test_a_decaying_rate_is_a_wrong_schedule_and_no_wrong_step():
    evidence = observe(rule="sgd")
    evidence.trained.rates = [0.05, 0.05, 0.04, 0.03]
    *_, schedule, _ = stages = judge(evidence)
    assert failed(stages) == "schedule" == schedule.name
    assert schedule.hints[0] == "step 3 has the rate 0.05, not 0.04"


def test_what_was_not_seen_is_not_judged():
    stages = {s.name: s.verdict for s in judge(observe(stepped=False, training=False))}
    assert stages["step"] == stages["schedule"] == stages["metric"] == NOT_SEEN


def test_facts_decide_their_stage():
    evidence = observe()
    evidence.facts.append(Fact("contract", "in no group", "user_bias is in no group.", "", True))
    evidence.facts.append(Fact("data", "sorted", "Ids are sorted as text.", "", False))
    contract, data, *_ = judge(evidence)
    assert (contract.verdict, contract.message) == (WRONG, "user_bias is in no group.")
    assert data.verdict == SUSPICIOUS


def test_the_worst_entry_is_named():
    evidence = observe()
    moved = 2.0**-10
    evidence.seen[1].gradients["item_factors"][4, 2] += moved
    gradient = judge(evidence)[5]
    off = gradient.worst.seen - gradient.worst.expected
    assert gradient.worst.where == "probe 'designed', item_factors of item 4, factor 2"
    assert abs(off - moved) <= gradient.worst.tolerance < moved
    assert gradient.share == abs(off) / gradient.worst.tolerance


def test_half_the_tolerance_is_as_far_as_a_right_program_goes():
    evidence = observe()
    right = next(losses(RIGHT, evidence, arithmetic(evidence))).predicted
    for share, verdict in ((0.4, RIGHT_VERDICT), (0.8, SUSPICIOUS), (1.2, WRONG)):
        _, d_loss = evidence.seen[0].loss
        evidence.seen[0].loss = right.value + share * right.tolerance, d_loss
        assert judge(evidence)[4].verdict == verdict


def test_facts_in_numbers():
    total = judge(observe(MISTAKES["loss_is_the_sum"].variants()[0]))[4]
    assert total.hints[0] == "loss is B = 32 times what it should be, in every entry"
    low = judge(observe(MISTAKES["range_without_low"].variants()[0]))[3]
    assert low.hints == ("output is 0.5 too low everywhere",)
    last = judge(observe(MISTAKES["repeated_rows_keep_last"].variants()[0]))[5]
    assert last.hints[0] == "user_factors is wrong only in rows named more than once"


def test_no_gradient_is_not_zero():
    evidence = observe()
    evidence.seen[0].gradients["user_bias"] = None
    stage = judge(evidence)[5]
    assert stage.verdict == WRONG and "has no gradient (None)" in stage.message


def test_a_scalar_is_no_batch_of_one():
    evidence = observe(keepdim=False)
    one = next(seen for seen in evidence.seen if seen.probe.name == "one")
    one.output = one.output.reshape(())
    assert judge(evidence)[3].message == "probe 'one': output has shape (), not (1,)"
