"""Some hundred abuses, in processes of their own; 20,000 and more by `make check-abuse`.

And the machine itself: what a process dies of, and what ends wrong, is told.
"""

import subprocess
import sys
from collections import Counter

import pytest

from npcf.kernels import compiles
from tests.abuse.__main__ import ROOMS, Tally, child, main
from tests.abuse.ledger import WrongEndError, attempt, same_bits
from tests.laws import LONG

pytestmark = pytest.mark.skipif(not compiles(), reason="plain Python reads no foreign memory")

# Abuses, and seeds of a process, which takes longer to start than to run one seed.  Of the others
# some dozens: theirs take longer.
ABUSES = {"fused": (400, 4), "per-rating": (400, 2)}


@pytest.mark.slow("processes of their own")
@pytest.mark.parametrize("room", ROOMS)
def test_no_abuse_ends_in_a_crash_or_in_other_numbers(room, capsys):
    abuses, seeds = ABUSES.get(room, (60, 1))
    asked = ["--abuses", str(abuses * (10 if LONG else 1)), "--seeds", str(seeds)]
    assert main(["--room", room, *asked]) == 0, capsys.readouterr().out


def test_what_ends_wrong_is_told():
    for work, reference, text in (
        (lambda: 1 // 0, None, "ZeroDivisionError"),
        (lambda: 1.0, lambda: 2.0, "differs"),
        (lambda: 1.0, lambda: 1 // 0, "the reference says"),
        (lambda: {"a": 1.0}, lambda: {"a": 1}, "differs"),
    ):
        with pytest.raises(WrongEndError, match=text):
            attempt("a test", "of the ledger", work, reference, same_bits)


def test_a_crash_is_an_observation(monkeypatch):
    """A child that kills itself at seed 1: the seeds before and after count, its steps are told."""
    script = """
import json, os, sys
room, first, last = sys.argv[1:]
for seed in range(int(first), int(last)):
    with open(os.environ["ABUSE_LOG"], "w") as log:
        log.write(f"entry: step of seed {seed}")
    if seed == 1:
        os.abort()
    print(json.dumps({"seed": seed, "counts": {"entry | right": 3}, "problem": None}), flush=True)
"""
    run = subprocess.run

    def own(command, **options):
        return run([sys.executable, "-c", script, *command[5:]], **options)

    monkeypatch.setattr(subprocess, "run", own)
    tally = Tally()
    child("room", 0, 3, tally, {})
    assert tally.counts == Counter({"entry | right": 6, "room | crashed": 1})
    assert tally.problems[0][:2] == ("room", 1)
    assert "SIGABRT" in tally.problems[0][2]
    assert "step of seed 1" in tally.problems[0][2]
