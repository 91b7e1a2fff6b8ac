# ruff: noqa: E501  (a row is code, and reads best as one)
"""Pairs of Python, or of command lines after a `$`: what provokes an error, and what its cure says.

A row belongs to the place in npcf that makes the error (found by running it, `cure_sites`); the
second half follows the words of the cure.  Names are those of `test_refusals`, `npcf`'s rooms,
`tmp` (an empty folder, also the working directory) and what `HELP` defines.
"""

HELP = """
import os, pickle, io, sys
import npcf
from npcf import analysis, errors, interop, verify
from npcf.data import *
E = {"w": np.ones(3)}
TRIPLE = np.array([[1, 2, 3]] * 3)
STATE = {"u.weight": W, "m.weight": W}
BIASED = STATE | {"ub.weight": W[:, :1], "mb.weight": W[:, :1]}
NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
GROUND = data.planted(12, 8, 60, n_factors=2, seed=0)
square = (lambda w: (w * w).sum()), (lambda d, w: 2 * d * w)
def hold(text, name="r.csv"):
    (tmp / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp / name
def regressor(**settings):
    return npcf.CollabRegressor(n_factors=2, n_epochs=1, random_state=0, **settings)
def fitted():
    return regressor().fit([[1, 2], [2, 1]], [1.0, 2.0])
def columnar(idxs=(1,), y=(1.0, 2.0, 3.0), cats=("user", "item"), frame=FRAME[["user", "item"]]):
    return data.ColumnarModelData.from_data_frame(".", np.asarray(idxs), frame, y, cats, rng=rng())
def tables(cls=optim.SGD, **settings):
    shapes = {"user_factors": (4, 3), "item_factors": (4, 3), "user_bias": (4,), "item_bias": (4,)}
    return cls({name: np.ones(shape) for name, shape in shapes.items()}, 0.1, **settings)
def fuse(opt=None, y_range=(0, 5), **options):
    from npcf.kernels.fused import trainer_for
    trainer = trainer_for(opt or tables(), y_range, 0.0, **options)
    def run(users=IDS, items=IDS, rating=(1.0, 2.0, 3.0), starts=(0, 2, 3), lrs=(0.1, 0.1), **more):
        trainer.run(users, items, rating, starts, lrs, **more)
    return run
def table(*rows, head="user,item,rating"):
    return data.read_csv(hold("\\n".join([head, *(rows or ["1,2,3"])]) + "\\n"))
def ml(rows="1\\t1\\t3\\t0", titles="1|One"):
    return movielens(tmp, rows + "\\n", titles + "\\n")
def zipped(name):
    import zipfile
    with zipfile.ZipFile("r.zip", "w") as archive:
        archive.writestr(name, "user,item,rating\\n1,2,3\\n")
    return data.read_csv("r.zip")
def stars(stamps=None):
    return data.Ratings.from_frame(FRAME.assign(time=stamps or [1, 2, 3]), timestamp="time")
def cached(**change):
    out, cache = ops.embedding_forward(W, IDS)
    return ops.embedding_backward(out, cache._replace(**change))
"""

OPERATIONS = [
    ("ops.embedding_forward({1: 2}, IDS)", "ops.embedding_forward(W, IDS)"),
    ("ops.embedding_forward(W[0], IDS)", "ops.embedding_forward(W[0][:, None][[0, 1, 2, 2]], IDS)"),
    ("ops.embedding_forward(W, [4])", "ops.embedding_forward(W, [3])"),
    ("ops.embedding_forward(W, [])", "ops.embedding_forward(W, np.zeros(0, dtype=np.int64))"),
    ("ops.embedding_forward(W, [0.5])", "ops.embedding_forward(W, [0])"),
    (
        "ids = ['1']; ops.embedding_forward(W, ids)",
        "ids = ['1']; ops.embedding_forward(W, np.asarray(ids, dtype=np.int64))",
    ),
    ("ops.embedding_forward(W, IDS, 'x')", "ops.embedding_forward(W, IDS, 0)"),
    ("ops.embedding_forward(W, IDS, 9)", "ops.embedding_forward(W, IDS, -1)"),
    ("ops.row_dot_forward(W, W[:3])", "ops.row_dot_forward(W[:3], W[:3])"),
    (
        "right = W.astype('f4'); ops.row_dot_forward(W, right)",
        "right = W.astype('f4'); ops.row_dot_forward(W, right.astype(np.float64))",
    ),
    (
        "d = W[:, :1]; ops.row_dot_backward(d, ops.row_dot_forward(W, W)[1])",
        "d = W[:, :1]; ops.row_dot_backward(d[:, 0], ops.row_dot_forward(W, W)[1])",
    ),
    (
        "d_out = W[:, 0].astype('f4'); ops.row_dot_backward(d_out, ops.row_dot_forward(W, W)[1])",
        "d_out = W[:, 0].astype('f4')\n"
        "ops.row_dot_backward(d_out.astype(np.float64), ops.row_dot_forward(W, W)[1])",
    ),
    ("ops.sigmoid_range_forward(W, NAN, 5)", "ops.sigmoid_range_forward(W, 0, 5)"),
    ("ops.sigmoid_range_forward(W, 5, 0)", "ops.sigmoid_range_forward(W, 0, 5)"),
    (
        "ops.bias_forward(W[:, 0], W[:, 0], W[:, 0], IDS, IDS)",
        "ops.bias_forward(W[:3, 0], W[:, 0], W[:, 0], IDS, IDS)",
    ),
    (
        "c = ops.bias_forward(W[:3, 0], W[:, 0], W[:, 0], IDS, IDS)[1]\n"
        "ops.bias_backward(W[:3, 0], c._replace(items=c.items[:2]))",
        "c = ops.bias_forward(W[:3, 0], W[:, 0], W[:, 0], IDS, IDS)[1]\n"
        "ops.bias_backward(W[:3, 0], c)",
    ),
    ("ops.mse_forward(W[:0], W[:0])", "ops.mse_forward(W, W)"),
    ("ops.mse_backward(1.0, ops.MSECache(W[:0]))", "ops.mse_backward(1.0, ops.MSECache(W))"),
    ("ops.mse_backward('a', ops.MSECache(W))", "ops.mse_backward(1.0, ops.MSECache(W))"),
    ("ops.mse_backward([1.0, 2.0], ops.MSECache(W))", "ops.mse_backward(1.0, ops.MSECache(W))"),
    ("cached(dtype='text')", "cached()"),
    ("cached(table_shape=(-1, 3))", "cached()"),
    ("cached(scale_grad_by_freq='x')", "cached()"),
    ("ops.embedding_backward(W, None)", "cached()"),
    ("ops.mse_backward(1.0, ops.MSECache([1]))", "ops.mse_backward(1.0, ops.MSECache(W))"),
    (
        "ops.row_dot_backward(W[:, 0], ops.RowDotCache(W[0], W[0]))",
        "ops.row_dot_backward(W[:, 0], ops.row_dot_forward(W, W)[1])",
    ),
]

