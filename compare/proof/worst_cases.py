"""Worst cases: how much of each bound can be used, by inputs built or searched for that purpose.

    python -m compare.proof.worst_cases [--json FILE]

A bound that nothing comes near proves little.  Sums are built so that every addition rounds the
same way; for the rest a hill climb changes one input at a time and keeps what uses more.
"""

import argparse
import json
import sys
import warnings
from typing import Any, NamedTuple

import numpy as np

from compare.proof.draws import Arguments, Draw
from compare.proof.exact_run import hold
from compare.proof.executions import EXECUTIONS
from compare.proof.layers import DRAWS, built
from compare.proof.subjects import SUBJECTS, Subject
from npcf.verify.bounds import PRECISION

SIZES = (1, 8, 50, 128)
DTYPES = ("float32", "float64")
SUBJECT = {subject.name: subject for subject in SUBJECTS}
EXECUTION_NAMES = tuple(EXECUTIONS)


class Worst(NamedTuple):
    """The largest share of a bound that was reached."""

    result: str
    dtype: str
    k: int  # factors, repetitions of a row, or ratings in a batch
    execution: str
    share: float


def growing(k: int, dtype: Any, rng: Any) -> Any:
    """Return k numbers whose sum from the left loses nearly u of 1 at every addition.

    1, then k - 1 numbers a little below u: each addition returns 1 again and drops its term whole.
    Relative to gamma_(k-1) sum |x|, that is almost everything.
    """
    u = PRECISION[np.dtype(dtype)].u
    terms = np.full(k, u * (1 - 2**-6))
    terms[0] = 1
    return terms.astype(dtype)


def rows(k: int, dtype: Any, rng: Any, n: int = 64) -> Any:
    """Return (n, k) products' factors: terms that round alike in the product and in the sum."""
    left = np.tile(growing(k, dtype, rng), (n, 1))
    right = (1 + rng.random((n, k)) * 2.0**-5).astype(dtype)
    right[:, 1:] = 1
    return left, right


def lookups(k: int, dtype: Any, rng: Any) -> Arguments:
    """Return one row named k times, in 32 columns."""
    scale = (1 + rng.random(32)).astype(dtype)
    d_out = growing(k, dtype, rng)[:, None] * np.ones(32, dtype)
    d_out[0] *= 1 + (scale - 1) * np.dtype(dtype).type(2.0**-8)
    return {"weight": np.zeros((1, 32), dtype), "ids": np.zeros(k, int), "d_out": d_out}


def row_pairs(k: int, dtype: Any, rng: Any) -> Arguments:
    """Return products of which the first is rounded down, and the others are lost in the sum."""
    left, right = rows(k, dtype, rng)
    left[:, 0] = 1 + rng.random(64) * 2.0**-5
    return {"left": left, "right": right, "d_out": (1 + rng.random(64)).astype(dtype)}


def biases(k: int, dtype: Any, rng: Any) -> Arguments:
    """Return k ratings of one user and one item."""
    u, b = PRECISION[np.dtype(dtype)].u, np.zeros(1, dtype)
    dot = np.full(k, 1, dtype) + (rng.integers(0, 8, k) * 2 * u).astype(dtype)
    lost = np.dtype(dtype).type(u * (1 - 2**-6))
    users = np.zeros(k, int)
    return {"dot": dot, "user_bias": b + lost, "item_bias": b + lost, "users": users,
            "items": users, "d_out": growing(k, dtype, rng)}  # fmt: skip


def ranges(k: int, dtype: Any, rng: Any) -> Arguments:
    """Return k logits at random."""
    x = (rng.standard_normal(k) * 3).astype(dtype)
    d_out = (1 + rng.random(k)).astype(dtype)
    return {"x": x, "low": 0.0, "high": 5.5, "d_out": d_out}


def losses(k: int, dtype: Any, rng: Any) -> Arguments:
    """Return k errors whose squares are 1 and then a little below u each."""
    root = np.sqrt(growing(k, dtype, rng).astype(np.float64)).astype(dtype)
    shift = rng.random(k).astype(dtype) / 4
    return {"pred": shift + root, "rating": shift, "d_loss": 1.0 + rng.random()}


def models(k: int, dtype: Any, rng: Any) -> Arguments:
    """Return one user's k ratings of k items by k factors, unsquashed or not."""
    left, right = rows(k, dtype, rng, k)
    params = {
        "user_factors": left[:1],
        "item_factors": right,
        "user_bias": np.full(1, 2.0**-30, dtype),
        "item_bias": np.full(k, 2.0**-30, dtype),
    }
    y_range = ((0.0, 5.5), (-1.0, 1.0), None)[int(rng.integers(3))]
    rating = (rng.integers(1, 11, k) / 2).astype(dtype)
    return {"params": params, "users": np.zeros(k, int), "items": np.arange(k),
            "rating": rating, "y_range": y_range, "mean": 0.0}  # fmt: skip


BUILT = {
    "embedding": lookups,
    "embedding_by_frequency": lookups,
    "one_hot": lookups,
    "row_dot": row_pairs,
    "bias": biases,
    "sigmoid_range": ranges,
    "mse": losses,
    "dot_product_bias": models,
    **{name: built(name) for name in DRAWS},
}


