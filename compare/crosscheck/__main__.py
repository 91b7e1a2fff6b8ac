"""`make crosscheck-proof`: what npcf.crosscheck must reach, and what it reached.

    python -m compare.crosscheck [part ...] [--jobs 2] [--record] [--failures FILE]

Without a part, all but the long run.  Nothing is written unless asked for.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from compare.crosscheck import fastai_learners, speed, table
from compare.crosscheck.parts import PARTS, made
from compare.proof.results import circumstances

RECORD = Path(__file__).with_name("results.json")
SHORT = [part for part in PARTS if part != "clean_long"]


def main() -> int:
    """Print the table; 1 where something falls short."""
    parser = argparse.ArgumentParser(prog="python -m compare.crosscheck")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join([*PARTS, "speed"]))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    parser.add_argument("--failures", type=Path, help="write what fell short to a file")
    parser.add_argument("--every", type=int, default=1, help="only each n-th task")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {*PARTS, "speed"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}, speed")
    rows, everything, short = [], [], []
    for part in asked.parts or [*SHORT, "speed"]:
        if part == "speed":
            rows += table.of_speed(speed.measured())
            continue
        if part == "fastai" and (why := fastai_learners.missing()):
            print(f"fastai's learners are left out: {why}", file=sys.stderr)
            continue
        found = made(part, 1 if part == "fastai" else asked.jobs, slice(None, None, asked.every))
        rows += table.ROWS[part](found)
        print(table.as_markdown(table.ROWS[part](found)), file=sys.stderr, flush=True)
        everything += found
        short += [f"{part}: {outcome}" + f" changed {outcome.changed}" * bool(outcome.changed)
                  for outcome in table.shortfalls(part, found)]  # fmt: skip
    if everything:
        rows += table.of_state(everything)
    print(table.as_markdown(rows))
    if asked.failures:
        asked.failures.write_text("\n".join(short) + "\n")
    if asked.record:
        kept = {"rows": [row._asdict() for row in rows], "run": circumstances()}
        RECORD.write_text(json.dumps(kept, indent=1) + "\n")
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
