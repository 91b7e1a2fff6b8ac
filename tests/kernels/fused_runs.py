"""A model, many mini-batches and a schedule: what every law of the fused steps is run on."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf import kernels, models, optim
from npcf.fused import trainer_for
from npcf.verify import assert_same_bits
from npcf.verify.strategies import adam_settings, problems, sgd_settings

MEAN = 0.625


class FusedRun(NamedTuple):
    """Where training starts, what it is given, and by which rule it goes."""

    params: dict
    users: Any  # (n,)
    items: Any
    rating: Any
    starts: Any  # (n_steps + 1,)
    y_range: Any
    mean: float
    optimizer: type
    setting: dict
    lrs: Any  # (n_steps,), or a mapping of names to that
    moms: Any  # (n_steps,) or None

    @property
    def n_steps(self):
        return len(self.starts) - 1

    def make(self):
        """Return a fresh optimiser over copies of the parameters."""
        return self.optimizer({k: v.copy() for k, v in self.params.items()}, **self.setting)

    def trainer(self, opt, **options):
        """Return the fused form."""
        return trainer_for(opt, self.y_range, self.mean, **options)

    def rates(self, s):
        """Return what the optimiser's `lr` is at step s."""
        if isinstance(self.lrs, dict):
            return {name: float(lr[s]) for name, lr in self.lrs.items()}
        return float(self.lrs[s])

    def fused_steps(self, trainer, first=0, last=None, **options):
        """Take steps first .. last - 1 by one call."""
        last = self.n_steps if last is None else last
        lrs = self.lrs
        part = {n: lr[first:last] for n, lr in lrs.items()} if isinstance(lrs, dict) else None
        return trainer.run(
            self.users, self.items, self.rating, self.starts[first : last + 1],
            lrs[first:last] if part is None else part,
            None if self.moms is None else self.moms[first:last],
            **options,
        )  # fmt: skip

    @np.errstate(all="ignore")  # runs may end in overflow
    def reference_steps(self, opt, first=0, last=None, backend=kernels):
        """Take steps first .. last - 1 by forward, backward, step; return the losses.

        Stop before a step whose loss, or after one whose parameters, are not finite.
        """
        losses = []
        for s in range(first, self.n_steps if last is None else last):
            here = slice(self.starts[s], self.starts[s + 1])
            users, items = self.users[here], self.items[here]
            opt.lr = self.rates(s)
            if self.moms is not None:
                opt.momentum = float(self.moms[s])
            pred, cache = models.dot_product_bias_forward(
                dict(opt.params), users, items, self.y_range, backend=backend, mean=self.mean
            )
            loss, loss_cache = backend.mse_forward(pred, self.rating[here])
            if not np.isfinite(loss):
                break
            grads = models.dot_product_bias_backward(backend.mse_backward(1.0, loss_cache), cache)
            opt.step(grads, {n: users if n.startswith("user") else items for n in grads})
            losses.append(loss)
            if not all(np.isfinite(array).all() for array in opt.state_arrays().values()):
                break
            if not all(np.isfinite(table).all() for table in opt.params.values()):
                break
        return np.array(losses, opt.params["user_factors"].dtype)


@st.composite
def optimizers(draw):
    """Return (class, keyword arguments): every rule that has a fused form."""
    if draw(st.booleans()):
        return optim.Adam, draw(adam_settings())
    setting = draw(sgd_settings()) | {"rows": draw(st.sampled_from(["all_rows", "touched_rows"]))}
    return optim.SGD, setting


@st.composite
def fused_runs(draw, max_steps=300, tame=False, dtype=None):
    """Few rows and batches of 1 to 8 of different sizes, so that rows repeat, and go missing.

    `tame` runs stay where rounding is not magnified: moderate rates, weights and a range.
    """
    p = draw(problems(dtype))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_steps = draw(st.one_of(st.integers(1, 8), st.integers(1, max_steps)))
    starts = np.concatenate([[0], np.cumsum(rng.integers(1, 9, n_steps))])
    n_users, n_items = (len(p.params[side]) for side in ("user_factors", "item_factors"))
    users, items = (rng.integers(0, n, starts[-1]) for n in (n_users, n_items))
    rating = (rng.integers(2, 11, starts[-1]) / 2).astype(p.dtype)
    optimizer, setting = draw(optimizers())
    params, y_range = p.params, p.y_range
    if tame:
        params = {k: rng.normal(0, 0.3, v.shape).astype(v.dtype) for k, v in params.items()}
        y_range = (0.0, 5.5)
    lrs = rng.uniform(0, 0.02 if tame else 0.1, n_steps)
    if draw(st.booleans()):
        lrs = {"default": lrs, "user_bias": 2 * lrs}
        setting = setting | {"weight_decay": {"default": setting["weight_decay"], "item_bias": 0.0}}
    moms = None
    if setting.get("momentum", 1) and draw(st.booleans()):
        moms = rng.uniform(0.3, 0.95, n_steps)
    mean = draw(st.sampled_from([0.0, MEAN]))
    return FusedRun(
        params, users, items, rating, starts, y_range, mean, optimizer, setting, lrs, moms
    )


def same_bits(got, want):
    """Assert that two optimisers hold the same parameters and state."""
    for name, table in want.params.items():
        assert_same_bits(got.params[name], table, name)
    arrays = got.state_arrays()
    assert arrays.keys() == want.state_arrays().keys()
    for name, array in want.state_arrays().items():
        assert_same_bits(arrays[name], array, name)
