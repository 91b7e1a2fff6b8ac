"""Abuse everything that reaches compiled code, in child processes: python -m tests.abuse.

    --abuses 20000   how many, at least, over all rooms
    --room NAME      one of operations, fused, learner, per-rating; all by default
    --seed 0         where to begin
    --go-on          count what ends wrong and go on, until something crashes

An abuse grows, cuts, swaps, recasts or locks what compiled code is going to read or write, forges
a cache or a checkpoint, or changes something under way.  It must end in an NpcfError or in the
reference's numbers.  A crash is an observation: the child's seed and its last steps are printed.
Under NUMBA_BOUNDSCHECK=1 an index outside an array is an error even where it would hit nothing.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOMS = ("operations", "fused", "learner", "per-rating")
SEEDS = 8  # a child's
PATIENCE = 600  # seconds of a child
SHOWN = 12  # lines of a log
ENDS = ("refused", "right", "wrong", "crashed")


class Tally:
    """What was seen so far."""

    def __init__(self):
        self.counts, self.problems = Counter(), []

    @property
    def abuses(self):
        return self.counts.total()

    def add(self, room, line):
        """Count what a child says about one seed."""
        told = json.loads(line)
        for key, n in told["counts"].items():
            self.counts[key] += n
        if told["problem"]:
            self.problems.append((room, told["seed"], told["problem"]))
        return told["seed"]


def child(room, first, last, tally, more):
    """Run seeds first .. last - 1 of a room in a process; after a crash the rest in another."""
    while first < last:
        with tempfile.NamedTemporaryFile() as log:
            command = [sys.executable, "-X", "faulthandler", "-m", "tests.abuse.child", room]
            done = subprocess.run(
                [*command, str(first), str(last)], env=os.environ | more | {"ABUSE_LOG": log.name},
                capture_output=True, text=True, timeout=PATIENCE,
            )  # fmt: skip
            seeds = [tally.add(room, line) for line in done.stdout.splitlines() if line[:1] == "{"]
            first = seeds[-1] + 1 if seeds else first
            if done.returncode:
                steps = Path(log.name).read_text().splitlines()
                tally.counts[f"{room} | crashed"] += 1
                tally.problems.append((room, first, _crash(done, steps)))
                first += 1


def _crash(done, steps):
    name = done.returncode
    if name < 0:
        name = signal.Signals(-name).name
    last = "\n".join(f"    {step}" for step in steps[-SHOWN:])
    error = done.stderr.strip().splitlines()[-1:] if done.returncode > 0 else []
    return f"CRASH {name} {' '.join(error)}\n{last}"


def report(tally, seconds):
    """Print how the abuses ended, and each that ended wrong."""
    entries = sorted({key.rpartition(" | ")[0] for key in tally.counts})
    print(f"{'entry':<34}" + "".join(f"{how:>9}" for how in ENDS))
    for entry in entries:
        print(f"{entry:<34}" + "".join(f"{tally.counts[f'{entry} | {how}']:>9}" for how in ENDS))
    for room, number, problem in tally.problems:
        print(f"\n{room}, seed {number} (python -m tests.abuse.child {room} {number} {number + 1})")
        print(f"  {problem}")
    ends = {how: sum(n for key, n in tally.counts.items() if key.endswith(f"| {how}"))
            for how in ENDS}  # fmt: skip
    told = ", ".join(f"{n} {how}" for how, n in ends.items())
    print(f"\n{tally.abuses} abuses in {seconds:.0f} s: {told}")


def main(arguments=None):
    """Return 1 if anything ended wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse")
    parser.add_argument("--abuses", type=int, default=20_000)
    parser.add_argument("--room", choices=ROOMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of a child")
    parser.add_argument("--problems", type=int, default=20, help="stop after so many")
    parser.add_argument("--go-on", action="store_true")
    options = parser.parse_args(arguments)
    more = {"ABUSE_GO_ON": "1"} if options.go_on else {}
    tally, start, first = Tally(), time.monotonic(), options.seed
    while tally.abuses < options.abuses and len(tally.problems) < options.problems:
        for room in (options.room,) if options.room else ROOMS:
            child(room, first, first + options.seeds, tally, more)
        first += options.seeds
    report(tally, time.monotonic() - start)
    return 1 if tally.problems or any(key.endswith("| wrong") for key in tally.counts) else 0


if __name__ == "__main__":
    sys.exit(main())
