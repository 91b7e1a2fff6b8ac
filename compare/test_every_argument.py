"""Every argument of every public function, each with every foreign object: no foreign exception.

The entries are the public names themselves, so a new one is met here too: `GOOD` has a value for
each name of an argument, `CALLS` those of one function, and `LEFT_OUT` says why there is no call.
What comes of an object that is taken is stated in `test_foreign_objects.py`.
"""

import importlib
import inspect
import itertools
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

import npcf
from npcf import analysis, data, fused, models, ops, optim, teach, training
from npcf.errors import NpcfError
from npcf.training.per_rating_settings import Settings

from .foreign_objects import ANYTHING

pytestmark = pytest.mark.filterwarnings("ignore")  # what torch and pandas say to odd objects

ROOMS = "ops kernels models optim data training analysis interop fused teach".split()
W = np.array([[0.5, 1.0], [1.5, -2.0], [0.25, 3.0]], np.float32)
V = W[:, 0].copy()
IDS = np.array([1, 0, 2])
FRAME = pd.DataFrame(
    {"user": [1, 1, 2, 2, 3], "item": [4, 5, 4, 6, 6], "rating": [1.0, 2, 3, 4, 5],
     "time": [1, 2, 3, 4, 5]}
)  # fmt: skip
RATINGS = npcf.Ratings.from_frame(FRAME, timestamp="time")
CSV = b"user,item,rating\n1,2,3\n2,2,4\n3,4,5\n4,2,1\n5,4,1\n6,2,3\n"
TABLES = {"user_factors": W, "item_factors": W, "user_bias": V, "item_bias": V}


def per_rating_fit(**settings):
    trainer = training.PerRatingSGD(**{"n_factors": 2} | settings)
    return trainer.fit(RATINGS, 2, progress=False, outside="allow")


per_rating_fit.__signature__ = inspect.Signature([
    inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
    for field in fields(Settings)
])  # fmt: skip


def rng():
    return np.random.default_rng(0)


def tables():
    return {name: table.copy() for name, table in TABLES.items()}


def model():
    return models.DotProductBiasEmb(RATINGS.n_users, RATINGS.n_items, 2, rng=rng())


def fastais():
    return models.FastaiDotBias.from_classes(2, loaders().classes, rng=rng())


def loaders():
    return data.CollabDataLoaders(RATINGS, RATINGS, 2, rng=rng())


def learner():
    return npcf.Learner(loaders(), model(), backend="numpy", progress=False)


def fitted():
    learn = learner()
    learn.opt = optim.SGD(learn.model.params)
    return learn


def predictor():
    return analysis.Predictor.of(model(), RATINGS)


def per_rating():
    trainer = training.PerRatingSGD(n_factors=2)
    trainer.fit(RATINGS, 1, progress=False)
    return trainer


def regressor():
    return npcf.CollabRegressor(n_factors=1, n_epochs=1, random_state=0)


