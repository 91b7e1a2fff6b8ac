"""Every entry with every foreign object: the numbers of its array, or an error that names it.

No foreign error leaks, nothing is taken in silence: what an entry makes of an object is what it
makes of the ndarray of the same numbers, to the bit, or an NpcfError that names the argument.
To add an entry: a line in one of the tables below.
"""

import re
from functools import partial

import numpy as np
import pandas as pd
import pytest

import npcf
from compare.foreign_objects import of_floats, of_ids
from npcf import analysis, data, gradcheck, interop, kernels, models, ops, optim, training
from npcf.errors import NpcfError

pytestmark = [  # what torch says to quantized and sparse tensors, NumPy to its matrix
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

W = np.array([[0.5, 1.0], [1.5, -2.0], [0.25, 3.0]], np.float32)  # exact in bfloat16
V = W[:, 0].copy()
IDS = np.array([1, 0, 2])
PAIRS = np.array([[1, 0], [0, 2], [2, 1]])
PARAMS = {"user_factors": W, "item_factors": W, "user_bias": V, "item_bias": V}
FRAME = pd.DataFrame(
    {"user": [1, 1, 2, 2, 3], "item": [4, 5, 4, 6, 6], "rating": [1.0, 2, 3, 4, 5]}
)
RATINGS = npcf.Ratings.from_frame(FRAME)


def rng():
    return np.random.default_rng(0)


def model(cls=models.DotProductBiasEmb):
    return cls(RATINGS.n_users, RATINGS.n_items, 2, rng=rng())


def loaders():
    return data.CollabDataLoaders(RATINGS, RATINGS, 2, rng=rng())


def learner():
    return npcf.Learner(loaders(), model(), progress=False)


def predictor():
    return analysis.Predictor.of(model(), RATINGS)


def per_rating():
    trainer = training.PerRatingSGD(n_factors=2)
    trainer.fit(RATINGS, 1)
    return trainer


def forward(params=None, users=IDS, items=IDS, **options):
    return models.dot_product_bias_forward(PARAMS | (params or {}), users, items, **options)


def step(cls, grad):
    opt = cls({"w": V.copy()}, 0.5)
    opt.step({"w": grad}, {"w": IDS})
    return opt.params["w"]


def stepped(users=IDS, items=IDS, rating=V):
    learn = learner()
    learn.opt = optim.SGD(learn.model.params)
    learn.step(data.Batch(users, items, rating))
    return learn.model.params["user_factors"]


def per_rating_fit(users=IDS, items=IDS, rating=V):
    trainer = training.PerRatingSGD(n_factors=2)
    trainer.fit(training.RatingArrays(users, items, rating, 3, 3), 1)
    return trainer.model.params["user_factors"]


def fused(users=IDS, items=IDS, rating=V, starts=None, lrs=(0.5, 0.25)):
    from npcf.fused import trainer_for

    opt = optim.SGD({name: table.copy() for name, table in PARAMS.items()})
    trainer = trainer_for(opt, (0, 5), 0.0)
    trainer.run(users, items, rating, np.array([0, 2, 3]) if starts is None else starts, lrs)
    return opt.params["user_factors"]


def columnar(val_idxs=(1,), y=V):
    frame = pd.DataFrame({"user": [1, 2, 2], "item": [1, 1, 2]})
    made = data.ColumnarModelData.from_data_frame(
        ".", val_idxs, frame, y, ["user", "item"], rng=rng()
    )
    return made.trn_ds.y


def regressed(x=PAIRS, y=V):
    return npcf.CollabRegressor(n_factors=2, n_epochs=1, random_state=0).fit(x, y).history_["rmse"]


REGRESSOR = npcf.CollabRegressor(n_factors=2, n_epochs=1, random_state=0).fit(PAIRS, V)


def of_rooms(entries):
    """Return the entries for `npcf.ops` and for `npcf.kernels`; their calls take the room first."""
    rooms = {"ops": ops, "kernels": kernels}
    return {f"{name}.{entry}": (argument, partial(call, room), good)
            for name, room in rooms.items()
            for entry, (argument, call, good) in entries.items()}  # fmt: skip


def factors(x, y=W):
    return {"user_factors": x, "item_factors": y}


def grads_of(x):
    model = models.PairModel(PARAMS, (0, 5))
    return model.backward(x, model.forward(PAIRS)[1])["user_bias"]


def matrix_grads_of(x):
    return models.full_matrix_backward(x, models.full_matrix_forward(factors(W), None)[1])[
        "user_factors"
    ]


def recovered(x):
    tables = factors(x, np.vstack([W, V[:2]]))
    return data.planted(3, 3, 6, n_factors=2).recovery(tables).user_error


OBSERVED = np.ones((3, 2), bool)
FLOATS = of_rooms({  # name: (argument named, call of an object, a good value)
    "embedding_forward weight": ("weight", lambda m, x: m.embedding_forward(x, IDS)[0], W),
    "embedding_backward": (
        "d_out", lambda m, x: m.embedding_backward(x, m.embedding_forward(W, IDS)[1]), W),
    "row_dot_forward left": ("left|right", lambda m, x: m.row_dot_forward(x, W)[0], W),
    "row_dot_forward right": ("left|right", lambda m, x: m.row_dot_forward(W, x)[0], W),
    "row_dot_backward": (
        "d_out", lambda m, x: m.row_dot_backward(x, m.row_dot_forward(W, W)[1])[0], V),
    "bias_forward dot": (
        "dot|user_bias", lambda m, x: m.bias_forward(x, V, V, IDS, IDS)[0], V),
    "bias_forward bias": ("user_bias", lambda m, x: m.bias_forward(V, x, V, IDS, IDS)[0], V),
    "bias_backward": (
        "d_out", lambda m, x: m.bias_backward(x, m.bias_forward(V, V, V, IDS, IDS)[1])[1], V),
    "sigmoid_range_forward": ("x", lambda m, x: m.sigmoid_range_forward(x, 0, 5)[0], V),
    "sigmoid_range_backward": (
        "d_out", lambda m, x: m.sigmoid_range_backward(x, m.sigmoid_range_forward(V, 0, 5)[1]), V),
    "mse_forward pred": ("pred|rating", lambda m, x: m.mse_forward(x, V)[0], V),
    "mse_forward rating": ("rating", lambda m, x: m.mse_forward(V, x)[0], V),
}) | {
    "one_hot_forward": ("weight", lambda x: ops.one_hot_forward(x, IDS)[0], W),
    "one_hot_backward": (
        "d_out", lambda x: ops.one_hot_backward(x, ops.one_hot_forward(W, IDS)[1]), W),
    "forward's table": (
        r"params\['user_factors'\]|right|.*_factors|.*_bias",
        lambda x: forward({"user_factors": x})[0], W),
    "forward's bias": (
        r"params\['item_bias'\]|item_bias", lambda x: forward({"item_bias": x})[0], V),
    "full matrix": (
        r"params\['item_factors'\]|item_factors",
        lambda x: models.predict_matrix(factors(W, x), None), W),
    "full_matrix_backward": ("d_out|d_matrix", matrix_grads_of, np.ones((3, 3), np.float32)),
    "masked_mse": ("matrix|pred|observed|rating",
                   lambda x: models.masked_mse_forward(x, W, OBSERVED)[0], W),
    "masked_mse rating": ("rating|observed|pred",
                          lambda x: models.masked_mse_forward(W, x, OBSERVED)[0], W),
    "matmul_pairs": ("left|right", lambda x: models.matmul_pairs(x, W), W),
    "DotProduct": ("left|right", lambda x: models.DotProduct()(x, W), W),
    "PairModel": (r"params\['user_factors'\]|right|item_factors",
                  lambda x: models.PairModel(factors(x))(PAIRS), W),
    "Embedding.of": ("weight", lambda x: models.Embedding.of(x)(IDS), W),
    "model.backward": ("d_out|d_pred", grads_of, V),
    "Adam": (r"grads\['w'\]", lambda x: step(optim.Adam, x), V),
    "SGD": (r"grads\['w'\]", lambda x: step(optim.SGD, x), V),
    "SparseAdam": (r"grads\['w'\]", lambda x: step(optim.SparseAdam, x), V),
    "RMSProp": (r"grads\['w'\]", lambda x: step(optim.RMSProp, x), V),
    "Adam's table": (r"params\['w'\]", lambda x: optim.Adam({"w": x}).params["w"], V),
    "per-rating ratings": ("rating|users", lambda x: per_rating_fit(rating=x), V),
    "fused ratings": ("rating", lambda x: fused(rating=x), V),
    "renormalise_rows": (
        r"params\['weight'\]|weight", lambda x: optim.renormalise_rows(x, IDS, 1), W),
    "rmse": ("pred|rating", lambda x: training.rmse(x, V), V),
    "mae": ("rating", lambda x: training.mae(V, x), V),
    "fold_in": ("ratings", lambda x: analysis.fold_in(predictor(), [4, 5, 6], x).factors, V),
    "regressor's y": ("y", lambda x: regressed(y=x), V),
    "score's y": ("y", lambda x: REGRESSOR.score(PAIRS, x), V),
    "score's weight": ("sample_weight", lambda x: REGRESSOR.score(PAIRS, V, x), abs(V)),
    "columnar y": ("y", lambda x: columnar(y=x), V),
    "convert": (
        r"state\['u.weight'\]|state\['m.weight'\]",
        lambda x: interop.convert({"u.weight": x, "m.weight": W}, "npcf")["user_factors"], W),
    "batch's ratings": ("rating", lambda x: stepped(rating=x), V),
    "gradcheck's inputs": (
        r"inputs\[0\]|f|inputs",
        lambda x: gradcheck(lambda w: (w * w).sum(), lambda d, w: 2 * d * w, (x,)).ok, V),
    "gradcheck's batch": (
        "rating|batch", lambda x: gradcheck(model(), data.Batch(IDS, IDS, x)).ok, V),
    "recovery": (r"params\['user_factors'\]", recovered, np.vstack([W, V[:2]])),
}  # fmt: skip

IDS_OF = of_rooms({
    "embedding_forward ids": ("ids", lambda m, x: m.embedding_forward(W, x)[0], IDS),
    "bias_forward users": ("users", lambda m, x: m.bias_forward(V, V, V, x, IDS)[0], IDS),
    "bias_forward items": ("items", lambda m, x: m.bias_forward(V, V, V, IDS, x)[0], IDS),
}) | {
    "one_hot": ("ids", lambda x: ops.one_hot(x, 3), IDS),
    "forward's users": ("users|right|items|left", lambda x: forward(users=x)[0], IDS),
    "forward's items": ("items|right|left", lambda x: forward(items=x)[0], IDS),
    "no biases": ("users|right|left", lambda x: models.dot_product_forward(PARAMS, x, IDS)[0], IDS),
    "Embedding": ("ids", lambda x: models.Embedding(3, 2, rng=rng())(x), IDS),
    "model(x)": ("x|users|items", lambda x: models.PairModel(PARAMS, (0, 5))(x), PAIRS),
    "learner.predict": ("pairs|x|users|items", lambda x: learner().predict(x), PAIRS),
    "renormalise_rows ids": ("ids", lambda x: optim.renormalise_rows(W.copy(), x, 1), IDS),
    "per-rating users": ("users|items|rating", lambda x: per_rating_fit(users=x), IDS),
    "fused users": ("users|items|rating", lambda x: fused(users=x), IDS),
    "fused items": ("items", lambda x: fused(items=x), IDS),
    "fused starts": ("starts|lrs", lambda x: fused(starts=x), np.array([0, 2, 3])),
    "touched": (r"touched\['w'\]",
                lambda x: optim.SparseAdam({"w": V.copy()}).step({"w": V}, {"w": x}), IDS),
    "columnar val_idxs": ("val_idxs", lambda x: columnar(val_idxs=x), np.array([1, 2])),
    "batch's users": ("users|items|right|batch", lambda x: stepped(users=x), IDS),
    "per-rating predict": ("users|items", lambda x: per_rating().predict(x, IDS), IDS),
}  # fmt: skip


TAKEN = [("score's weight", "None"), ("fused starts", "None")]  # None means that there are none


def outcome(call, value):
    try:
        return call(value)
    except NpcfError as error:
        return error


def judge(name, argument, call, objects):
    wrong = []
    for kind, foreign, equivalent in objects:
        try:
            got = outcome(call, foreign)
        except Exception as error:
            wrong.append(f"{kind}: leaks {type(error).__name__}: {str(error)[:100]!r}")
            continue
        if isinstance(got, NpcfError):
            if not re.fullmatch(rf"(ratings\.)?({argument})", got.argument):
                wrong.append(f"{kind}: names {got.argument!r}: {got}")
            if "\n" in str(got) or not got.cure:
                wrong.append(f"{kind}: {got!r}")
        elif (name, kind) in TAKEN:
            continue
        elif equivalent is None:
            wrong.append(f"{kind}: is taken in silence, gives {got!r:.100}")
        else:
            want = outcome(call, equivalent)
            if got is None and want is None:
                continue
            if isinstance(want, NpcfError) or not np.array_equal(got, want, equal_nan=True):
                wrong.append(f"{kind}: gives {got!r:.80}, its array {want!r:.80}")
    assert not wrong, "\n".join([name, *wrong])


ENTRIES = [(n, FLOATS, of_floats) for n in FLOATS] + [(n, IDS_OF, of_ids) for n in IDS_OF]


@pytest.mark.parametrize(("name", "entries", "objects"), ENTRIES, ids=[one[0] for one in ENTRIES])
def test_an_entry(name, entries, objects):
    argument, call, good = entries[name]
    assert not isinstance(outcome(call, good.copy()), NpcfError), outcome(call, good.copy())
    judge(name, argument, call, objects(good.copy()))
