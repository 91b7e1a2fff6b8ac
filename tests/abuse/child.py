"""Abuse one room in this process, seed after seed: python -m tests.abuse.child ROOM FIRST LAST.

A line of JSON after each seed says how the abuses ended.  The process may well crash: then the
file $ABUSE_LOG ends with what was tried last.
"""

import json
import sys
import warnings

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.abuse import ledger
from tests.abuse.fused_steps import FusedSteps
from tests.abuse.learners import Learners
from tests.abuse.operations import Operations
from tests.abuse.per_rating import PerRating

ROOMS = {
    "operations": Operations, "fused": FusedSteps, "learner": Learners, "per-rating": PerRating
}  # fmt: skip
STEPS, RUNS = 20, 5  # of a run, of a seed


def run(room, number):
    """Run a machine some times from a seed; return how it failed, or None."""
    machine = seed(number)(type(room.__name__, (room,), {}))
    options = settings(
        max_examples=RUNS, stateful_step_count=STEPS, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(machine, settings=options)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(room, first, last):
    """Run seeds first .. last - 1."""
    warnings.simplefilter("ignore")
    sys.stdout = open(sys.stdout.fileno(), "w", buffering=1, closefd=False)
    for number in range(int(first), int(last)):
        ledger.COUNTS.clear()
        problem = run(ROOMS[room], number)
        counts = {" | ".join(key): n for key, n in ledger.COUNTS.items()}
        print(json.dumps({"seed": number, "counts": counts, "problem": problem}))


if __name__ == "__main__":
    main(*sys.argv[1:])
