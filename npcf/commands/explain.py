"""`npcf explain`: one step of training on one rating, every number of it, as text or as a page."""

import argparse
from typing import Any

import numpy as np

from npcf.commands.common import add_verb, load_predictor, require_effect, typed_id
from npcf.commands.reading import READING, add_reading, read_ratings
from npcf.errors import SettingError, require_count, require_number

Y_RANGE = (0.0, 5.5)  # of a new model, as in lesson 5


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf explain --user 7 --item 3 --html step.html"
    parser = add_verb(verbs, "explain", "show every number of a training step on one rating",
                      example, run)  # fmt: skip
    add = parser.add_argument
    add("--user", required=True, metavar="ID")
    add("--item", required=True, metavar="ID")
    add("--rating", type=float, metavar="R", help="(default: the one in the data)")
    add("--model", metavar="FILE", help="saved by npcf train --save (default: a new model)")
    add("--data", metavar="PATH", help="ratings (default: planted ones, without --model)")
    add("--factors", type=int, metavar="K", help="of a new model (default: 5)")
    add("--seed", type=int, help="of a new model (default: 0)")
    add("--optimizer", choices=("sgd", "adam"), default="sgd", help="(default: sgd)")
    add("--lr", type=float, default=0.1, help="(default: 0.1)")
    add("--wd", type=float, default=0.0, help="weight decay (default: 0)")
    add("--html", metavar="OUT", help="write a page that recomputes, in the place of the text")
    add_reading(parser, item=False)


def run(args: argparse.Namespace) -> int:
    """Explain the step; print it, or write the page."""
    from npcf.optim import SGD, Adam
    from npcf.teach import explain_step

    reading = (name for name in READING if name != "item")
    require_effect(args, reading, args.data is not None, "without --data")
    require_effect(args, ("factors", "seed"), args.model is None, "with --model")
    predictor = None if args.model is None else load_predictor(args.model)
    ratings = _ratings(args, predictor)
    if predictor is None:
        predictor = _new(args, ratings)
    user = typed_id(args.user, predictor.user_vocab, "users")
    item = typed_id(args.item, predictor.item_vocab, "items", predictor.titles)
    row = (predictor.user_vocab.rows([user], "users")[0],
           predictor.item_vocab.rows([item], "items")[0])  # fmt: skip
    rating = _rating(args, ratings, user, item)
    rule = {"sgd": SGD, "adam": Adam}[args.optimizer]
    opt = rule(predictor.model.params, lr=args.lr, weight_decay=args.wd)
    explanation = explain_step(predictor.model, (*row, rating), opt)
    if args.html is not None:
        explanation.to_html(args.html)
    elif args.json:
        print(explanation.to_json())
    else:
        print(f"user {user} is row {row[0]}, item {item} is row {row[1]}.\n{explanation}")
    return 0


def _ratings(args: argparse.Namespace, predictor: Any) -> Any:
    """Return the ratings of --data; without it the planted ones, but for a saved model none."""
    from npcf.data import planted

    if args.data is not None:
        # here --item is an id; what an item of MovieLens is, the model says
        options = argparse.Namespace(**{**vars(args), "item": None})
        return read_ratings(args.data, options, predictor)
    return planted().ratings if predictor is None else None


def _new(args: argparse.Namespace, ratings: Any) -> Any:
    """Return a new model of the ratings' users and items."""
    from npcf.analysis import Predictor
    from npcf.models import DotProductBiasEmb

    factors, seed = (given if given is not None else default
                     for given, default in ((args.factors, 5), (args.seed, 0)))  # fmt: skip
    require_count("--factors", factors)
    require_count("--seed", seed, 0, np.inf)
    sizes = len(ratings.user_vocab.ids), len(ratings.item_vocab.ids)
    sizes = sizes[0] + ratings.user_vocab.na_row, sizes[1] + ratings.item_vocab.na_row
    model = DotProductBiasEmb(*sizes, factors, Y_RANGE, rng=np.random.default_rng(seed))
    return Predictor.of(model, ratings)


def _rating(args: argparse.Namespace, ratings: Any, user: Any, item: Any) -> float:
    """Return --rating, or the first that the data has of the pair."""
    if args.rating is not None:
        return float(require_number("--rating", args.rating, -np.inf))
    if ratings is not None:
        wanted = (ratings.user_vocab.rows_or_none([user], "users")[0],
                  ratings.item_vocab.rows_or_none([item], "items")[0])  # fmt: skip
        found = np.flatnonzero((ratings.users == wanted[0]) & (ratings.items == wanted[1]))
        if len(found) and min(wanted) >= 0:
            return float(ratings.rating[found[0]])
    where = "without --data" if ratings is None else "where the data has none of this pair"
    raise SettingError("--rating", f"is needed {where}", "Give one, such as --rating 4.")
