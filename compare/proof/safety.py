"""What must not change when code is moved: bits of fits, who kills which mutant, two timings.

    python -m compare.proof.safety record FILE [--part bits kills times]
    python -m compare.proof.safety compare FILE [--part bits kills times]

`record` at the commit before a move, `compare` after it, on the same machine with the same
libraries: bits, and even more so times, are a machine's own, so FILE is nobody else's and stays out
of the repository.

    bits     a fit of every optimiser by every backend, and of the per-rating loop; the digests of
             `tests/fingerprints.py`
    kills    the laws that report each mutant; a mutant that no law reports any more is an error,
             another set of laws is shown, for the diagnosis is a product
    times    the loops of `compare.bench` seed-run and per-rating, as medians of ratios to PyTorch
             and to the kernel in C; more than 3 % worse is an error

Only public names are used, so that one script runs before and after.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np

from npcf import models, optim
from npcf.data import CollabDataLoaders, planted
from npcf.training import Learner, PerRatingSGD
from tests.fingerprints import digest, fingerprints

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "SGD": lambda p, lr: optim.SGD(p, lr),
    "SGD, coupled": lambda p, lr: optim.SGD(p, lr, weight_decay=0.1),
    "SGD, touched rows": lambda p, lr: optim.SGD(p, lr, weight_decay=0.1, rows="touched_rows"),
    "SGD, Nesterov": lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "fastai SGD": lambda p, lr: optim.fastai_sgd(p, lr, mom=0.9, wd=0.1),
    "Adam": lambda p, lr: optim.Adam(p, lr),
    "Adam, coupled": lambda p, lr: optim.Adam(p, lr, weight_decay=0.1),
    "AdamW": lambda p, lr: optim.adamw(p, lr),
    "fastai Adam": optim.fastai_adam,
    "SparseAdam": lambda p, lr: optim.SparseAdam(p, lr),
    "RMSProp": lambda p, lr: optim.RMSProp(p, lr, momentum=0.9, centered=True),
}
EXECUTIONS: dict[str, dict[str, Any]] = {
    "numpy": {"backend": "numpy"},
    "numba": {"backend": "numba"},
    "numba, dense": {"backend": "numba", "deferred": False},
    "numba, deferred": {"backend": "numba", "deferred": True},
}
WORSE = 1.03  # times: what counts as a loss


def bits() -> dict[str, str]:
    """Return a digest for each fit; where settings have no such execution, why not."""
    found = dict(fingerprints())
    for dtype in (np.float32, np.float64):
        for rule in OPTIMIZERS:
            for execution in EXECUTIONS:
                name = f"{rule}, {execution}, {np.dtype(dtype).name}"
                found[name] = _fit(OPTIMIZERS[rule], EXECUTIONS[execution], dtype)
    return found | {f"per rating, {n} threads": _per_rating(n) for n in (1, 2)}


def _fit(opt_func: Callable[..., Any], execution: dict[str, Any], dtype: Any) -> str:
    """Return the digest of weights, states and losses after two epochs, or a refusal's name."""
    tables, batches = np.random.default_rng(0).spawn(2)
    ratings = planted(60, 40, 700, seed=3).ratings
    dls = CollabDataLoaders.from_ratings(ratings, bs=32, rng=batches)
    model = models.EmbeddingDotBias(dls.n_users, dls.n_items, 5, (0, 5.5), rng=tables, dtype=dtype)
    learner = Learner(dls, model, opt_func=opt_func, progress=False, outside="allow", **execution)
    try:
        learner.fit_one_cycle(2, 0.01)
    except ValueError as refusal:
        return type(refusal).__name__
    return digest(*model.params.values(), *learner.steps.to_numpy().T)


def _per_rating(threads: int) -> str:
    trainer = PerRatingSGD(n_factors=16, lr=0.01, weight_decay=0.05)
    trainer.fit(planted(300, 200, 6000, seed=3).ratings, n_epochs=2, threads=threads)
    return digest(*trainer.model.params.values())


def kills(jobs: int = 2) -> dict[str, list[str]]:
    """Return {mutant: the laws that report it}, from the laws nearest to the mistake."""
    from npcf.verify.mistakes.killing import MUTANTS

    with Pool(jobs, warnings.simplefilter, ("ignore",)) as pool:
        return dict(zip(MUTANTS, pool.map(_reporting, MUTANTS, chunksize=1), strict=True))


def _reporting(name: str) -> list[str]:
    from npcf.verify.conformance.implementation import Implementation
    from npcf.verify.conformance.runner import BROKEN, check
    from npcf.verify.mistakes import implementation
    from npcf.verify.mistakes.killing import MUTANTS, laws_for

    wrong, found = Implementation(implementation(MUTANTS[name])), list[str]()
    for examples in (10, 60, 200):
        for law in laws_for(MUTANTS[name])[:60]:
            outcome = check(law, wrong, max_examples=examples, shrink=False)
            found += [law.name] if outcome.status == BROKEN else []
        if found:
            break
    return found


def times() -> dict[str, float]:
    """Return {question: ratio to the peer}, larger is better."""
    from compare.bench import per_rating, seed_run
    from compare.bench.options import Options

    rows = [*seed_run.run(Options()).rows, *per_rating.run(Options()).rows]
    return {f"{row.question}, {row.peer}": row.ratio for row in rows if row.ratio is not None}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"bits": bits, "kills": kills, "times": times}


def differences(
    part: str, before: dict[str, Any], now: dict[str, Any]
) -> Iterator[tuple[str, bool]]:
    """Yield (what differs, whether it is an error)."""
    for name in before.keys() | now.keys():
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        line = f"{part}: {name}: {old} -> {new}"
        if old is None or (new is None and part != "kills"):
            yield line, new is None
        elif part == "kills":
            yield line, not new
        elif part == "times":
            yield line, old > WORSE * new
        else:
            yield line, True


def main() -> int:
    """Record or compare; return 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="python -m compare.proof.safety")
    parser.add_argument("what", choices=["record", "compare"])
    parser.add_argument("file", type=Path)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=["bits"])
    args = parser.parse_args()
    kept = json.loads(args.file.read_text()) if args.file.exists() else {}
    now = {part: PARTS[part]() for part in args.part}
    if args.what == "record":
        args.file.write_text(json.dumps(kept | now, indent=1) + "\n")
        print("; ".join(f"{part}: {len(now[part])}" for part in now))
        return 0
    found = [each for part in now for each in differences(part, kept[part], now[part])]
    for line, error in sorted(found):
        print("ERROR " if error else "      ", line)
    print(f"{sum(map(len, now.values()))} compared, {sum(e for _, e in found)} lost")
    return int(any(error for _, error in found))


if __name__ == "__main__":
    sys.exit(main())
