"""A part of `make crosscheck-proof`, and proofs that the trial itself notices what it must."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import npcf
from compare.crosscheck import clean, clean_unusual, pairs, pieces, record
from compare.crosscheck.outsiders import OUTSIDERS
from compare.crosscheck.program import SIZES, Case, batch, built
from compare.crosscheck.programs import PROGRAMS
from compare.crosscheck.programs.entering import settings
from compare.crosscheck.right import Embeddings
from compare.crosscheck.scoring import Outcome, outcome, run
from compare.crosscheck.state import changes, snapshot
from npcf.crosscheck.verdict import STAGES
from npcf.verify.mistakes import MISTAKES


def subject() -> Case:
    model = built(Embeddings, SIZES["small"])
    optimizer = torch.optim.Adam(model.parameters())
    case = {"model": model, **batch(SIZES["small"]), "optimizer": optimizer}
    clean.plain_step(model, None, optimizer)(clean.pairs(case), case["rating"])
    return case


def add_a_bit(tensor):
    flat = tensor.detach().view(-1)
    flat[0] = torch.nextafter(flat[0], flat[0] + 1)


def replace_a_parameter(case):
    bias = case["model"].user_bias
    bias.weight = torch.nn.Parameter(bias.weight.detach().clone())


CHANGES = {
    "parameter": lambda case: add_a_bit(case["model"].user_factors.weight),
    "gradient": lambda case: add_a_bit(case["model"].user_factors.weight.grad),
    "gradient made zero": lambda case: case["model"].zero_grad(set_to_none=False),
    "gradient taken away": lambda case: case["model"].zero_grad(set_to_none=True),
    "parameter replaced": replace_a_parameter,
    "mode": lambda case: case["model"].user_bias.eval(),
    "hook": lambda case: case["model"].register_forward_hook(lambda *_: None),
    "attribute": lambda case: setattr(case["model"], "checked", True),
    "requires_grad": lambda case: case["model"].user_bias.requires_grad_(False),
    "moment": lambda case: add_a_bit(next(iter(case["optimizer"].state.values()))["exp_avg"]),
    "step count": lambda case: next(iter(case["optimizer"].state.values()))["step"].add_(1),
    "rate": lambda case: case["optimizer"].param_groups[0].update(lr=0.5),
    "rating": lambda case: add_a_bit(case["rating"]),
    "torch's generator": lambda case: torch.rand(1),
    "NumPy's generator": lambda case: np.random.random(),  # noqa: NPY002
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_bit_is_noticed(name):
    case = subject()
    before = snapshot(case)
    assert changes(before, snapshot(case)) == []
    CHANGES[name](case)
    assert changes(before, snapshot(case))


RIGHT = (("loss_is_the_sum", "loss_halved"),)


@pytest.mark.parametrize(
    ("first", "others", "confident", "named", "in_class", "false_name"),
    [
        (("loss_halved",), (), True, True, True, False),
        (("loss_absolute",), ("loss_is_the_sum",), True, False, True, False),
        (("loss_absolute",), (), True, False, False, True),
        (("loss_absolute",), (), False, False, False, False),
        (("loss_halved", "loss_absolute"), (), True, False, True, False),
        ((), (), False, False, False, False),
    ],
)
def test_an_outcome_is_scored(first, others, confident, named, in_class, false_name):
    outcome = Outcome("p", "s", RIGHT, ("loss",), False, "loss", first, others, confident)
    assert outcome.flagged
    assert (outcome.named, outcome.in_class, outcome.false_name) == (named, in_class, false_name)


def test_a_pair_is_named_by_one_name_for_each_mistake():
    right = (("a", "b"), ("b", "c"))
    wanted = {("a", "c"): True, ("c", "a"): True, ("b", "b"): True, ("a", "b"): True}
    wanted |= {("c", "c"): False, ("a",): False, ("a", "d"): False}
    for first, named in wanted.items():
        assert Outcome("p", "s", right, ("loss",), False, "loss", first).named is named


FACTS = {"random-output", "n_items"}  # seen, and reported as they are


def test_programs_are_enough_and_their_stages_are_stages():
    assert len(PROGRAMS) >= 115
    assert len(OUTSIDERS) >= 20
    for program in (PROGRAMS | OUTSIDERS).values():
        assert {stage.removeprefix("suspicious ") for stage in program.stages} <= set(STAGES)
        assert program.right <= set(MISTAKES) | FACTS, program.name
    assert not any(program.right for program in OUTSIDERS.values())


def test_mistakes_that_people_really_make_are_there():
    """All of the list but the metric and the split, which are no part of a live model."""
    real = {number for program in PROGRAMS.values() for number in program.real}
    assert real == set(range(1, 29))


def test_without_a_piece_of_its_own_the_optimizer_is_right():
    model = built(Embeddings, SIZES["small"])
    by_hand = pieces.optimizer_of([])(model.parameters(), **settings(pairs.MEANT))
    case = batch(SIZES["small"])
    report = npcf.crosscheck(model, **case, optimizer=by_hand, intended=pairs.MEANT)
    assert report.stage("step").verdict == "right", report


def test_pairs_are_of_different_slots():
    for same in (True, False):
        for a, b in pairs.pairs(same):
            assert a.slot != b.slot
            assert (a.stage == b.stage) is same


def test_the_page_repeats_what_the_last_runs_reached():
    assert record.BEGIN + record.as_text() + record.END in record.PAGE.read_text()
    assert {*record.load()} >= {*record.ALL} - {"clean_long"}


# ---- a part of the trial itself; all of it: make crosscheck-proof --------------------------------

SOME = (
    "users_from_one no_item_bias mean_of_all_ratings height_high without_low range_ignored "
    "tanh_for_sigmoid mean_for_sum slice_to_minus_one without_keepdim squeeze_everything "
    "sum_of_squares half_mean_square absolute ratings_in_a_column factor_forgotten "
    "assigned averaged padding_index items_detached saved_tensors_swapped without_one_minus_s "
    "adam_for_adamw decay_not_passed_on dampening_not_set eps_of_torch alpha_of_torch "
    "uncorrected adam_adds eps_before_correction plus_for_minus decay_last biases_without_decay "
    "items_forgotten never_cleared stepped_twice loss_taken_afterwards clip_grad_norm"
).split()


@pytest.mark.parametrize("name", SOME)
def test_a_wrong_program_is_found_and_named(name):
    program = PROGRAMS[name]
    found = run(program, program.settings()[0])
    assert not found.error
    assert found.flagged, found
    assert found.in_class, found
    assert not found.false_name, found
    assert not found.changed, found.changed


@pytest.mark.parametrize("name", ["factors_squashed", "weighted_by_rating", "sign_descent"])
def test_what_no_catalogue_has_is_given_no_name(name):
    program = OUTSIDERS[name]
    found = run(program, program.settings()[0])
    assert found.flagged, found
    assert not found.confident, found
    assert not found.changed, found.changed


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_right_models_raise_no_alarm(first):
    for seed in range(first, first + 10):
        name, case = clean.random_case(seed)
        found = outcome(name, "right", (), (), case)
        assert found.ok, found
        assert not found.error, found
        assert not found.changed, (found, found.changed)


@pytest.mark.parametrize("name", [n for n in clean_unusual.UNUSUAL if "compiled" not in n])
def test_unusual_models_raise_no_alarm(name):
    found = outcome(name, "right", (), (), clean_unusual.UNUSUAL[name](SIZES["small"]))
    assert found.ok, found
    assert not found.error, found
    assert not found.changed, (found, found.changed)