MODELS = [
    (
        "models.PairModel(PARAMS, 5.5)([[0, 0]])",
        "models.PairModel(PARAMS, y_range=(0, 5.5))([[0, 0]])",
    ),
    ("models.init_params(1, 1, -1, rng())", "models.init_params(1, 1, 0, rng())"),
    ("models.init_params(2**70, 1, 1, rng())", "models.init_params(2, 1, 1, rng())"),
    ("models.init_params(1, 1, 1, 0)", "models.init_params(1, 1, 1, rng=np.random.default_rng(0))"),
    ("models.Embedding(3, 2, dtype='text')", "models.Embedding(3, 2, dtype=np.float32)"),
    ("models.Embedding(3, 2, dtyp=1)", "models.Embedding(3, 2, dtype=np.float64)"),
    (
        "models.dot_product_forward({'user_factors': W}, IDS, IDS)",
        "models.dot_product_forward({'user_factors': W, 'item_factors': W}, IDS, IDS)",
    ),
    ("models.PairModel([W])", "models.PairModel({'user_factors': W, 'item_factors': W})"),
    (
        "models.PairModel({'user_factors': W, 'item_factors': W}, (0, 1))",
        "models.PairModel({'user_factors': W, 'item_factors': W})",
    ),
    (
        "models.DotProductBiasCP(4, 6, 3)(IDS)",
        "models.DotProductBiasCP(4, 6, 3)(np.stack([IDS, IDS], axis=1))",
    ),
    (
        "m = models.DotProductBiasEmb(4, 6, 3, dtype='f8'); m.backward(W[:1, 0], m.forward([[0, 0]])[1])",
        "m = models.DotProductBiasEmb(4, 6, 3, dtype='f8')\n"
        "m.backward(W[:1, 0][:, None], m.forward([[0, 0]])[1])",
    ),
    ("models.Embedding(4, 3)[IDS]", "models.Embedding(4, 3)(IDS)"),
    ("models.create_params([4])(IDS)", "models.create_params([4])[IDS]"),
    ("models.masked_mse_forward(W, W, W)", "models.masked_mse_forward(W, W, ~np.isnan(W))"),
    (
        "npcf.Learner(None, None)",
        "npcf.Learner(data.CollabDataLoaders.from_df(FRAME, 0.4, seed=0), "
        "npcf.models.DotProductBiasEmb(4, 4, 2))",
    ),
]

