"""The order of blocks on a cluster is that of one machine, and messages name it fully."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from npcf.distributed.cuts import pair_of
from npcf.distributed.order import Order, Turn, owners
from npcf.kernels.blocked_sgd.tiles import strata_of

orders = st.builds(Order, st.integers(1, 9), st.integers(0, 2**70))


@given(orders, st.integers(0, 50))
def test_turns_are_the_strata_of_one_machine(order, epoch):
    for place, stratum in enumerate(strata_of(order.parts, order.seed, epoch)):
        turn = Turn(epoch, place)
        assert [(b, order.items_of(turn, b)) for b in range(order.parts)] == stratum
        assert [order.users_of(turn, c) for _, c in stratum] == [b for b, _ in stratum]


@given(orders, st.integers(0, 5))
def test_every_turn_is_followed_by_the_next(order, epoch):
    turns = [Turn(epoch, 0)]
    for _ in range(2 * order.parts):
        turns.append(order.after(turns[-1]))
    assert turns == sorted(set(turns))
    assert turns[order.parts] == Turn(epoch + 1, 0)


@given(orders, st.integers(0, 9))
def test_a_cut_has_each_group_once(order, number):
    """The file of users b holds the items that b was trained with last."""
    files = [pair_of(order, number, 0, b) for b in range(order.parts)]
    assert [b for b, _ in files] == sorted(c for _, c in files)
    assert files == [pair_of(order, number, 1, c) for _, c in files]
    ended = order.ended_with(number)
    if ended is not None:
        assert order.after(ended) == Turn(number, 0)
        assert [order.items_of(ended, b) for b, _ in files] == [c for _, c in files]


@given(st.integers(1, 64), st.integers(1, 70))
def test_groups_are_shared_out_evenly(parts, n_workers):
    owner = owners(parts, n_workers)
    assert list(owner) == sorted(owner)
    shares = np.bincount(owner, minlength=n_workers)
    assert set(shares.tolist()) <= {parts // n_workers, parts // n_workers + 1}
