"""Bad input of every kind, one line each: refused with a typed error that says what and where.

To add one: a line (what is wrong, a call, the error's class, words of its message).  A call may
use `tmp`, an empty folder.
"""

import math

import numpy as np
import pandas as pd
import pytest

from npcf import CollabRegressor, data, gradcheck, kernels, models, ops, optim, training
from npcf.analysis import Predictor, fold_in, recommend, similar_items, top_items
from npcf.errors import (
    DataError,
    DivergenceError,
    DTypeError,
    EmptyBatchError,
    IdRangeError,
    NpcfError,
    SettingError,
    ShapeError,
    UnknownIdError,
    UsageError,
)

W = np.arange(12.0).reshape(4, 3)
IDS = np.array([0, 3, 3])
PARAMS = models.init_params(4, 6, 3, np.random.default_rng(0), np.float64)
RATINGS = data.planted(12, 8, 60, seed=0).ratings
FRAME = pd.DataFrame({"user": [1, 2, 3], "item": [4, 5, 6], "rating": [1.0, 2.0, 3.0]})
NAN, INF = math.nan, math.inf


def rng():
    return np.random.default_rng(0)


def forward(users=IDS, items=IDS, y_range=(0, 5.5), **change):
    return models.dot_product_bias_forward(PARAMS | change, users, items, y_range)


def loaders(**options):
    return data.CollabDataLoaders.from_ratings(RATINGS, rng=rng(), **({"bs": 8} | options))


def learner(**options):
    dls = loaders()
    model = models.DotProductBiasCP(dls.n_users, dls.n_items, 3, rng=rng())
    return training.Learner(dls, model, **options)


def predictor():
    return Predictor.of(models.DotProductBiasCP(13, 9, 3, rng=rng()), RATINGS)


def frame(**change):
    return pd.DataFrame({k: v for k, v in ({c: FRAME[c] for c in FRAME} | change).items()
                         if v is not None})  # fmt: skip


def ratings(**change):
    return data.Ratings.from_frame(frame(**change))


def movielens(tmp, content, titles="1|One|x\n2|Two|x\n"):
    (tmp / "u.data").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp / "u.item").write_text(titles)
    return data.read_movielens(tmp)


