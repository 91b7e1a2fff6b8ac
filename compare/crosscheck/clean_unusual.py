"""Right models that are unusual: wrapped, sparse, autocast, compiled, with more than is needed."""

import copy
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from compare.crosscheck.clean import Sparse, flattened, pairs, plain_step
from compare.crosscheck.program import Case, Setting, batch, built
from compare.crosscheck.right import BookColumn, BookParams, Embeddings, TwoColumns, call, squash

UNUSUAL: dict[str, Callable[[Setting], Case]] = {}


def unusual(make: Callable[[Setting], Case]) -> Callable[[Setting], Case]:
    """Enter a right case."""
    UNUSUAL[make.__name__] = make
    return make


@unusual
def sparse_gradients_sparse_adam(setting: Setting) -> Case:
    model = built(Sparse, setting)
    meant = {"lr": 5e-3, "betas": (0.9, 0.99), "eps": 1e-5}
    optimizer = optim.SparseAdam(list(model.parameters()), **meant)
    return {"model": model, **batch(setting), "optimizer": optimizer, "steps": 3,
            "intended": {"optimizer": "sparse_adam", **meant}}  # fmt: skip


@unusual
def sparse_gradients_sgd(setting: Setting) -> Case:
    model = built(Sparse, setting)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return {"model": model, **batch(setting), "optimizer": optimizer, "steps": 2}


@unusual
def data_parallel(setting: Setting) -> Case:
    return {"model": nn.DataParallel(built(BookParams, setting)), **batch(setting)}


@unusual
def averaged_model(setting: Setting) -> Case:
    return {"model": optim.swa_utils.AveragedModel(built(Embeddings, setting)), **batch(setting)}


