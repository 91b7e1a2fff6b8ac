"""A part of `make crosscheck-proof`, and proofs that the trial itself notices what it must."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from compare.crosscheck import clean, pairs
from compare.crosscheck.outsiders import OUTSIDERS
from compare.crosscheck.program import SIZES, Case, batch, built
from compare.crosscheck.programs import PROGRAMS
from compare.crosscheck.right import Embeddings
from compare.crosscheck.scoring import Outcome
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


def test_programs_are_enough_and_their_stages_are_stages():
    assert len(PROGRAMS) >= 115
    assert len(OUTSIDERS) >= 20
    for program in (PROGRAMS | OUTSIDERS).values():
        assert program.stages <= set(STAGES)
        assert program.right <= set(MISTAKES), program.name
    assert not any(program.right for program in OUTSIDERS.values())


def test_mistakes_that_people_really_make_are_there():
    """All of the list but the metric and the split, which are no part of a live model."""
    real = {number for program in PROGRAMS.values() for number in program.real}
    assert real == set(range(1, 29))


def test_pairs_are_of_different_slots():
    for same in (True, False):
        for a, b in pairs.pairs(same):
            assert a.slot != b.slot
            assert (a.stage == b.stage) is same