def csv(tmp, content):
    (tmp / "ratings.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return data.read_csv(tmp / "ratings.csv")


def saved(tmp, change=lambda content: content, **options):
    learner().save(tmp / "model")
    (tmp / "model").write_bytes(change((tmp / "model").read_bytes()))
    return training.load(tmp / "model", **options)


def batch(users=(0, 1), items=(0, 1), rating=(1.0, 2.0)):
    return data.Batch(*map(np.array, (users, items, rating)))


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


OPERATIONS = [
    ("id too large", lambda: ops.embedding_forward(W, [0, 4]), IdRangeError, r"ids\[1\]: id 4"),
    ("id negative", lambda: ops.embedding_forward(W, [-1]), IdRangeError, r"ids\[0\]: id -1"),
    ("id far away, compiled", lambda: kernels.embedding_forward(W, [2**40]), IdRangeError, "ids"),
    ("id beyond int64", lambda: ops.embedding_forward(W, np.array([2**64 - 1], np.uint64)),
     IdRangeError, "18446744073709551615"),
    ("ids in a square", lambda: ops.embedding_forward(W, [[0, 1], [9, 1]]), IdRangeError,
     r"ids\[\(1, 0\)\]"),
    ("ids as floats", lambda: ops.embedding_forward(W, [0.0]), DTypeError, "float64"),
    ("ids as booleans", lambda: ops.embedding_forward(W, [True]), DTypeError, "bool"),
    ("ids as text", lambda: ops.embedding_forward(W, ["0"]), DTypeError, "ids must be integers"),
    ("ids as objects", lambda: ops.embedding_forward(W, [None]), DTypeError, "object"),
    ("ids as dates", lambda: ops.embedding_forward(W, np.array(["2020"], "M8[Y]")), DTypeError, "ids"),
    ("table of integers", lambda: ops.embedding_forward(W.astype(int), IDS), DTypeError, "weight"),
    ("table of float16", lambda: ops.embedding_forward(W.astype("f2"), IDS), DTypeError, "float16"),
    ("table of long doubles", lambda: ops.embedding_forward(W.astype("g"), IDS), DTypeError, "weight"),
    ("table of another byte order", lambda: ops.embedding_forward(W.astype(">f8"), IDS), DTypeError,
     "native"),
    ("table of text", lambda: ops.embedding_forward(np.array([["a"]]), [0]), DTypeError, "weight"),
    ("table of one dimension", lambda: ops.embedding_forward(W[0], [0]), ShapeError, "2 dimension"),
    ("padding row outside", lambda: ops.embedding_forward(W, IDS, 4), IdRangeError, "padding_idx"),
    ("padding row too negative", lambda: ops.embedding_forward(W, IDS, -5), IdRangeError, "padding"),
    ("gradient of other rows", lambda: ops.embedding_backward(W, ops.embedding_forward(W, IDS)[1]),
     ShapeError, "d_out"),
    ("gradient of another dtype", lambda: ops.embedding_backward(
        W[:3].astype("f4"), ops.embedding_forward(W, IDS)[1]), DTypeError, "d_out"),
    ("rows that differ", lambda: ops.row_dot_forward(W, W[:3]), ShapeError, "right"),
    ("factors that differ", lambda: ops.row_dot_forward(W, W[:, :2]), ShapeError, "right"),
    ("dtypes that differ", lambda: ops.row_dot_forward(W, W.astype("f4")), DTypeError, "right"),
    ("rows of integers", lambda: ops.row_dot_forward(W.astype(int), W), DTypeError, "left"),
    ("rows of one dimension", lambda: ops.row_dot_forward(W[0], W[0]), ShapeError, "left"),
    ("dot's gradient as a column", lambda: ops.row_dot_backward(
        W[:, :1], ops.row_dot_forward(W, W)[1]), ShapeError, r"\[:, 0\]"),
    ("bias as a column", lambda: ops.bias_forward(W[:, 0], W[:, :1], W[:, 0], IDS, IDS), ShapeError,
     "user_bias"),
    ("user outside the biases", lambda: ops.bias_forward(W[:3, 0], W[:2, 0], W[:, 0], IDS, IDS),
     IdRangeError, r"users\[1\]: id 3"),
    ("item outside the biases", lambda: ops.bias_forward(W[:3, 0], W[:, 0], W[:2, 0], IDS, IDS),
     IdRangeError, r"items\[1\]: id 3"),
    ("fewer users than dots", lambda: ops.bias_forward(W[:, 0], W[:, 0], W[:, 0], IDS, IDS),
     ShapeError, "users"),
    ("range upside down", lambda: ops.sigmoid_range_forward(W, 5, 0), SettingError, "y_range"),
    ("range of NaN", lambda: ops.sigmoid_range_forward(W, NAN, 1), SettingError, "low"),
    ("range without end", lambda: ops.sigmoid_range_forward(W, 0, INF), SettingError, "high"),
    ("range of text", lambda: ops.sigmoid_range_forward(W, "0", "x"), SettingError, "low"),
    ("logits of integers", lambda: ops.sigmoid_range_forward(IDS, 0, 1), DTypeError, "x"),
    ("vector against column", lambda: ops.mse_forward(W[:, 0], W[:, :1]), ShapeError, "keepdim=True"),
    ("loss of nothing", lambda: ops.mse_forward(np.zeros(0), np.zeros(0)), EmptyBatchError, "empty"),
    ("predictions of integers", lambda: ops.mse_forward(IDS, IDS), DTypeError, "pred"),
    ("ratings of text", lambda: ops.mse_forward(W[0], np.array(["1", "2", "3"])), DTypeError, "rating"),
    ("ratings of booleans", lambda: ops.mse_forward(W[0], W[0] > 1), DTypeError, "rating"),
    ("ratings complex", lambda: ops.mse_forward(W[0], W[0] * 1j), DTypeError, "rating"),
    ("loss's gradient as a vector", lambda: ops.mse_backward(
        W[0], ops.mse_forward(W[0], W[0])[1]), ShapeError, "d_loss"),
    *((f"loss's gradient {value!r}", lambda v=value, m=room: m.mse_backward(
        v, ops.mse_forward(W[0], W[0])[1]), DTypeError, "d_loss")
      for room in (ops, kernels) for value in (None, "1", True, 1j, np.ma.masked_array(1.0, True))),
    ("one-hot id outside", lambda: ops.one_hot([3], 3), IdRangeError, "ids"),
]  # fmt: skip

MODELS = [
    ("no item table", lambda: models.dot_product_forward({"user_factors": W}, IDS, IDS), UsageError,
     "has no 'item_factors'"),
    ("no bias table", lambda: models.dot_product_bias_forward(
        {"user_factors": W, "item_factors": W}, IDS, IDS), UsageError, "has no 'user_bias'"),
    ("tables of two dtypes", lambda: forward(item_bias=np.zeros(6, "f4")), DTypeError, "item_bias"),
    ("tables of two widths", lambda: forward(item_factors=np.zeros((6, 2))), ShapeError, "right"),
    ("bias longer than its table", lambda: forward(user_bias=np.zeros(2)), IdRangeError, "users"),
    ("range of one number", lambda: forward(y_range=5.5), SettingError, "y_range"),
    ("range of three numbers", lambda: forward(y_range=(0, 1, 2)), SettingError, "pair"),
    ("more users than items", lambda: forward(users=[0, 1, 2], items=[0]), ShapeError, "right"),
    ("pairs as a vector", lambda: models.DotProductBiasCP(4, 6, 3)(IDS), ShapeError, r"\(B, 2\)"),
    ("pairs as triples", lambda: models.DotProductBiasCP(4, 6, 3)(np.zeros((2, 3), int)), ShapeError,
     r"\(B, 2\)"),
    ("ids exchanged", lambda: models.DotProductBiasCP(4, 6, 3)(np.array([[5, 1]])), IdRangeError,
     "id 5"),
    ("mean without biases", lambda: models.PairModel({"user_factors": W, "item_factors": W}, mean=1),
     SettingError, "mean"),
    ("column gradient as a vector", lambda: models.DotProductBiasEmb(4, 6, 3).backward(
        np.zeros(1, "f4"), models.DotProductBiasEmb(4, 6, 3).forward([[0, 0]])[1]), ShapeError, "d_pred"),
    ("embedding indexed", lambda: models.Embedding(4, 3)[0], UsageError, "round brackets"),
    ("array called", lambda: models.create_params([4])(IDS), UsageError, "square brackets"),
    ("keepdim forgotten", lambda: models.create_params([3]) + models.Embedding(4, 1)(IDS), ShapeError,
     "keepdim=True"),
    ("factors negative", lambda: models.init_params(1, 1, -1, rng()), SettingError, "n_factors"),
    ("users half", lambda: models.init_params(1.5, 1, 1, rng()), SettingError, "n_users"),
    ("size that is one number", lambda: models.create_params(5), UsageError, "not tuple or list"),
    ("mask of numbers", lambda: models.masked_mse_forward(W, W, W), ShapeError, "boolean"),
    ("mask of nothing", lambda: models.masked_mse_forward(W, W, W < 0), EmptyBatchError, "empty"),
    ("gradcheck of an unknown id", lambda: gradcheck(
        models.DotProductBiasCP(4, 6, 3, rng=rng()), batch(users=(0, 9))), IdRangeError, "id 9"),
    ("gradcheck where exp overflows", lambda: gradcheck(
        models.PairModel(PARAMS | {"user_bias": np.full(4, -800.0)}, (0, 5)), batch()),
     DivergenceError, r"batch\[0\]"),
]  # fmt: skip

OPTIMIZERS = [
    (f"{cls.__name__} {name} = {value!r}", lambda cls=cls, name=name, value=value:
     cls({"w": np.ones(2)}, **{name: value}), SettingError, name)
    for cls, name, values in (
        (optim.SGD, "lr", (-1.0, NAN, INF, "fast", None, True)),
        (optim.SGD, "momentum", (-0.1, NAN)),
        (optim.SGD, "weight_decay", (-1e-9, INF)),
        (optim.SGD, "rows", ("some",)),
        (optim.SGD, "nesterov", (True,)),
        (optim.Adam, "lr", (-1.0, NAN)),
        (optim.Adam, "betas", (0.9, (0.9,), (1.0, 0.9), (0.9, -0.1), (NAN, 0.9))),
        (optim.Adam, "eps", (-1e-8, NAN)),
        (optim.Adam, "weight_decay", ({"v": 0.1}, {"w": -1.0})),
        (optim.SparseAdam, "lr", (0.0, -1.0)),
        (optim.RMSProp, "alpha", (-0.1, NAN)),
    )
    for value in values
] + [
    ("frozen parameters", lambda: optim.SGD({"w": np.broadcast_to(1.0, 3)}), UsageError, "read-only"),
    ("parameters of integers", lambda: optim.SGD({"w": IDS}), DTypeError, "params"),
    ("parameters in lists", lambda: optim.SGD({"w": [1.0]}), DTypeError, "params"),
    ("no gradient", lambda: optim.SGD({"w": np.ones(2)}).step({}), UsageError, "no gradient for 'w'"),
    ("foreign gradient", lambda: optim.Adam({"w": np.ones(2)}).step(
        {"w": np.ones(2), "x": np.ones(2)}), UsageError, "unknown parameter 'x'"),
    ("gradient of another shape", lambda: optim.Adam({"w": np.ones(2)}).step({"w": np.ones((2, 1))}),
     ShapeError, "grads"),
    ("parameter gradient of another dtype", lambda: optim.Adam({"w": np.ones(2)}).step(
        {"w": np.ones(2, "f4")}), DTypeError, "grads"),
    ("touched rows unsaid", lambda: optim.SGD({"w": np.ones(2)}, rows="touched_rows").step(
        {"w": np.ones(2)}), UsageError, "touched"),
    ("touched row outside", lambda: optim.SparseAdam({"w": np.ones(2)}).step(
        {"w": np.ones(2)}, {"w": [2]}), IdRangeError, "touched"),
    ("state of another optimiser", lambda: optim.Adam({"w": np.ones(2)}).load_state_arrays(
        optim.SGD({"w": np.ones(2)}).state_arrays()), NpcfError, "arrays"),
    ("no steps", lambda: optim.one_cycle_fastai(0, 1.0), SettingError, "n_steps"),
    ("steps that are no epochs", lambda: optim.one_cycle_fastai(7, 1.0, n_epochs=2), SettingError,
     "n_epochs"),
    ("peak of NaN", lambda: optim.one_cycle_fastai(7, NAN), SettingError, "lr_max"),
    ("start beyond the end", lambda: optim.one_cycle_fastai(7, 1.0, pct_start=2), SettingError, "pct"),
    ("half a step", lambda: optim.cosine(2.5, 1.0), SettingError, "n_steps"),
    ("falling below zero", lambda: optim.constant(3, -1.0), SettingError, "lr"),
]  # fmt: skip

FRAMES = [
    ("array of no dimension", lambda: data.Ratings.from_frame(np.array(1)), UsageError, "ndarray"),
    ("no columns that we know", lambda: data.Ratings.from_frame(
        FRAME.set_axis(["a", "b", "c"], axis=1)), DataError, "'a'"),
    ("user column missing", lambda: ratings(user=None), DataError, "user"),
    ("two user columns", lambda: ratings(userId=[1, 2, 3]), DataError, "userId"),
    ("named column missing", lambda: data.Ratings.from_frame(FRAME, user="who"), DataError, "'who'"),
    ("no rows", lambda: data.Ratings.from_frame(FRAME.iloc[:0]), DataError, "no rows"),
    ("rating missing", lambda: ratings(rating=[1, NAN, 2]), DataError, r"rating\[1\]"),
    ("rating infinite", lambda: ratings(rating=[1, 2, INF]), DataError, r"rating\[2\]"),
    ("rating beyond float32", lambda: ratings(rating=[1e39, 1, 2]), DataError, r"rating\[0\]"),
    ("rating as text", lambda: ratings(rating=["1", "2", "3"]), DataError, "not numbers"),
    ("rating as booleans", lambda: ratings(rating=[True, False, True]), DataError, "rating"),
    ("rating as dates", lambda: ratings(rating=pd.to_datetime(["2020"] * 3)), DataError, "rating"),
    ("user missing", lambda: ratings(user=["a", None, "b"]), DataError, r"user\[1\]"),
    ("frame with ids as floats", lambda: ratings(item=[1.0, 2.0, 3.0]), DataError, "item"),
    ("frame with ids as booleans", lambda: ratings(user=[True, False, True]), DataError,
     "dtype bool. Read the ids"),
    ("ids of two types", lambda: ratings(user=pd.Series([1, "1", 2], dtype=object)), DataError, "ids"),
    ("id beyond 2**53 once missing", lambda: ratings(user=[2**53 + 1, NAN, 3]), DataError, r"user\[1\]"),
    ("two titles an item", lambda: data.Ratings.from_frame(
        frame(item=[1, 1, 2], title=["a", "b", "c"]), title="title"), DataError, "'a', 'b'"),
    ("split of everything", lambda: data.split_indices(10, 1.0), SettingError, "valid_pct"),
    ("split of less than nothing", lambda: data.split_indices(10, -0.1), SettingError, "valid_pct"),
    ("seed negative", lambda: data.torch_randperm(10, -1), SettingError, "seed"),
    ("batches of none", lambda: loaders(bs=0), SettingError, "bs"),
    ("no ratings a batch", lambda: data.Batches(RATINGS, 0, rng=rng()), SettingError, "batch_size"),
    ("more ratings than torch permutes by 32 bits", lambda: data.torch_randperm(2**31, 0),
     SettingError, "n < "),
    ("batches of a half", lambda: loaders(bs=1.5), SettingError, "bs"),
    ("sampling unknown", lambda: loaders(sampling="bootstrap"), SettingError, "permutation"),
    ("nothing to train on", lambda: data.CollabDataLoaders(
        RATINGS.take([]), RATINGS, rng=rng()), DataError, "train"),
    ("nothing to validate on", lambda: data.CollabDataLoaders(
        RATINGS, RATINGS.take([]), rng=rng()), DataError, "valid"),
    ("more ratings than cells", lambda: data.planted(3, 3, 10), SettingError, "n_ratings"),
    ("noise negative", lambda: data.planted(noise=-1), SettingError, "noise"),
]  # fmt: skip

LINE = "1\t1\t3\t0\n2\t2\t4\t0\n"
FILES = [
    ("no file", lambda tmp: data.read_movielens(tmp / "none"), DataError, "none"),
    ("folder of nothing", lambda tmp: data.read_movielens(tmp), DataError, "no"),
    ("file of nothing", lambda tmp: movielens(tmp, ""), DataError, "u.data"),
    ("torn last line", lambda tmp: movielens(tmp, LINE[:-5]), DataError, "line 2"),
    ("commas for tabs", lambda tmp: movielens(tmp, LINE.replace("\t", ",")), DataError, "line 1"),
    ("field too many", lambda tmp: movielens(tmp, LINE + "1\t1\t1\t1\t1\n"), DataError, "u.data"),
    ("header", lambda tmp: movielens(tmp, "a\tb\tc\td\n" + LINE), DataError, "line 1"),
    ("letters in an id", lambda tmp: movielens(tmp, LINE.replace("2\t2", "2x\t2")), DataError, "line 2"),
    ("rating of letters", lambda tmp: movielens(tmp, LINE.replace("\t4", "\tfour")), DataError, "line 2"),
    ("rating empty", lambda tmp: movielens(tmp, LINE.replace("\t4", "\t")), DataError, "line 2"),
    ("id beyond all", lambda tmp: movielens(tmp, LINE.replace("2\t2", "1e20\t2")), DataError, "line 2"),
    ("film without title", lambda tmp: movielens(tmp, LINE, "1|One|x\n"), DataError, "2"),
    ("film with two lines", lambda tmp: movielens(tmp, LINE, "1|One|x\n1|Uno|x\n"), DataError, "line 2"),
    ("meaning of item unknown", lambda tmp: (movielens(tmp, LINE), data.read_movielens(
        tmp, item="name")), SettingError, "item"),
    ("csv of nothing", lambda tmp: csv(tmp, ""), DataError, "ratings.csv"),
    ("csv of a header", lambda tmp: csv(tmp, "user,item,rating\n"), DataError, "ratings"),
    ("csv without rating", lambda tmp: csv(tmp, "user,item\n1,2\n"), DataError, "rating"),
    ("csv of one column", lambda tmp: csv(tmp, "user\n1\n"), DataError, "ratings.csv|item|column"),
    ("csv torn", lambda tmp: csv(tmp, "user,item,rating\n1,2,3\n1,2"), DataError, "line 3"),
    ("csv with a field too many", lambda tmp: csv(tmp, "user,item,rating\n1,2,3\n1,2,3,4\n"), DataError,
     "ratings.csv"),
    ("csv not UTF-8", lambda tmp: csv(tmp, b"user,item,rating\n\xff\xfe,2,3\n"), DataError, "ratings.csv"),
    ("csv with an id of 4,301 digits", lambda tmp: csv(
        tmp, f"user,item,rating\n1,2,3\n{'1' * 4301},2,3\n"), DataError, "line 3: user is .*beyond"),
    *((f"csv in {name} read as {said}", lambda tmp, name=name, said=said: (
        (tmp / "r.csv").write_bytes("user,item,rating\n1,2,3\n".encode(name)),
        data.read_csv(tmp / "r.csv", encoding=said)), DataError, words) for name, said, words in (
            ("utf-16-be", "utf-16", 'encoding="utf-16-be"'), ("utf-32", "utf-16", "right file"))),
    ("csv in an encoding of no text", lambda tmp: (csv(tmp, "user,item,rating\n1,2,3\n"), data.read_csv(
        tmp / "ratings.csv", encoding="rot13")), SettingError, "'rot13' is unknown"),
    ("csv in an encoding of no name", lambda tmp: data.read_csv(tmp / "x", encoding="\0"), SettingError,
     "encoding"),
    *((f"csv in {name} unsaid", lambda tmp, name=name: csv(tmp, "user,item,rating\n1,2,3\n".encode(name)),
       DataError, f'encoding="{name}"') for name in (
           "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")),
    *((f"csv that is {name}", lambda tmp, magic=magic: csv(tmp, magic + bytes(9)), DataError, words)
      for name, magic, words in (("parquet", b"PAR1", "a file of parquet"), ("lzma", b"]\0\0", "lzma"),
                                 ("compress", b"\x1f\x9d", "a file of .Z"),
                                 ("no whole zip", b"PK\3\4", "it is damaged"))),
    ("csv below a blank line", lambda tmp: csv(tmp, "\n\nuser,item,rating\n1,2,3\n"), DataError,
     "begins with a blank line"),
    ("csv with digits of Python", lambda tmp: csv(tmp, "user,item,rating\n1,2,3\n1,2,1_0\n"), DataError,
     "line 3: rating is '1_0', not a number"),
    ("csv with NaN", lambda tmp: csv(tmp, "user,item,rating\n1,2,nan\n"), DataError, "rating"),
    ("no saved model", lambda tmp: training.load(tmp / "none"), DataError, "no file"),
    ("model of nothing", lambda tmp: saved(tmp, lambda c: b""), DataError, "damaged"),
    ("model cut short", lambda tmp: saved(tmp, lambda c: c[:-10]), DataError, "damaged"),
    ("model with one bit flipped", lambda tmp: saved(tmp, flip), DataError, "changed"),
    ("model as a pickle", lambda tmp: saved(tmp, lambda c: b"\x80\x04K\x01."), DataError, "pickle"),
    ("model too large", lambda tmp: saved(tmp, largest=10), DataError, "more than the allowed 10"),
    ("model into no folder", lambda tmp: training.SaveEvery(tmp / "no" / "run"), SettingError, "folder"),
    ("run of other ratings", lambda tmp: (learner().save(tmp / "run"), learner().resume(tmp / "run")),
     DataError, "outside a fit"),
]  # fmt: skip

TRAINING = [
    ("no epochs", lambda: learner().fit(0), SettingError, "n_epoch"),
    ("epochs and a half", lambda: learner().fit_one_cycle(1.5), SettingError, "n_epoch"),
    ("rate of NaN", lambda: learner().fit(1, NAN), SettingError, "lr"),
    ("decay negative", lambda: learner().fit(1, 0.1, wd=-1), SettingError, "weight_decay"),
    ("batches of no size", lambda: [
        at := learner(), setattr(at.dls.train, "batch_size", 0), at.fit(1)], SettingError, "batch_size"),
    ("batches of no generator", lambda: [
        at := learner(), setattr(at.dls.train, "rng", None), at.fit(1)], UsageError, "rng"),
    *((f"part {n} cut short", lambda part=part: [
        at := learner(), part(at.dls).items.resize(3, refcheck=False), at.fit(1)],
       ShapeError, "users, items and ratings") for n, part in enumerate(
           (lambda d: d.train.ratings, lambda d: d.valid))),
    ("position that there is not", lambda: RATINGS.take([0, 10**6]), IdRangeError, r"index\[1\]"),
    ("mask of others", lambda: RATINGS.take([True]), NpcfError, "index"),
    ("patience of none", lambda: training.EarlyStopping(0), SettingError, "patience"),
    ("saving every 0 steps", lambda: training.SaveEvery("run", 0), SettingError, "every"),
    ("errors of nothing", lambda: training.rmse(np.zeros(0), np.zeros(0)), EmptyBatchError, "empty"),
    ("errors that broadcast", lambda: training.mae(W[:, 0], W[:, :1]), ShapeError, "keepdim"),
]  # fmt: skip

QUESTIONS = [
    ("user unknown", lambda: predictor().predict([1, 99], [1, 1]), UnknownIdError, r"users\[1\]: 99"),
    ("item unknown", lambda: predictor().predict([1], [99]), UnknownIdError, "99"),
    ("user as text", lambda: predictor().predict(["1"], [1]), NpcfError, "type"),
    ("policy unknown", lambda: predictor().predict([1], [1], unknown="guess"), SettingError, "guess"),
    ("clip upside down", lambda: predictor().predict([1], [1], clip=(5, 1)), SettingError, "clip"),
    ("clip of one number", lambda: predictor().predict([1], [1], clip=5), SettingError, "clip"),
    ("users without items", lambda: predictor().predict([1, 2], [1]), ShapeError, "items"),
    ("one id for a list", lambda: predictor().predict(1, 1), ShapeError, "users"),
    ("frame without ids", lambda: predictor().predict_frame(pd.DataFrame({"x": [1]})), DataError, "'x'"),
    ("recommending nothing", lambda: recommend(predictor(), 1, 0), SettingError, "n: must"),
    ("recommending to nobody", lambda: recommend(predictor(), 99), UnknownIdError, "99"),
    ("similar to nothing", lambda: similar_items(predictor(), 99), UnknownIdError, "99"),
    ("likeness unknown", lambda: similar_items(predictor(), 1, by="taste"), SettingError, "taste"),
    ("best of none", lambda: top_items(predictor().model, RATINGS, 0), SettingError, "n: must"),
    ("biases of none", lambda: top_items(models.EmbeddingDot(13, 9), RATINGS), UsageError, "biases"),
    ("fold in unknown films", lambda: fold_in(predictor(), [99], [3.0]), UnknownIdError, "99"),
    ("fold in fewer ratings", lambda: fold_in(predictor(), [1, 2], [3.0]), ShapeError, "ratings"),
    ("ids that are masked", lambda: CollabRegressor().fit(
        np.ma.array([[1, 5], [2, 99]], mask=[[0, 0], [0, 1]]), [1.0, 2.0]), NpcfError, "1 masked"),
    ("fold in NaN", lambda: fold_in(predictor(), [1], [NAN]), NpcfError, "ratings"),
    ("vocabulary of another model", lambda: Predictor.of(
        models.DotProductBiasCP(5, 5, 2), RATINGS), ShapeError, "user_vocab"),
]  # fmt: skip


def tables():
    return {"w": np.ones(2)}


# "no" is true to Python, and so is an array that is full of ones
FLAGS = [
    (f"{option} {value!r}", lambda call=call, flag={option: value}: call(**flag), SettingError,
     f"{option}: must be True or False")
    for option, *calls in (
        ("nesterov", lambda **f: optim.SGD(tables(), momentum=0.9, **f)),
        ("decoupled", lambda **f: optim.SGD(tables(), **f), lambda **f: optim.Adam(tables(), **f),
         lambda **f: optim.RMSProp(tables(), **f)),
        ("centered", lambda **f: optim.RMSProp(tables(), **f)),
        ("three_phase", lambda **f: optim.one_cycle_torch(9, 0.1, **f)),
        ("column", lambda **f: models.PairModel(PARAMS, **f)),
        ("drop_last", loaders),
        ("na_row", lambda **f: data.Ratings.from_frame(FRAME, **f), lambda **f: data.Vocabulary([1], **f)),
        ("matrix", lambda **f: data.read_csv("r.csv", **f)),
        ("timestamps", lambda **f: data.read_movielens("ml", **f)),
        ("fast", learner), ("deferred", learner), ("progress", learner),
        ("ascending", lambda **f: top_items(predictor().model, RATINGS, **f)),
        ("exclude_seen", lambda **f: fold_in(predictor(), [1], [3.0]).recommend(**f)),
        ("verbose", lambda **f: CollabRegressor(**f).fit([[1, 2]], [3.0])),
    )
    for call in calls for value in ("no", 1, np.ones(2))
]  # fmt: skip

TABLE = [*FLAGS, *OPERATIONS, *MODELS, *OPTIMIZERS, *FRAMES, *TRAINING, *QUESTIONS]


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message) as raised:
        call()
    judge(raised.value)


@pytest.mark.parametrize(("call", "error", "message"), [row[1:] for row in FILES],
                         ids=[row[0] for row in FILES])  # fmt: skip
def test_bad_files_are_refused(call, error, message, tmp_path):
    with pytest.raises(error, match=message) as raised:
        call(tmp_path)
    judge(raised.value)


def judge(error):
    """An error of ours: a code, the argument, a cure, on one line."""
    assert isinstance(error, NpcfError)
    assert error.code in str(error)
    assert error.argument
    assert error.cure
    assert "\n" not in str(error)
