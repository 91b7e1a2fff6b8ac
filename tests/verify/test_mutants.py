"""Every mutant is killed: some law of the suite notices it within 200 inputs."""

import json
import sys
from collections import Counter

import pytest

from npcf.verify.conformance import LAWS
from npcf.verify.conformance.examples import plain
from npcf.verify.conformance.mutants import (
    MUTANTS,
    Mutant,
    __main__,
    batches,
    build,
    contract,
    kill,
    loss,
    model,
    operations,
    schedules,
    sizes,
    steps,
    training,
)
from npcf.verify.conformance.mutants.killing import laws_for
from npcf.verify.conformance.mutants.patching import changed
from npcf.verify.conformance.protocol import FUNCTIONS

MAX_EXAMPLES = 200  # what the suite promises, in every profile
ROOMS = (operations, loss, contract, model, steps, training, batches, schedules, sizes)
# What the derived bounds were first tried on: realistic bugs of one training step.
FIRST_81 = """
    swap_ids off1_user off1_item swap_tables_bias reshape_T target_f16 target_round dot_mean
    drop_last_factor f16_acc f32_in_f64 no_ubias ubias_item_id no_ibias sig_2x hard_sig
    sig_clip_eps exp_clip30 range_hi range_nolo bcast_BB loss_sum loss_half loss_abs loss_nanmean
    loss_rmse no2 noB sign B_minus1 grad_clip1 grad_clip_.1 no_R no_1ms no_sig_grad y1my
    sig_grad_abs gp_uses_p swap_gp_gq dup_last dup_fancy_iadd dup_first dup_mean dup_user_only pad0
    ubias_grad_item bias_grad_ones no_ibias_grad stale_grad gauss_seidel no_wd no_wd_bias
    wd_touched_only wd2x wd_decoupled wd_nolr wd_loss_scaled wd_after_mom wd_after_moments
    buf_zero_damp mom_ema no_damp mom_lr_inside nest_off nest_oldbuf betas_swapped beta2_default
    eps_default eps_inside eps_before_bc no_eps no_sqrt no_bc no_bc2 bc_off1 bc_t0 v_abs v_dedup_sq
    adam_lazy adam_coupling_swapped adamw_decay_after
""".split()
NOTHING = Mutant("nothing", "steps", "    w = w - lr * g\n", "    w = w - lr * g\n", "no mistake")


@pytest.mark.slow("hundreds of mutants")
@pytest.mark.parametrize("name", MUTANTS)
def test_killed(name, record_property):
    found = kill(MUTANTS[name], MAX_EXAMPLES)
    record_property("law", found.law)
    record_property("inputs", found.examples)
    assert found.law, f"{name} survives: {MUTANTS[name].why}"
    assert 1 <= found.examples <= MAX_EXAMPLES


def test_there_are_the_first_81_and_as_many_new_ones_as_promised():
    assert len(FIRST_81) == 81
    assert set(FIRST_81) <= MUTANTS.keys()
    new = Counter(mutant.file for name, mutant in MUTANTS.items() if name not in FIRST_81)
    assert new.total() >= 45
    assert new["schedules"] >= 10
    assert new["batches"] >= 8
    assert len(MUTANTS) == sum(len(room.MUTANTS) for room in ROOMS), "two have one name"


def test_each_mutant_says_what_went_wrong_and_changes_a_function_of_the_protocol():
    for mutant in MUTANTS.values():
        assert mutant.why, mutant.name
        assert changed(mutant).keys() & FUNCTIONS.keys(), mutant.name


def test_a_mutant_has_the_whole_protocol_and_calls_its_own_functions():
    module = build(MUTANTS["sgd_uphill"])
    assert all(callable(getattr(module, name)) for name in FUNCTIONS)
    assert module.train.__globals__["sgd_step"] is module.sgd_step
    assert module.sgd_step is not plain.sgd_step


def test_a_patch_that_does_not_fit_is_refused():
    for old in ("no such line", "    "):
        with pytest.raises(ValueError, match="times in steps.py"):
            build(NOTHING._replace(old=old))


def test_laws_near_the_mistake_come_first():
    laws = laws_for(MUTANTS["no_wd"])
    assert "sgd_step" in laws[0].needs
    assert {name for law in laws for name in law.needs} >= {"sgd_step", "train", "save"}
    assert not any(law.family == "row_dot" for law in laws)


def test_the_command_prints_the_table_and_fails_if_one_survives(monkeypatch, capsys, tmp_path):
    few = {law.name: law for law in laws_for(NOTHING) if law.needs == ("sgd_step",)}
    for name in LAWS.keys() - dict(list(few.items())[:3]).keys():
        monkeypatch.delitem(LAWS, name)
    monkeypatch.setitem(MUTANTS, "nothing", NOTHING)
    file = tmp_path / "kills.json"
    arguments = ["mutants", "sgd_uphill", "nothing", "--max-examples", "30", "--json", str(file)]
    monkeypatch.setattr(sys, "argv", arguments)
    assert __main__.main() == 1
    printed = capsys.readouterr().out
    assert "| sgd_uphill | climbs | sgd: `sgd_" in printed
    assert "| nothing | no mistake | **survives** |" in printed
    assert "1 of 2 mutants killed" in printed
    assert [row["mutant"] for row in json.loads(file.read_text())] == ["sgd_uphill", "nothing"]
    monkeypatch.setattr(sys, "argv", arguments[:2])
    assert __main__.main() == 0
