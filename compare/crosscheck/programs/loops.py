"""Training steps of a person's own: what stands around forward, backward and step."""

import copy

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from compare.crosscheck.programs.configured import ADAM, ADAMW, MOMENTUM, SGD, SGD_L2
from compare.crosscheck.programs.entering import settings, wrong_step
from compare.crosscheck.right import BookParams, TwoColumns, call


def sgd(model):
    return optim.SGD(model.parameters(), lr=0.1)


@wrong_step("gradients_not_cleared", intended=SGD, stage=("contract", "step"), real=(4,),
            needs="two steps")  # fmt: skip
def never_cleared(model):
    optimizer = sgd(model)

    def step(x, rating):
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        return loss

    return step


@wrong_step("gradients_not_cleared", intended=ADAM, stage=("contract", "step"), real=(4,),
            needs="two steps")  # fmt: skip
def cleared_elsewhere(model):
    optimizer = optim.Adam(model.parameters(), **settings(ADAM))
    other = copy.deepcopy(model)

    def step(x, rating):
        other.zero_grad()  # of the model that is kept as a baseline
        loss = (call(model, x) - rating).pow(2).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


@wrong_step("gradients_after_other_tables_moved", intended=SGD, model=BookParams)
def one_table_after_the_other(model):
    def step(x, rating):
        for parameter in model.parameters():
            loss = F.mse_loss(call(model, x), rating)
            (gradient,) = torch.autograd.grad(loss, parameter)
            with torch.no_grad():
                parameter -= 0.1 * gradient
        return loss

    return step


@wrong_step("gradients_at_the_first_parameters", intended=SGD, needs="two steps")
def forward_through_a_copy(model):
    replica = copy.deepcopy(model)  # meant to be refreshed each step

    def step(x, rating):
        loss = F.mse_loss(call(replica, x), rating)
        gradients = torch.autograd.grad(loss, list(replica.parameters()))
        with torch.no_grad():
            for p, g in zip(model.parameters(), gradients, strict=True):
                p -= 0.1 * g
        return loss

    return step


@wrong_step("steps_on_the_sum", "loss_is_the_sum", intended=SGD)
def sum_for_the_step(model):
    optimizer = sgd(model)

    def step(x, rating):
        optimizer.zero_grad()
        squares = (call(model, x) - rating) ** 2
        squares.sum().backward()
        optimizer.step()
        return squares.mean()

    return step


@wrong_step("gradient_norm_clipped", intended=SGD, needs="a gradient whose norm is above 1")
def clip_grad_norm(model):
    optimizer = sgd(model)

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss

    return step


@wrong_step("decay_divided_by_the_batch", intended=SGD_L2)
def penalty_inside_the_mean(model):
    optimizer = sgd(model)

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        penalty = 0.5 * 0.1 * sum((p**2).sum() for p in model.parameters())
        (loss + penalty / len(x)).backward()
        optimizer.step()
        return loss

    return step


@wrong_step("decay_doubled", "another_weight_decay", intended=SGD_L2)
def penalty_without_the_half(model):
    optimizer = sgd(model)

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        (loss + 0.1 * sum(p.square().sum() for p in model.parameters())).backward()
        optimizer.step()
        return loss

    return step


@wrong_step(
    "optimiser_made_anew",
    "state_lost",
    "resume_afresh",
    intended=ADAM,
    real=(27,),
    needs="two steps",
)
def optimizer_made_in_the_step(model):
    def step(x, rating):
        optimizer = optim.Adam(model.parameters(), **settings(ADAM))
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        return loss

    return step


@wrong_step("optimiser_made_anew", "momentum_left_out", "state_lost", "resume_afresh",
            "resume_without_buffers",
            intended=MOMENTUM, real=(27,), needs="two steps")  # fmt: skip
def resumed_without_the_buffer(model):
    holder = {"optimizer": optim.SGD(model.parameters(), lr=0.1, momentum=0.9)}

    def step(x, rating):
        holder["optimizer"].zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        holder["optimizer"].step()
        fresh = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)  # "load the checkpoint"
        holder["optimizer"] = fresh
        return loss

    return step


@wrong_step("row_0_stays", intended=SGD)
def padding_row_restored(model):
    optimizer = sgd(model)

    def step(x, rating):
        first = [p[0].detach().clone() for p in model.parameters()]
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for p, row in zip(model.parameters(), first, strict=True):
                p[0] = row
        return loss

    return step


@wrong_step(
    "absent_rows_stay", intended=MOMENTUM, model=TwoColumns, needs="a row touched, then absent"
)
def only_touched_rows_written(model):
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, rating):
        before = [p.detach().clone() for p in model.parameters()]
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for p, old in zip(model.parameters(), before, strict=True):
                p.copy_(torch.where(p.grad == 0, old, p))
        return loss

    return step


@wrong_step("weights_clipped", intended=SGD | {"lr": 2.0}, needs="a weight beyond 1")
def clamped_after_the_step(model):
    optimizer = optim.SGD(model.parameters(), lr=2.0)

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        for p in model.parameters():
            p.data.clamp_(-1, 1)
        return loss

    return step


@wrong_step("weights_in_float32", intended=ADAMW, dtypes=(torch.float64,))
def saved_in_float(model):
    optimizer = optim.AdamW(model.parameters(), **settings(ADAMW))

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(model, x), rating)
        loss.backward()
        optimizer.step()
        for p in model.parameters():
            p.data.copy_(p.data.float())
        return loss

    return step
