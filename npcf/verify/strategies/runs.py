"""Several training steps, and epochs to batch."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from npcf._types import FloatArray, Params, YRange
from npcf.verify.strategies.operations import y_ranges
from npcf.verify.strategies.optimizers import Setting, adam_settings, sgd_settings
from npcf.verify.strategies.problems import MAX_BATCH, N_ENTRIES, batch, tables
from npcf.verify.strategies.source import sources
from npcf.verify.strategies.values import dtypes

Batch = tuple[Any, Any, FloatArray]  # users, items, rating: each (B,)

MAX_STEPS = 4
_users, _more, _factors = st.integers(1, 4), st.integers(1, 3), st.integers(1, 3)
_sizes = st.integers(1, MAX_BATCH)
_rates = st.lists(st.sampled_from([0.05, 0.01, 0.02, 0.1]), min_size=1, max_size=MAX_STEPS)
_scales = st.sampled_from([0.25, 1.0, 2.0**-9])  # |entry| <= 1, 4, and as drawn before training
_sources = sources(N_ENTRIES + MAX_STEPS * 3 * MAX_BATCH)
_ranges = st.one_of(st.just((0.0, 5.5)), y_ranges(), st.none())
_rules = st.sampled_from(["sgd", "adam"])
_settings = {"sgd": sgd_settings(), "adam": adam_settings()}


class Run(NamedTuple):
    """A training run from its first step on: what `train` of the protocol takes."""

    params: Params
    batches: list[Batch]
    y_range: YRange
    rule: str  # "sgd" or "adam"
    settings: Setting  # keywords of the rule's step, without lr
    lrs: list[float]  # one a batch

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        return self.params["user_factors"].dtype


@st.composite
def runs(draw: st.DrawFn, rule: str | None = None, y_range: Any = _ranges) -> Run:
    """1 to 4 steps of at most 8 ratings each; most batches miss rows that others have.

    Entries start within 4, rates are at most 0.1, so that even without a range, where a step may
    multiply what it started from, four of them stay far from overflow.
    """
    n_users, k = draw(_users), draw(_factors)
    n_items, size = n_users + draw(_more), draw(_sizes)
    dtype, source = draw(dtypes), draw(_sources)
    scale = draw(_scales)
    rule = rule or draw(_rules)
    setting = dict(draw(_settings[rule]))
    del setting["lr"]
    lrs, limits = draw(_rates), draw(y_range)
    params = tables(source, dtype, n_users, n_items, k)
    params = {name: table * dtype.type(scale) for name, table in params.items()}
    batches: list[Batch] = []
    for step in range(len(lrs)):
        b = 1 + (size + step - 1) % MAX_BATCH if step % 2 else size
        batches.append(batch(source, dtype, b, n_users, n_items))
    return Run(params, batches, limits, rule, setting, lrs)


class EpochInput(NamedTuple):
    """How one epoch is cut into batches: the arguments of the protocol's `epoch_batches`."""

    n: int
    bs: int
    seed: int
    epoch: int
    drop_last: bool


@st.composite
def epochs(draw: st.DrawFn, min_size: int = 0, max_size: int = 40) -> EpochInput:
    """Up to 40 ratings in batches of 1 to 12, which divide them or do not, or exceed them."""
    return EpochInput(
        draw(st.integers(min_size, max_size)),
        draw(st.integers(1, 12)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.integers(0, 20)),
        draw(st.booleans()),
    )
