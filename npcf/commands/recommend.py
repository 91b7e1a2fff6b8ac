"""`npcf recommend`: the best items for users, without what they have rated."""

import argparse
from typing import Any

from npcf.commands.common import add_verb, load_predictor, print_table, require_effect, typed_id
from npcf.commands.reading import READING, add_reading, read_ratings


def add(verbs: Any) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "recommend", "list the items of largest prediction for users",
                      "npcf recommend model.npcf 196 186 -n 5 --seen ml-100k", run)  # fmt: skip
    parser.add_argument("model", help="a model saved by npcf train --save")
    parser.add_argument("users", nargs="*", help="user ids (default: all)")
    parser.add_argument("-n", type=int, default=10, help="items a user (default: 10)")
    parser.add_argument("--seen", metavar="PATH", help="ratings whose items are left out")
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Print the recommendations."""
    from npcf.analysis import recommend_all

    require_effect(args, READING, args.seen is not None, "without --seen")
    predictor = load_predictor(args.model)
    users = [typed_id(text, predictor.user_vocab, "users") for text in args.users] or None
    seen = None if args.seen is None else read_ratings(args.seen, args, predictor)
    print_table(recommend_all(predictor, users, args.n, seen), args.json)
    return 0
