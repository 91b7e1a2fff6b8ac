"""On a cluster of processes: the bits of one machine, its errors, its ways of ending."""

import os
import signal
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf.data import planted, split_indices
from npcf.distributed import PerRatingSGD
from npcf.distributed.blocks import open_blocks
from npcf.distributed.order import Order, Turn, owners
from npcf.errors import DataError, DivergenceError, IdRangeError, SettingError, UsageError
from npcf.kernels.blocked_sgd import tiles
from npcf.kernels.blocked_sgd.row_step import LANE
from npcf.training import RatingArrays
from tests.distributed.conftest import assert_same_fit, one_machine

PLANTED = planted(300, 200, 8_000, seed=1)
TRAIN, VALID = (PLANTED.ratings.take(rows) for rows in split_indices(8_000, 0.2, 42))
SETTINGS = {"n_factors": 8, "lr": 0.02}
KINDS = [{}, {"y_range": (0.5, 5.5)}, {"y_range": (0.5, 5.5), "loss": "cross_entropy"}]


def arrays(rng, n, n_users, n_items):
    users, items = (rng.integers(0, m, n).astype(np.int32) for m in (n_users, n_items))
    return RatingArrays(users, items, rng.integers(1, 6, n).astype(np.float32), n_users, n_items)


@settings(max_examples=8)
@given(
    st.builds(arrays, st.integers(0, 2**32).map(np.random.default_rng),
              st.sampled_from([1, 7, 300, 2000]), st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.sampled_from([1, 16, 17]),
    st.integers(1, 4), st.sampled_from(KINDS), st.integers(0, 2**40),
)  # fmt: skip
def test_a_cluster_has_the_bits_of_one_machine(
    client, ratings, n_workers, threads, parts, n_factors, n_epochs, kind, seed
):
    kept, tiles.PARTS = tiles.PARTS, ((0, parts),)
    try:
        options = {"n_factors": n_factors, "seed": seed, "lr": 0.05, "final_lr": 0.01} | kind
        want = one_machine(ratings, n_epochs, **options)
        got = PerRatingSGD(**options)
        got.fit(ratings, n_epochs, client=client, n_workers=n_workers, threads=threads)
    finally:
        tiles.PARTS = kept
    assert_same_fit(got, want)


def test_with_validation_and_a_listener(client, four_parts):
    """Workers then wait at the end of each epoch: a listener sees the model of that epoch."""
    seen = {}
    want = one_machine(TRAIN, 4, VALID, **SETTINGS)
    got = PerRatingSGD(**SETTINGS)
    got.fit(TRAIN, 4, valid=VALID, client=client, n_workers=2,
            on_epoch=lambda row: seen.update({row.epoch: got.evaluate(VALID)}))  # fmt: skip
    assert_same_fit(got, want)
    assert list(seen.values()) == list(want.history["valid_rmse"])
    assert got.evaluate(VALID) == want.evaluate(VALID)
    assert len(got.facts) == 2 and all(each.moved for each in got.facts)


def test_no_more_bytes_are_moved_than_the_strata_need(client, four_parts, tmp_path):
    """A group of items goes to another worker where the strata say so, whole, and never twice."""
    n_epochs, owner = 5, owners(4, 2)
    got = PerRatingSGD(**SETTINGS)
    got.fit(TRAIN, n_epochs, client=client, n_workers=2, folder=tmp_path)
    layout = open_blocks(tmp_path / "ratings").layout
    order, turn, moved = Order(4, 0), Turn(0, 0), [0, 0]
    while turn.epoch < n_epochs:
        for b in range(4):
            c = order.items_of(turn, b)
            if owner[order.users_of(order.after(turn), c)] != owner[b]:
                rows = layout.rows(1, c)
                moved[owner[b]] += (rows.stop - rows.start) * (LANE + 4) * 4
        turn = order.after(turn)
    assert [each.moved for each in got.facts] == moved


def test_a_csv_and_a_folder_of_blocks_are_read(client, tmp_path, four_parts):
    path = tmp_path / "r.csv"
    columns = {"user": TRAIN.users, "item": TRAIN.items, "rating": TRAIN.rating}
    pd.DataFrame(columns).to_csv(path, index=False)
    first = PerRatingSGD(**SETTINGS)
    first.fit(path, 2, client=client, folder=tmp_path / "run")
    second = PerRatingSGD(**SETTINGS)
    second.fit(str(tmp_path / "run" / "ratings"), 2, client=client, n_workers=3)
    assert_same_fit(second, first)
    with pytest.raises(SettingError, match="cut for 8") as raised:
        PerRatingSGD(n_factors=9).fit(tmp_path / "run" / "ratings", 2, client=client)
    assert raised.value.argument == "n_factors"


def test_ctrl_c_ends_between_two_blocks_and_leaves_a_whole_model(client, four_parts, tmp_path):
    """Pressed in a terminal, it reaches the workers too: those that a nanny started live on."""
    pids = client.run(os.getpid)
    folder = tmp_path / "run"

    def press():
        while not (folder / "cut-00000003").exists() and fit.is_alive():
            threading.Event().wait(0.01)
        for pid in [os.getpid(), *pids.values()]:
            os.kill(pid, signal.SIGINT)

    fit, got = threading.main_thread(), PerRatingSGD(**SETTINGS)
    watcher = threading.Thread(target=press)
    watcher.start()
    got.fit(TRAIN, 100_000, client=client, folder=folder)
    watcher.join()
    assert got.interrupted and 2 <= len(got.history) < 100_000
    assert all(np.isfinite(table).all() for table in got.model.params.values())
    assert got.evaluate(TRAIN) < TRAIN.rating.std()
    assert client.run(os.getpid) == pids


def test_a_listener_s_exception_ends_the_fit_and_leaves_the_model(client, four_parts):
    def fail(row):
        if row.epoch == 1:
            raise ZeroDivisionError

    got, want = PerRatingSGD(**SETTINGS), one_machine(TRAIN, 2, **SETTINGS)
    with pytest.raises(ZeroDivisionError):
        got.fit(TRAIN, 50, client=client, on_epoch=fail)
    assert got.interrupted and len(got.history) == 2
    for name, table in want.model.params.items():
        assert (got.model.params[name] == table).all()


def test_divergence_is_said_as_on_one_machine(client, four_parts):
    wild = SETTINGS | {"lr": 1e3}
    said = []
    for cls, options in ((PerRatingSGD, {"client": client}), (type(one_machine(TRAIN, 1)), {})):
        with pytest.raises(DivergenceError) as raised:
            cls(**wild).fit(TRAIN, 5, progress=False, **options)
        said.append(str(raised.value))
    assert said[0] == said[1]


def test_what_cannot_be_is_refused_before_training(client, tmp_path, monkeypatch):
    sgd = PerRatingSGD(**SETTINGS)
    one_user = RatingArrays(TRAIN.users, TRAIN.items, TRAIN.rating, 1, TRAIN.n_items)
    for change, error, argument in (
        ({"client": None}, UsageError, "client"),
        ({"client": "tcp://127.0.0.1:8786"}, UsageError, "client"),
        ({"threads": 0}, SettingError, "threads"),
        ({"n_workers": 0}, SettingError, "n_workers"),
        ({"n_workers": True}, SettingError, "n_workers"),
        ({"save_every": 0}, SettingError, "save_every"),
        ({"resume": "no"}, SettingError, "resume"),
        ({"progress": 1}, SettingError, "progress"),
        ({"folder": 3}, SettingError, "folder"),
        ({"folder": "a\0b"}, SettingError, "folder"),
        ({"n_epochs": 0}, SettingError, "n_epochs"),
        ({"ratings": 3}, UsageError, "ratings"),
        ({"ratings": tmp_path / "none.csv"}, DataError, "path"),
        ({"ratings": one_user}, IdRangeError, "ratings.users"),
        ({"on_epoch": 3}, UsageError, "on_epoch"),
        ({"valid": 3}, UsageError, "valid"),
    ):  # fmt: skip
        options = {"ratings": TRAIN, "n_epochs": 2, "client": client} | change
        with pytest.raises(error) as raised:
            sgd.fit(**options)
        assert raised.value.argument == argument, change
    assert not sgd.facts
    with pytest.raises(UsageError, match="Call fit"):
        sgd.model  # noqa: B018
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(UsageError, match=r'pip install "npcf\[distributed\]"'):
        sgd.fit(TRAIN, 2, client=client)
