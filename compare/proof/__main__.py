"""`make proof`: what must be reached, and what was.

    python -m compare.proof [--again]

Figures that take seconds are measured now; those that take minutes or hours are read from
`compare/proof/results/`, where their runs left them, with date and machine.  `--again` first makes
the runs of minutes anew: exact arithmetic, worst cases, mutants.
"""

import argparse
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np

from compare.limits import COMPLEX_STEP
from compare.proof import results
from compare.proof.worst_cases import Worst, least
from npcf import gradcheck, models
from npcf.data import Batch
from npcf.verify.conformance import LAWS

RUNS = {  # name of the result: the command that makes it, which writes its figures to a file
    "exact": ("compare.proof.exact_run", "--comparisons", "5000000", "--jobs", "2"),
    "worst_cases": ("compare.proof.worst_cases",),
    "mutants": ("npcf.verify.mistakes", "-j", "2"),
}


class Row(NamedTuple):
    """One line of the table."""

    question: str
    must: str
    aim: str
    reached: str
    ok: bool | None  # None: not measured yet
    when: str


def rows() -> list[Row]:
    """Return the table."""
    return [
        *_exact(), *_worst(), _laws(), *_mutants(), *_cosmic_ray(), _complex_step(), *_test_time()
    ]  # fmt: skip


def _exact() -> list[Row]:
    question, must, aim = (
        "comparisons with exact arithmetic",
        ">= 1,000,000, 0 outside",
        "5,000,000",
    )
    found = results.load("exact")
    if found is None:
        return [Row(question, must, aim, "", None, "")]
    rows = []
    for whose, part in (("npcf", "npcf"), ("PyTorch", "torch")):
        uses = [use for use in found["figures"] if part in use["execution"]]
        made, outside = (sum(use[name] for use in uses) for name in ("comparisons", "violations"))
        ok = made >= 1_000_000 and outside == 0
        reached = f"{made:,}, {outside} outside"
        rows.append(Row(f"{question}, {whose}", must, aim, reached, ok, _when(found)))
    return rows


def _worst() -> list[Row]:
    question, must = "largest share of a bound at k = 8, the least op", ">= 0.3"
    found = results.load("worst_cases")
    if found is None:
        return [Row(question, must, ">= 0.5", "", None, "")]
    shares = least([Worst(**worst) for worst in found["figures"]])
    name = min(shares, key=lambda result: shares[result])
    reached = f"{shares[name]:.2f} ({name})"
    return [Row(question, must, ">= 0.5", reached, shares[name] >= 0.3, _when(found))]


def _laws() -> Row:
    return Row("laws", "", "", str(len(LAWS)), True, "now")


def _mutants() -> list[Row]:
    question, must = "mutants killed at 200 inputs a law", "all of >= 301"
    found = results.load("mutants")
    if found is None:
        return [Row(question, must, "", "", None, "")]
    kills = found["figures"]
    dead = sum(bool(kill["law"]) for kill in kills)
    ok = dead == len(kills) >= 301
    return [Row(question, must, "", f"{dead} of {len(kills)}", ok, _when(found))]


def _cosmic_ray() -> list[Row]:
    question, must = "cosmic-ray on ops, models, optim: killed", ">= 95 %, rest explained"
    found = results.load("mutation")
    if found is None:
        return [Row(question, must, "100 %", "", None, "")]
    names = ("killed", "survived", "explained")
    rooms = found["figures"].values()
    killed, survived, explained = (sum(room[name] for room in rooms) for name in names)
    share = killed / (killed + survived)
    reached = f"{share:.1%} of {killed + survived}; {explained} of {survived} explained"
    return [Row(question, must, "100 %", reached, share >= 0.95 and explained == survived,
                _when(found))]  # fmt: skip


def _complex_step() -> Row:
    """Measure lesson 5's model with logits up to 4, float64."""
    rng = np.random.default_rng(0)
    model = models.EmbeddingDotBias(40, 30, 50, (0, 5.5), rng=rng, dtype=np.float64)
    for table in model.params.values():
        table *= 30
    batch = Batch(rng.integers(0, 40, 64), rng.integers(0, 30, 64), rng.integers(1, 6, 64) * 1.0)
    unsquashed = models.PairModel(model.params)(np.stack(batch[:2], axis=1))
    assert -4 <= unsquashed.min() < unsquashed.max() <= 4
    worst = max(m.relative for m in gradcheck(model, batch).worst if m.method == "complex step")
    question = "gradient error by complex step, float64, against the array's largest"
    return Row(question, "<= 1e-14", "", f"{worst:.1e}", worst <= COMPLEX_STEP.limit, "now")


def _test_time() -> list[Row]:
    question, must, aim = "`make test`, two cores", "<= 15 min", "8 min"
    found = results.load("make_test")
    if found is None:
        return [Row(question, must, aim, "", None, "")]
    minutes = found["seconds"] / 60
    return [Row(question, must, aim, f"{minutes:.1f} min", minutes <= 15, _when(found))]


def _when(found: dict[str, Any]) -> str:
    run = found["run"]
    return f"{run['date']}, {run['machine']}"


def as_markdown(table: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| | must | aim | reached | | measured |", "|---|---|---|---|---|---|"]
    for row in table:
        verdict = {None: "not run", True: "yes", False: "**no**"}[row.ok]
        lines.append(
            f"| {row.question} | {row.must} | {row.aim} | {row.reached} | {verdict} | {row.when} |"
        )
    return "\n".join(lines)


def again() -> None:
    """Make the runs of minutes, and keep what they found."""
    for name, (module, *options) in RUNS.items():
        file = results.FOLDER / f"{name}.part"
        results.FOLDER.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", module, *options, "--json", str(file)], check=False)
        results.keep(name, file)


def main() -> int:
    """Print the table; 1 where something falls short or was never run."""
    parser = argparse.ArgumentParser(prog="python -m compare.proof")
    parser.add_argument("--again", action="store_true", help="make the runs of minutes anew first")
    if parser.parse_args().again:
        again()
    table = rows()
    print(as_markdown(table))
    return int(not all(row.ok for row in table))


if __name__ == "__main__":
    sys.exit(main())