OPTIMIZERS = [
    (
        "params = {'w': [1.0]}; optim.Adam(params)",
        "params = {'w': [1.0]}; optim.Adam({'w': np.array(params['w'], dtype=np.float32)})",
    ),
    (
        "params = {'w': np.ma.array([1.0])}; optim.Adam(params)",
        "params = {'w': np.ma.array([1.0])}; optim.Adam({'w': np.array(params['w'])})",
    ),
    (
        "w = np.ones(2); w.flags.writeable = False; optim.Adam({'w': w})",
        "w = np.ones(2); w.flags.writeable = False; optim.Adam({'w': w.copy()})",
    ),
    ("optim.Adam(E).step({'x': np.ones(3)})", "optim.Adam(E).step({'w': np.ones(3)})"),
    ("optim.Adam(E).step({'w': np.ones(2)})", "optim.Adam(E).step({'w': np.ones(3)})"),
    (
        "grad = np.ones(3, 'f4'); optim.Adam(E).step({'w': grad})",
        "grad = np.ones(3, 'f4'); optim.Adam(E).step({'w': grad.astype(np.float64)})",
    ),
    (
        "optim.SGD(E, rows='touched_rows').step(E)",
        "grads = E\noptim.SGD(E, rows='touched_rows').step(grads, {'w': [0]})",
    ),
    (
        "optim.SGD(E, rows='touched_rows').step(E, {'x': [0]})",
        "optim.SGD(E, rows='touched_rows').step(E, {'w': [0]})",
    ),
    ("optim.SGD(E, rows='all')", "optim.SGD(E, rows='all_rows')"),
    ("optim.SGD(E, lr={'x': 1})", "optim.SGD(E, lr={'w': 1})"),
    ("optim.SGD(E, lr={})", "optim.SGD(E, lr={'default': 1})"),
    (
        "optim.Adam(E).load_state_arrays({})",
        "o = optim.Adam(E); o.load_state_arrays(o.state_arrays())",
    ),
    (
        "o = optim.Adam(E); o.load_state_arrays(o.state_arrays() | {'m/w': [1]})",
        "o = optim.Adam(E); o.load_state_arrays(o.state_arrays())",
    ),
    (
        "o = optim.Adam(E); o.load_state_arrays(o.state_arrays() | {'m/w': np.ones(2)})",
        "o = optim.Adam(E); o.load_state_arrays(o.state_arrays() | {'m/w': np.ones(3)})",
    ),
    ("optim.SGD(E, nesterov=True)", "optim.SGD(E, nesterov=True, momentum=0.9)"),
    ("optim.SparseAdam(E).weight_decay = 1", "optim.SGD(E, rows='touched_rows', weight_decay=1.0)"),
    ("optim.SparseAdam(E, lr=0)", "optim.SparseAdam(E, lr=1e-3)"),
    ("optim.exponential(4, 1, 0)", "optim.linear(4, 1, 0)"),
    ("optim.one_cycle_torch(4, 1, div=1e-320)", "optim.one_cycle_torch(4, 1)"),
    ("optim.renormalise_rows(W[0], IDS, 1)", "optim.renormalise_rows(W.copy(), IDS, 1)"),
    ("optim.renormalise_rows(W.copy(), IDS, 0)", "optim.renormalise_rows(W.copy(), IDS, 1)"),
]

FRAMES = [
    ("columnar([[1]])", "columnar([1])"),
    ("columnar([1, 1])", "columnar(np.unique([1, 1]))"),
    ("columnar([0, 1, 2])", "columnar([0, 1])"),
    ("columnar(cats=())", "columnar(cats=['user', 'item'])"),
    (
        "columnar(cats=('user',), frame=FRAME.assign(x='a'))",
        "columnar(cats=('user', 'x'), frame=FRAME.assign(x='a'))",
    ),
    ("columnar(y=[1.0])", "columnar(y=[1.0, 2.0, 3.0])"),
    ("columnar(y=[1.0, NAN, 2.0])", "columnar(y=[1.0, 1.0, 2.0])"),
    ("ratings(user=None)", "data.Ratings.from_frame(frame(user=None, who=[1, 2, 3]), user='who')"),
    ("ratings(userId=[1, 2, 3])", "data.Ratings.from_frame(frame(userId=[1, 2, 3]), user='user')"),
    ("data.Ratings.from_frame(FRAME, user='item')", "data.Ratings.from_frame(FRAME, user='user')"),
    ("data.Ratings.from_frame(FRAME, user='who')", "data.Ratings.from_frame(FRAME, user='user')"),
    (
        "data.Ratings.from_frame(pd.concat([FRAME, FRAME['user']], axis=1))",
        "data.Ratings.from_frame(FRAME)",
    ),
    (
        "data.Ratings.from_frame({'user': [1], 'item': [1], 'rating': [1.0]})",
        "frame = {'user': [1], 'item': [1], 'rating': [1.0]}; data.Ratings.from_frame(pd.DataFrame(frame))",
    ),
    (
        "FRAME.to_csv('r.csv'); data.Ratings.from_frame('r.csv')",
        "FRAME.to_csv('r.csv'); frame = 'r.csv'; data.Ratings.from_frame(pd.read_csv(frame))",
    ),
    ("data.Ratings.from_frame(RATINGS)", "data.CollabDataLoaders.from_ratings(RATINGS, rng=rng())"),
    ("data.describe(FRAME)", "ratings = FRAME; data.describe(npcf.Ratings.from_frame(ratings))"),
    ("loaders(bs=999, drop_last=True)", "loaders(bs=9, drop_last=True)"),
    (
        "data.CollabDataLoaders.from_df(FRAME[['user', 'item']])",
        "data.CollabDataLoaders.from_df(FRAME, 0.4)",
    ),
    ("data.CollabDataLoaders.from_df(FRAME, 0.1)", "data.CollabDataLoaders.from_df(FRAME, 0.4)"),
    ("data.planted(3, 3, 10)", "data.planted(3, 3, 9)"),
    ("data.planted(3, 3, 9, duplicates=10)", "data.planted(3, 3, 9, duplicates=9)"),
    ("data.planted(3, 3, 9, density=0.5)", "data.planted(3, 3, 9)"),
    (
        "ratings(rating=['1', '2', '3'])",
        "ratings(rating=pd.to_numeric(pd.Series(['1', '2', '3'])))",
    ),
    ("ratings(rating=[1, 2, INF])", "ratings(rating=[1, 2, 3])"),
    ("data.Ratings.from_frame(FRAME.iloc[:0])", "data.Ratings.from_frame(FRAME.iloc[:1])"),
    ("stars([0.5, 1.5, 2.5])", "stars([1, 2, 3])"),
    (
        "data.Ratings.from_frame(frame(item=[1, 1, 2], title=['a', 'b', 'c']), title='title')",
        "data.Ratings.from_frame(frame(item=[1, 1, 2], title=['a', 'a', 'c']), title='title')",
    ),
    ("RATINGS.take([]).mean_rating", "RATINGS.take([0]).mean_rating"),
    (
        "ratings(user=['a', None, 'b'])",
        "data.Ratings.from_frame(frame(user=['a', None, 'b']).dropna())",
    ),
    ("ratings(user=[1.0, 2.0, 3.0])", "ratings(user=[1, 2, 3])"),
    ("ratings(user=pd.Series([b'a', b'b', b'c']))", "ratings(user=['a', 'b', 'c'])"),
    (
        "GROUND.recovery({'user_factors': W})",
        "GROUND.recovery({n: GROUND.params[n] for n in NAMES})",
    ),
    ("GROUND.recovery(GROUND.params | {'x': W})", "GROUND.recovery(GROUND.params)"),
    (
        "GROUND.recovery({n: GROUND.params[n] for n in NAMES[:3]})",
        "GROUND.recovery({n: GROUND.params[n] for n in NAMES[:2]})",
    ),
    (
        "GROUND.recovery({'user_factors': np.ones((13, 3)), 'item_factors': np.ones((9, 2))})",
        "GROUND.recovery({n: GROUND.params[n] for n in NAMES[:2]})",
    ),
    ("GROUND.recovery({n: 0 * GROUND.params[n] for n in NAMES})", "GROUND.recovery(GROUND.params)"),
    ("GROUND.recovery(GROUND.params | {'user_factors': W})", "GROUND.recovery(GROUND.params)"),
    (
        "GROUND.recovery({n: NAN * GROUND.params[n] for n in NAMES})",
        "GROUND.recovery(GROUND.params)",
    ),
    ("data.k_fold(ratings(), 4, rng())", "data.k_fold(ratings(), 3, rng())"),
    ("data.leave_one_out(ratings(), rng())", "data.k_fold(ratings(), 3, rng())"),
    ("data.by_time(ratings())", "data.by_time(stars(), 0.4)"),
    ("data.by_time(stars([1, 1, 1]), 0.4)", "data.k_fold(stars([1, 1, 1]), 3, rng())"),
    ("data.by_time(stars(), 0.1)", "data.by_time(stars(), 0.4)"),
    ("data.describe(RATINGS.take([]))", "data.describe(RATINGS)"),
    ("data.torch_randperm(3, 2**32)", "data.torch_randperm(3, 2**32 - 1)"),
    ("data.Vocabulary({1: 2})", "ids = {1: 2}; data.Vocabulary(list(ids))"),
    ("data.Vocabulary('a')", "data.Vocabulary(['a'])"),
    ("data.Vocabulary(TRIPLE)", "data.Vocabulary(TRIPLE[:, 0])"),
    ("data.Vocabulary([1]).rows([2])", "data.Vocabulary([1]).rows([1])"),
    (
        "data.Vocabulary([1], na_row=False).rows([2], unknown='na')",
        "data.Vocabulary([1], na_row=True).rows([2], unknown='na')",
    ),
]