def start(subject: Subject, k: int, dtype: Any, rng: Any) -> Arguments:
    """Return a first guess: built where there is a construction, else drawn."""
    if subject.name in BUILT:
        return BUILT[subject.name](k, dtype, rng)
    arguments = subject.draw(Draw(rng, dtype, "one sign"))
    if subject.name == "renormalise_rows":
        roots = np.sqrt(growing(k, dtype, rng).astype(np.float64)) * (1 + rng.random((16, 1)) / 8)
        ids, max_norm = np.arange(16), float(rng.choice([0.5, 0.7, 0.9]))
        return {"weight": roots.astype(dtype), "ids": ids, "max_norm": max_norm}
    return {  # a step has no k: k entries
        name: x[:k] if isinstance(x, np.ndarray) else x for name, x in arguments.items()
    }


def nudged(arguments: Arguments, rng: Any) -> Arguments:
    """Return the arguments with the last digits of a part of one array changed."""
    result = dict(arguments)
    params = result.get("params")
    pool = params if params is not None and rng.random() < 0.8 else result
    floats = [n for n, x in pool.items() if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    name = floats[int(rng.integers(len(floats)))]
    array = pool[name].copy()
    width = 2.0 ** rng.integers(-20, 0)
    chosen = rng.random(array.shape) < max(0.3, 1 / max(array.size, 1))
    factor = 1 + width * rng.standard_normal(array.shape)
    array = np.where(chosen, np.abs(array * factor) * np.sign(array), array).astype(array.dtype)
    if params is not None and pool is params:
        result["params"] = params | {name: array}
    else:
        result[name] = array
    if "a" in result:  # a variance stays one: torch's root of v - a**2 < 0 is NaN
        least = result["a"] * result["a"] * array.dtype.type(1.25)
        result["v"] = np.maximum(result["v"], least)
    return result


def climb(subject: Subject, k: int, dtype: Any, seed: int, steps: int) -> dict[Any, float]:
    """Return {(result, execution): largest share}, from fresh starts and from nudges of the best.

    Every result is climbed in its turn; what the others reach on the way counts too.
    """
    rng = np.random.default_rng([seed, k, np.dtype(dtype).itemsize])
    best: dict[Any, float] = {}
    kept: dict[str, tuple[float, Arguments]] = {}
    for step in range(steps):
        result = subject.results[step % len(subject.results)]
        fresh = step < steps // 2 or result not in kept
        arguments = start(subject, k, dtype, rng) if fresh else nudged(kept[result][1], rng)
        for name, execution, share in hold(subject, arguments):
            largest = float(np.max(share, where=~np.isnan(share), initial=0.0))
            key = (name, execution)
            best[key] = max(best.get(key, 0.0), largest)
            if largest > kept.get(name, (-1.0, None))[0]:
                kept[name] = (largest, arguments)
    return best


def worst_cases(sizes: tuple[int, ...] = SIZES, seed: int = 0, steps: int = 60) -> list[Worst]:
    """Return the largest share of each bound at each size, dtype and execution."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for subject in SUBJECTS:
            for dtype in DTYPES:
                for k in sizes:
                    best = climb(subject, k, dtype, seed, steps)
                    found += [
                        Worst(f"{subject.name}.{name}", dtype, k, execution, share)
                        for (name, execution), share in best.items()
                    ]
    return found


def table(found: list[Worst]) -> str:
    """Return lines: a result and dtype each; for every k the largest share of each execution."""
    sizes = sorted({worst.k for worst in found})
    share = {worst[:4]: worst.share for worst in found}
    short = [name.replace("npcf ", "") for name in EXECUTION_NAMES]
    head = "".join(f"{'k = ' + str(k):>22}" for k in sizes)
    lines = [f"{'':<45}{head}", f"{'result':<36} {'dtype':<8}"]
    lines[1] += "".join(" " + "".join(f"{name:>7}" for name in short) for _ in sizes)
    for result, dtype in dict.fromkeys(worst[:2] for worst in found):
        cells = ""
        for k in sizes:
            row = [share.get((result, dtype, k, name)) for name in EXECUTION_NAMES]
            cells += " " + "".join(f"{'' if x is None else f'{x:.3f}':>7}" for x in row)
        lines.append(f"{result:<36} {dtype:<8}{cells}")
    return "\n".join(lines)


def least(found: list[Worst], k: int = 8) -> dict[str, float]:
    """Return for each result the largest share at k in any execution and dtype.

    Copies are left out: their bound is 0.
    """
    shares: dict[str, float] = {}
    for worst in found:
        if worst.k == k and worst.result not in COPIES:
            shares[worst.result] = max(shares.get(worst.result, 0.0), worst.share)
    return shares


COPIES = {"embedding.out", "one_hot.out", "bias.d_dot", "relu.out", "relu.d_x", "concatenate.out",
          "concatenate.d_left", "concatenate.d_right"}  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    from compare import torch_models

    torch_models.single_thread_and_warm()
    parser = argparse.ArgumentParser(prog="python -m compare.proof.worst_cases")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    found = worst_cases(seed=options.seed, steps=options.steps)
    print(table(found))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump([worst._asdict() for worst in found], file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
