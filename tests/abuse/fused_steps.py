"""Abuse of fused steps: what an optimiser and a trainer hold, and what a run is given."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from npcf import kernels, models, optim
from npcf.fused import trainer_for
from tests.abuse.damage import NAMES, NUMBERS, TABLES, damaged
from tests.abuse.ledger import attempt, outcome, same_bits, start
from tests.kernels.bounded_run import BoundedRun, arrays_of, settings_of

USERS, ITEMS, K, STEPS, SIZE = 24, 20, 3, 4, 3
RULES = {
    "sgd": lambda p: optim.SGD(p, 0.01, weight_decay=0.1),
    "momentum": lambda p: optim.SGD(p, 0.01, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: optim.fastai_adam(p, 0.01, wd=0.1),
    "coupled": lambda p: optim.Adam(p, 0.01, weight_decay=0.1),
    "touched": lambda p: optim.SGD(p, 0.01, weight_decay=0.1, rows="touched_rows"),
}
STATES = ("params", "m", "v", "buffers")
RUN = ("users", "items", "rating", "starts", "lrs")


class FusedSteps(RuleBasedStateMachine):
    """An optimiser with fused steps beside one that steps by the reference, abused alike."""

    @initialize(
        name=st.sampled_from(sorted(RULES)), seed=st.integers(0, 2**32 - 1),
        deferred=st.sampled_from([True, False]),
    )  # fmt: skip
    def begin(self, name, seed, deferred):
        start()
        self.name, self.rng = name, np.random.default_rng(seed)
        self.deferred = deferred and name in ("sgd", "momentum", "adam")
        self.renew()

    def renew(self):
        """Begin anew with good tables."""
        shapes = {"user_factors": (USERS, K), "item_factors": (ITEMS, K)}
        params = {n: self.rng.normal(0, 0.3, shape) for n, shape in shapes.items()}
        params |= {"user_bias": np.zeros((USERS, 1)), "item_bias": np.zeros((ITEMS, 1))}
        self.opts, self.models = [], []
        for _ in range(2):
            model = models.PairModel({n: t.copy() for n, t in params.items()}, (0.0, 5.5))
            self.models.append(model)
            self.opts.append(RULES[self.name](model.params))
        self.fused = trainer_for(self.opts[0], (0.0, 5.5), deferred=self.deferred)
        self.fused.attach(self.models[0])

    def arguments(self):
        n = STEPS * SIZE
        users, items = (self.rng.integers(0, size, n) for size in (USERS, ITEMS))
        rating = self.rng.integers(1, 6, n) * 1.0
        return [users, items, rating, np.arange(0, n + 1, SIZE), np.full(STEPS, 0.01)]

    def reference(self, arguments):
        """Take the same steps by the operations and the optimiser."""
        users, items, rating, starts, lrs = arguments
        model, opt = self.models[1], self.opts[1]
        for s in range(len(starts) - 1):
            here = slice(starts[s], starts[s + 1])
            opt.lr = float(lrs[s])
            pairs = np.stack([users[here], items[here]], axis=1)
            pred, cache = model.forward(pairs, backend=kernels)
            _, loss_cache = kernels.mse_forward(pred, rating[here])
            grads = model.backward(kernels.mse_backward(1.0, loss_cache), cache)
            opt.step(grads, {n: pairs[:, int("item" in n)] for n in grads})

    def run(self, what, arguments=None, **options):
        """Take some steps either way, and compare; after a refusal begin anew."""
        arguments = arguments or self.arguments()
        before = self.tables(self.opts[0])
        walk = outcome(lambda: BoundedRun(type(self.opts[0]), arrays_of(self.opts[0]), (0.0, 5.5)))
        got = attempt(
            "Fused.run", what,
            lambda: self.fused.run(*arguments, **options) is not None,
            lambda: self.reference(arguments) is None,
            lambda a, b: self.compare(walk.value, arguments),
        )  # fmt: skip
        if got.refused:
            if "finite" not in str(got.error) and "loss" not in str(got.error):
                same_bits(self.tables(self.opts[0]), before)  # nothing has moved
            self.renew()

    def tables(self, opt):
        return {n: np.array(t) for n, t in dict(opt.params).items() if isinstance(t, np.ndarray)}

    def compare(self, walk, arguments):
        """Bits; where rows lag, the bounds of as many steps from where they began."""
        if not self.deferred:
            same_bits(*map(self.tables, self.opts))
            return
        users, items, rating, starts, lrs = arguments
        for s in range(len(starts) - 1):
            here = slice(starts[s], starts[s + 1])
            setting = settings_of(self.opts[0], lr=float(lrs[s]))
            walk.step(users[here], items[here], rating[here], setting, self.fused.deferring)
        walk.check(arrays_of(self.opts[0]))

    @rule()
    def steps(self):
        self.run("good")

    @rule(
        state=st.sampled_from(STATES), at=st.integers(0, 3), how=st.sampled_from(TABLES),
        more=st.booleans(),
    )  # fmt: skip
    def replace_an_array(self, state, at, how, more):
        """A table or a state becomes another, in both optimisers alike."""
        for opt, model in zip(self.opts, self.models, strict=True):
            held = getattr(opt, state, None)
            if not held:
                return
            names = [sorted(held)[at % len(held)]]
            if more:  # its bias with it, as when users arrive
                side = names[0].split("_")[0]
                names = [n for n in held if n.startswith(side)]
            for name in names:
                new = damaged(np.array(held[name]), how)
                held[name] = new
                if state == "params":
                    model.params[name] = new
        self.run(f"{state}[{names}] {how}")

    @rule(at=st.integers(0, 3), how=st.sampled_from(["flat", "turned", "an axis more"]))
    def reshape_in_place(self, at, how):
        """The very array that compiled steps hold gets another shape."""
        for opt in self.opts:
            table = dict.__getitem__(opt.params, sorted(dict.keys(opt.params))[at])
            shape = {"flat": (table.size,), "turned": table.shape[::-1]}.get(how, (*table.shape, 1))
            try:
                table.shape = shape
            except (AttributeError, ValueError):
                return
        self.run(f"table {at} {how} in place")

    @rule(at=st.integers(0, 3), state=st.sampled_from(STATES))
    def lock_in_place(self, at, state):
        """The very array becomes read-only."""
        for opt in self.opts:
            held = getattr(opt, state, None)
            if not held:
                return
            held[sorted(held)[at % len(held)]].flags.writeable = False
        self.run(f"{state} {at} read-only in place")

    @rule(
        at=st.integers(0, 4), how=st.sampled_from(NAMES), number=st.sampled_from(NUMBERS),
        whole=st.booleans(),
    )  # fmt: skip
    def damage_an_argument(self, at, how, number, whole):
        arguments = self.arguments()
        arguments[at] = damaged(arguments[at], how) if whole else number
        self.run(f"{RUN[at]} {how if whole else number!r}", arguments)

    @rule(how=st.sampled_from(NAMES))
    def damage_losses(self, how):
        arguments = self.arguments()
        self.run(f"losses {how}", arguments, losses=damaged(np.zeros(STEPS), how))

    @rule(
        state=st.sampled_from(STATES), at=st.integers(0, 3), how=st.sampled_from(TABLES),
    )  # fmt: skip
    def change_under_way(self, state, at, how):
        """`between` replaces an array in the midst of a run: refused, or steps go on."""
        arguments = self.arguments()

        def between(n):
            held = getattr(self.opts[0], state, None)
            if held:
                name = sorted(held)[at % len(held)]
                held[name] = damaged(np.array(held[name]), how)

        attempt(
            "Fused.run between",
            f"{state}[{at}] {how}",
            lambda: self.fused.run(*arguments, between=between),
        )
        attempt("Fused.run after", f"{state}[{at}] {how}", lambda: self.fused.run(*arguments))
        self.renew()

    @rule(how=st.sampled_from(TABLES), at=st.integers(0, 3))
    def flush_what_was_replaced(self, how, at):
        """Rows may be waiting for their update while their table is replaced."""
        arguments = self.arguments()
        self.fused.run(*arguments)
        params = self.opts[0].params
        name = sorted(params)[at]
        new = damaged(np.array(params[name]), how)
        self.fused.run(*arguments)
        dict.__setitem__(params, name, new)
        attempt("Fused.flush", f"{name} {how}", self.fused.flush)
        attempt("Fused.run after", f"{name} {how}", lambda: self.fused.run(*arguments))
        self.renew()

    @rule(thing=st.sampled_from([None, 3, "model", {}, object(), ()]))
    def attach_nonsense(self, thing):
        attempt("Fused.attach", repr(thing), lambda: self.fused.attach(thing))
        attempt("trainer_for", repr(thing), lambda: trainer_for(thing))
