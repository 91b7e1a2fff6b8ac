"""Learning-rate and momentum schedules: one value a step, computed before training starts.

Step t of n_steps sits at t / n_steps: the first value is the start, and the end is where step
n_steps would be, as in fastai.  Cycles are in `npcf.optim.one_cycle`.
"""

import math

import numpy as np

from npcf.errors import SettingError, require_count, require_number, spell_checked
from npcf.optim.one_cycle import Values


@spell_checked
def constant(n_steps: int, lr: float) -> Values:
    """Return `lr` at every step."""
    return np.full(require_count("n_steps", n_steps), require_number("lr", lr))


@spell_checked
def linear(n_steps: int, start: float, end: float) -> Values:
    """Return start + t / n_steps (end - start): fastai's SchedLin, to the bit."""
    start, end = require_number("start", start), require_number("end", end)
    n_steps = require_count("n_steps", n_steps)
    return np.array([start + t / n_steps * (end - start) for t in range(n_steps)])


@spell_checked
def exponential(n_steps: int, start: float, end: float) -> Values:
    """Return start (end / start)**(t / n_steps): fastai's SchedExp, to the bit.

    Both ends must be positive: the quotient of neighbours is the same all the way.
    """
    start, end = require_number("start", start), require_number("end", end)
    for name, value in (("start", start), ("end", end)):
        if value == 0:
            raise SettingError(name, "must be > 0, got 0", "Use linear(...) to reach 0.", value=0)
    n_steps = require_count("n_steps", n_steps)
    return np.array([start * (end / start) ** (t / n_steps) for t in range(n_steps)])


@spell_checked
def exponential_range(num_it: int = 100, start_lr: float = 1e-7, end_lr: float = 10.0) -> Values:
    """Return the rates that fastai's `lr_find` tries, one for each of `num_it` batches."""
    return exponential(num_it, start_lr, end_lr)


@spell_checked
def cosine(n_steps: int, lr_max: float, lr_min: float = 0.0) -> Values:
    """Return lr_min + (lr_max - lr_min) (1 + cos(pi t / n_steps)) / 2 for t = 0 … n_steps - 1.

    Source: Loshchilov & Hutter 2017; torch `CosineAnnealingLR(T_max=n_steps)` in closed form.
    """
    lr_max, lr_min = require_number("lr_max", lr_max), require_number("lr_min", lr_min)
    n_steps = require_count("n_steps", n_steps)
    # the C library's cosine, as in the other schedules: np.cos differs between processors
    cosines = np.array([math.cos(math.pi * t / n_steps) for t in range(n_steps)])
    values: Values = lr_min + (lr_max - lr_min) * (1 + cosines) / 2
    return values


@spell_checked
def cosine_restarts(
    n_steps: int, lr_max: float, cycle_len: int, cycle_mult: int = 1, lr_min: float = 0.0
) -> Values:
    """Return `cosine` begun anew after cycle_len steps, each cycle cycle_mult times as long.

    torch's `CosineAnnealingWarmRestarts(T_0=cycle_len, T_mult=cycle_mult)`, to the bit; the
    `cycle_len` and `cycle_mult` of fastai's first lessons, counted in steps and not in epochs.
    Source: Loshchilov & Hutter 2017 (SGDR).
    """
    lr_max, lr_min = require_number("lr_max", lr_max), require_number("lr_min", lr_min)
    length, mult = require_count("cycle_len", cycle_len), require_count("cycle_mult", cycle_mult)
    t, values = 0, []
    for _ in range(require_count("n_steps", n_steps)):
        values.append(lr_min + (lr_max - lr_min) * (1 + math.cos(math.pi * t / length)) / 2)
        t += 1
        if t == length:
            t, length = 0, length * mult
    return np.array(values)


@spell_checked
def step_decay(n_steps: int, lr: float, step_size: int, gamma: float = 0.1) -> Values:
    """Return `lr`, multiplied by `gamma` after every `step_size` steps: torch's StepLR, to the bit.

    lr gamma**(t // step_size), but multiplied up step by step, as torch does.
    """
    lr, gamma = require_number("lr", lr), require_number("gamma", gamma)
    step_size, values = require_count("step_size", step_size), []
    for t in range(require_count("n_steps", n_steps)):
        if t and t % step_size == 0:
            lr *= gamma
        values.append(lr)
    return np.array(values)
