"""`npcf recommend`, `npcf evaluate`, `npcf similar`: questions to a saved model."""

import argparse
from typing import Any

from npcf.commands.common import (
    add_policy,
    add_verb,
    clip_of,
    load_predictor,
    print_json,
    print_table,
    require_effect,
    typed_id,
)
from npcf.commands.reading import READING, add_reading, read_ratings


def add(verbs: Any) -> None:
    """Declare the three verbs."""
    parser = add_verb(verbs, "recommend", "list the items of largest prediction for users",
                      "npcf recommend model.npcf 196 186 -n 5 --seen ml-100k", recommend,
                      model=True)  # fmt: skip
    parser.add_argument("users", nargs="*", help="user ids (default: all)")
    parser.add_argument("-n", type=int, default=10, help="items a user (default: 10)")
    parser.add_argument("--seen", metavar="PATH", help="ratings whose items are left out")
    add_reading(parser)
    parser = add_verb(verbs, "evaluate", "measure a saved model on ratings",
                      "npcf evaluate model.npcf ml-100k/u1.test", evaluate, model=True)  # fmt: skip
    parser.add_argument("data", help="ratings: MovieLens folder or file, csv, or -")
    add_policy(parser, "mean")
    add_reading(parser)
    parser = add_verb(verbs, "similar", "list the items most like an item",
                      "npcf similar model.npcf 50 -n 5", similar, model=True)  # fmt: skip
    parser.add_argument("item", help="an item id")
    parser.add_argument("-n", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--by", choices=("cosine", "dot", "euclidean"), default="cosine",
                        help="likeness (default: cosine)")  # fmt: skip


def recommend(args: argparse.Namespace) -> int:
    """Print the best items of users, without what they have rated."""
    from npcf.analysis import recommend_all

    require_effect(args, READING, args.seen is not None, "without --seen")
    predictor = load_predictor(args.model)
    users = [typed_id(text, predictor.user_vocab, "users") for text in args.users] or None
    seen = None if args.seen is None else read_ratings(args.seen, args, predictor)
    print_table(recommend_all(predictor, users, args.n, seen), args.json)
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """Print RMSE and MAE, and how many ids were unknown."""
    from npcf.training import mae, rmse

    predictor = load_predictor(args.model)
    ratings = read_ratings(args.data, args, predictor)
    pred = predictor.predict_ratings(ratings, unknown=args.unknown, clip=clip_of(args))
    unknown_users, unknown_items = predictor.unknown_counts(ratings)
    result = {
        "ratings": len(ratings),
        "rmse": rmse(pred, ratings.rating),
        "mae": mae(pred, ratings.rating),
        "unknown_users": unknown_users,
        "unknown_items": unknown_items,
    }
    if args.json:
        print_json(result)
    else:
        for name, value in result.items():
            shown = f"{value:.4f}" if isinstance(value, float) else value
            print(f"{name.replace('_', ' '):<15} {shown}")
    return 0


def similar(args: argparse.Namespace) -> int:
    """Print the items whose factors point the same way."""
    from npcf.analysis import similar_items

    predictor = load_predictor(args.model)
    item = typed_id(args.item, predictor.item_vocab, "item", predictor.titles)
    print_table(similar_items(predictor, item, args.n, args.by), args.json)
    return 0
