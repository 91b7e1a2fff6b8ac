"""A check leaves 0 bits changed: also of models that break, write, count, or are interrupted."""

import random
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from compare.crosscheck.state import changes, snapshot
from npcf.crosscheck.observe import observe


class Model(nn.Module):
    """A right model with everything that could be left changed."""

    def __init__(self, **options):
        super().__init__()
        torch.manual_seed(0)
        self.user_factors = nn.Embedding(6, 3, **options)
        self.item_factors = nn.Embedding(5, 3, **options)
        self.register_buffer("calls", torch.zeros(3))
        self.drop, self.n_calls = nn.Dropout(0.5), 0

    def forward(self, x):
        return (self.user_factors(x[:, 0]) * self.item_factors(x[:, 1])).sum(1)


class Counts(Model):
    """Writes to a buffer and to an attribute at each call, and draws from every generator."""

    def forward(self, x):
        self.calls += 1
        self.n_calls += 1
        np.random.random(), random.random(), torch.rand(())  # noqa: NPY002, B018
        return super().forward(x)


class Rebinds(Model):
    """Puts other parameters and another storage in the place of its own."""

    def forward(self, x):
        self.user_factors.weight.data = self.user_factors.weight.data * 0.5
        self.item_factors.weight = nn.Parameter(self.item_factors.weight.detach() + 1)
        return super().forward(x)


class Fails(Counts):
    """Raises after it has written."""

    def __init__(self, error, at=3):
        super().__init__()
        self.error, self.at = error, at

    def forward(self, x):
        out = super().forward(x)
        with torch.no_grad():
            self.user_factors.weight.zero_()
        self.train(not self.training)
        self.user_factors.weight.requires_grad_(False)
        if self.n_calls >= self.at:
            raise self.error
        return out


def case(model, **more):
    users, items = torch.tensor([0, 5, 2, 2]), torch.tensor([4, 0, 1, 1])
    return {"model": model, "users": users, "items": items, "rating": torch.ones(4)} | more


def left_alone(case, interrupt=None):
    """Check that every bit is as before, gradients and random numbers included."""
    model = case["model"]
    torch.manual_seed(3)
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    before = snapshot(case)
    counted = model.n_calls
    if interrupt:
        with pytest.raises(interrupt):
            observe(**case, y_range=None)
    else:
        observe(**case, y_range=None)
    assert not changes(before, snapshot(case))
    assert model.n_calls == counted


@pytest.mark.parametrize("make", [
    Model, Counts, Rebinds, partial(Model, max_norm=0.1), partial(Model, padding_idx=0),
    partial(Model, sparse=True), partial(Fails, IndexError("x"), 1),
    partial(Fails, ValueError("x")),
], ids=repr)  # fmt: skip
def test_models(make):
    left_alone(case(make()))


def test_an_interruption():
    left_alone(case(Fails(KeyboardInterrupt(), 5)), KeyboardInterrupt)


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
@pytest.mark.parametrize("past", [0, 2])
def test_optimizers_schedules_and_counters(make, past):
    model = Model()
    options = {} if make is torch.optim.AdamW else {"momentum": 0.9}
    optimizer = make(model.parameters(), lr=0.1, **options)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    counter = {"steps": 0}

    def step(x, rating):
        counter["steps"] += 1
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), rating)
        loss.backward()
        optimizer.step()
        schedule.step()
        if counter["steps"] == past + 4:
            raise RuntimeError("late")
        return loss

    own = case(model, optimizer=optimizer, step=step)
    for _ in range(past):
        step(torch.stack([own["users"], own["items"]], 1), own["rating"])
    held, rate = dict(counter), schedule.state_dict()
    evidence_before = optimizer.state_dict()["param_groups"][0]["lr"]
    left_alone(own)
    assert counter == held
    assert schedule.state_dict() == rate
    assert optimizer.param_groups[0]["lr"] == evidence_before


def test_the_check_of_bits_sees_a_change():
    """What it must catch: one bit of one parameter."""
    own = case(Model())
    before = snapshot(own)
    own["model"].user_factors.weight.data.view(torch.int32)[1, 1] ^= 1
    assert changes(before, snapshot(own)) == ["user_factors.weight"]
