"""torch's samplers, and its schedules where they are ones of the protocol."""

from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler
from torch.utils.data import BatchSampler, RandomSampler

from compare.implementations.pytorch.tensors import Array


def epoch_batches(n: int, bs: int, seed: int, epoch: int, drop_last: bool) -> list[Array]:
    """Shuffle with torch's samplers, seeded anew for each epoch."""
    if n == 0:  # which RandomSampler refuses
        return []
    both = np.random.SeedSequence([seed, epoch]).generate_state(1)[0]
    generator = torch.Generator().manual_seed(int(both))
    order = RandomSampler(range(n), generator=generator)
    return [np.array(batch) for batch in BatchSampler(order, bs, drop_last)]


def cosine(n_steps: int, lr_max: float, lr_min: float) -> Array:
    """Run one cycle of the restarts, because CosineAnnealingLR is a recursion that drifts."""
    return cosine_restarts(n_steps, lr_max, n_steps, 1, lr_min)


def cosine_restarts(
    n_steps: int, lr_max: float, cycle_len: int, cycle_mult: int, lr_min: float
) -> Array:
    """Run CosineAnnealingWarmRestarts."""
    options = {"T_0": cycle_len, "T_mult": cycle_mult, "eta_min": lr_min}
    return scheduled(lr_scheduler.CosineAnnealingWarmRestarts, n_steps, lr_max, **options)[0]


def step_decay(n_steps: int, lr: float, step_size: int, gamma: float) -> Array:
    """Run StepLR."""
    return scheduled(lr_scheduler.StepLR, n_steps, lr, step_size=step_size, gamma=gamma)[0]


def one_cycle_torch(
    n_steps: int, max_lr: float, pct_start: float, div_factor: float, final_div_factor: float
) -> tuple[Array, Array]:
    """Run OneCycleLR."""
    options = {
        "max_lr": max_lr,
        "total_steps": n_steps,
        "pct_start": pct_start,
        "div_factor": div_factor,
        "final_div_factor": final_div_factor,
    }
    return scheduled(lr_scheduler.OneCycleLR, n_steps, max_lr, **options)


def scheduled(kind: Any, n_steps: int, lr: float, **options: Any) -> tuple[Array, Array]:
    """Return (lr, momentum) at each step of one of torch's schedules."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    schedule = kind(optimizer, **options)
    lrs, moms = np.zeros(n_steps), np.zeros(n_steps)
    for t in range(n_steps):
        group = optimizer.param_groups[0]
        lrs[t], moms[t] = group["lr"], group["momentum"]
        optimizer.step()
        if t + 1 < n_steps:
            schedule.step()
    return lrs, moms
