"""`npcf similar`: the items whose factors point the same way."""

import argparse
from typing import Any

from npcf.commands.common import add_verb, load_predictor, print_table, typed_id


def add(verbs: Any) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "similar", "list the items most like an item",
                      "npcf similar model.npcf 50 -n 5", run)  # fmt: skip
    parser.add_argument("model", help="a model saved by npcf train --save")
    parser.add_argument("item", help="an item id")
    parser.add_argument("-n", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--by", choices=("cosine", "dot"), default="cosine", help="likeness")


def run(args: argparse.Namespace) -> int:
    """Print the neighbours."""
    from npcf.analysis import similar_items

    predictor = load_predictor(args.model)
    item = typed_id(args.item, predictor.item_vocab, "item", predictor.titles)
    print_table(similar_items(predictor, item, args.n, args.by), args.json)
    return 0
