"""A stateful machine: whatever is done in whatever order, nobody ever sees a stale row.

A window (`tests.kernels.bounded_run`) lasts from one reading to the next, or six steps.
"""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from npcf import kernels, models, optim
from npcf.fused import trainer_for
from tests.kernels.bounded_run import BoundedRun, arrays_of, settings_of, shares_used

ROWS, LONGEST = 24, 6  # steps of a window
RULES = {
    "sgd": lambda p: optim.SGD(p, weight_decay=0.1),
    "decoupled": lambda p: optim.SGD(p, weight_decay=0.1, decoupled=True),
    "momentum": lambda p: optim.SGD(p, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: optim.fastai_adam(p, wd=0.1),
    "touched": lambda p: optim.SGD(p, weight_decay=0.1, rows="touched_rows"),
}


class Training(RuleBasedStateMachine):
    """Fused steps, with lagging rows, and beside them the same steps in bounded numbers."""

    @initialize(name=st.sampled_from(sorted(RULES)), seed=st.integers(0, 2**32 - 1))
    def start(self, name, seed):
        self.rng = np.random.default_rng(seed)
        shapes = {"user_factors": (ROWS, 3), "item_factors": (ROWS + 1, 3)}
        params = {k: self.rng.normal(0, 0.3, shape) for k, shape in shapes.items()}
        params |= {"user_bias": np.zeros(ROWS), "item_bias": np.zeros(ROWS + 1)}
        self.model = models.PairModel(params, (0.0, 5.5))
        self.opt = RULES[name](self.model.params)
        self.lr, self.size = 0.01, 2
        self.fused = trainer_for(self.opt, (0.0, 5.5), deferred=True)
        self.fused.attach(self.model)
        self.begin()

    def begin(self):
        """Begin a window with the state as it is."""
        self.walk = BoundedRun(type(self.opt), arrays_of(self.opt), (0.0, 5.5))
        self.steps = 0

    def batch(self, n):
        total = n * self.size
        ids = self.rng.integers(0, ROWS, (2, total))
        return *ids, self.rng.integers(1, 6, total) * 1.0

    def along(self, batch, got, lagged):
        """Take a step in bounded numbers, and judge its loss."""
        loss = self.walk.step(*batch, settings_of(self.opt, lr=self.lr), lagged)
        assert shares_used(np.asarray(got), loss) <= 1
        self.steps += 1

    @rule(n=st.integers(1, LONGEST))
    def step(self, n):
        if self.steps + n > LONGEST:
            self.read()
        users, items, rating = self.batch(n)
        starts = np.arange(0, users.size + 1, self.size)
        losses = self.fused.run(users, items, rating, starts, [self.lr] * n)
        for s in range(n):
            here = slice(starts[s], starts[s + 1])
            self.along((users[here], items[here], rating[here]), losses[s], self.fused.deferring)

    @rule()
    def step_by_the_reference(self):
        if self.steps == LONGEST:
            self.read()
        users, items, rating = batch = self.batch(1)
        self.walk.flush()
        self.opt.lr = self.lr
        pred, cache = self.model.forward(np.stack([users, items], axis=1), backend=kernels)
        loss, loss_cache = kernels.mse_forward(pred, rating)
        grads = self.model.backward(kernels.mse_backward(1.0, loss_cache), cache)
        self.opt.step(grads, {n: users if n.startswith("user") else items for n in grads})
        self.along(batch, loss, lagged=False)

    @rule()
    def read(self):
        self.walk.check(arrays_of(self.opt))
        assert self.walk.claimed() == 1
        self.begin()

    @rule()
    def predict(self):
        users, items = self.rng.integers(0, ROWS, (2, 5))
        got = self.model(np.stack([users, items], axis=1))
        assert shares_used(got, self.walk.predictions(users, items)).max() <= 1

    @rule()
    def save_and_load(self):
        arrays = {k: v.copy() for k, v in self.opt.state_arrays().items()}
        self.walk.flush()
        self.opt.load_state_arrays(arrays)

    @rule(lr=st.sampled_from([0.0, 1e-3, 0.02]))
    def change_rate(self, lr):
        self.lr = lr

    @rule(wd=st.sampled_from([0.0, 0.05, 0.2]))
    def change_decay(self, wd):
        self.opt.weight_decay = wd

    @rule(momentum=st.sampled_from([0.5, 0.9]))
    def change_momentum(self, momentum):
        if self.opt.momentum:
            self.opt.momentum = momentum

    @rule(size=st.integers(1, 6))
    def change_batch_size(self, size):
        self.size = size

    @precondition(lambda self: self.fused.pending)
    @rule()
    def flush(self):
        self.fused.flush()
        self.walk.flush()

    @rule(deferred=st.sampled_from([True, False, None]))
    def change_way(self, deferred):
        self.fused.deferred = deferred

    def teardown(self):
        if hasattr(self, "fused"):
            self.read()


TestTraining = Training.TestCase
TestTraining.settings = settings(max_examples=settings.default.max_examples // 2, deadline=None)
