"""Diagnoses: a mistake that was made is named first, and none that was not."""

import numpy as np
import pytest

from npcf.crosscheck.candidates import Candidate, made, tried
from npcf.crosscheck.diagnose import diagnose
from npcf.crosscheck.evidence import Fact, Intended
from npcf.crosscheck.judge import judge
from npcf.crosscheck.lines_of_steps import BY_RULE
from npcf.verify.mistakes import MISTAKES
from tests.conftest import PROFILE
from tests.crosscheck.synthetic import SIZES, observe

ALONE = {  # mistakes of all stages, at a site and with options of their own
    ("users_counted_from_1", ()): {"strict": True},
    ("bias_broadcast_to_a_matrix", ()): {},
    ("biases_outside_the_range", ()): {},
    ("another_range", ()): {"to": (0.3, 5.4)},
    ("loss_of_all_pairs", ()): {},
    ("loss_huber", ()): {},
    ("gradient_detached", ("item_bias",)): {"absent": True},
    ("repeated_rows_averaged", ("user_factors", "user_bias")): {},
    ("decay_coupling_swapped", ("adam",)): {},
    ("another_weight_decay", ()): {"weight_decay": 0.3},
    ("gradients_not_cleared", ()): {},
    ("gradient_norm_clipped", ()): {"limit": 0.05},
}
TOGETHER = [
    (made("user_bias_left_out", (), {"absent": True}), made("loss_is_the_sum")),
    (made("biases_do_not_decay"), made("eps_inside_the_root")),
]


def diagnosed(*wrongs, catalogue=None, **settings):
    evidence = observe(*wrongs, **settings)
    return diagnose(evidence, judge(evidence), catalogue)


@pytest.mark.parametrize(("name", "sites"), ALONE)
def test_a_mistake_is_named_with_confidence(name, sites):
    options = ALONE[name, sites]
    first, *_ = diagnosed(made(name, sites, options), seed=5)
    assert (first.name, first.confident, first.equivalent) == (name, True, ())
    assert {"output", "loss", "gradient", "step"} <= {*first.explains}
    for key, value in first.parameters.items():  # what is fitted is rounded to three digits
        if key in options and key != "sides":
            assert [*map("{:.3g}".format, np.ravel(value))] == [
                *map("{:.3g}".format, np.ravel(options[key]))]  # fmt: skip


@pytest.mark.parametrize(
    "pair",
    TOGETHER if PROFILE == "long" else TOGETHER[:1],
    ids=lambda pair: f"{pair[0].name}+{pair[1].name}",
)
def test_two_mistakes_are_one_entry(pair):
    first, *_ = diagnosed(*pair, seed=2)
    assert {*first.names} == {wrong.mistake.name for wrong in pair}
    assert first.name == " + ".join(first.names) and first.confident


def test_a_right_program_has_no_diagnosis():
    assert diagnosed(seed=4) == []


@pytest.mark.parametrize("name", ["loss_logcosh", *(["nadam"] if PROFILE == "long" else [])])
def test_what_is_not_in_the_catalogue_is_not_given_another_name(name):
    found = diagnosed(made(name), catalogue=MISTAKES.keys() - {name}, training=False)
    assert found == [] and len(found.ruled_out) > 20


def test_what_cannot_be_told_apart_is_said():
    doubled = made("backward_twice")
    first, *_ = diagnosed(doubled, rule="plain sgd", stepped=False)
    assert "backward_twice" in (first.name, *first.equivalent)
    assert not first.confident and first.split_by


def test_a_limit_of_a_power_of_two_is_that_of_scaled_gradients():
    """0.0009765625 is 1 / 1024: people choose 1, and scales are powers of 2."""
    scaled = made("clipped_before_unscaling", (), {"limit": 1.0, "scale": 1024.0})
    first, *_ = diagnosed(scaled, rule="plain sgd", stepped=False)
    assert (first.name, first.parameters) == ("clipped_before_unscaling", scaled.options)
    assert {*first.equivalent} <= {"gradient_norm_clipped"}


def test_a_random_output_ends_the_search():
    evidence = observe(made("loss_is_the_sum"))
    fact = Fact("output", "random-output", "It is random.", "model.eval()", True)
    evidence.facts.append(fact)
    (found,) = diagnose(evidence, judge(evidence))
    assert (found.name, found.cure, found.explains) == (
        "random-output",
        "model.eval()",
        ("output",),
    )


def test_whoever_claims_nothing_explains_nothing():
    evidence = observe(size=SIZES[0])
    evidence.seen[0].loss = np.asarray(7.5), evidence.seen[0].loss[1]
    assert diagnose(evidence, judge(evidence)) == []


def test_every_candidate_is_in_the_catalogue_and_has_a_cure():
    meant = [Intended(rule, {"lr": 0.1, "weight_decay": 0.1}) for rule in BY_RULE]
    all_tried = [c for s in ("output", "loss", "gradient", "trained") for c in tried(s)]
    for candidate in [*all_tried, *(c for one in meant for c in tried("step", one))]:
        assert isinstance(candidate, Candidate) and candidate.wrong.mistake.cure


def test_a_time_limit_is_not_taken_for_a_mistake_that_cannot_be_made(monkeypatch):
    class TimeLimitError(Exception):
        pass

    def late(*_):
        raise TimeLimitError

    evidence = observe(made("loss_halved"))
    stages = judge(evidence)
    monkeypatch.setattr("npcf.crosscheck.explaining.shares", late)
    with pytest.raises(TimeLimitError):
        diagnose(evidence, stages)
