"""`npcf evaluate`: how far a saved model is from ratings it is shown."""

import argparse
from typing import Any

from npcf.commands.common import add_verb, load_predictor, print_json
from npcf.commands.reading import add_reading, read_ratings


def add(verbs: Any) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "evaluate", "measure a saved model on ratings",
                      "npcf evaluate model.npcf ml-100k/u1.test", run)  # fmt: skip
    parser.add_argument("model", help="a model saved by npcf train --save")
    parser.add_argument("data", help="ratings: MovieLens folder or file, csv, or -")
    parser.add_argument("--unknown", choices=("raise", "mean", "na"), default="mean",
                        help="what an unknown id gets (default: mean)")  # fmt: skip
    parser.add_argument("--clip", type=float, nargs=2, metavar=("LO", "HI"), help="cut off at")
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Print RMSE and MAE, and how many ids were unknown."""
    from npcf.training import mae, rmse

    predictor = load_predictor(args.model)
    ratings = read_ratings(args.data, args, predictor)
    clip = None if args.clip is None else tuple(args.clip)
    pred = predictor.predict_ratings(ratings, unknown=args.unknown, clip=clip)
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
            print(f"{name.replace('_', ' '):<15} {value:.4f}" if isinstance(value, float)
                  else f"{name.replace('_', ' '):<15} {value}")  # fmt: skip
    return 0