ANALYSIS = [
    ("fold_in(predictor(), [1], [3.0], wd=0)", "fold_in(predictor(), [1], [3.0], wd=0.1)"),
    ("fold_in(predictor(), [1, 2], [3.0])", "fold_in(predictor(), [1, 2], [3.0, 4.0])"),
    ("fold_in(predictor(), [], [])", "fold_in(predictor(), [1], [3.0])"),
    ("fold_in(predictor(), [1, 2], [NAN, 3.0])", "fold_in(predictor(), [2], [3.0])"),
    (
        "p = predictor(); p.model.y_range = (1, 1); fold_in(p, [1], [1.0])",
        "p = predictor(); p.model.y_range = (1, 2); fold_in(p, [1], [1.0])",
    ),
    (
        "p = predictor(); Predictor(p.model, p.user_vocab, p.item_vocab, ['a'], 3.0)",
        "p = predictor(); Predictor(p.model, p.user_vocab, p.item_vocab, p.titles, 3.0)",
    ),
    (
        "Predictor.of(predictor().model, RATINGS.take([]))",
        "Predictor.of(predictor().model, RATINGS)",
    ),
    ("predictor().predict([1, 2], [1])", "predictor().predict([1, 2], [1, 1])"),
    (
        "predictor().predict_frame(FRAME.assign(prediction=1))",
        "predictor().predict_frame(FRAME.assign(prediction=1), column='other')",
    ),
    (
        "Predictor.of(models.DotProductBiasCP(5, 5, 2), RATINGS)",
        "Predictor.of(models.DotProductBiasCP(RATINGS.n_users, RATINGS.n_items, 2), RATINGS)",
    ),
    (
        "predictor().predict_frame(FRAME.rename(columns={'user': 'who'}))",
        "frame = FRAME.rename(columns={'user': 'who'})\npredictor().predict_frame(frame, user='who', item='item')",
    ),
    (
        "p = predictor(); p.model.params['user_factors'][:] = NAN; recommend(p, 1)",
        "recommend(predictor(), 1)",
    ),
    ("predictor().predict(1, 1)", "predictor().predict([1], [1])"),
    ("predictor().predict([1], [1], clip=(5, 1))", "predictor().predict([1], [1], clip=(1, 5))"),
    (
        "predictor().predict(['1'], [1])",
        "users = ['1']; predictor().predict(list(map(int, users)), [1])",
    ),
    ("top_items(models.EmbeddingDot(13, 9), RATINGS)", "analysis.top_items_by_count(RATINGS, 5)"),
]

