"""Print the kill table: `python -m npcf.verify.mistakes --max-examples 200 -j 2`."""

import argparse
import json
import sys
import warnings
from functools import partial
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from npcf.suggestions import did_you_mean
from npcf.verify.mistakes.killing import MUTANTS, Kill, kill


def main() -> int:
    """Return 1 if a mutant survives."""
    parser = argparse.ArgumentParser(prog="python -m npcf.verify.mistakes")
    parser.add_argument("names", nargs="*", help="mistakes to try (all)")
    parser.add_argument("--max-examples", type=int, default=200, help="inputs a law (200)")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there too")
    args = parser.parse_args()
    names = {name for name in args.names if name not in MUTANTS}
    for name in names - {wrong.mistake.name for wrong in MUTANTS.values()}:
        known = [*MUTANTS, *{wrong.mistake.name: None for wrong in MUTANTS.values()}]
        parser.error(f"there is no mistake {name!r}. {did_you_mean(name, known)}")
    chosen = [
        wrong for name, wrong in MUTANTS.items()
        if not args.names or name in args.names or wrong.mistake.name in names
    ]  # fmt: skip
    # Mutants divide by zero and overflow; that is their affair.
    with Pool(args.jobs, warnings.simplefilter, ("ignore",)) as pool:
        kills = list(pool.imap(partial(kill, max_examples=args.max_examples), chosen))
    print(as_markdown(kills))
    if args.json:
        args.json.write_text(json.dumps(list(map(as_dict, kills)), indent=1) + "\n")
    return int(not all(one.law for one in kills))


def as_markdown(kills: list[Kill]) -> str:
    """Return the table, and a line that counts."""
    lines = ["| mutant | mistake | killed by | inputs |", "|---|---|---|--:|"]
    for one in kills:
        by = f"{one.family}: `{one.law}`" if one.law else "**survives**"
        what = one.wrong.mistake.sentence
        lines.append(f"| {one.wrong.name} | {what} | {by} | {one.examples or ''} |")
    dead = [one for one in kills if one.law]
    laws = {one.law for one in dead}
    most = max((one.examples for one in dead), default=0)
    seconds = sum(one.seconds for one in kills)
    total = (
        f"{len(dead)} of {len(kills)} mutants killed, by {len(laws)} different laws, after at most "
        f"{most} inputs of the law that did; {seconds:.0f} s of computing."
    )
    return "\n".join([*lines, "", total])


def as_dict(one: Kill) -> dict[str, Any]:
    """Return a row of the table as JSON can hold it."""
    mistake = one.wrong.mistake
    mutant = {"mutant": one.wrong.name, "stage": mistake.stage, "why": mistake.sentence}
    found = {"law": one.law, "part": one.family, "inputs": one.examples, "message": one.message}
    return {**mutant, **found, "seconds": round(one.seconds, 3)}


if __name__ == "__main__":
    sys.exit(main())
