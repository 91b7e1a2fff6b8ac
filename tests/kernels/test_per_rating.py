"""Per-rating SGD: the rule, its compiled loop, the order of an epoch, threads."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import models, ops, optim
from npcf.errors import DataError, DTypeError, EmptyBatchError, IdRangeError, ShapeError
from npcf.kernels.blocked_sgd import Rule, Trainer, per_rating_epoch, per_rating_step, tiles
from npcf.kernels.blocked_sgd.given import Given
from npcf.kernels.blocked_sgd.row_step import LANE
from npcf.kernels.blocked_sgd.sgd_loop import sweep
from npcf.kernels.blocked_sgd.shuffle import shuffle
from npcf.verify import PRECISION, Bounded, assert_same_bits, assert_within, bounds

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
KINDS = [(None, "mse"), ((0.5, 5.5), "mse"), ((0.5, 5.5), "cross_entropy")]


def tables(n_users, n_items, k, rng, dtype=np.float32):
    shapes = [(n_users, k), (n_items, k), (n_users, 1), (n_items, 1)]
    return {
        name: rng.normal(0, 0.5, shape).astype(dtype)
        for name, shape in zip(NAMES, shapes, strict=True)
    }


def rule_for(params, rng, kind=KINDS[0], lr=0.05):
    y_range, loss = kind
    decays = {n: rng.uniform(0, 0.3, len(t)).astype(np.float32) for n, t in params.items()}
    return Rule(float(np.float32(lr)), float(np.float32(lr / 3)), decays, 0.25, y_range, loss)


def ratings_of(n, n_users, n_items, rng):
    return Given(
        rng.integers(0, n_users, n).astype(np.int32),
        rng.integers(0, n_items, n).astype(np.int32),
        rng.integers(1, 6, n).astype(np.float32),
        n_users,
        n_items,
    )


class BoundedTables:
    """The rule in numbers that carry a bound of what any evaluation in `dtype` may be off."""

    def __init__(self, params, dtype):
        self.precision = PRECISION[np.dtype(dtype)]
        self.value = {name: table.astype(np.float64) for name, table in params.items()}
        self.error = {name: np.zeros(table.shape) for name, table in params.items()}

    def row(self, name, row):
        return Bounded(self.value[name][row], self.error[name][row], self.precision)

    def constant(self, number):
        return Bounded(0.0, 0.0, self.precision).constant(float(number))

    def step(self, u, i, r, rule):
        """Take one step; return rating - prediction before it."""
        p, q = self.row("user_factors", u), self.row("item_factors", i)
        b, c = self.row("user_bias", u), self.row("item_bias", i)
        logit = self.constant(rule.mean) + b + c + (p * q).sum()
        off, e = self.off(logit, self.constant(r), rule)
        lrs = [self.constant(x) for x in (rule.lr, rule.lr, rule.bias_lr, rule.bias_lr)]
        rows, others = (u, i, u, i), (q, p, self.constant(1), self.constant(1))
        moved = [
            self.moved(w, other, e, lr, self.constant(rule.decays[name][row]))
            for w, other, lr, name, row in zip((p, q, b, c), others, lrs, NAMES, rows, strict=True)
        ]
        for name, row, new in zip(NAMES, rows, moved, strict=True):
            self.value[name][row], self.error[name][row] = new
        return off

    def off(self, logit, rating, rule):
        if rule.y_range is None:
            return rating - logit, rating - logit
        low, high = (self.constant(end) for end in rule.y_range)
        height = self.constant(rule.y_range[1] - rule.y_range[0])
        s = logit.sigmoid()
        if rule.loss == "cross_entropy":
            return rating - (low + height * s), (rating - low) / height - s
        off = rating - (low + height * s)
        return off, off * height * s.slope()

    def moved(self, w, other, e, lr, wd):
        """Both ways to write it: by what is kept and pulled, and by the gradient."""
        kept = (self.constant(1) - lr * wd) * w + lr * e * other
        stepped = w + lr * (e * other - wd * w)
        return kept.value, np.maximum(kept.error, stepped.error)

    def check(self, params):
        slack = {name: 2 * error for name, error in self.error.items()}
        for name, table in params.items():
            assert_within(table, self.value[name], slack[name] + 2 * self.precision.eta, name)


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS[:2]),
    k=st.integers(0, 5),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_the_rule_is_sgd_of_touched_rows_with_batches_of_one(seed, kind, k, dtype):
    """With half of the rate and twice the decay, for a loss twice as large."""
    rng = np.random.default_rng(seed)
    params = tables(3, 2, k, rng, dtype)
    rule = rule_for(params, rng, kind)
    wd = {name: float(np.float32(rng.uniform(0, 0.3))) for name in NAMES}
    rule = rule._replace(decays={n: np.full(len(t), wd[n]) for n, t in params.items()})
    by_ops = {name: table.copy() for name, table in params.items()}
    bounded = BoundedTables(params, dtype)
    lrs = {name: (rule.bias_lr if "bias" in name else rule.lr) / 2 for name in NAMES}
    decays = {name: 2 * decay for name, decay in wd.items()}
    opt = optim.SGD(by_ops, lrs, weight_decay=decays, rows="touched_rows")
    model = models.PairModel(by_ops, kind[0], mean=rule.mean)
    for u, i, r in [(0, 1, 4.0), (0, 1, 1.0), (2, 0, 5.0), (0, 0, 3.0)]:
        pred, cache = model.forward(np.array([[u, i]]))
        _, loss_cache = ops.mse_forward(pred, np.array([r], dtype))
        grads = model.backward(ops.mse_backward(1.0, loss_cache), cache)
        opt.step(grads, {name: [u] if "user" in name else [i] for name in NAMES})
        off = per_rating_step(params, u, i, r, rule)
        assert_within(off, r - float(pred[0]), bounded.step(u, i, r, rule).tolerance.item())
    bounded.check(params)
    bounded.check(by_ops)


def loss_of(tables, u, i, r, rule):
    """One rating's loss; complex numbers pass through."""
    z = rule.mean + tables["user_bias"][u, 0] + tables["item_bias"][i, 0]
    z = z + (tables["user_factors"][u] * tables["item_factors"][i]).sum()
    if rule.y_range is None:
        return (z - r) ** 2 / 2
    low, high = rule.y_range
    s = 1 / (1 + np.exp(-z))
    if rule.loss == "mse":
        return (low + (high - low) * s - r) ** 2 / 2
    y = (r - low) / (high - low)
    return -(y * np.log(s) + (1 - y) * np.log(1 - s))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_step_follows_the_gradient_of_its_loss(kind):
    """Every entry of every table against the complex step; float64, no decay."""
    rng = np.random.default_rng(8)
    params = tables(2, 3, 4, rng, np.float64)
    none = {name: np.zeros(len(table)) for name, table in params.items()}
    rule = rule_for(params, rng, kind)._replace(decays=none)
    before = {name: table.copy() for name, table in params.items()}
    per_rating_epoch(params, [1], [2], [4.0], rule)
    for name, table in before.items():
        lr = rule.bias_lr if "bias" in name else rule.lr
        for at in np.ndindex(table.shape):
            moved = {n: t.astype(complex) for n, t in before.items()}
            moved[name][at] += 1e-200j
            slope = (loss_of(moved, 1, 2, 4.0, rule).imag / 1e-200).item()
            # a dozen roundings on either side, of numbers up to the table's, the rating's and 1
            bound = PRECISION[np.dtype(np.float64)].gamma(40) * 16
            assert_within(params[name][at], table[at] - lr * slope, bound, f"{name}{at}")


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(KINDS),
    k=st.sampled_from([0, 1, 15, 16, 17, 40]),
    parts=st.sampled_from([1, 2, 4]),
    n=st.integers(1, 60),
)
def test_compiled_epochs_are_the_rule_s_in_the_order_of_the_epoch(seed, kind, k, parts, n):
    """Two epochs; every table within what float32 may be off, and the padding zero."""
    rng = np.random.default_rng(seed)
    sizes = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    given_, params = ratings_of(n, *sizes, rng), tables(*sizes, k, rng)
    rule, bounded = rule_for(params, rng, kind), BoundedTables(params, np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "PARTS", ((0, parts),))
        patch.setattr(tiles, "CACHED", 64)
        trainer = trainer_of(given_, params, seed % 1000)
    for number in range(2):
        total, order = trainer.epoch(number, rule), in_order(trainer, number)
        squares = [off * off for off in (bounded.step(*rating, rule) for rating in order)]
        want, off = (sum(getattr(s, x).item() for s in squares) for x in ("value", "tolerance"))
        assert_within(total, want, off)
        bounded.check(trainer.params)
    for side in trainer.sides:
        assert not side.factors[:, k:].any()
        assert side.factors.shape[1] % LANE == 0
        assert side.factors.ctypes.data % 64 == 0


