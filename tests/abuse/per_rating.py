"""Abuse of per-rating SGD: ratings that change while they are read, tables, pairs, threads."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from npcf.kernels.blocked_sgd import tiles
from npcf.training import PerRatingSGD, RatingArrays
from tests.abuse.damage import NAMES, NUMBERS, damaged
from tests.abuse.ledger import attempt, same_bits, start

USERS, ITEMS, N, K = 40, 30, 600, 3
COLUMNS = ("users", "items", "rating")
PARTS = tiles.PARTS


class Changing(np.memmap):
    """A column, as of a mapped file, that is another one from its second or third reading on."""

    def __new__(cls, column, later, when):
        changing = np.array(column).view(cls)
        changing.later, changing.when, changing.reading = later, when, 0
        return changing

    def __array_finalize__(self, other):
        self._mmap = None

    def __getitem__(self, here):
        self.reading += isinstance(here, slice) and here.start == 0
        return (self.later if self.reading >= self.when else self.view(np.ndarray))[here]


class PerRating(RuleBasedStateMachine):
    """A fit of abused ratings beside one of the same ratings as they should be."""

    @initialize(
        seed=st.integers(0, 2**32 - 1), threads=st.sampled_from([1, 1, 2]),
        parts=st.sampled_from([1, 4]),
    )  # fmt: skip
    def begin(self, seed, threads, parts):
        start()
        tiles.PARTS = ((0, parts),)
        self.rng, self.threads = np.random.default_rng(seed), threads
        self.renew()

    def teardown(self):
        tiles.PARTS = PARTS

    def ratings(self, n=N):
        ids = (self.rng.integers(0, size, n).astype(np.int32) for size in (USERS, ITEMS))
        return RatingArrays(*ids, self.rng.integers(1, 6, n).astype(np.float32), USERS, ITEMS)

    def renew(self):
        self.good = self.ratings()
        self.trainer = self.fitted(self.good)

    def fitted(self, ratings, valid=None, threads=1):
        trainer = PerRatingSGD(n_factors=K)
        trainer.fit(ratings, 2, valid=valid, threads=threads, progress=False)
        return trainer.model.params if ratings is not self.good else trainer

    @rule(at=st.integers(0, 4), how=st.sampled_from(NAMES), number=st.sampled_from(NUMBERS))
    def fit(self, at, how, number):
        """One column, or a number of rows, is something else."""
        name = self.good._fields[at]
        old = getattr(self.good, name)
        bad = self.good._replace(**{name: damaged(old, how) if at < 3 else number})
        attempt(
            "PerRatingSGD.fit", f"{name} {how if at < 3 else number!r}",
            lambda: self.fitted(bad, threads=self.threads),
            lambda: self.fitted(plain(bad)), same_bits,
        )  # fmt: skip

    @rule(
        at=st.integers(0, 2), when=st.sampled_from([2, 3]), n=st.sampled_from([1, 5, N]),
        how=st.sampled_from(["others", "all one", *NAMES]), far=st.booleans(),
    )  # fmt: skip
    def fit_what_changes(self, at, when, n, how, far):
        """A column is another one at the second reading, or at the third."""
        name, good = COLUMNS[at], self.ratings(250_000 if far and how == "all one" else N)
        old = getattr(good, name)
        later = old.copy()
        if how == "others":
            later[:n] = old[:n][::-1]
        elif how == "all one":
            later[:] = old[0]
        else:
            later = damaged(old, how)
        if not isinstance(later, np.ndarray):
            return
        bad = good._replace(**{name: Changing(old, later, when)})
        if later.ndim:
            later = later[: len(old)]  # nobody reads on
        attempt(
            "PerRatingSGD.fit, changing", f"{name} {how} from reading {when}, {n}, {len(old)}",
            lambda: self.fitted(bad, threads=self.threads),
            lambda: self.fitted(plain(good._replace(**{name: later}))), same_bits,
        )  # fmt: skip

    @rule(
        setting=st.sampled_from([
            "n_factors", "lr", "weight_decay", "bias_lr", "bias_weight_decay", "y_range", "loss",
            "mean", "final_lr", "schedule_epochs", "decay_counts", "decay_powers", "init", "seed",
        ]),
        number=st.sampled_from([
            *NUMBERS, -1e300, 1e300, 1e-300, (0, 1e39), (1.0, 5.0), (1, 2, 3, 4)
        ]),
    )  # fmt: skip
    def settings(self, setting, number):
        """A setting that is nonsense, or extreme."""

        def work():
            trainer = PerRatingSGD(**{"n_factors": K} | {setting: number})
            trainer.fit(self.good, 2, progress=False)
            return [np.isfinite(table).all() for table in trainer.model.params.values()]

        attempt("PerRatingSGD", f"{setting}={number!r}", work, lambda: [True] * 4, same_bits)

    @rule(
        at=st.integers(0, 2),
        how=st.sampled_from(NAMES),
        where=st.sampled_from(["valid", "evaluate"]),
    )
    def evaluate(self, at, how, where):
        name = COLUMNS[at]
        bad = self.good._replace(**{name: damaged(getattr(self.good, name), how)})
        work = {
            "valid": lambda r: self.fitted(self.good._replace(), valid=r),
            "evaluate": lambda r: self.trainer.evaluate(r, self.threads),
        }[where]
        attempt(
            f"PerRatingSGD.{where}", f"{name} {how}",
            lambda: work(bad), lambda: work(plain(bad)), same_bits,
        )  # fmt: skip

    @rule(
        users=st.sampled_from(NAMES), items=st.sampled_from(NAMES),
        threads=st.sampled_from([1, 2, *NUMBERS]),
    )  # fmt: skip
    def predict(self, users, items, threads):
        """Damaged pairs, and numbers of threads."""
        pair = [damaged(column[:9].astype(np.int64), how)
                for column, how in zip(self.good, (users, items), strict=False)]  # fmt: skip
        attempt(
            "PerRatingSGD.predict", f"users {users}, items {items}, {threads!r} threads",
            lambda: self.trainer.predict(*pair, threads),
            lambda: self.trainer.predict(*(np.array(ids, np.int64) for ids in pair)), same_bits,
        )  # fmt: skip

    @rule(
        field=st.sampled_from(["factors", "scalars"]), side=st.integers(0, 1),
        how=st.sampled_from(NAMES),
    )  # fmt: skip
    def replace_tables(self, field, side, how):
        """A side's array becomes another, between two epochs."""
        inner = self.trainer.fitted
        sides = list(inner.sides)
        new = damaged(np.array(getattr(sides[side], field)), how)
        sides[side] = sides[side]._replace(**{field: new})
        inner.sides = tuple(sides)
        self.use(f"sides[{side}].{field} {how}")

    @rule(field=st.sampled_from(["users", "items", "rating", "starts"]), how=st.sampled_from(NAMES))
    def replace_ratings(self, field, how):
        """What a trainer keeps of its ratings becomes something else."""
        inner = self.trainer.fitted
        inner.ratings = inner.ratings._replace(
            **{field: damaged(np.array(getattr(inner.ratings, field)), how)}
        )
        self.use(f"ratings.{field} {how}")

    @rule(
        field=st.sampled_from(["row_at", "place_of"]), who=st.sampled_from(["user", "item"]),
        how=st.sampled_from(NAMES),
    )  # fmt: skip
    def replace_groups(self, field, who, how):
        inner = self.trainer.fitted
        group = inner.groups[who]
        inner.groups[who] = group._replace(**{field: damaged(np.array(getattr(group, field)), how)})
        self.use(f"groups[{who}].{field} {how}")

    @rule(
        name=st.sampled_from([
            "sides", "ratings", "groups", "blocks", "lanes", "seed", "n_factors"
        ]),
        number=st.sampled_from([*NUMBERS, (0, 0), (0,) * 99, 5]),
    )  # fmt: skip
    def replace_attributes(self, name, number):
        setattr(self.trainer.fitted, name, number)
        self.use(f"{name} = {number!r}")

    @rule(
        field=st.integers(0, 5),
        number=st.sampled_from([*NUMBERS, {}, 1e39]),
        name=st.integers(0, 3),
    )
    def replace_the_rule(self, field, number, name):
        rule = self.trainer.rule
        new = rule._replace(**{rule._fields[field]: number})
        self.use(f"rule.{rule._fields[field]} = {number!r}", new)
        decays = dict(rule.decays)
        key = sorted(decays)[name]
        for how in ("one row less", "many rows more", "float64", "nan in it", "None", "turned"):
            other = rule._replace(decays=decays | {key: damaged(decays[key], how)})
            self.use(f"rule.decays[{key}] {how}", other)

    def use(self, what, rule=None):
        """Train, predict and read; then begin anew."""
        inner, rule = self.trainer.fitted, rule or self.trainer.rule
        for entry, work in (
            ("Trainer.epoch", lambda: inner.epoch(2, rule, self.threads)),
            ("Trainer.predict", lambda: inner.predict([0, USERS - 1], [ITEMS - 1, 0], rule)),
            ("Trainer.rmse", lambda: inner.rmse(*self.good[:3], rule)),
            ("Trainer.load", lambda: inner.load("user_bias", [np.zeros(USERS, np.float32)])),
            ("Trainer.params", lambda: inner.params),
        ):
            attempt(entry, what, work)
        self.renew()

    @rule(
        name=st.sampled_from([
            "user_factors", "item_factors", "user_bias", "item_bias", "users", None
        ]),
        how=st.sampled_from(NAMES), cut=st.integers(0, USERS),
    )  # fmt: skip
    def load(self, name, how, cut):
        """Stretches that do not make up the table."""
        n, k = (USERS if "user" in str(name) else ITEMS), 1 if "bias" in str(name) else K
        table = np.full((n, k), 0.25, np.float32)
        rows = damaged(table, how)
        stretches = [rows[:cut], rows[cut:]] if isinstance(rows, np.ndarray) and rows.ndim else rows
        got = attempt(
            "Trainer.load",
            f"{name} {how}, {cut}",
            lambda: self.trainer.fitted.load(name, stretches),
        )
        if not got.refused:
            loaded = self.trainer.fitted.params[name]
            same_bits(loaded, np.array(rows, np.float32).reshape(loaded.shape))


def plain(ratings):
    """Return ratings as plain arrays of their own."""
    return ratings._replace(
        users=np.array(ratings.users, np.int64), items=np.array(ratings.items, np.int64),
        rating=np.array(ratings.rating, np.float32),
    )  # fmt: skip
