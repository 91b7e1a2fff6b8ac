"""Training steps that report, repeat or combine wrongly."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from compare.crosscheck.programs.configured import ADAMW, SGD, SGD_L2
from compare.crosscheck.programs.entering import settings, wrong_step
from compare.crosscheck.right import call


@wrong_step("loss_after_the_step", intended=SGD)
def loss_taken_afterwards(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, rating):
        optimizer.zero_grad()
        F.mse_loss(call(model, x), rating).backward()
        optimizer.step()
        with torch.no_grad():
            return F.mse_loss(call(model, x), rating)

    return step


@wrong_step("loss_smoothed", intended=SGD, needs="two steps")
def smoothed_as_fastai_shows_it(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    shown = {"average": 0.0, "count": 0}

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        shown["count"] += 1
        shown["average"] = torch.lerp(
            loss.detach(), torch.as_tensor(shown["average"]).to(loss), 0.98
        )
        return shown["average"] / (1 - 0.98 ** shown["count"])

    return step


@wrong_step("decay_once", intended=SGD_L2, needs="two steps")
def decay_at_the_start_only(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["weight_decay"] = 0.0  # "warm-up regularisation"
        return loss

    return step


@wrong_step("first_batch_again", intended=SGD, needs="two steps on different batches")
def batch_kept_from_the_first_call(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    kept = []

    def step(x, rating):
        if not kept:
            kept.extend((x, rating))
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, kept[0]), kept[1])
        loss.backward()
        optimizer.step()
        return loss

    return step


@wrong_step(
    "micro_batches_not_averaged", "gradients_scaled", "backward_twice", intended=SGD, real=(24,)
)
def micro_batches_unscaled(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, rating):
        optimizer.zero_grad()
        losses = []
        for part, stars in zip(x.chunk(2), rating.chunk(2), strict=True):
            loss = F.mse_loss(call(model, part), stars)
            loss.backward()  # each a mean over half the batch, and never halved
            losses.append(loss.detach() * len(part))
        optimizer.step()
        return sum(losses) / len(x)

    return step


@wrong_step("clipped_before_unscaling", intended=SGD, real=(26,))
def clipped_before_unscaling(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scale = 1024.0

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        (loss * scale).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for p in model.parameters():
            p.grad /= scale
        optimizer.step()
        return loss

    return step


@wrong_step(
    "rate_decays_each_step",
    "other_rates",
    intended=SGD,
    real=(25,),
    stage=("schedule", "step"),
    needs="two steps",
)
def scheduler_stepped_per_batch(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)  # meant for each epoch

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss

    return step


@wrong_step("step_taken_twice", intended=ADAMW)
def stepped_twice(model):
    optimizer = optim.AdamW(model.parameters(), **settings(ADAMW))

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        optimizer.step()  # once here, and once in the callback
        return loss

    return step
