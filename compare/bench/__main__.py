"""`python -m compare.bench QUESTION ...`: measure, print the table, keep figures and picture.

    python -m compare.bench seed-run | per-rating | table-growth | threads | start-up | memory |
                            accuracy | all | show    [--rounds N]

`show` prints what the last runs left, for the README, without measuring.  Ends in 1 if something
that must be reached was not, or a question could not be answered.
"""

import argparse
import importlib
import sys
import time

from compare.bench import results
from compare.bench.measuring import Absent
from compare.bench.options import Answer, Options
from compare.bench.rows import Row, as_markdown, missing_row

QUESTIONS = {  # what it is called, and its module
    "seed-run": "seed_run",
    "per-rating": "per_rating",
    "threads": "threads",
    "table-growth": "table_growth",
    "start-up": "start_up",
    "memory": "memory",
    "accuracy": "accuracy",
}


def ask(question: str, options: Options) -> Answer:
    """Return the answer of a question; its module is imported only now, with what it needs."""
    answer: Answer = importlib.import_module(f"compare.bench.{QUESTIONS[question]}").run(options)
    return answer


def measure(question: str, options: Options) -> list[Row]:
    """Ask, print the table, keep the figures; return the rows."""
    start = time.perf_counter()
    answer, answered = _answer(question, options)
    print(f"\n{as_markdown(answer.rows)}\n", flush=True)
    print(f"{question}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if answered and not options.small:
        results.save(question, answer.rows, answer.more)
        if answer.draw is not None:
            answer.draw(results.FOLDER / f"{question}.svg")
    return answer.rows


def _answer(question: str, options: Options) -> tuple[Answer, bool]:
    """Return the answer, and whether it is one: without its data a question has none."""
    try:
        return ask(question, options), True
    except Absent as reason:
        row = missing_row(question, "", None, "", str(reason))
        return Answer([row._replace(must="an answer")], {}), False


def stored() -> str:
    """Return the README's part: the table of what the last runs left, and how they came about."""
    found = [content for question in QUESTIONS if (content := results.load(question))]
    rows = [row for content in found for row in content["rows"]]
    runs = [f"- {results.described(content)}" for content in found]
    return "\n".join([as_markdown(rows), "", *runs])


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m compare.bench", description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)  # fmt: skip
    parser.add_argument("question", nargs="+", choices=[*QUESTIONS, "all", "show"])
    parser.add_argument("--rounds", type=int, default=Options().rounds, help="(default: 5)")
    parser.add_argument("--small", action="store_true", help="seconds; figures mean nothing")
    args = parser.parse_args(arguments)
    if args.question == ["show"]:
        print(stored())
        return 0
    asked = QUESTIONS if "all" in args.question else args.question
    options = Options(args.rounds, args.small)
    rows = [row for question in asked for row in measure(question, options)]
    return int(any(row.must and not row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())
