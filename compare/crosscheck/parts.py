"""The parts of the trial: each a list of tasks, and what one task comes to."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import optim

from compare.crosscheck import clean, clean_unusual, fastai_learners, pairs
from compare.crosscheck.leave_one_out import left_out
from compare.crosscheck.natural import natural
from compare.crosscheck.natural import programs as natural_programs
from compare.crosscheck.outsiders import OUTSIDERS
from compare.crosscheck.program import FLOATS, SIZES, Case
from compare.crosscheck.programs import PROGRAMS
from compare.crosscheck.scoring import Outcome, describe, outcome, run
from compare.torch_models import single_thread_and_warm
from npcf.verify.mistakes import MISTAKES

SGD = {"optimizer": "sgd", "lr": 0.1}


def _programs() -> list[Any]:
    return [(name, k) for name, p in PROGRAMS.items() for k in range(len(p.settings()))]


def _program(name: str, k: int) -> list[Outcome]:
    program = PROGRAMS[name]
    return [run(program, program.settings()[k])]


def _only_steps() -> list[Any]:
    return [(name,) for name, p in PROGRAMS.items() if p.subject != "model" and p.only_in_steps]


def _only_step(name: str) -> list[Outcome]:
    program = PROGRAMS[name]
    setting = program.settings()[len(program.settings()) // 2]
    case = as_step(program.make(setting))
    stages = program.stages | ({"step"} if program.subject == "loss" else set())
    right = (program.right,)
    return [outcome(name, f"only a step, {describe(setting)}", right, stages, case)]


def as_step(case: Case) -> Case:
    """Return the case with a training step in the place of its loss and optimiser."""
    case = dict(case)
    if "step" not in case:
        optimizer = case.pop("optimizer", None)
        if optimizer is None:
            optimizer = optim.SGD(case["model"].parameters(), lr=SGD["lr"])
        loss = case.pop("loss", None) or F.mse_loss
        case["step"] = step_in_own_shape(case["model"], loss, optimizer)
        case.setdefault("intended", dict(SGD))
        case["steps"] = max(3, case.get("steps", 1))
    return case


def step_in_own_shape(model: Any, loss: Any, optimizer: Any) -> Callable[..., Any]:
    """Return a step that gives the loss what the model returns, if it takes that."""
    flat = loss is F.mse_loss

    def step(x: Any, rating: Any) -> Any:
        optimizer.zero_grad()
        out = model(x[:, 0], x[:, 1]) if isinstance(model, clean.TwoColumns) else model(x)
        value = loss(out.view(-1) if flat else out, rating)
        value.backward()
        optimizer.step()
        return value.detach()

    return step


def _pairs(same_stage: bool, n: int = 120) -> list[Any]:
    size = ("small", "middle", "ml-100k")
    return [(same_stage, k, size[k % 3]) for k in range(min(n, len(pairs.pairs(same_stage))))]


def _pair(same_stage: bool, k: int, size: str) -> list[Outcome]:
    (both,) = islice(pairs.draw(k + 1, same_stage), k, None)
    return [pairs.run_one(both, size)]


def _left_out() -> list[Any]:
    return [(name,) for name, p in PROGRAMS.items() if p.right & set(MISTAKES)]


def _leave_one_out(name: str) -> list[Outcome]:
    return [left_out(PROGRAMS[name])]


def _outsider(name: str, k: int) -> list[Outcome]:
    program = OUTSIDERS[name]
    return [run(program, program.settings()[k])]


def _natural(name: str) -> list[Outcome]:
    return [natural(PROGRAMS[name])]


def _clean(first: int, n: int) -> list[Outcome]:
    return [_right(*clean.random_case(seed)) for seed in range(first, first + n)]


def _right(name: str, case: Case) -> Outcome:
    return outcome(name, "right", (), ["None"], case)


def _unusual(name: str) -> list[Outcome]:
    make = clean_unusual.UNUSUAL[name]
    return [_right(f"{name} [{where}]", make(setting)) for where, setting in settings_of(name)]


def settings_of(name: str) -> Iterator[tuple[str, Any]]:
    """Return the settings of an unusual case: one where it has to be compiled."""
    few = re.match("compiled", name)
    for size, setting in SIZES.items():
        for dtype in FLOATS[: 1 if few else 2]:
            if not few or size == "middle":
                yield f"{size}, {dtype}", replace(setting, dtype=dtype)


def _fastai() -> list[Outcome]:
    return [_right(name, case) for name, case in fastai_learners.cases()]


Tasks = Callable[[], list[Any]]
PARTS: dict[str, tuple[Tasks, Callable[..., list[Outcome]]]] = {
    "programs": (_programs, _program),
    "steps": (_only_steps, _only_step),
    "different": (lambda: _pairs(False), _pair),
    "same": (lambda: _pairs(True), _pair),
    "left_out": (_left_out, _leave_one_out),
    "outsiders": (lambda: [(n, k) for n in OUTSIDERS for k in range(6)], _outsider),
    "natural": (lambda: [(p.name,) for p in natural_programs()], _natural),
    "clean": (lambda: [(first, 25) for first in range(0, 1000, 25)], _clean),
    "clean_long": (lambda: [(first, 100) for first in range(0, 10_000, 100)], _clean),
    "unusual": (lambda: [(name,) for name in clean_unusual.UNUSUAL], _unusual),
    "fastai": (lambda: [()], _fastai),
}


def made(part: str, jobs: int = 1, take: slice = slice(None)) -> list[Outcome]:
    """Return the outcomes of a part, on so many processors."""
    tasks = PARTS[part][0]()[take]
    if jobs == 1:
        return [found for task in tasks for found in _do(part, task)]
    with ProcessPoolExecutor(jobs, get_context("spawn"), single_thread_and_warm) as pool:
        done = pool.map(_do, [part] * len(tasks), tasks, chunksize=4)
        return [found for outcomes in done for found in outcomes]


def _do(part: str, task: Any) -> list[Outcome]:
    return PARTS[part][1](*task)
