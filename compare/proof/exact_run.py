"""Hold numbers against exact arithmetic, by the million, and say how much of each bound is used.

    python -m compare.proof.exact_run --comparisons 5000000 --seed 0 --jobs 2 [--json FILE]

Draws problems of designed kinds (`draws`) for every operation, loss, model and optimiser step in
both dtypes, computes each exactly once, and compares every execution there is with that.  Round r
of a seed is always the same, so a violation can be run again alone.  Exit status 1 if a number
lies outside its bound.
"""

import argparse
import json
import multiprocessing
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.proof.draws import KINDS, Draw
from compare.proof.executions import CLAIMS, EXECUTIONS, LIBRARY
from compare.proof.subjects import SUBJECTS, Subject
from npcf.verify import LIBRARIES, bounds, exact
from npcf.verify.assertions import shares

DTYPES = ("float32", "float64")


@dataclass
class Use:
    """How much of a bound was used, over all comparisons of one result in one execution."""

    comparisons: int = 0
    violations: int = 0
    largest: float = 0.0
    total: float = 0.0

    def add(self, other: "Use") -> None:
        """Take another's comparisons in."""
        self.comparisons += other.comparisons
        self.violations += other.violations
        self.largest = max(self.largest, other.largest)
        self.total += other.total

    @property
    def mean(self) -> float:
        """The mean share."""
        return self.total / max(self.comparisons, 1)


Key = tuple[str, str, str]  # result, dtype, execution
Uses = dict[Key, Use]


def used(share: Any) -> Use:
    """Return the Use of an array of shares; NaN, an infinite bound, compares nothing."""
    claimed = share[~np.isnan(share)]
    finite = np.minimum(claimed, np.finfo(np.float64).max)
    largest = float(claimed.max(initial=0.0))
    return Use(claimed.size, int((claimed > 1).sum()), largest, float(finite.sum()))


def hold(subject: Subject, arguments: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield (result, execution, shares of the bound) of one problem, in every execution."""
    right = subject.values(exact, arguments)
    for name, execution in EXECUTIONS.items():
        compute = getattr(execution, subject.name, None)
        if compute is None:
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            got = compute(arguments)
        claims = CLAIMS.get((name, subject.name), {})
        allowed = subject.values(bounds, arguments, library=LIBRARIES[LIBRARY[name]], **claims)
        for result, *triple in zip(subject.results, got, right, allowed, strict=True):
            if triple[1] is not None:
                yield result, name, shares(*triple)


def one_round(seed: int, number: int) -> Uses:
    """Draw and hold every subject once in each dtype."""
    uses: Uses = {}
    for i, subject in enumerate(SUBJECTS):
        for j, dtype in enumerate(DTYPES):
            rng = np.random.default_rng([seed, number, i, j])
            draw = Draw(rng, dtype, KINDS[number % len(KINDS)])
            for result, execution, share in hold(subject, subject.draw(draw)):
                use = used(share)
                if use.violations:
                    where = f"{subject.name}.{result}, {dtype}, {execution}"
                    which = f"seed {seed}, round {number}"
                    print(f"{where}: {which}, {use.largest:.4g} times the bound", file=sys.stderr)
                key = (f"{subject.name}.{result}", dtype, execution)
                uses.setdefault(key, Use()).add(use)
    return uses


def rounds(seed: int, first: int, step: int, comparisons: int) -> Uses:
    """Hold rounds first, first + step, ... until so many comparisons are made."""
    from compare import torch_models

    torch_models.single_thread_and_warm()
    uses: Uses = {}
    number = first
    while sum(use.comparisons for use in uses.values()) < comparisons:
        merge(uses, one_round(seed, number))
        number += step
    return uses


def merge(uses: Uses, more: Uses) -> None:
    """Add `more` to `uses`."""
    for key, use in more.items():
        uses.setdefault(key, Use()).add(use)


def exact_run(comparisons: int, seed: int = 0, jobs: int = 1) -> Uses:
    """Make so many comparisons, in so many processes."""
    share = -(-comparisons // jobs)
    if jobs == 1:
        return rounds(seed, 0, 1, share)
    total: Uses = {}
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for uses in pool.starmap(rounds, [(seed, job, jobs, share) for job in range(jobs)]):
            merge(total, uses)
    return total


def table(uses: Uses) -> str:
    """Return the uses as lines: a result and dtype each, largest and mean share by execution."""
    header = "".join(f"{name:>22}" for name in EXECUTIONS)
    lines = [f"{'result':<36} {'dtype':<8} {'compared':>9} {'outside':>7}{header}"]
    for result, dtype in sorted({key[:2] for key in uses}):
        row = [uses.get((result, dtype, name)) for name in EXECUTIONS]
        found = [use for use in row if use is not None]
        cells = "".join(
            f"{'':>22}" if use is None else f"{use.largest:>14.3f} {use.mean:>7.3f}" for use in row
        )
        compared = sum(use.comparisons for use in found)
        outside = sum(use.violations for use in found)
        lines.append(f"{result:<36} {dtype:<8} {compared:>9} {outside:>7}{cells}")
    compared, outside = totals(uses)
    lines.append(f"{compared} comparisons with exact arithmetic, {outside} outside the bound")
    return "\n".join(lines)


def totals(uses: Uses) -> tuple[int, int]:
    """Return how many comparisons were made, and how many lay outside."""
    every = uses.values()
    return sum(use.comparisons for use in every), sum(use.violations for use in every)


def as_json(uses: Uses) -> list[dict[str, Any]]:
    """Return the uses as records."""
    names = ("result", "dtype", "execution")
    return [
        dict(zip(names, key, strict=True)) | vars(use) | {"mean": use.mean}
        for key, use in sorted(uses.items())
    ]


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m compare.proof.exact_run", description=__doc__)
    parser.add_argument("--comparisons", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    uses = exact_run(options.comparisons, options.seed, options.jobs)
    print(table(uses))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(as_json(uses), file, indent=1)
    return 1 if totals(uses)[1] else 0


if __name__ == "__main__":
    sys.exit(main())
