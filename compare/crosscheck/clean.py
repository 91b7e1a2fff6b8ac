"""Right models drawn at random: sizes, styles, dtypes, losses, optimisers, steps, past training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from compare.crosscheck.program import Case, Setting, batch, built
from compare.crosscheck.right import STYLES, Embeddings, NoBias, TwoColumns, call

RANGES = ((0.0, 5.5), (0.5, 5.5), (1.0, 5.0), (-1.0, 1.0), (0.0, 10.0), None)
LOSSES: tuple[Any, ...] = (
    None,
    None,
    nn.MSELoss(),
    F.mse_loss,
    lambda pred, rating: ((pred - rating) ** 2).mean(),
    lambda pred, rating: (rating - pred).square().sum() / len(rating),
)
ADAM = {"lr": 5e-3, "betas": (0.9, 0.99), "eps": 1e-5}
OPTIMIZERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "sgd, decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.1}),
    "sgd, momentum": (optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.1}),
    "sgd, nesterov": (optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": (optim.Adam, ADAM),
    "adam, torch's defaults": (optim.Adam, {}),
    "adam, decay": (optim.Adam, ADAM | {"weight_decay": 0.1}),
    "adam, amsgrad": (optim.Adam, ADAM | {"amsgrad": True}),
    "adamw": (optim.AdamW, ADAM | {"weight_decay": 0.1}),
    "rmsprop": (optim.RMSprop, {"lr": 0.01, "alpha": 0.9}),
    "rmsprop, centered": (optim.RMSprop, {"lr": 0.01, "centered": True, "momentum": 0.5}),
    "rmsprop, decay": (optim.RMSprop, {"lr": 0.01, "weight_decay": 0.01}),
}
MEANT = {optim.SGD: "sgd", optim.Adam: "adam", optim.AdamW: "adamw", optim.RMSprop: "rmsprop"}
WAYS: tuple[dict[str, bool], ...] = ({"foreach": False}, {"foreach": True}, {"fused": True})


def random_setting(rng: np.random.Generator) -> Setting:
    """Return sizes from one row upwards; a tenth as large as MovieLens."""
    dtype = (torch.float32, torch.float64)[rng.integers(2)]
    y_range = RANGES[rng.integers(len(RANGES))]
    if rng.random() < 0.1:
        sizes = 943, 1682, 50, 64
    else:
        sizes = tuple(int(rng.integers(1, top)) for top in (70, 70, 21, 50))
        sizes = (max(sizes[0], 2), max(sizes[1], 2), *sizes[2:])
    return Setting("drawn", *sizes, y_range, dtype, int(rng.integers(2**31)))


def random_case(seed: int) -> tuple[str, Case]:
    """Return a right case in words, and the arguments of npcf.crosscheck."""
    rng = np.random.default_rng(seed)
    setting = random_setting(rng)
    make = (*STYLES, NoBias)[rng.integers(5)]
    model = built(make, setting)
    scale = float(rng.choice([0.01, 0.1, 1.0, 1.0, 3.0]))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, dtype=p.dtype) * scale)
    case: Case = {"model": model, **batch(setting)}
    words = [f"seed {seed}", make.__name__, str(setting.sizes), f"B={setting.batch}"]
    words += [str(setting.dtype), f"scale {scale}"]
    loss = LOSSES[rng.integers(len(LOSSES))]
    if loss is not None and call(model, pairs(case)).shape != unflattened(model, case).shape:
        loss = flattened(loss)  # a column meets a column only
    if loss is not None or rng.random() < 0.5:
        case["loss"] = loss
    if rng.random() < 0.8:
        words += with_optimizer(case, rng)
    if rng.random() < 0.3:
        ids = (np.int64, np.int32)[rng.integers(2)]
        case |= {name: case[name].numpy().astype(ids) for name in ("users", "items")}
        case["rating"] = case["rating"].numpy()
        words.append("NumPy")
    if rng.random() < 0.3:
        model.eval()
    return ", ".join(words), case


def with_optimizer(case: Case, rng: np.random.Generator) -> list[str]:
    """Put an optimiser into the case, with a past, a training step, or what is meant."""
    model, names = case["model"], list(OPTIMIZERS)
    name = names[rng.integers(len(names))]
    make, meant = OPTIMIZERS[name]
    way = WAYS[rng.integers(len(WAYS) - (make is optim.RMSprop))]
    optimizer = make(model.parameters(), **meant, **way)
    step = plain_step(model, case.get("loss"), optimizer)
    past, steps = int(rng.choice([0, 0, 1, 5])), int(rng.integers(1, 4))
    for _ in range(past):
        step(pairs(case), case["rating"])
    if rng.random() < 0.5:
        optimizer.zero_grad()
    case |= {"optimizer": optimizer, "steps": steps}
    if rng.random() < 0.5:
        case["intended"] = {"optimizer": MEANT[make], **meant_by(optimizer, meant)}
    if rng.random() < 0.3:
        case["step"] = step
    return [name, *way, f"{past} steps before", f"{steps} steps", "step" * ("step" in case)]


def meant_by(optimizer: optim.Optimizer, meant: dict[str, Any]) -> dict[str, Any]:
    """Return what was said, and lr, which everybody says."""
    return {"lr": optimizer.defaults["lr"], **meant}


def plain_step(model: nn.Module, loss: Any, optimizer: Any) -> Callable[..., torch.Tensor]:
    """Return the training step that everybody writes."""
    loss = loss or F.mse_loss

    def step(x: torch.Tensor, rating: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(call(model, x), rating)
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def pairs(case: Case) -> torch.Tensor:
    """Return the batch as x (B, 2)."""
    return torch.stack([torch.as_tensor(case["users"]), torch.as_tensor(case["items"])], 1).long()


def unflattened(model: nn.Module, case: Case) -> torch.Tensor:
    """Return predictions in the model's own shape."""
    x = pairs(case)
    return model(x[:, 0], x[:, 1]) if isinstance(model, TwoColumns) else model(x)


def flattened(loss: Any) -> Any:
    """Return the loss as a person has it whose model returns a column."""
    return lambda pred, rating: loss(pred.view(-1), rating)


class Sparse(Embeddings):
    """Sparse gradients."""

    def __init__(self, *sizes: Any) -> None:
        super().__init__(*sizes, sparse=True)
