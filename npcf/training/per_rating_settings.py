"""Settings of per-rating SGD: presets, validation, and the numbers of each row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npcf._types import FloatArray, Params, YRange
from npcf.errors import (
    SettingError,
    require_choice,
    require_count,
    require_number,
    require_pair,
)
from npcf.foreign import shown
from npcf.models import PARAM_NAMES

STRETCH = 4096  # rows
LARGEST = 2.0**64  # of any setting: in float32, where they end up, products of two are finite still


@dataclass(frozen=True)
class Settings:
    """What a per-rating fit does.  A tuple has one number for users and one for items.

    `lr` falls exponentially to `final_lr` over `schedule_epochs` (default: those of the fit), and
    `bias_lr` by the same factor.  `decay_powers` (factors, then biases; users, then items) multiply
    a row's decay by (`decay_counts` / its ratings)**power: power 0 decays a row as often as it is
    rated, power 1 all rows alike.  `mean` is added to every logit; None is the logit of the mean
    rating, which without `y_range` is the mean itself.  Factors start from N(0, init / sqrt(K)).
    """

    n_factors: int = 64
    lr: float = 0.01
    weight_decay: float | tuple[float, float] = 0.05
    bias_lr: float | None = None  # None: lr
    bias_weight_decay: float | tuple[float, float] | None = None  # None: weight_decay
    y_range: YRange = None
    loss: str = "mse"  # or "cross_entropy", which needs y_range
    mean: float | None = None
    final_lr: float | None = None  # None: lr
    schedule_epochs: int | None = None
    decay_counts: float = 80.0
    decay_powers: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    init: float = 0.5
    seed: int = 0


presets = {
    "ml-100k": Settings(
        n_factors=256, lr=0.075, final_lr=0.005, schedule_epochs=100, bias_lr=0.025,
        weight_decay=(0.02, 0.03), bias_weight_decay=(0.004, 0.001), y_range=(1.0, 5.0),
        decay_powers=(0.4, 0.7, 0.3, 0.3), loss="cross_entropy", init=0.0625,
    ),
}  # fmt: skip
PRESET_EPOCHS = {"ml-100k": 45}


def check_settings(s: Settings) -> Settings:
    """Return the settings as plain numbers, or raise SettingError at the first that cannot be."""
    plain: dict[str, Any] = {
        "n_factors": require_count("n_factors", s.n_factors),
        "seed": require_count("seed", s.seed, 0, np.inf),
        "loss": require_choice("loss", s.loss, ("mse", "cross_entropy")),
    }
    for name in ("lr", "init", "decay_counts", "bias_lr", "final_lr"):
        if getattr(s, name) is not None or name not in ("bias_lr", "final_lr"):
            plain[name] = require_number(name, getattr(s, name), high=LARGEST)
    if s.final_lr is not None and not plain["lr"]:
        raise SettingError("final_lr", "cannot be reached from lr 0", "Leave it None.")
    if s.mean is not None:
        plain["mean"] = require_number("mean", s.mean, -LARGEST, LARGEST)
    if s.schedule_epochs is not None:
        plain["schedule_epochs"] = require_count("schedule_epochs", s.schedule_epochs)
    for name in ("weight_decay", "bias_weight_decay"):
        value = getattr(s, name)
        if isinstance(value, tuple | list):
            plain[name] = tuple(
                require_number(name, end, high=LARGEST) for end in require_pair(name, value)
            )
        elif value is not None or name == "weight_decay":
            plain[name] = require_number(name, value, high=LARGEST)
    powers = s.decay_powers
    if not isinstance(powers, tuple | list) or len(powers) != len(PARAM_NAMES):
        problem = f"is {shown(powers)}, not one number for each of {', '.join(PARAM_NAMES)}"
        raise SettingError("decay_powers", problem, "Give four.")
    plain["decay_powers"] = tuple(require_number("decay_powers", power) for power in powers)
    if s.y_range is None and s.loss == "cross_entropy":
        raise SettingError("y_range", "is None", "Cross-entropy needs the range of the ratings.")
    if s.y_range is not None:
        ends = require_pair("y_range", s.y_range)
        low, high = (require_number("y_range", end, -LARGEST, LARGEST) for end in ends)
        if not low < high:
            raise SettingError("y_range", f"({low}, {high}) is no range", "Give (low, high).")
        plain["y_range"] = low, high
    return replace(s, **plain)


def fresh_tables(
    s: Settings, n_users: int, n_items: int
) -> Iterator[tuple[str, Iterator[FloatArray]]]:
    """Go through the tables of factors, drawn STRETCH rows at a time from N(0, init / sqrt(K)).

    So no second copy of a table is ever in memory; biases start from zero.
    """
    rng, scale = np.random.default_rng(s.seed), np.float32(s.init / np.sqrt(s.n_factors))
    for name, n in zip(PARAM_NAMES[:2], (n_users, n_items), strict=True):
        sizes = (min(STRETCH, n - first) for first in range(0, n, STRETCH))
        yield name, (scale * rng.standard_normal((m, s.n_factors), np.float32) for m in sizes)


def decays_of(s: Settings, counts: tuple[Any, Any]) -> Params:
    """Return each row's decay (N,): the setting, weighted by how many ratings the row has."""
    of_biases = s.weight_decay if s.bias_weight_decay is None else s.bias_weight_decay
    settings = *_pair("weight_decay", s.weight_decay), *_pair("bias_weight_decay", of_biases)
    decays: Params = {}
    for n, (name, wd, power) in enumerate(zip(PARAM_NAMES, settings, s.decay_powers, strict=True)):
        ratio = s.decay_counts / np.maximum(counts[n % 2], 1)
        with np.errstate(all="ignore"):  # what overflows is refused
            decays[name] = (wd * ratio**power).astype(np.float32)
        if not np.isfinite(decays[name]).all():
            problem = f"makes decays of {name} that are not finite in float32"
            raise SettingError("decay_powers", problem, "Lower decay_powers, or decay_counts.")
    return decays


def logit_of(mean: float, y_range: YRange) -> float:
    """Return what a model of no factors and biases must add to predict `mean`."""
    if y_range is None:
        return mean
    low, high = y_range
    share = min(max((mean - low) / (high - low), 1e-3), 1 - 1e-3)
    return float(np.log(share / (1 - share)))


def _pair(name: str, value: Any) -> tuple[float, float]:
    return require_pair(name, value) if isinstance(value, tuple | list) else (value, value)
