"""What a step of one's own holds is found, however it is written, and put back."""

import functools

import pytest

pytest.importorskip("torch")

import torch

import npcf
from compare.crosscheck.clean import plain_step
from compare.crosscheck.program import SIZES, batch, built
from compare.crosscheck.right import BookParams
from compare.crosscheck.state import changes, snapshot
from npcf.crosscheck.reachable import reachable


class Trainer:
    """As people write it: everything is an attribute."""

    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.plain = plain_step(model, None, optimizer)

    def step(self, x, rating):
        return self.plain(x, rating)

    def __call__(self, x, rating):
        return self.plain(x, rating)


def called(step, x, rating):
    return step(x, rating)


FORMS = {
    "closure": lambda model, optimizer: plain_step(model, None, optimizer),
    "closure of a closure": lambda model, optimizer: (
        lambda plain: lambda x, rating: plain(x, rating)
    )(plain_step(model, None, optimizer)),
    "method": lambda model, optimizer: Trainer(model, optimizer).step,
    "object": Trainer,
    "partial": lambda model, optimizer: functools.partial(
        called, plain_step(model, None, optimizer)
    ),
    "in a dict": lambda model, optimizer: (
        lambda parts: lambda x, rating: parts["step"](x, rating)
    )({"step": plain_step(model, None, optimizer)}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_optimizer_of_a_step_is_found_and_put_back(form):
    model, given = built(BookParams, SIZES["small"]), batch(SIZES["small"])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    step = FORMS[form](model, optimizer)
    assert any(thing is optimizer for thing in reachable(step))
    x = torch.stack([given["users"], given["items"]], 1)
    for _ in range(3):
        step(x, given["rating"])
    held = {"model": model, "optimizer": optimizer, **given}
    before = snapshot(held)
    for intended in (None, {"optimizer": "adam", "lr": 0.05}):
        report = npcf.crosscheck(model, **given, step=step, intended=intended)
        assert report.ok and report.stage("step").verdict == "right", report
        assert changes(before, snapshot(held)) == []


def test_a_circle_ends():
    circle = {"more": []}
    circle["more"].append(circle)
    assert [*reachable(lambda: circle, 20)] == [circle, circle["more"]]


CLIPS = {
    "max_grad_norm": (torch.nn.utils.clip_grad_norm_, "gradient_norm_clipped"),
    "max_grad_value": (torch.nn.utils.clip_grad_value_, "gradient_values_clipped"),
}


@pytest.mark.parametrize("whole", [False, True], ids=["alone", "with the optimizer"])
@pytest.mark.parametrize("name", CLIPS)
def test_gradients_are_clipped_on_purpose(name, whole):
    """Said it is right; unsaid it is named; with another limit it is wrong."""
    model, given = built(BookParams, SIZES["small"]), batch(SIZES["small"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    clip, mistake = CLIPS[name]

    def step(x, rating):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x).flatten(), rating.flatten())
        loss.backward()
        clip(model.parameters(), 0.01)
        optimizer.step()
        return loss

    given |= {"steps": 2, "step": step}
    others = {"optimizer": "sgd", "lr": 0.5} if whole else {}
    assert npcf.crosscheck(model, **given, intended={**others, name: 0.01}).ok
    other = npcf.crosscheck(model, **given, intended={**others, name: 0.02})
    assert other.failed_stage == "step" and other.diagnosis
    unsaid = npcf.crosscheck(model, **given)
    assert unsaid.failed_stage == "step" and mistake in unsaid.diagnosis[0].names
    assert f"{name}=0.01" in unsaid.diagnosis[0].cure