# a good value for each argument: made anew for each call
GOOD = {
    "weight": lambda: W, "ids": lambda: IDS, "left": lambda: W, "right": lambda: W,
    "dot": lambda: V, "user_bias": lambda: V, "item_bias": lambda: V, "users": lambda: IDS,
    "items": lambda: IDS, "x": lambda: V, "low": lambda: 0.0, "high": lambda: 5.0,
    "pred": lambda: V, "rating": lambda: V, "d_out": lambda: V, "d_pred": lambda: V,
    "d_loss": lambda: 1.0, "n_rows": lambda: 3, "params": tables, "n_users": lambda: 4,
    "n_items": lambda: 4, "n_movies": lambda: 4, "n_factors": lambda: 2, "rng": rng,
    "size": lambda: [3, 2], "shape": lambda: (3, 2), "ni": lambda: 3, "nf": lambda: 2,
    "d_matrix": lambda: np.ones((3, 3), np.float32), "matrix": lambda: W,
    "observed": lambda: np.ones((3, 2), bool), "batch": lambda: 4, "max_norm": lambda: 1.0,
    "n_steps": lambda: 4, "lr": lambda: 0.1, "lr_max": lambda: 0.1, "max_lr": lambda: 0.1,
    "start": lambda: 0.1, "end": lambda: 0.2, "cycle_len": lambda: 2, "step_size": lambda: 2,
    "grads": tables, "ratings": lambda: RATINGS, "frame": lambda: FRAME, "train": lambda: RATINGS,
    "valid": lambda: RATINGS, "n": lambda: 4, "seed": lambda: 0, "dls": loaders, "model": model,
    "learner": learner, "predictor": predictor, "user": lambda: 1, "item": lambda: 4,
    "k": lambda: 2, "relevant": lambda: [[1], [2]], "ranked": lambda: [[1, 2], [2, 3]],
    "kind": lambda: "ndcg", "mean_rating": lambda: 3.0, "titles": lambda: RATINGS.titles,
    "user_vocab": lambda: RATINGS.user_vocab, "item_vocab": lambda: RATINGS.item_vocab,
    "other": lambda: RATINGS.item_vocab, "row": lambda: 1, "index": lambda: [0, 1],
    "n_epoch": lambda: 1, "pairs": lambda: np.array([[1, 1], [2, 2]]),
    "X": lambda: [[1, 2], [2, 1]],
    "y": lambda: [1.0, 2.0], "optimizer": lambda: optim.SGD(tables()), "state": lambda: {
        "u.weight": W, "m.weight": W}, "to": lambda: "npcf", "n_ratings": lambda: 6,
    "loss": lambda: 1.0, "mean": lambda: 0.0, "y_range": lambda: (0, 5),
    "starts": lambda: np.array([0, 2, 3]), "lrs": lambda: [0.1, 0.2], "valid_pct": lambda: 0.4,
    "n_splits": lambda: 2, "name": lambda: "ml-100k", "path": lambda: "m", "opt": lambda:
    optim.SGD(tables()), "aggfunc": lambda: "mean",
    "classes": lambda: loaders().classes, "arr": lambda: [1, 2], "parts": lambda: [W, W],
}  # fmt: skip
X = np.array([[1, 1], [2, 2], [0, 1]])
NN = models.EmbeddingNN([(4, 2), (5, 3)], [3], rng=rng())
LOSS = ops.mse_forward(V, V)[1]
NORM = ops.batch_norm_forward(W, V[:2], V[:2])[1]
BIASED = models.dot_product_bias_forward(TABLES, IDS, IDS)[1]
CALLS = {
    "embedding_backward": {"d_out": W, "cache": ops.embedding_forward(W, IDS)[1]},
    "row_dot_backward": {"cache": ops.row_dot_forward(W, W)[1]},
    "bias_backward": {"cache": ops.bias_forward(V, V, V, IDS, IDS)[1]},
    "sigmoid_range_backward": {"cache": ops.sigmoid_range_forward(V, 0, 5)[1]},
    "mse_backward": {"cache": LOSS},
    "one_hot_backward": {"d_out": W, "cache": ops.one_hot_forward(W, IDS)[1]},
    "dot_product_backward": {"cache": models.dot_product_forward(TABLES, IDS, IDS)[1]},
    "dot_product_bias_backward": {"cache": BIASED},
    "full_matrix_backward": {"cache": models.full_matrix_forward(TABLES)[1]},
    "masked_mse_forward": {"rating": W},
    "masked_mse_backward": {"cache": models.masked_mse_forward(W, W, np.ones((3, 2), bool))[1]},
    "DotProduct.forward": {"u": W, "m": W},
    "DotProduct.backward": {"cache": ops.row_dot_forward(W, W)[1]},
    "FastaiDotBias.bias": {"is_item": False},
    "FastaiDotBias.weight": {"is_item": False},
    "FastaiDotBias.forward": {"x": X},
    "FastaiDotBias.backward": {"cache": fastais().forward(X)[1]},
    "PairModel.forward": {"x": X},
    "PairModel.backward": {"cache": models.PairModel(TABLES).forward(X)[1]},
    "exercise": {"name": "row_dot_forward"}, "explain_step": {"batch": (1, 1, 3.0)},
    "read_sheet": {"path": "w.xlsx"}, "top_table": {"n_users": 2, "n_movies": 2},
    "renormalise_rows": {"weight": W.copy()},
    "optimizer_from_state": {
        "optimizer": {"state": {}, "param_groups": [
            {"lr": 0.1, "momentum": 0, "dampening": 0, "nesterov": False, "weight_decay": 0,
             "params": [0]}
        ]},
        "params": {"user_factors": W.copy()}, "names": ["user_factors"],
    },
    "linear_forward": {"weight": W[:, :1], "x": W[:, :1]},
    "linear_backward": {"d_out": W, "cache": ops.linear_forward(W, W[:2])[1]},
    "relu_backward": {"cache": ops.relu_forward(V)[1]},
    "concatenate_backward": {"d_out": W, "cache": ops.concatenate_forward([W])[1]},
    "dropout_backward": {"cache": ops.dropout_forward(V, 0.5, V > 0)[1]},
    "batch_norm_forward": {"x": W, "weight": V[:2], "bias": V[:2]},
    "batch_norm_backward": {"d_out": W, "cache": NORM},
    "batch_norm_running": {"running_mean": V[:2], "running_var": V[:2], "cache": NORM},
    "EmbeddingNN": {"emb_szs": [(4, 2), (5, 3)], "layers": [3]},
    "EmbeddingNN.from_state": {"state": NN.state()},
    "EmbeddingNN.forward": {"x": X},
    "EmbeddingNN.backward": {"d_pred": V[:, None], "cache": NN.forward(X)[1]},
    "EmbeddingNN.decay": {"wd": 0.1},
    "CollabNN": {"user_sz": (4, 2), "item_sz": (5, 3)},
    "emb_sz_rule": {"n_cat": 5},
    "get_emb_sz": {"classes": {"user": [1, 2], "item": [3]}},
    "Embedding.of": {"weight": W},
    "Vocabulary.rows": {"ids": [1, 2]},
    "Vocabulary.rows_or_none": {"ids": [1, 2]},
    "Predictor.predict": {"users": [1], "items": [4]},
    "Predictor.predict_matrix": {"users": [1], "items": [4]},
    "fold_in": {"items": [4, 5], "ratings": [1.0, 2.0]},
    "recommend_all": {"users": [1, 2]},
    "pca": {"E": W, "n_components": 1},
    "PCA.fit": {"x": W},
    "PCA.transform": {"x": W},
    "PCA.fit_transform": {"x": W},
    "Ratings.require_rows_of": {"other": RATINGS},
    "CollabDataLoaders.from_df": {"ratings": FRAME},
    "read_csv": {"path": "r.csv"},
    "read_ratings": {"source": "r.csv"},
    "CollabDataLoaders.from_csv": {"csv": "r.csv"},
    "CollabDataLoaders.from_ratings": {"rng": rng()},
    "MSELossFlat.backward": {"cache": training.MSELossFlat().forward(V, V)[1]},
    "SparseAdam.step": {"touched": dict.fromkeys(TABLES, IDS)},
    "Ratings.take": {"index": [0, 1]},
    "Learner.step": {"batch": data.Batch(IDS, IDS, V)},
}  # fmt: skip
OF = {  # an instance for the methods of a class
    "EmbeddingNN": lambda: models.EmbeddingNN([(4, 2), (5, 3)], [3], rng=rng()),
    "DotProduct": models.DotProduct, "PairModel": lambda: models.PairModel(tables()),
    "Learner": fitted, "Ratings": lambda: RATINGS, "Vocabulary": lambda: RATINGS.user_vocab,
    "PCA": lambda: analysis.PCA(1).fit(W), "FastaiDotBias": fastais,
    "Predictor": predictor, "CollabRegressor": lambda: regressor().fit([[1, 2], [2, 1]], [1.0, 2]),
    "PerRatingSGD": per_rating, "SGD": lambda: optim.SGD(tables()),
    "Adam": lambda: optim.Adam(tables()), "RMSProp": lambda: optim.RMSProp(tables()),
    "SparseAdam": lambda: optim.SparseAdam(tables()), "MSELossFlat": training.MSELossFlat,
    "CollabDataLoaders": loaders, "SmoothedLoss": training.SmoothedLoss,
    "Fused": lambda: fused.trainer_for(optim.SGD(tables())),
}  # fmt: skip
LEFT_OUT = {  # and why
    "Exercise": "made by exercise", "Explanation": "made by explain_step",
    "Verdict": "made by check", "write_sheet": "a minute of workbooks: tests/teach/test_sheet.py",
    "LessonArray": "NumPy's own methods", "Fused": "made by trainer_for", "Reader": "read_csv's",
    "optimizer_to_state": "into torch's own: test_interop_optimizers",
    "LiveTables": "made by trainer_for", "Optimizer": "abstract", "StopTraining": "raised",
    "report": "draws: tests/analysis/test_report.py",
    "Network": "made by its subclasses",
    "Callback": "the loop calls its methods", "BestModel": "takes nothing",
    "ColumnarModelData": "its from_data_frame is in test_foreign_objects",
    "Ratings": "from_frame checks", "from_codes": "readers have checked", "header": "prints",
    "history_frame": "rows of a Learner", "fetch": "downloads", "attach": "internal",
    "require_rows_of": "internal", "take_settings": "internal", "load_state_arrays": "internal",
    "changes": "step's", "require_kind": "internal", "require_same_kind": "internal",
    "refuse": "raises", "hold": "internal", "numbers_of": "internal", "read_movielens": "a folder",
    "read_ml100k": "a folder", "u_weight": "a table", "i_weight": "a table",
    "u_bias": "a table", "i_bias": "a table", "resume": "load's", "gradients": "step's",
}  # fmt: skip
CALLED = (
    "init",
    "between",
    "on_epoch",
    "opt_func",
    "metrics",
    "callbacks",
)
CALLABLE = ("function", "class", "layer")  # which say themselves what they do not take


