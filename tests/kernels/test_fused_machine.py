"""A stateful machine: whatever is done in whatever order, nobody ever sees a stale row."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from compare.limits import DEFERRED
from npcf import kernels, models, optim
from npcf.kernels.fused import trainer_for
from npcf.verify import assert_within

ROWS, LIMIT = 24, DEFERRED.limit  # float64, a few dozen steps; the limit is that of a thousand
RULES = {
    "sgd": lambda p: optim.SGD(p, weight_decay=0.1),
    "decoupled": lambda p: optim.SGD(p, weight_decay=0.1, decoupled=True),
    "momentum": lambda p: optim.SGD(p, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: optim.fastai_adam(p, wd=0.1),
    "touched": lambda p: optim.SGD(p, weight_decay=0.1, rows="touched_rows"),
}


class Training(RuleBasedStateMachine):
    """Two trainings side by side: fused and deferred, and step by step by the reference."""

    @initialize(name=st.sampled_from(sorted(RULES)), seed=st.integers(0, 2**32 - 1))
    def start(self, name, seed):
        self.rng = np.random.default_rng(seed)
        shapes = {"user_factors": (ROWS, 3), "item_factors": (ROWS + 1, 3)}
        params = {k: self.rng.normal(0, 0.3, shape) for k, shape in shapes.items()}
        params |= {"user_bias": np.zeros(ROWS), "item_bias": np.zeros(ROWS + 1)}
        self.models, self.opts = [], []
        for _ in range(2):
            model = models.PairModel({k: v.copy() for k, v in params.items()}, (0.0, 5.5))
            self.models.append(model)
            self.opts.append(RULES[name](model.params))
        self.lr, self.size = 0.01, 2
        self.deferred = True
        self.make_trainer()

    def make_trainer(self):
        self.fused = trainer_for(self.opts[0], (0.0, 5.5), deferred=self.deferred)
        self.fused.attach(self.models[0])

    def batch(self, n):
        total = n * self.size
        ids = self.rng.integers(0, ROWS, (2, total))
        return *ids, self.rng.integers(1, 6, total) * 1.0

    def reference_step(self, model, opt, users, items, rating):
        opt.lr = self.lr
        pred, cache = model.forward(np.stack([users, items], axis=1), backend=kernels)
        _, loss_cache = kernels.mse_forward(pred, rating)
        grads = model.backward(kernels.mse_backward(1.0, loss_cache), cache)
        opt.step(grads, {n: users if n.startswith("user") else items for n in grads})

    @rule(n=st.integers(1, 12))
    def step(self, n):
        users, items, rating = self.batch(n)
        starts = np.arange(0, users.size + 1, self.size)
        self.fused.run(users, items, rating, starts, [self.lr] * n)
        for s in range(n):
            here = slice(starts[s], starts[s + 1])
            parts = users[here], items[here], rating[here]
            self.reference_step(self.models[1], self.opts[1], *parts)

    @rule()
    def step_by_the_reference(self):
        users, items, rating = self.batch(1)
        for model, opt in zip(self.models, self.opts, strict=True):
            self.reference_step(model, opt, users, items, rating)

    @rule()
    def read(self):
        for name, table in self.models[1].params.items():
            assert_within(self.models[0].params[name], table, LIMIT * max(1, abs(table).max()))

    @rule()
    def predict(self):
        pairs = self.rng.integers(0, ROWS, (5, 2))
        got, want = (model(pairs) for model in self.models)
        assert_within(got, want, LIMIT * 5.5)

    @rule()
    def save_and_load(self):
        arrays = [{k: v.copy() for k, v in opt.state_arrays().items()} for opt in self.opts]
        assert arrays[0].keys() == arrays[1].keys()
        for name, array in arrays[1].items():
            limit = LIMIT * max(1, abs(array).max(initial=0))
            assert_within(arrays[0][name], array, limit, name)
        for opt, state in zip(self.opts, arrays, strict=True):
            opt.load_state_arrays(state)

    @rule(lr=st.sampled_from([0.0, 1e-3, 0.02]))
    def change_rate(self, lr):
        self.lr = lr

    @rule(wd=st.sampled_from([0.0, 0.05, 0.2]))
    def change_decay(self, wd):
        for opt in self.opts:
            opt.weight_decay = wd

    @rule(momentum=st.sampled_from([0.5, 0.9]))
    def change_momentum(self, momentum):
        for opt in self.opts:
            if opt.momentum:
                opt.momentum = momentum

    @rule(size=st.integers(1, 6))
    def change_batch_size(self, size):
        self.size = size

    @precondition(lambda self: self.fused.pending)
    @rule()
    def flush(self):
        self.fused.flush()

    @rule(deferred=st.sampled_from([True, False, None]))
    def change_way(self, deferred):
        self.fused.deferred = self.deferred = deferred

    def teardown(self):
        if hasattr(self, "fused"):
            self.read()


TestTraining = Training.TestCase
TestTraining.settings = settings(max_examples=settings.default.max_examples // 2, deadline=None)
