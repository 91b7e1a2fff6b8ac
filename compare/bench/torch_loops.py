"""Plain PyTorch loops of the seed run, as fast as they get without leaving PyTorch.

No data loader, no module: lookups by `F.embedding`, whose dense gradient is the fastest, no loss
read back, gradients set to None.  Three optimiser forms; one with the loss compiled.
"""

import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812

from compare.bench.measuring import Contestant
from compare.bench.seed_job import DECAY, EPS, SQR_MOM, Y_RANGE, SeedJob

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
FORMS: dict[str, dict[str, Any]] = {
    "PyTorch, AdamW fused": {"fused": True},
    "PyTorch, AdamW foreach": {"foreach": True},
    "PyTorch, AdamW fused, loss compiled": {"fused": True},
}


def loss_of(p: Any, q: Any, b: Any, c: Any, users: Any, items: Any, rating: Any) -> Any:
    """Return the loss of a batch; b and c are (N, 1)."""
    x = (F.embedding(users, p) * F.embedding(items, q)).sum(1)
    x = x + (F.embedding(users, b) + F.embedding(items, c)).squeeze(1)
    return F.mse_loss(torch.sigmoid(x) * (Y_RANGE[1] - Y_RANGE[0]) + Y_RANGE[0], rating)


def run_epoch(
    job: SeedJob, dtype: Any = torch.float32, loss: Callable[..., Any] = loss_of, **form: Any
) -> tuple[float, dict[str, Any]]:
    """Train the job's epoch; return (seconds of the loop, the weights)."""
    weights = {name: torch.from_numpy(table).to(dtype) for name, table in job.fresh().items()}
    tables = [torch.nn.Parameter(w.reshape(len(w), -1).contiguous()) for w in weights.values()]
    columns = [torch.from_numpy(array) for array in _ids_and_rating(job, dtype)]
    batches = list(
        zip(*(column.split(job.dls.train.batch_size) for column in columns), strict=True)
    )
    optimizer = torch.optim.AdamW(tables, lr=0.0, eps=EPS, weight_decay=DECAY, **form)
    group = optimizer.param_groups[0]
    rates = list(zip(job.lrs.tolist(), job.moms.tolist(), strict=True))
    start = time.perf_counter()
    for (lr, mom), batch in zip(rates, batches, strict=True):
        group["lr"], group["betas"] = lr, (mom, SQR_MOM)
        optimizer.zero_grad(set_to_none=True)
        loss(*tables, *batch).backward()
        optimizer.step()
    taken = time.perf_counter() - start
    shapes = {name: job.params[name].shape for name in weights}
    return taken, {
        name: table.detach().numpy().reshape(shapes[name])
        for name, table in zip(weights, tables, strict=True)
    }


def contestants(job: SeedJob, keep: dict[str, Any], forms: list[str]) -> list[Contestant]:
    """Return the loops of these forms; each leaves its weights in `keep` under its name."""
    return [Contestant(name, _prepare(job, name, keep)) for name in forms]


def dense_float64(job: SeedJob) -> dict[str, Any]:
    """Return the weights of the dense run in float64, by PyTorch, operation by operation."""
    torch.set_num_threads(1)
    return run_epoch(job, torch.float64, foreach=False)[1]


def _prepare(job: SeedJob, name: str, keep: dict[str, Any]) -> Callable[[], Callable[[], float]]:
    def prepare() -> Callable[[], float]:
        loss = torch.compile(loss_of, dynamic=False) if "compiled" in name else loss_of

        def once() -> float:
            torch.set_num_threads(1)
            taken, keep[name] = run_epoch(job, loss=loss, **FORMS[name])
            return taken

        once()
        return once

    return prepare


def _ids_and_rating(job: SeedJob, dtype: Any) -> tuple[Any, Any, Any]:
    epoch = job.epoch
    real = "float64" if dtype == torch.float64 else "float32"
    return epoch.users.astype("int64"), epoch.items.astype("int64"), epoch.rating.astype(real)
