"""`make crosscheck-proof`: what npcf.crosscheck must reach, and what it reached.

    python -m compare.crosscheck [part ...] [--jobs 2] [--record] [--failures FILE]
    python -m compare.crosscheck --recorded

Without a part, all but the long run.  Nothing is written unless asked for.
"""

import argparse
import os
import sys
from pathlib import Path

from compare.crosscheck import fastai_learners, record, speed, table
from compare.crosscheck.parts import PARTS, made

SHORT = [part for part in PARTS if part != "clean_long"]


def main() -> int:
    """Print the table; 1 where something falls short."""
    parser = argparse.ArgumentParser(prog="python -m compare.crosscheck")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join([*PARTS, "speed"]))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"write {record.RECORD.name}, and the table onto the page",
    )
    parser.add_argument("--recorded", action="store_true", help="print what the last runs reached")
    parser.add_argument("--failures", type=Path, help="write what fell short to a file")
    parser.add_argument("--every", type=int, default=1, help="only each n-th task")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - {*PARTS, "speed"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}, speed")
    if asked.recorded:
        print(record.as_text())
        return 0
    rows, everything, short = [], [], []
    for part in asked.parts or [*SHORT, "speed"]:
        if part == "speed":
            seconds = table.of_speed(speed.measured())
            rows += seconds
            if asked.record:
                record.keep(part, seconds, [], 1)
            continue
        if part == "fastai" and (why := fastai_learners.missing()):
            print(f"fastai's learners are left out: {why}", file=sys.stderr)
            continue
        found = made(part, 1 if part == "fastai" else asked.jobs, slice(None, None, asked.every))
        reached = table.ROWS[part](found)
        rows += reached
        print(table.as_markdown(reached), file=sys.stderr, flush=True)
        if asked.record:
            record.keep(part, reached, found, asked.every)
        everything += found
        short += [f"{part}: {outcome}" + f" changed {outcome.changed}" * bool(outcome.changed)
                  for outcome in table.shortfalls(part, found)]  # fmt: skip
    if everything:
        rows.append(table.of_state(sum(bool(o.changed) for o in everything), len(everything)))
    print(table.as_markdown(rows))
    if asked.record:
        record.onto_page()
    if asked.failures:
        asked.failures.write_text("\n".join(short) + "\n")
    return int(not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
