"""`npcf data`: fetch a data set, show what is in a file."""

import argparse
import sys
from typing import Any

from npcf.commands.common import add_verb, print_json
from npcf.commands.reading import add_reading, read_ratings


def add(verbs: Any) -> None:
    """Declare the verb and its two actions."""
    parser = verbs.add_parser(
        "data", help="fetch and show ratings", description="Fetch and show ratings.",
        epilog="example: npcf data show ml-100k",
    )  # fmt: skip
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    fetch = add_verb(actions, "fetch", "fetch a MovieLens data set and check it",
                     "npcf data fetch ml-100k --from ml-100k.zip", run_fetch)  # fmt: skip
    fetch.add_argument("name", help="ml-100k, ml-1m, ml-10m, ml-20m, ml-25m, ml-32m, …")
    fetch.add_argument("--to", metavar="DIR", help="where to (default: the user's cache)")
    fetch.add_argument("--from", dest="source", metavar="ZIP", help="a zip you have already")
    show = add_verb(actions, "show", "show sizes, ranges, duplicates and what is odd",
                    "npcf data show ml-latest-small/ratings.csv", run_show)  # fmt: skip
    show.add_argument("path", help="MovieLens folder, file or zip, csv, or -")
    add_reading(show)


def run_fetch(args: argparse.Namespace) -> int:
    """Fetch, and print where it lies."""
    from npcf.data import fetch, licence

    path = fetch(args.name, to=args.to, source=args.source)
    if args.json:
        print_json({"name": args.name, "path": str(path), "licence": licence(args.name)})
    else:
        print(licence(args.name), file=sys.stderr)
        print(path)
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Print the description of the ratings."""
    from npcf.data import describe

    found = describe(read_ratings(args.path, args))
    if args.json:
        print_json(found)
        return 0
    for name, value in found.items():
        if isinstance(value, list):
            value = "; ".join(map(str, value)) or "nothing"
        print(f"{name.replace('_', ' '):<22} {value}")
    return 0