class WithMore(Embeddings):
    """A buffer, a frozen parameter that is not used, and a layer left from before."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.register_buffer("counts", torch.zeros(sizes[0]))
        self.temperature = nn.Parameter(torch.ones(()), requires_grad=False)


@unusual
def more_than_is_needed(setting: Setting) -> Case:
    return {"model": built(WithMore, setting), **batch(setting)}


@unusual
def gradients_left_behind(setting: Setting) -> Case:
    case = {"model": built(TwoColumns, setting), **batch(setting)}
    call(case["model"], pairs(case)).sum().backward()
    return case


@unusual
def one_cycle_in_the_middle(setting: Setting) -> Case:
    model = built(BookColumn, setting)
    optimizer = optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.99), eps=1e-5)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=50)
    case = {"model": model, **batch(setting), "loss": flattened(F.mse_loss), "steps": 2}
    step = plain_step(model, F.mse_loss, optimizer)
    for _ in range(20):
        step(pairs(case), case["rating"])
        schedule.step()
    return case | {"optimizer": optimizer}


@unusual
def weights_shared_by_two_names(setting: Setting) -> Case:
    model = built(Embeddings, setting)
    model.also = model.user_factors
    return {"model": model, **batch(setting)}


@unusual
def trained_for_long(setting: Setting) -> Case:
    model = built(BookParams, setting)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    case = {"model": model, **batch(setting), "optimizer": optimizer, "steps": 2}
    step = plain_step(model, None, optimizer)
    for _ in range(100):
        step(pairs(case), case["rating"])
    return case


@unusual
def saturated(setting: Setting) -> Case:
    model = built(TwoColumns, setting)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(30)
    return {"model": model, **batch(setting), "loss": nn.MSELoss()}


@unusual
def two_groups_as_meant(setting: Setting) -> Case:
    model = built(BookParams, setting)
    biases = [p for p in model.parameters() if p.dim() == 1]
    factors = [p for p in model.parameters() if p.dim() == 2]
    groups = [{"params": factors}, {"params": biases, "weight_decay": 0.0, "lr": 1e-2}]
    optimizer = optim.AdamW(groups, lr=5e-3, weight_decay=0.1)
    return {"model": model, **batch(setting), "optimizer": optimizer, "steps": 2}


def scheduled(case: Case) -> Case:
    """Put the optimizer into a step, with a schedule."""
    optimizer = case["optimizer"]
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.7)
    plain = plain_step(case["model"], None, optimizer)

    def step(x: torch.Tensor, rating: torch.Tensor) -> torch.Tensor:
        loss = plain(x, rating)
        schedule.step()
        return loss

    return case | {"step": step}


@unusual
def schedule_in_the_step(setting: Setting) -> Case:
    return scheduled(trained_for_long(setting))


@unusual
def schedule_of_two_groups(setting: Setting) -> Case:
    return scheduled(two_groups_as_meant(setting))


@unusual
def schedule_and_no_word_of_the_optimizer(setting: Setting) -> Case:
    return scheduled(two_groups_as_meant(setting)) | {"optimizer": None}


@unusual
def schedule_as_meant(setting: Setting) -> Case:
    meant = {"optimizer": "adam", "lr": [0.05 * 0.7**t for t in range(4)]}
    return scheduled(trained_for_long(setting)) | {"optimizer": None, "intended": meant}


@unusual
def nesterov_that_writes_into_gradients(setting: Setting) -> Case:
    model = built(BookParams, setting)
    meant = {"lr": 0.1, "momentum": 0.9, "nesterov": True}
    optimizer = optim.SGD(model.parameters(), **meant, foreach=True)
    step = plain_step(model, None, optimizer)
    said = {"optimizer": "sgd", **meant}
    return {"model": model, **batch(setting), "step": step, "intended": said}


@unusual
def accumulated_over_two_halves(setting: Setting) -> Case:
    setting = replace(setting, batch=setting.batch + setting.batch % 2)
    model = built(Embeddings, setting)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x: torch.Tensor, rating: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        total = 0.0
        for part, stars in zip(
            x.split(max(1, len(x) // 2)), rating.split(max(1, len(x) // 2)), strict=True
        ):
            loss = F.mse_loss(call(model, part), stars) * (len(part) / len(x))
            loss.backward()
            total = total + loss.detach()
        optimizer.step()
        return total

    meant = {"optimizer": "sgd", "lr": 0.1}
    return {"model": model, **batch(setting), "step": step, "intended": meant, "steps": 2}


@unusual
def bfloat16(setting: Setting) -> Case:
    setting = replace(setting, dtype=torch.bfloat16)
    return {"model": built(Embeddings, setting), **batch(setting)}


class Autocast(TwoColumns):
    """einsum under bfloat16 autocast."""

    def forward(self, users, items):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return super().forward(users, items)


@unusual
def autocast(setting: Setting) -> Case:
    return {"model": built(Autocast, replace(setting, dtype=torch.float32)), **batch(setting)}


class EmbeddingDotBias(nn.Module):
    """A port of fastai's model as a library of recommenders has it: ids to rows by itself."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__()
        self.u_weight = nn.Embedding(n_users, n_factors)
        self.i_weight = nn.Embedding(n_items, n_factors)
        self.u_bias = nn.Embedding(n_users, 1)
        self.i_bias = nn.Embedding(n_items, 1)
        self.y_range = y_range
        for layer in (self.u_weight, self.i_weight, self.u_bias, self.i_bias):
            nn.init.trunc_normal_(layer.weight, std=0.01)

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        dot = self.u_weight(users) * self.i_weight(items)
        res = dot.sum(1) + self.u_bias(users).squeeze(1) + self.i_bias(items).squeeze(1)
        return squash(res, self.y_range)


@unusual
def port_of_fastai(setting: Setting) -> Case:
    model = built(EmbeddingDotBias, setting)
    optimizer = optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)
    loss = nn.MSELoss()
    return {"model": model, **batch(setting), "optimizer": optimizer, "loss": loss, "steps": 3}


@unusual
def copied(setting: Setting) -> Case:
    model = copy.deepcopy(built(BookColumn, setting)).eval()
    return {"model": model, **batch(setting)}


@unusual
def compiled(setting: Setting) -> Case:
    return {"model": torch.compile(built(Embeddings, setting)), **batch(setting)}


@unusual
def compiled_two_columns(setting: Setting) -> Case:
    return {"model": torch.compile(built(TwoColumns, setting)), **batch(setting)}