TRAINING = [
    (
        "npcf.Learner(loaders(), models.EmbeddingDot(13, 9), backend='c')",
        "npcf.Learner(loaders(), models.EmbeddingDot(13, 9), backend='numpy')",
    ),
    (
        "npcf.Learner(loaders(), models.EmbeddingDot(13, 9), on_epoch=1)",
        "npcf.Learner(loaders(), models.EmbeddingDot(13, 9), on_epoch=print)",
    ),
    (
        "npcf.Learner(loaders(), models.EmbeddingDot(13, 9), callbacks=[training.Callback])",
        "npcf.Learner(loaders(), models.EmbeddingDot(13, 9), callbacks=[training.Callback()])",
    ),
    (
        "learner().step(data.Batch(IDS, IDS[:2], W[0]))",
        "learn = learner(); learn.opt = optim.SGD("
        "learn.model.params); learn.step(data.Batch(IDS, IDS, W[0]))",
    ),
    (
        "learn = learner(); learn.opt = optim.SGD(learn.model.params)\n"
        "learn.step(batch(rating=(NAN, 1.0)))",
        "learn = learner(); learn.opt = optim.SGD(learn.model.params)\nlearn.step(batch())",
    ),
    ("learner().lr_find(1e30, 1e31)", "learner().lr_find(1e-7, 1.0)"),
    ("training.rmse(W[:0], W[:0])", "training.rmse(W, W)"),
    ("training.PerRatingSGD(decay_powers=1)", "training.PerRatingSGD(decay_powers=(0, 0, 0, 0))"),
    (
        "training.PerRatingSGD(loss='cross_entropy')",
        "training.PerRatingSGD(loss='cross_entropy', y_range=(1, 5))",
    ),
    ("training.PerRatingSGD(y_range=(5, 1))", "training.PerRatingSGD(y_range=(1, 5))"),
    (
        "training.PerRatingSGD().predict([1], [1])",
        "t = training.PerRatingSGD(n_factors=2); t.fit(RATINGS, n_epochs=1); t.predict([1], [1])",
    ),
    (
        "training.PerRatingSGD(n_factors=2, lr=1e30).fit(RATINGS, 2)",
        "training.PerRatingSGD(n_factors=2, lr=0.01).fit(RATINGS, 2)",
    ),
    (
        "training.precision_at_k([[1]], [[1], [2]], 1)",
        "training.precision_at_k([[1], [2]], [[1], [2]], 1)",
    ),
    ("training.precision_at_k([[]], [[1]], 1)", "training.precision_at_k([[1]], [[1]], 1)"),
    ("training.precision_at_k([1], [[1]], 1)", "training.precision_at_k([[1]], [[1]], 1)"),
    ("training.precision_at_k([[1]], [[1, 1]], 1)", "training.precision_at_k([[1]], [[1]], 1)"),
    ("learner().save('m'); learner().resume('m')", "learner().save('m'); training.load('m')"),
    ("training.load('none')", "learner().save('m'); training.load('m')"),
    (
        "learner().save('m'); training.load('m', largest=9)",
        "learner().save('m'); training.load('m', largest=10**9)",
    ),
    ("saved(tmp, lambda c: c[:-9])", "saved(tmp)"),
    ("saved(tmp, flip)", "saved(tmp)"),
    ("training.load(tmp)", "learner().save('m'); training.load('m')"),
]

INTEROP = [
    ("interop.convert({'x': W}, 'npcf')", "interop.convert(STATE, 'npcf')"),
    (
        "interop.convert({'u.weight': W}, 'npcf')",
        "interop.convert({'u.weight': W, 'm.weight': W}, 'npcf')",
    ),
    (
        "interop.convert(BIASED | {'ub.weight': W[:, 0]}, 'npcf')",
        "interop.convert(BIASED | {'ub.weight': W[:, 0][:, None]}, 'npcf')",
    ),
    (
        "interop.convert(STATE | {'m.weight': W.astype('f4')}, 'npcf')",
        "interop.convert({k: v.astype('f4') for k, v in STATE.items()}, 'npcf')",
    ),
    (
        "interop.convert(BIASED | {'ub.weight': W[:2, :1]}, 'npcf')",
        "interop.convert(BIASED, 'npcf')",
    ),
    ("interop.convert(STATE | {'m.weight': W[:, :2]}, 'npcf')", "interop.convert(STATE, 'npcf')"),
    (
        "state = {'a': STATE, 'b': STATE}; interop.convert(state, 'npcf')",
        "state = {'a': STATE, 'b': STATE}; interop.convert(state['a'], 'npcf')",
    ),
    ("interop.convert(STATE, 'torch')", "interop.convert(STATE, 'lesson')"),
    ("regressor().fit([[1, 2]], [1.0, 2.0])", "regressor().fit([[1, 2]], [1.0])"),
    ("regressor().set_params(x=1)", "regressor().set_params(lr=1)"),
    ("fitted().score([[1, 2]], [1.0, 2.0])", "fitted().score([[1, 2]], [1.0])"),
    (
        "regressor().fit(FRAME[['user', 'item']], [1, 2, 3]).predict(FRAME[['item', 'user']])",
        "regressor().fit(FRAME[['user', 'item']], [1, 2, 3]).predict(FRAME[['user', 'item']])",
    ),
    (
        "regressor().fit(np.ones((2, 2)) * 1j, [1.0, 2.0])",
        "regressor().fit(np.ones((2, 2)), [1.0, 2.0])",
    ),
    (
        "frame = FRAME; regressor().fit(frame, [1, 2, 3])",
        "frame = FRAME; regressor().fit(frame[['user', 'item']], [1, 2, 3])",
    ),
    ("regressor().fit(np.ones((0, 2)), [])", "regressor().fit(np.ones((1, 2)), [1.0])"),
    (
        "import scipy.sparse as s; regressor().fit(s.eye(2), [1, 2])",
        "regressor().fit([[1, 1], [2, 2]], [1, 2])",
    ),
    (
        "regressor().fit([1, 2], [1, 2])",
        "users, items = [1, 2], [1, 2]; regressor().fit(np.stack([users, items], axis=1), [1, 2])",
    ),
    ("regressor().fit([[1, 2]], None)", "regressor().fit([[1, 2]], [1.0])"),
    (
        "y = np.ones((1, 1)); regressor().fit([[1, 2]], y)",
        "y = np.ones((1, 1)); regressor().fit([[1, 2]], y.ravel())",
    ),
    ("regressor().fit([[1, 2]], [1j])", "regressor().fit([[1, 2]], [1.0])"),
    (
        "y = np.array(['1']); regressor().fit([[1, 2]], y)",
        "y = np.array(['1']); regressor().fit([[1, 2]], np.asarray(y, dtype=np.float64))",
    ),
    ("regressor().fit([[1, 2], [2, 1]], [1.0, NAN])", "regressor().fit([[1, 2]], [1.0])"),
    ("regressor().fit([[1.5, 2]], [1.0])", "regressor().fit([[1, 2]], [1.0])"),
]

