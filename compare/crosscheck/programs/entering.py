"""Decorators that enter a class or function as a wrong model, loss, optimiser or training step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from compare.crosscheck.program import (
    DRAW,
    PROGRAMS,
    Case,
    Program,
    Setting,
    add,
    batch,
    built,
    in_range,
    stages,
)
from compare.crosscheck.right import STYLES

Model = Callable[..., nn.Module]


def wrong_model(
    *right: str, stage: Any = "output", y_range: Any = DRAW, to: Any = PROGRAMS, **options: Any
) -> Callable[[Model], Model]:
    """Enter a model: what is decorated takes n_users, n_items, n_factors, y_range."""

    def enter(make: Model) -> Model:
        def case(setting: Setting) -> Case:
            setting = in_range(setting, y_range)
            return {"model": built(make, setting), **batch(setting)}

        enter_as("model", make, right, stage, case, to, options)
        return make

    return enter


def wrong_loss(
    *right: str, stage: Any = "loss", model: Model | None = None, to: Any = PROGRAMS, **options: Any
) -> Callable[..., Any]:
    """Enter a loss function of (pred, rating)."""

    def enter(loss: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def case(setting: Setting) -> Case:
            # A model that returns a column makes another mistake out of some losses.
            make = model or STYLES[setting.seed % 3]
            return {"model": built(make, setting), **batch(setting), "loss": loss}

        enter_as("loss", loss, right, stage, case, to, options)
        return loss

    return enter


def wrong_optimizer(*right: str, intended: dict[str, Any], **options: Any) -> Callable[..., Any]:
    """Enter an optimiser: what is decorated takes the model and returns its optimizer."""
    return _watched("optimizer", right, intended, **options)


def wrong_step(*right: str, intended: dict[str, Any], **options: Any) -> Callable[..., Any]:
    """Enter a training step: what is decorated takes the model and returns step(x, rating)."""
    return _watched("step", right, intended, **options)


def wrong_rule(*right: str, intended: dict[str, Any], **options: Any) -> Callable[..., Any]:
    """Enter a class of optimisers written by hand, made with what was meant."""

    def enter(rule: Any) -> Any:
        def make(model: nn.Module) -> Any:
            return rule(model.parameters(), **settings(intended))

        make.__name__ = rule.__name__
        wrong_optimizer(*right, intended=intended, **options)(make)
        return rule

    return enter


def settings(meant: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Keywords of torch's optimiser: those that were meant, with changes."""
    return {name: value for name, value in (meant | changes).items() if name != "optimizer"}


def _watched(
    subject: str,
    right: Any,
    intended: dict[str, Any],
    stage: Any = "step",
    model: Model | None = None,
    steps: int = 3,
    to: Any = PROGRAMS,
    **options: Any,
) -> Callable[..., Any]:
    """Enter what is made of a model, beside it and what was meant, under a keyword of the check."""

    def enter(make: Callable[[nn.Module], Any]) -> Callable[[nn.Module], Any]:
        def case(setting: Setting) -> Case:
            net = built(model or STYLES[setting.seed % 4], setting)
            meant = {subject: make(net), "intended": dict(intended), "steps": steps}
            return {"model": net, **batch(setting), **meant}

        enter_as(subject, make, right, stage, case, to, options)
        return make

    return enter


def enter_as(
    subject: str, made: Any, right: Any, stage: Any, case: Any, to: Any, options: dict[str, Any]
) -> None:
    """Enter what was decorated under its own name, in words with underscores."""
    name = "".join("_" + c.lower() if c.isupper() else c for c in made.__name__).lstrip("_")
    add(Program(name, frozenset(right), stages(stage), case, subject, **options), to)


def with_sizes_unsaid(program: Program) -> Program:
    """Return the program handed over without n_users and n_items."""

    def case(setting: Setting) -> Case:
        return {k: v for k, v in program.make(setting).items() if k not in ("n_users", "n_items")}

    return replace(program, make=case)
