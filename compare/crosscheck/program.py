"""A wrong program on trial: what it is, what is a right answer, and how it is handed over."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

Case = dict[str, Any]  # keyword arguments of npcf.crosscheck
Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

FLOATS = (torch.float32, torch.float64)
DRAW = "as the size has it"  # of y_range: None is a value of its own


@dataclass(frozen=True)
class Setting:
    """Sizes, range, dtype and seed of one trial."""

    size: str
    n_users: int
    n_items: int
    n_factors: int
    batch: int
    y_range: tuple[float, float] | None
    dtype: torch.dtype = torch.float32
    seed: int = 0

    @property
    def sizes(self) -> tuple[Any, ...]:
        """What a model's constructor takes."""
        return self.n_users, self.n_items, self.n_factors, self.y_range


SIZES = {
    setting.size: setting
    for setting in (
        Setting("small", 6, 9, 3, 10, (0.5, 5.5)),
        Setting("middle", 60, 41, 6, 33, (1.0, 5.0)),
        Setting("ml-100k", 943, 1682, 50, 64, (0.0, 5.5)),
    )
}


@dataclass(frozen=True)
class Program:
    """A wrong program.

    Attributes
    ----------
    name : str
        Of the class or function.
    right : frozenset of str
        Names in the catalogue that are a right answer; several: no probe can tell them apart.
    stages : frozenset of str
        The first failing stage; two where the interface leaves open which.
    make : callable
        From a setting to the arguments of `npcf.crosscheck`.
    subject : str
        "model", "loss", "optimizer" or "step": what of it is wrong.
    real : tuple of int
        Numbers in the list of what people really get wrong.
    sizes, dtypes : tuples
        Where it is separable.
    needs : str
        What it needs to be separable, in words.
    """

    name: str
    right: frozenset[str]
    stages: frozenset[str]
    make: Callable[[Setting], Case]
    subject: str
    real: tuple[int, ...] = ()
    sizes: tuple[str, ...] = tuple(SIZES)
    dtypes: tuple[torch.dtype, ...] = FLOATS
    needs: str = ""
    only_in_steps: bool = True  # separable, too, where only a training step is handed over

    def settings(self) -> list[Setting]:
        """Return every setting in which it is separable."""
        return [
            replace(SIZES[size], dtype=dtype, seed=seed)
            for seed, (size, dtype) in enumerate(
                (size, dtype) for size in self.sizes for dtype in self.dtypes
            )
        ]


PROGRAMS: dict[str, Program] = {}
OUTSIDERS: dict[str, Program] = {}


def add(program: Program, to: dict[str, Program] = PROGRAMS) -> None:
    """Enter a program; each name once."""
    assert program.name not in to, program.name
    to[program.name] = program


def batch(setting: Setting, seed: int = 0) -> Case:
    """Return users, items and half-star ratings drawn at random, with n_users and n_items."""
    rng = np.random.default_rng([setting.seed, seed])
    low, high = setting.y_range or (0.5, 5)
    stars = rng.integers(int(np.ceil(2 * low)), int(2 * high) + 1, setting.batch) / 2
    return {
        "users": torch.from_numpy(rng.integers(0, setting.n_users, setting.batch)),
        "items": torch.from_numpy(rng.integers(0, setting.n_items, setting.batch)),
        "rating": torch.from_numpy(stars).to(setting.dtype),
        "n_users": setting.n_users,
        "n_items": setting.n_items,
        "y_range": setting.y_range,
    }


def in_range(setting: Setting, y_range: Any) -> Setting:
    """Return the setting with another range, unless it is DRAW."""
    return setting if y_range is DRAW else replace(setting, y_range=y_range)


def built(make: Callable[..., torch.nn.Module], setting: Setting) -> torch.nn.Module:
    """Return a new model in the setting's dtype, the same for the same setting."""
    torch.manual_seed(setting.seed)
    return make(*setting.sizes).to(setting.dtype)


def stages(stage: str | Iterable[str]) -> frozenset[str]:
    """Return the stages named by one name, or by several."""
    return frozenset([stage] if isinstance(stage, str) else stage)