VERIFY = [
    (
        "gradcheck(*square, (W[0],), rng=0)",
        "gradcheck(*square, (W[0],), rng=np.random.default_rng(0))",
    ),
    ("gradcheck(*square, (W[0],), backend=ops)", "gradcheck(*square, (W[0],))"),
    ("gradcheck(*square)", "gradcheck(*square, (W[0],))"),
    ("gradcheck(predictor().model, batch(), (1,))", "gradcheck(predictor().model, batch())"),
    (
        "gradcheck(models.PairModel(PARAMS | {'user_bias': np.full(4, -800.0)}, (0, 5)), batch())",
        "gradcheck(models.PairModel(PARAMS, (0, 5)), batch())",
    ),
    ("gradcheck(*square, (W[0] * 1j,))", "gradcheck(*square, ((W[0] * 1j).real + 1,))"),
    ("gradcheck(*square, ([NAN],))", "gradcheck(*square, ([1.0],))"),
    ("x = W[0]; gradcheck(*square, x)", "x = W[0]; gradcheck(*square, (x,))"),
    ("gradcheck(*square, ([1],))", "gradcheck(*square, ([1.0],))"),
    (
        "gradcheck(lambda w: w if w[0] == 1.0 else w[:1], square[1], ([1.0, 2.0],))",
        "gradcheck(lambda w: 2 * w, lambda d, w: 2 * d, ([1.0, 2.0],))",
    ),
    ("gradcheck(square[0], lambda d, w: (d, d), ([1.0],))", "gradcheck(*square, ([1.0],))"),
    ("gradcheck(lambda w: 'a', square[1], ([1.0],))", "gradcheck(*square, ([1.0],))"),
    ("gradcheck(lambda w: np.array([1, 2]), square[1], ([1.0],))", "gradcheck(*square, ([1.0],))"),
    ("gradcheck(lambda w: w / 0 * 0.0, square[1], ([1.0],))", "gradcheck(*square, ([1.0],))"),
    (
        "r = rng(); gradcheck(lambda w: w * r.random(), square[1], ([1.0],))",
        "gradcheck(lambda w: w * np.random.default_rng(0).random(), "
        "lambda d, w: d * np.random.default_rng(0).random(), ([1.0],))",
    ),
    ("gradcheck(1, square[1], ([1.0],))", "gradcheck(*square, ([1.0],))"),
    ("gradcheck(square[0], lambda d, w: np.ones(3), ([1.0],))", "gradcheck(*square, ([1.0],))"),
    (
        "def f(w):\n    w += 1\n    return w.sum()\ngradcheck(f, square[1], ([1.0],))",
        "def f(w):\n    return (w + 1).sum()\ngradcheck(f, lambda d, w: d * np.ones_like(w), ([1.0],))",
    ),
]

FILES = [
    ("table(head='')", "table()"),
    (
        "hold(b'user,item,rating\\n\\xff,2,3'); data.read_csv('r.csv')",
        "table(b'\\xff,2,3'.decode('latin1'))",
    ),
    ("table('1 2 3', head='user item rating')", "table('1;2;3', head='user;item;rating')"),
    ("table(head='1,2,3')", "table('1,2,3')"),
    (
        "table('1,2,3,4', head='user,item,rating,rating')",
        "table('1,2,3,4', head='user,item,rating,other')",
    ),
    (
        "table(head='who,item,rating')",
        "data.read_csv(hold('who,item,rating\\n1,2,3\\n'), user='who')",
    ),
    ("hold('user,item,rating\\n'); data.read_csv('r.csv')", "table()"),
    ("table('1,2')", "table('1,2,3')"),
    ("table('1,2,x')", "table('1,2,3')"),
    ("table(',2,3')", "table('1,2,3')"),
    ("data.read_csv(tmp)", "table()"),
    ("ml('1\\t1\\t3\\tx')", "ml()"),
    ("ml(titles='1')", "ml()"),
    ("ml(titles='x|One')", "ml()"),
    ("ml(titles='1|One\\n1|Uno')", "ml()"),
    ("ml(titles='')", "ml()"),
    ("ml(titles='2|Two')", "ml()"),
    ("data.read_movielens(tmp / 'none')", "ml()"),
    ("data.read_movielens(tmp)", "ml()"),
    ("data.read_movielens(hold('1\\t1\\t3\\t0\\n', 'u.data'))", "ml()"),
    ("data.read_csv(hold('no zip', 'r.zip'))", "zipped('r.csv')"),
    ("zipped('../r.csv')", "zipped('r.csv')"),
    ("data.fetch('ml-100k', to=tmp, source='none.zip')", "data.licence('ml-100k')"),
    ("learner().save(1)", "learner().save('m')"),
    ("learner().save('')", "learner().save('m')"),
    ("learner().save('no/m')", "os.mkdir('no'); learner().save('no/m')"),
    ("learner().save(tmp)", "learner().save('m')"),
    ("learner().save('m' * 999)", "learner().save('m')"),
]

