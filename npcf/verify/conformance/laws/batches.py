"""Laws of cutting an epoch into batches: every rating once, in an order that looks like none."""

import random
from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import law
from npcf.verify.strategies import EpochInput, epochs

NEEDS = ("epoch_batches",)
ANY, SOME = epochs(), epochs(min_size=1)
MANY = epochs(min_size=16)  # two random orders agree once in 16! = 2e13


def whole(impl: Any, p: EpochInput, **changes: Any) -> Any:
    """Return the order of the epoch: its batches, none dropped, one after another."""
    batches = impl.epoch_batches(*p._replace(drop_last=False, **changes))
    return np.concatenate([np.zeros(0, np.int64), *batches])


def global_state() -> tuple[Any, ...]:
    """Return where the two global generators stand."""
    _, key, *position = np.random.get_state()  # noqa: NPY002
    return np.asarray(key).tobytes(), position, random.getstate()


@law("Every rating is in one batch, once.", given=ANY, needs=NEEDS)
def every_rating_comes_once(impl: Any, p: EpochInput) -> None:
    assert sorted(whole(impl, p).tolist()) == list(range(p.n))


@law("drop_last leaves whole batches only, as many as there are.", given=ANY, needs=NEEDS)
def drop_last_leaves_whole_batches(impl: Any, p: EpochInput) -> None:
    sizes = [len(batch) for batch in impl.epoch_batches(*p._replace(drop_last=True))]
    assert sizes == [p.bs] * (p.n // p.bs), f"sizes {sizes}"


@law("Batches have bs ratings; the last has what is left, if anything is.", given=ANY, needs=NEEDS)
def batches_have_their_size(impl: Any, p: EpochInput) -> None:
    sizes = [len(batch) for batch in impl.epoch_batches(*p._replace(drop_last=False))]
    rest = [p.n % p.bs] if p.n % p.bs else []
    assert sizes == [p.bs] * (p.n // p.bs) + rest, f"sizes {sizes}"


@law("A batch is a vector of whole numbers.", given=SOME, needs=NEEDS)
def batches_are_row_numbers(impl: Any, p: EpochInput) -> None:
    for batch in impl.epoch_batches(*p):
        assert batch.ndim == 1
        assert batch.dtype.kind in "iu", f"row numbers of dtype {batch.dtype}"


@law("The same seed and epoch give the same batches.", given=ANY, needs=NEEDS)
def batches_are_reproducible(impl: Any, p: EpochInput) -> None:
    assert_same_bits(whole(impl, p), whole(impl, p), "order")


@law("Batches are not sorted inside, nor one after another.", given=MANY, needs=NEEDS)
def batches_are_not_sorted(impl: Any, p: EpochInput) -> None:
    batches = impl.epoch_batches(*p._replace(bs=8, drop_last=True))
    inside = np.concatenate([np.diff(batch) for batch in batches])
    assert not (inside > 0).all(), "the rows of each batch are sorted"
    sets = [set(batch.tolist()) for batch in batches]
    assert sets[0] != set(range(8)), "the first batch is the first rows"


@law("Every epoch has an order of its own.", given=MANY, needs=NEEDS)
def epochs_differ(impl: Any, p: EpochInput) -> None:
    orders = {tuple(whole(impl, p, epoch=epoch)) for epoch in range(p.epoch, p.epoch + 3)}
    assert len(orders) == 3, "two of three epochs have one order"


@law("Every seed has an order of its own.", given=MANY, needs=NEEDS)
def seeds_differ(impl: Any, p: EpochInput) -> None:
    other = (p.seed + 1) % 2**32
    assert (whole(impl, p, seed=other) != whole(impl, p)).any(), "two seeds have one order"


@law("The generators that others share are left where they stand.", given=ANY, needs=NEEDS)
def global_generators_are_not_moved(impl: Any, p: EpochInput) -> None:
    before = global_state()
    whole(impl, p)
    assert global_state() == before, "np.random or random has moved"


@law("What a batch is used for changes no later one.", given=SOME, needs=NEEDS)
def batches_belong_to_the_caller(impl: Any, p: EpochInput) -> None:
    before = whole(impl, p)
    for batch in impl.epoch_batches(*p._replace(drop_last=False)):
        if batch.flags.writeable:
            batch[:] = 0
    assert_same_bits(whole(impl, p), before, "order")