def public():
    """Go through (name, function) of what is public, classes as their constructors and methods."""
    for room in ROOMS:
        module = importlib.import_module(f"npcf.{room}")
        for name in module.__all__:
            found = getattr(module, name)
            if not callable(found) or (isinstance(found, type) and issubclass(found, tuple)):
                continue
            if name not in LEFT_OUT:
                yield f"{room}.{name}", found
            for method in dir(found) if name in OF else ():
                if not method.startswith("_") and method not in LEFT_OUT:
                    if inspect.isroutine(getattr(found, method)):
                        yield f"{room}.{name}.{method}", getattr(found, method)


def call_of(name, function):
    """Return (names of what can be given, a function that calls with some of it exchanged)."""
    _, short = name.split(".", 1)
    given, needed = CALLS.get(short, {}), [*inspect.signature(function).parameters.values()]
    cls, _, method = short.partition(".")
    bound = bool(method) and inspect.isfunction(function)
    needed = [p for p in needed[bound:] if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = [p.name for p in needed]
    must = [p.name for p in needed if p.default is p.empty or p.name == "rng"]

    def call(**exchanged):
        good = given | {n: GOOD[n]() for n in must if n not in given}
        return (getattr(OF[cls](), method) if bound else function)(**good | exchanged)

    return names, call


ENTRIES = dict(public()) | {"training.PerRatingSGD settings": per_rating_fit}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_argument(name, tmp_path, monkeypatch):
    """Each is taken, or refused with an error of npcf's; a truth value is True or False alone."""
    monkeypatch.chdir(tmp_path)
    learner().save("m")
    if name == "teach.read_sheet":
        teach.write_sheet("w.xlsx", teach.drawn_table(2, 2, 1, 0))
    (tmp_path / "r.csv").write_bytes(CSV)
    names, call = call_of(name, ENTRIES[name])
    call()
    wrong = []
    for argument, (kind, make) in itertools.product(names, ANYTHING.items()):
        if argument in CALLED and kind in CALLABLE:
            continue
        try:
            call(**{argument: make()})
        except NpcfError:
            continue
        except Exception as error:
            wrong.append(f"{argument}={kind}: {type(error).__name__}: {str(error)[:80]!r}")
        annotation = inspect.signature(ENTRIES[name]).parameters[argument].annotation
        taken = "True" in kind or (kind == "None" and annotation == bool | None)
        if annotation in (bool, bool | None) and not taken:
            wrong.append(f"{argument}={kind}: is taken for a truth value")
    assert not wrong, "\n".join(wrong)