FUSED = [
    ("fuse()(users=IDS[:2])", "fuse()()"),
    ("fuse()(starts=[])", "fuse()()"),
    (
        "starts = [0, 2, 2, 3]; fuse()(starts=starts, lrs=[0.1] * 3)",
        "starts = [0, 2, 2, 3]; fuse()(starts=np.unique(starts))",
    ),
    ("fuse()(lrs=[0.1])", "fuse()()"),
    ("fuse()(lrs=[0.1, -1.0])", "fuse()()"),
    ("fuse()(losses=[0.0, 0.0])", "fuse()(losses=np.full(2, np.nan))"),
    ("fuse()(losses=np.ones(3))", "fuse()(losses=np.full(2, np.nan))"),
    ("fuse()(losses=np.ones(4)[::2])", "fuse()(losses=np.full(2, np.nan))"),
    (
        "o = tables(); fuse(o)(losses=o.params['user_bias'][:2])",
        "fuse()(losses=np.full(2, np.nan))",
    ),
    ("fuse()(between=1)", "fuse()(between=lambda taken: False)"),
    ("fuse()(counter=[0])", "fuse()(counter=np.zeros(1, np.int64))"),
    ("fuse()(rating=[NAN, 1.0, 2.0])", "fuse()(rating=[1.0, 1.0, 2.0])"),
    (
        "o = tables(); run = fuse(o)\no.params.update({n: t.astype('f4') for n, t in o.params.items()}); run()",
        "o = tables()\no.params.update({n: t.astype('f4') for n, t in o.params.items()}); fuse(o)()",
    ),
    ("o = tables(); run = fuse(o); o.params['item_factors'] = np.ones((4, 2)); run()", "fuse()()"),
    ("o = tables(); run = fuse(o); o.params['item_bias'] = np.ones(3); run()", "fuse()()"),
    ("fuse(y_range=(5, 0))", "fuse(y_range=(0, 5))"),
    (
        "fuse(tables(optim.Adam, weight_decay=0.1), deferred=True)()",
        "fuse(tables(optim.Adam, weight_decay=0.1), deferred=None)()",
    ),
    ("fuse()(starts=np.zeros(0, int), lrs=[])", "fuse()()"),
]

