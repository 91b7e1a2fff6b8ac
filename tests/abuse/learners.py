"""Abuse of a Learner between and during fits, and of its checkpoints."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import npcf
from npcf import kernels
from npcf.analysis import Predictor
from npcf.training import Callback, safetensors_io
from tests.abuse.damage import NAMES, NUMBERS, TABLES, damaged
from tests.abuse.ledger import attempt, same_bits, start

USERS, ITEMS, K, N = 30, 20, 4, 200
STATES = ("params", "m", "v", "buffers")
OPTS = {
    "adam": npcf.optim.fastai_adam,
    "sgd": lambda p, lr: npcf.optim.SGD(p, lr, momentum=0.9, weight_decay=0.1),
}


def loaders(users=USERS, n=N, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "user": np.concatenate([np.arange(users), rng.integers(0, users, n)]),
        "item": rng.integers(0, ITEMS, users + n), "rating": rng.integers(1, 6, users + n) * 1.0,
    })  # fmt: skip
    ratings = npcf.Ratings.from_frame(frame)
    return npcf.data.CollabDataLoaders.from_ratings(ratings, bs=32, rng=np.random.default_rng(1))


class During(Callback):
    """Does something to a learner after a step."""

    def __init__(self, work):
        self.work, self.every, self.steps = work, 3, 0

    def after_step(self, learner):
        self.steps += 1
        if self.steps == 1:
            self.work(learner)


class Learners(RuleBasedStateMachine):
    """A learner with fused steps beside one that goes step by step; both are abused alike."""

    @initialize(opt=st.sampled_from(sorted(OPTS)), deferred=st.sampled_from([False, None]))
    def begin(self, opt, deferred):
        start()
        self.opt, self.deferred = opt, deferred
        self.renew()

    def renew(self):
        self.pair = [self.learner(self.deferred), self.learner(False, backend=kernels)]
        for learner in self.pair:
            learner.fit(1, 1e-2)

    def learner(self, deferred, **options):
        dls = loaders()
        rng = np.random.default_rng(2)
        model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, K, rng=rng)
        return npcf.Learner(
            dls, model, opt_func=OPTS[self.opt], progress=False, deferred=deferred, **options
        )

    def fit(self, entry, what, way=lambda learner: learner.fit(1, 1e-2)):
        """Fit either, and compare; then begin anew, for what is left is no longer theirs."""
        fused, step_by_step = self.pair
        got = attempt(
            entry, what, lambda: way(fused) is not None, lambda: way(step_by_step) is not None,
            lambda a, b: self.compare(),
        )  # fmt: skip
        if got.refused or fused.opt is None:
            self.renew()

    def compare(self):
        tables = [
            {n: np.array(t) for n, t in dict(learner.model.params).items()} for learner in self.pair
        ]
        lag = getattr(self.pair[0].execution.fused, "deferring", False)
        if not lag:  # where rows lag, `FusedSteps` knows the bounds
            same_bits(*tables)

    @rule(
        state=st.sampled_from(STATES), at=st.integers(0, 3), how=st.sampled_from(TABLES),
        side=st.booleans(), in_model=st.booleans(), one_cycle=st.booleans(),
    )  # fmt: skip
    def replace_an_array(self, state, at, how, side, in_model, one_cycle):
        """A table or a state is another before the next fit."""
        for learner in self.pair:
            self.replace(learner, state, at, how, side, in_model)
        way = lambda learner: learner.fit(1, 1e-2)  # noqa: E731
        if one_cycle:
            way = lambda learner: learner.fit_one_cycle(1, 1e-2)  # noqa: E731
        self.fit("Learner.fit", f"{state}[{at}] {how} {side} {in_model} {one_cycle}", way)

    def replace(self, learner, state, at, how, side, in_model):
        held = getattr(learner.opt, state, None)
        if not held:
            return
        name = sorted(held)[at % len(held)]
        names = [n for n in held if n.startswith(name.split("_")[0])] if side else [name]
        for name in names:
            new = damaged(np.array(held[name]), how)
            held[name] = new
            if state == "params" and in_model:
                learner.model.params[name] = new

    @rule(users=st.sampled_from([USERS + 1, 500, 30_000]), grown=st.booleans())
    def more_users_arrive(self, users, grown):
        """Other ratings, with or without longer tables."""
        for learner in self.pair:
            learner.dls = loaders(users)
            if grown:
                for name in ("user_factors", "user_bias"):
                    old = np.array(learner.model.params[name])
                    new = np.resize(old, (learner.dls.n_users, *old.shape[1:]))
                    learner.model.params[name] = learner.opt.params[name] = new
        self.fit("Learner.fit", f"{users} users, tables grown: {grown}")

    @rule(
        state=st.sampled_from(STATES), at=st.integers(0, 3), how=st.sampled_from(TABLES),
        in_model=st.booleans(),
    )  # fmt: skip
    def change_under_way(self, state, at, how, in_model):
        """A callback replaces an array in the midst of a fit."""
        for learner in self.pair:
            learner.callbacks = [
                During(lambda l: self.replace(l, state, at, how, False, in_model))  # noqa: E741
            ]
        self.fit("Learner.fit, a callback", f"{state}[{at}] {how} {in_model}")
        for learner in self.pair:
            learner.callbacks = []

    @rule(
        what=st.sampled_from(["users", "items", "rating"]), under_way=st.booleans(),
        number=st.sampled_from([-1, 10**6, 2**31 - 1, -(2**31), 0]), at=st.integers(0, N // 2),
    )  # fmt: skip
    def write_to_ratings(self, what, number, at, under_way):
        """A number of the loaders' own columns becomes another, before a fit or in its midst."""

        def write(learner):
            getattr(learner.dls.train.ratings, what)[at] = number

        for learner in self.pair:
            if under_way:
                learner.callbacks = [During(write)]
            else:
                write(learner)
        self.fit("Learner.fit, ratings", f"{what}[{at}] = {number}, under way: {under_way}")
        self.renew()

    @rule(
        which=st.sampled_from(["users", "items", "rating"]), how=st.sampled_from(NAMES),
        number=st.sampled_from(NUMBERS),
    )  # fmt: skip
    def step_with_a_batch(self, which, how, number):
        for learner in self.pair:
            learner.opt = None
            learner.fit(1, 1e-2)
        batch = next(iter(self.pair[0].dls.train))._replace()
        batch = batch._replace(**{which: damaged(np.array(getattr(batch, which)), how)})
        self.fit("Learner.step", f"{which} {how}", lambda learner: learner.step(batch))
        self.renew()

    @rule(
        at=st.integers(0, 99), how=st.sampled_from(TABLES), also=st.none() | st.integers(0, 99),
        gone=st.booleans(), columns=st.booleans(),
    )  # fmt: skip
    def forge_a_checkpoint(self, at, how, also, gone, columns):
        """Arrays of a checkpoint replaced, under a right checksum."""
        folder = Path(tempfile.mkdtemp())
        try:
            path = self.saved(folder / "run")
            text, arrays = safetensors_io.read(path)
            text["callbacks"] = []
            names = sorted(n for n in arrays if not n.startswith("callback"))
            for k in (at, also):
                if k is None:
                    continue
                name = names[k % len(names)]
                twins = [n for n in names if n.split("/")[-1] == name.split("/")[-1]]
                for one in twins if columns else [name]:
                    new = damaged(arrays.get(one, np.zeros(1)), how)
                    if gone:
                        arrays.pop(one, None)
                    elif isinstance(new, np.ndarray) and new.dtype.kind in "fiub":
                        arrays[one] = np.ascontiguousarray(new)
            safetensors_io.write(path, text, arrays)
            self.pair = [self.learner(self.deferred), self.learner(False, backend=kernels)]
            self.fit(
                "Learner.resume", f"array {at} and {also} {how}, gone: {gone}, twins: {columns}",
                lambda learner: learner.resume(path),
            )  # fmt: skip
        finally:
            shutil.rmtree(folder)
        self.renew()

    @rule(key=st.integers(0, 99), inner=st.integers(0, 99), number=st.sampled_from(NUMBERS))
    def forge_a_text(self, key, inner, number):
        """A setting of a checkpoint replaced."""
        folder = Path(tempfile.mkdtemp())
        try:
            path = self.saved(folder / "run")
            text, arrays = safetensors_io.read(path)
            text["callbacks"] = []
            name = sorted(text)[key % len(text)]
            if isinstance(text[name], dict) and text[name]:
                within = sorted(text[name])[inner % len(text[name])]
                text[name][within] = _plain(number)
                name = f"{name}.{within}"
            else:
                text[name] = _plain(number)
            safetensors_io.write(path, text, arrays)
            self.pair = [self.learner(self.deferred), self.learner(False, backend=kernels)]
            what = f"{name} = {number!r}"
            self.fit("Learner.resume, text", what, lambda learner: learner.resume(path))
        finally:
            shutil.rmtree(folder)
        self.renew()

    def saved(self, path):
        """Return a checkpoint of a fit in its midst."""

        class Stop(Exception):  # noqa: N818
            pass

        def stop(learner):
            learner.save(path)
            raise Stop

        learner = self.learner(self.deferred)
        learner.callbacks = [During(stop)]
        try:
            learner.fit(1, 1e-2)
        except Stop:
            pass
        return path

    @rule(pairs=st.sampled_from(NAMES), table=st.sampled_from(TABLES), at=st.integers(0, 3))
    def predict(self, pairs, table, at):
        """Predictions of damaged pairs, or of damaged tables."""
        learner = self.pair[0]
        asked = damaged(np.zeros((6, 2), np.int64), pairs)
        attempt("Learner.predict", f"pairs {pairs}", lambda: learner.predict(asked))
        self.replace(learner, "params", at, table, False, True)
        attempt("Learner.predict", f"table {at} {table}", lambda: learner.predict([[0, 0]]))
        ratings = learner.dls.train.ratings
        attempt(
            "Predictor",
            f"table {at} {table}",
            lambda: Predictor.of(learner.model, ratings).predict([1], [1]),
        )
        self.renew()


def _plain(number):
    """Return a number as JSON has it."""
    return str(number) if isinstance(number, complex) else number