def trainer_of(given_, params, seed=0):
    trainer = Trainer(given_, params["user_factors"].shape[1], seed)
    for name, table in params.items():
        trainer.load(name, [table[:3], table[3:]])
    return trainer


def in_order(trainer, number):
    """Return (user, item, rating) of every step of an epoch, original rows."""
    groups = trainer.blocks.users, trainer.blocks.items
    found = []
    for stratum in trainer.strata(number):
        for block in stratum:
            for first, end in trainer.segments(number, *block):
                here = slice(first, end)
                found += zip(*(column[here].tolist() for column in trainer.ratings[:3]),
                             strict=True)  # fmt: skip
    return [(int(groups[0].row_at[u]), int(groups[1].row_at[i]), r) for u, i, r in found]


@pytest.mark.parametrize("parts", [1, 4, 8])
def test_every_epoch_visits_every_rating_once_in_another_order(parts, monkeypatch):
    monkeypatch.setattr(tiles, "PARTS", ((0, parts),))
    rng = np.random.default_rng(1)
    given_ = ratings_of(5000, 90, 70, rng)
    trainer = trainer_of(given_, tables(90, 70, 4, rng), 3)
    orders = [in_order(trainer, number) for number in range(3)]
    want = sorted(zip(*(column.tolist() for column in given_[:3]), strict=True))
    assert all(sorted(order) == want for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert trainer_of(given_, tables(90, 70, 4, rng), 3).ratings.users.tobytes() == (
        trainer.ratings.users.tobytes()
    )


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_blocks_of_a_stratum_share_no_row(parts, monkeypatch):
    monkeypatch.setattr(tiles, "PARTS", ((0, parts),))
    rng = np.random.default_rng(2)
    trainer = trainer_of(ratings_of(4000, 50, 30, rng), tables(50, 30, 4, rng))
    columns, seen = trainer.ratings[:2], 0
    for stratum in trainer.strata(0):
        rows = [set(), set()]
        for block in stratum:
            spans = [slice(*segment) for segment in trainer.segments(0, *block).tolist()]
            for used, column in zip(rows, columns, strict=True):
                mine = {row for span in spans for row in column[span].tolist()}
                assert not used & mine
                used |= mine
            seen += sum(span.stop - span.start for span in spans)
    assert seen == 4000


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_any_number_of_threads_gives_the_same_bits(kind, monkeypatch):
    monkeypatch.setattr(tiles, "PARTS", ((0, 8),))
    monkeypatch.setattr(tiles, "CACHED", 2**10)
    rng = np.random.default_rng(3)
    given_, params = ratings_of(20_000, 300, 200, rng), tables(300, 200, 20, rng)
    rule, results = rule_for(params, rng, kind, lr=0.01), []
    for threads in (1, 2, 4, 8, 2):
        trainer = trainer_of(given_, params, 5)
        totals = [trainer.epoch(number, rule, threads) for number in range(3)]
        pred = trainer.predict(*given_[:2], rule, threads)
        results.append((totals, pred, trainer.params, trainer.rmse(*given_[:3], rule, threads)))
    for totals, pred, got, error in results[1:]:
        assert totals == results[0][0]
        assert error == results[0][3]
        assert_same_bits(pred, results[0][1])
        for name, table in got.items():
            assert_same_bits(table, results[0][2][name], name)


def test_predictions_are_the_model_s():
    """Within the bound of the model's forward pass, in both orders of addition."""
    rng = np.random.default_rng(4)
    given_, params = ratings_of(100_000, 80, 60, rng), tables(80, 60, 20, rng)
    for kind in KINDS:
        rule = rule_for(params, rng, kind)
        trainer = trainer_of(given_, params, 5)
        pred = trainer.predict(*given_[:2], rule, threads=2)
        model = models.PairModel(trainer.params, kind[0], mean=rule.mean)
        want = model(np.stack(given_[:2], axis=1))
        bound = bounds.dot_product_bias(model.core_params(), *given_[:2], kind[0], mean=rule.mean)
        assert_within(pred, want[:], 2 * bound)


def test_mapped_files_give_the_same_bits(tmp_path):
    rng = np.random.default_rng(5)
    given_, params = ratings_of(3000, 40, 30, rng), tables(40, 30, 8, rng)
    for n, column in enumerate(given_[:3]):
        np.save(tmp_path / f"{n}.npy", column)
    maps = [np.load(tmp_path / f"{n}.npy", mmap_mode="r") for n in range(3)]
    trainers = [trainer_of(given_, params), trainer_of(Given(*maps, 40, 30), params)]
    rule = rule_for(params, rng)
    for trainer in trainers:
        trainer.epoch(0, rule)
    for name, table in trainers[0].params.items():
        assert_same_bits(trainers[1].params[name], table, name)
    for n, column in enumerate(given_[:3]):
        assert_same_bits(np.asarray(maps[n]), column)  # nothing was written


@pytest.mark.parametrize("threads", [1, 3])
def test_stopped_between_two_ratings_the_tables_are_whole(threads, monkeypatch):
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))
    rng = np.random.default_rng(6)
    given_, params = ratings_of(8000, 60, 50, rng), tables(60, 50, 8, rng)
    trainer, rule, heard = trainer_of(given_, params), rule_for(params, rng, lr=0.01), []
    trainer.epoch(0, rule, threads, lambda done: heard.append(done) or len(heard) >= 3)
    assert trainer.stopped
    assert 0 < trainer.done < 8000
    assert heard == sorted(heard)
    assert all(np.isfinite(table).all() for table in trainer.params.values())
    trainer.epoch(1, rule, threads)
    assert trainer.done == 8000
    assert not trainer.stopped


