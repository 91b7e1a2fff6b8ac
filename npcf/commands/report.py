"""`npcf report`: what a saved model has learned, as one page of pictures and numbers."""

import argparse
from typing import Any

from npcf.commands.common import add_verb, load_predictor, print_json, require_effect
from npcf.commands.reading import READING, add_reading, read_ratings

BATCH, SEED = 64, 0  # of the pass that tries rates


def add(verbs: Any) -> None:
    """Declare the verb."""
    example = "npcf report model.npcf --data ml-100k --html report.html"
    parser = add_verb(verbs, "report", "write a page of what a saved model has learned", example,
                      run, model=True)  # fmt: skip
    add = parser.add_argument
    add("--html", required=True, metavar="OUT", help="the page to write")
    add("--data", metavar="PATH", help="ratings: which items are shown, and what is wrong")
    add("--lr-find", action="store_true", help="try rates on a new model of this size, by --data")
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from npcf.analysis import report
    from npcf.files import require_replaceable
    from npcf.training import load
    from npcf.training.restoring import saved_run

    require_effect(args, (*READING, "lr_find"), args.data is not None, "without --data")
    require_replaceable("--html", args.html)  # before anything is drawn
    predictor = load_predictor(args.model)
    ratings = None if args.data is None else read_ratings(args.data, args, predictor)
    found = _rates(predictor, ratings) if args.lr_find else None
    made = report(predictor, ratings, saved_run(load(args.model)), found)
    made.to_html(args.html)
    if args.json:
        sections = [section.name for section in made.sections]
        print_json({"path": args.html, "facts": made.facts, "sections": sections})
    else:
        print(f"{args.html}\n{made}")
    return 0


def _rates(predictor: Any, ratings: Any) -> Any:
    """Return what a new model of the same size makes of growing rates, on all ratings."""
    import numpy as np

    from npcf.data import CollabDataLoaders
    from npcf.models import DotProductBiasEmb
    from npcf.training import Learner

    rng = np.random.default_rng(SEED)
    loaders = CollabDataLoaders(ratings, ratings, min(BATCH, len(ratings)), rng=rng)
    n_factors = predictor.model.params["item_factors"].shape[1]
    sizes = ratings.n_users, ratings.n_items, n_factors
    model = DotProductBiasEmb(*sizes, predictor.model.y_range, rng=rng)
    return Learner(loaders, model, backend="numpy", progress=False).lr_find()
