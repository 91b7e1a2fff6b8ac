"""What does a step cost when the tables grow?  SGD with weight decay, batches of 64, k = 32.

Every row decays at every step.  PyTorch computes that densely: it refuses weight decay on sparse
gradients, so each step costs what the table costs.  npcf lets rows outside the batch wait, which
is exact; the last row of the table says how exact.

From ten thousand to ten million users, ten thousand items, ids uniform, tables in memory before.
Measured is a step in the middle of training: allocation comes before, and bringing every row up to
date comes when somebody reads.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compare.bench import picture
from compare.bench.measuring import Contestant, Measured, Times, alternate, seconds
from compare.bench.options import Answer, Options
from compare.bench.rows import Must, Row, figure_row, missing_row, ratio_row
from npcf.fused import trainer_for
from npcf.optim import SGD, Adam

K, BATCH, ITEMS, LR, DECAY, Y_RANGE = 32, 64, 10_000, 0.01, 0.05, (0.0, 5.5)
USERS, SMALL_USERS = (10_000, 100_000, 1_000_000, 10_000_000), (1_000, 10_000)
STEPS = 20_000
GROWTH, FASTER = Must(False, 3.5, 2), Must(True, 50_000, 150_000)
EXACT = Must(False, 1e-12)
TRIES = (  # fastai's Adam: a smaller eps magnifies the rounding of tiny gradients, dense or not
    (SGD, {}),
    (SGD, {"momentum": 0.9}),
    (Adam, {"betas": (0.9, 0.99), "eps": 1e-5, "decoupled": True}),
)


def run(options: Options) -> Answer:
    """Measure every size in turn, npcf and PyTorch."""
    sizes = SMALL_USERS if options.small else USERS
    steps = 200 if options.small else STEPS
    ours = [Contestant(f"npcf {n}", lambda n=n: npcf_steps(n, steps)) for n in sizes]  # type: ignore[misc]
    theirs = [Contestant(f"PyTorch {n}", lambda n=n: torch_steps(n)) for n in sizes]  # type: ignore[misc]
    measured = alternate([*ours, *theirs], options.rounds)
    micro = {name: times.scaled(1e6) for name, times in measured.times.items()}
    rows = [_growth(micro, sizes), *_against_torch(micro, measured, sizes), exactness()]
    return Answer(rows, {"microseconds a step": _medians(micro)}, _drawing(micro, sizes))


def tables(n_users: int, seed: int = 0) -> dict[str, Any]:
    """Return the four float32 tables; large ones repeat a block of random rows."""
    rng = np.random.default_rng(seed)
    block = rng.normal(0, 0.1, (10_000, K)).astype(np.float32)
    return {
        "user_factors": np.resize(block, (n_users, K)),
        "item_factors": rng.normal(0, 0.1, (ITEMS, K)).astype(np.float32),
        "user_bias": np.zeros((n_users, 1), np.float32),
        "item_bias": np.zeros((ITEMS, 1), np.float32),
    }


def npcf_steps(n_users: int, n_steps: int) -> Callable[[], float]:
    """Return the function that takes `n_steps` steps and returns the seconds of one."""
    fused = trainer_for(SGD(tables(n_users), LR, weight_decay=DECAY), Y_RANGE,
                        deferred=True, fast=True, batch_size=BATCH)  # fmt: skip
    if fused is None:
        raise AssertionError("there is no fused form of SGD with decay")
    rng = np.random.default_rng(1)
    lrs, starts = np.full(n_steps, LR), np.arange(n_steps + 1) * BATCH

    def once() -> float:
        batch = _ratings(rng, n_users, n_steps * BATCH)
        return seconds(lambda: fused.run(*batch, starts, lrs)) / n_steps

    once()
    return once


def torch_steps(n_users: int) -> Callable[[], float]:
    """Return the function that takes steps for a while and returns the seconds of one.

    On one thread or two, whichever is faster at this size.
    """
    import torch

    from compare.bench.torch_loops import loss_of

    params = [torch.nn.Parameter(torch.from_numpy(table)) for table in tables(n_users).values()]
    optimizer = torch.optim.SGD(params, LR, weight_decay=DECAY, foreach=False)
    rng = np.random.default_rng(1)

    def once(threads: int, n_steps: int) -> float:
        torch.set_num_threads(threads)
        batches = [_tensors(_ratings(rng, n_users, BATCH)) for _ in range(n_steps)]

        def steps() -> None:
            for batch in batches:
                optimizer.zero_grad(set_to_none=True)
                loss_of(*params, *batch).backward()
                optimizer.step()

        return seconds(steps) / n_steps

    once(1, 2)
    n_steps = max(2, min(500, int(0.5 / once(1, 2))))
    best = min((1, 2), key=lambda threads: once(threads, n_steps))
    return lambda: once(best, n_steps)


def _tensors(arrays: Any) -> list[Any]:
    import torch

    return [torch.from_numpy(a.astype(np.int64) if a.dtype.kind == "i" else a) for a in arrays]


def _ratings(rng: np.random.Generator, n_users: int, n: int) -> tuple[Any, Any, Any]:
    users, items = (rng.integers(0, rows, n, np.int32) for rows in (n_users, ITEMS))
    return users, items, rng.integers(1, 6, n).astype(np.float32)


def _growth(micro: Mapping[str, Times], sizes: tuple[int, ...]) -> Row:
    low, high = sizes[0], sizes[-1]
    question = f"a step with deferred decay: {high:,} users ÷ {low:,}"
    ours, base = micro[f"npcf {high}"], micro[f"npcf {low}"]
    return ratio_row(question, f"npcf, {low:,} users", ours, base, GROWTH, "µs", slowness=True)


def _against_torch(
    micro: Mapping[str, Times], measured: Measured, sizes: tuple[int, ...]
) -> list[Row]:
    rows = []
    for n in sizes[::-1]:
        question, must = f"the same at {n:,} users: PyTorch ÷ npcf", None
        if n == sizes[-1]:
            must = FASTER
        ours, theirs = micro[f"npcf {n}"], micro.get(f"PyTorch {n}")
        if theirs is None:
            why = measured.absent[f"PyTorch {n}"]
            rows.append(missing_row(question, "PyTorch, dense", must, "µs", why))
        else:
            rows.append(ratio_row(question, "PyTorch, dense", ours, theirs, must, "µs"))
    return rows


def exactness(n_steps: int = 1000) -> Row:
    """Return the row of deferred against dense, float64, random steps under a random schedule."""
    worst = max(_difference(kind, setting, n_steps) for kind, setting in TRIES)
    question = f"deferred against dense, float64, {n_steps:,} random steps: max-norm difference"
    return figure_row(question, Times((worst,)), EXACT, "")


def _difference(kind: Any, setting: dict[str, Any], n_steps: int) -> float:
    rng = np.random.default_rng(7)
    batch = _ratings(rng, 2_000, n_steps * BATCH)
    starts, lrs = np.arange(n_steps + 1) * BATCH, rng.uniform(0, LR, n_steps)
    moms = rng.uniform(0.8, 0.95, n_steps) if setting else None
    results = []
    for deferred in (True, False):
        params = {name: table.astype(np.float64) for name, table in tables(2_000).items()}
        optimizer = kind(params, LR, weight_decay=DECAY, **setting)
        fused = trainer_for(optimizer, Y_RANGE, deferred=deferred)
        if fused is None:
            raise AssertionError(f"there is no fused form of {kind.__name__}")
        fused.run(*batch, starts, lrs, moms)
        results.append({name: np.array(table) for name, table in optimizer.params.items()})
    waited, dense = results
    return max(
        float(np.abs(waited[name] - dense[name]).max() / np.abs(dense[name]).max())
        for name in dense
    )


def _medians(micro: Mapping[str, Times]) -> dict[str, float]:
    return {name: times.median for name, times in micro.items()}


def _drawing(micro: Mapping[str, Times], sizes: tuple[int, ...]) -> Callable[[Path], None]:
    series = {
        label: {float(n): micro[f"{who} {n}"] for n in sizes if f"{who} {n}" in micro}
        for who, label in (("npcf", "npcf, deferred decay"), ("PyTorch", "PyTorch, dense decay"))
    }
    there = {label: points for label, points in series.items() if points}
    title = "A step of SGD with weight decay, batch 64, k = 32"
    return lambda path: picture.lines(path, title, there, ("users in the table", "µs a step"))