def test_shuffling_is_a_permutation_and_every_one_comes_up():
    seen = set()
    for seed in range(200):
        columns = [np.arange(5, dtype=t) for t in (np.int32, np.int32, np.float32)]
        with np.errstate(over="ignore"):
            shuffle(*columns, 1, 4, np.uint64(seed * 977))
        assert columns[0].tolist() == columns[1].tolist() == columns[2].tolist()
        assert columns[0][[0, 4]].tolist() == [0, 4]
        assert sorted(columns[0].tolist()) == [0, 1, 2, 3, 4]
        seen.add(tuple(columns[0].tolist()))
    assert len(seen) == 6


def test_bad_ratings_are_refused_naming_the_first(monkeypatch):
    monkeypatch.setattr("npcf.kernels.blocked_sgd.given.CHUNK", 4)
    good = dict(users=[0, 1, 2, 0, 1, 2], items=[0, 0, 1, 1, 0, 1], rating=[1.0, 2, 3, 4, 5, 1])
    cases = [
        ("users", 5, 3, IdRangeError, r"users\[5\]: id 3 is outside \[0, 3\)"),
        ("items", 4, -1, IdRangeError, r"items\[4\]: id -1 is outside \[0, 2\)"),
        ("rating", 1, np.nan, DataError, r"rating\[1\]: nan is outside"),
        ("rating", 5, 7.0, DataError, r"rating\[5\]: 7 is outside \[0, 5\]"),
    ]
    for name, at, value, error, text in cases:
        columns = {n: np.array(column) for n, column in good.items()}
        columns[name][at] = value
        with pytest.raises(error, match=text):
            list(Given(**columns, n_users=3, n_items=2, low=0, high=5).chunks())
    arrays = {n: np.array(column) for n, column in good.items()}
    for change, error in (
        (dict(items=arrays["items"][:3]), ShapeError),
        (dict(rating=arrays["rating"][:, None]), ShapeError),
        ({n: column[:0] for n, column in arrays.items()}, EmptyBatchError),
    ):
        with pytest.raises(error):
            Given(**arrays | change, n_users=3, n_items=2).check_shapes()
    for change in (dict(users=arrays["rating"]), dict(rating=arrays["users"])):
        with pytest.raises(DTypeError):
            list(Given(**arrays | change, n_users=3, n_items=2).chunks())


@pytest.mark.skipif(not hasattr(sweep, "signatures"), reason="NUMBA_DISABLE_JIT is set")
def test_few_loops_are_compiled():
    """One for each number of lanes, whatever the settings and the number of factors."""
    rng = np.random.default_rng(7)
    before = set(sweep.signatures)
    for k in (33, 40, 48):
        for kind in KINDS:
            params = tables(5, 4, k, rng)
            trainer = trainer_of(ratings_of(30, 5, 4, rng), params)
            trainer.epoch(0, rule_for(params, rng, kind))
    assert len(set(sweep.signatures) - before) <= 1