STATES = [
    (
        "training.PerRatingSGD(n_factors=2).fit(RATINGS, 1, on_epoch=1)",
        "training.PerRatingSGD(n_factors=2).fit(RATINGS, 1, on_epoch=print)",
    ),
    (
        "training.PerRatingSGD(n_factors=2, y_range=(3, 4)).fit(RATINGS, 1)",
        "training.PerRatingSGD(n_factors=2, y_range=(1, 5)).fit(RATINGS, 1)",
    ),
    ("training.PerRatingSGD(lr=0, final_lr=0.1)", "training.PerRatingSGD(lr=0, final_lr=None)"),
    (
        "training.PerRatingSGD(n_factors=2, decay_powers=(99, 0, 0, 0)).fit(RATINGS, 1)",
        "training.PerRatingSGD(n_factors=2, decay_powers=(1, 0, 0, 0)).fit(RATINGS, 1)",
    ),
    (
        "training.PerRatingSGD(n_factors=2, lr=9.0).fit(RATINGS, 20)",
        "training.PerRatingSGD(n_factors=2, lr=0.01).fit(RATINGS, 20)",
    ),
    (
        "ops.sigmoid_range_backward(W, ops.SigmoidRangeCache(W, 'x'))",
        "ops.sigmoid_range_backward(W, ops.sigmoid_range_forward(W, 0, 5)[1])",
    ),
    (
        "ops.sigmoid_range_backward(W, ops.SigmoidRangeCache(W, np.ones(2)))",
        "ops.sigmoid_range_backward(W, ops.sigmoid_range_forward(W, 0, 5)[1])",
    ),
    ("ops.mse_backward(1.0, ops.MSECache(IDS))", "ops.mse_backward(1.0, ops.MSECache(W))"),
    ("cached(table_shape=(2**40, 2**40))", "cached()"),
    ("o = optim.Adam(dict(E)); o.m = {}; o.step(E)", "o = optim.Adam(dict(E)); o.step(E)"),
    ("o = optim.Adam(dict(E)); o.m['w'] = [1]; o.step(E)", "o = optim.Adam(dict(E)); o.step(E)"),
    (
        "o = optim.Adam(dict(E)); o.m['w'] = np.ones(2); o.step(E)",
        "o = optim.Adam(dict(E)); o.step(E)",
    ),
    (
        "o = optim.Adam(dict(E)); o.m['w'].flags.writeable = False; o.step(E)",
        "o = optim.Adam(dict(E)); o.m['w'].flags.writeable = False; o.m['w'] = o.m['w'].copy(); o.step(E)",
    ),
    (
        "w = np.ones(3); optim.Adam({'a': w, 'b': w}).step({'a': w, 'b': w})",
        "w = np.ones(3); optim.Adam({'a': w.copy(), 'b': w.copy()}).step({'a': w, 'b': w})",
    ),
    ("o = optim.Adam(dict(E)); o.m = 3; o.step(E)", "optim.Adam(dict(E)).step(E)"),
    (
        "class Own(optim.SGD): pass\nlearn = learner(); learn.opt_func = Own; learn.fit(1); learn.save('m')",
        "learn = learner(); learn.opt_func = optim.SGD; learn.fit(1); learn.save('m')",
    ),
    ("data.planted(9000, 9000, 60_000_000)", "data.planted(30, 30, 100)"),
    ("training.rmse(W[:, 0], np.ones((4, 1)))", "training.rmse(W[:, 0], np.ones((4, 1))[:, 0])"),
    ("training.load(hold('<html>', 'm'))", "learner().save('m'); training.load('m')"),
    (
        "class Own(models.EmbeddingDot): pass\nnpcf.Learner(loaders(), Own(13, 9)).save('m')",
        "npcf.Learner(loaders(), models.PairModel(models.EmbeddingDot(13, 9).params)).save('m')",
    ),
    (
        "learn = learner(); learn.fit(1); learn.save('m')\nlearn.dls = loaders(bs=9); learn.resume('m')",
        "learn = learner(); learn.fit(1); learn.save('m')\nlearn.dls = loaders(); learn.resume('m')",
    ),
    (
        "learn = learner(); learn.fit(1); learn.save('m')\n"
        "learn.callbacks = [training.Callback()]; learn.resume('m')",
        "learn = learner(); learn.fit(1); learn.save('m'); learn.callbacks = []; learn.resume('m')",
    ),
    (
        "learn = learner(); learn.fit(1); learn.save('m')\n"
        "learn.dls.train.rng = np.random.Generator(np.random.MT19937(0)); learn.resume('m')",
        "learn = learner(); learn.fit(1); learn.save('m')\n"
        "learn.dls.train.rng = np.random.Generator(np.random.PCG64()); learn.resume('m')",
    ),
    ("optim.one_cycle_fastai(5, 1.0, n_epochs=2)", "optim.one_cycle_fastai(6, 1.0, n_epochs=2)"),
    ("GROUND.recovery({})", "GROUND.recovery(GROUND.params)"),
    (
        "training.PerRatingSGD(n_factors=2).fit(training.RatingArrays(IDS, IDS[:1], W[0], 4, 4), 1)",
        "training.PerRatingSGD(n_factors=2).fit(training.RatingArrays(IDS, IDS, W[0], 4, 4), 1)",
    ),
    (
        "e = np.zeros(0, int)\n"
        "training.PerRatingSGD(n_factors=2).fit(training.RatingArrays(e, e, W[0][:0], 4, 4), 1)",
        "training.PerRatingSGD(n_factors=2).fit(RATINGS, 1)",
    ),
    (
        "training.PerRatingSGD(n_factors=2, loss='cross_entropy', y_range=(1, 2)).fit(RATINGS, 1)",
        "training.PerRatingSGD(n_factors=2, loss='cross_entropy', y_range=(0, 6)).fit(RATINGS, 1)",
    ),
]

COMMANDS = [  # in a folder with r.csv (ratings), p.csv (pairs), m (a saved model), o.toml
    ("similar m Alpah", "similar m 5"),
    ("recommend m x", "recommend m 1"),
    ("predict m none.csv", "predict m p.csv"),
    ("predict m empty.csv", "predict m p.csv"),
    ("predict m strange.csv", "predict m strange.csv --unknown mean"),
    ("predict m predicted.csv", "predict m p.csv"),
    ("data show r.csv --columns x", "data show r.csv --columns user=user,item=item,rating=rating"),
    (
        "data show r.csv --columns user=1,user=2",
        "data show r.csv --columns user=user,item=item,rating=rating",
    ),
    ("data show r.csv --not-rated x", "data show r.csv --not-rated=-1,0"),
    ("conformance npcf.verify.examples.plain --sizes x", "conformance --list"),
    ("train --data r.csv --threads 2 --epochs 1", "train --data r.csv --epochs 1"),
    ("train --data r.csv --save r.csv --epochs 1", "train --data r.csv --save s --epochs 1"),
    ("--config none.toml doctor --codes", "--config o.toml doctor --codes"),
    ("--config wrong.toml doctor --codes", "--config o.toml doctor --codes"),
    ("--config unknown.toml doctor --codes", "--config o.toml doctor --codes"),
    ("--config text.toml doctor --codes", "--config o.toml doctor --codes"),
    ("--config flat.toml doctor --codes", "--config o.toml doctor --codes"),
    ("conformance", "conformance --list"),
    ("conformance npcf.verify.examples.plain --laws zzz", "conformance --list"),
    ("conformance nowhere", "conformance --list"),
]

PYTHON = [
    *OPERATIONS,
    *MODELS,
    *OPTIMIZERS,
    *FRAMES,
    *ANALYSIS,
    *TRAINING,
    *INTEROP,
    *VERIFY,
    *FILES,
    *FUSED,
    *STATES,
]
