"""Nothing reaches the compiled loops of per-rating SGD unjudged: ratings, tables, rules, pairs.

Ratings may change while they are read (another thread, a file that another process writes); what a
trainer holds may be replaced by anybody.  Each ends in a typed error, or in right numbers.
"""

import copy
import os
import pickle
import sys
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import DataError, EmptyBatchError, IdRangeError, NpcfError, ShapeError
from npcf.kernels.blocked_sgd import Rule, Trainer
from npcf.kernels.blocked_sgd import tiles as tile_module
from npcf.kernels.blocked_sgd import trainer as trainer_module
from npcf.kernels.blocked_sgd.given import Given
from npcf.kernels.blocked_sgd.stored import stored
from npcf.verify import assert_same_bits

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
USERS, ITEMS, N, K = 9, 7, 60, 3


def ratings_of(seed=0, n=N):
    rng = np.random.default_rng(seed)
    ids = (rng.integers(0, size, n).astype(np.int32) for size in (USERS, ITEMS))
    return Given(*ids, rng.integers(1, 6, n).astype(np.float32), USERS, ITEMS)


def rule_of(**changes):
    decays = {n: np.zeros(USERS if "user" in n else ITEMS, np.float32) for n in NAMES}
    return Rule(0.01, 0.01, decays)._replace(**changes)


def trainer_of(seed=0):
    trainer = Trainer(ratings_of(), K, seed)
    rng = np.random.default_rng(seed)
    for name in NAMES:
        n = USERS if "user" in name else ITEMS
        trainer.load(name, [rng.normal(size=(n, 1 if "bias" in name else K))])
    return trainer


class Changing:
    """A column that is another one at each reading."""

    ndim = 1

    def __init__(self, *columns):
        self.columns, self.reading = columns, -1
        self.shape = columns[0].shape

    def __len__(self):
        return len(self.columns[0])

    def __getitem__(self, here):
        self.reading += here.start == 0
        return self.columns[min(self.reading, len(self.columns) - 1)][here]


@given(seed=st.integers(0, 2**32 - 1), parts=st.sampled_from([1, 4]), moved=st.integers(0, 3))
def test_ratings_that_change_between_two_readings_are_refused_or_whole(seed, parts, moved):
    """Whatever is kept has the rows that were counted; nothing is written past a tile."""
    rng = np.random.default_rng(seed)
    first = ratings_of(seed)
    columns = []
    for column, size in zip(first[:2], (USERS, ITEMS), strict=True):
        readings = [column]
        for _ in range(2):
            other = readings[-1].copy()
            other[rng.integers(0, N, moved)] = rng.integers(0, size, moved)
            readings.append(other)
        columns.append(readings)
    changing = first._replace(users=Changing(*columns[0]), items=Changing(*columns[1]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tile_module, "PARTS", ((0, parts),))
        patch.setattr(tile_module, "CACHED", 64)
        same = all((a == b).all() and (b == c).all() for a, b, c in columns)
        try:
            kept, cut, counts = stored(changing, 64, 0)
        except DataError as error:
            assert not same
            assert "was changed while it was being read" in error.message
            assert 0 <= error.position <= N
            return
        for rows, group, counted in zip(kept[:2], cut[:2], counts, strict=True):
            assert_same_bits(np.bincount(rows, minlength=len(counted)), counted[group.row_at])
        rows = [group.row_at[column] for group, column in zip(cut[:2], kept[:2], strict=True)]
        tiles = cut.tile(cut.users.tile_of[rows[0]], cut.items.tile_of[rows[1]])
        assert (np.diff(tiles) >= 0).all()
        assert_same_bits(np.searchsorted(tiles, np.arange(cut.n_tiles + 1)), kept.starts)


def test_bad_shapes_and_sizes_are_refused():
    good = ratings_of()
    for change in (
        {"n_users": -1}, {"n_users": 2**31}, {"n_items": 2**40}, {"n_items": 1.5},
        {"n_users": None}, {"n_items": ITEMS - 1}, {"users": None}, {"users": 3},
        {"rating": np.full(N, 1e300)}, {"rating": np.full(N, 1j)}, {"rating": good.users},
        {"users": np.ma.masked_array(good.users, mask=True)}, {"users": good.users * 1.0},
        {"items": np.datetime64("2020-01-01") + good.items}, {"items": list("abc") * 20},
    ):  # fmt: skip
        with pytest.raises(NpcfError):
            Trainer(good._replace(**change), K)
    for k, seed in ((-1, 0), (10**6, 0), (2.0, 0), (None, 0), (K, -1), (K, 0.5), (K, None)):
        with pytest.raises(NpcfError):
            Trainer(good, k, seed)
    with pytest.raises(NpcfError, match="given"):
        Trainer(None, K)


FORGERIES = {
    "sides swapped": lambda t: setattr(t, "sides", t.sides[::-1]),
    "sides one": lambda t: setattr(t, "sides", t.sides[:1]),
    "lanes more": lambda t: setattr(t, "lanes", (0, 0)),
    "lanes none": lambda t: setattr(t, "lanes", ()),
    "lanes a list": lambda t: setattr(t, "lanes", [0]),
    "blocks more": lambda t: setattr(t, "blocks", t.blocks._replace(parts=3)),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_trainer_with_other_parts_ends_in_a_typed_error_or_goes_on_as_before(name):
    """Its arrays, one by one, are damaged in `tests/abuse`."""
    trainer = trainer_of()
    trainer.epoch(0, rule_of())
    FORGERIES[name](trainer)
    refused = 0
    for use in (
        lambda: trainer.epoch(1, rule_of()),
        lambda: trainer.predict([0, 8], [6, 0], rule_of()),
        lambda: trainer.load("user_bias", [np.zeros(USERS)]),
        lambda: trainer.params,
        trainer.first_not_finite,
    ):
        try:
            use()
        except NpcfError:
            refused += 1
    assert refused or name == "lanes none"


def test_a_swapped_rating_column_of_right_form_is_trained_on():
    """And is the trainer's own from then on: what is written to it afterwards changes nothing."""
    one, two = trainer_of(), trainer_of()
    mine = one.ratings.rating[::-1].copy()
    one.ratings = one.ratings._replace(rating=mine)
    two.ratings = two.ratings._replace(rating=mine.copy())
    for trainer in (one, two):
        trainer.epoch(0, rule_of())
        mine[:] = np.nan
        trainer.epoch(1, rule_of())
    for name, table in two.params.items():
        assert_same_bits(one.params[name], table, name)


def test_what_a_trainer_keeps_of_ratings_cannot_be_written_to():
    trainer = trainer_of()
    for array in trainer.ratings:
        with pytest.raises(ValueError, match="read-only|WRITEABLE"):
            array.flags.writeable = True
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_train_on_to_the_same_bits(copied):
    trainer = trainer_of()
    trainer.epoch(0, rule_of())
    other = copied(trainer)
    assert trainer.epoch(1, rule_of()) == other.epoch(1, rule_of())
    for name, table in trainer.params.items():
        assert_same_bits(other.params[name], table, name)


def test_pairs_are_judged_wherever_they_come_from():
    trainer, rule = trainer_of(), rule_of()
    with pytest.raises(IdRangeError, match=r"users\[1\]: id 9") as caught:
        trainer.predict([0, USERS], [0, 0], rule)
    assert (caught.value.position, caught.value.value) == (1, USERS)
    many = np.zeros(70_000, np.int64)
    many[69_000] = -3
    for threads in (1, 3):
        with pytest.raises(IdRangeError, match=r"items\[69000\]: id -3"):
            trainer.predict(np.zeros(70_000, np.int64), many, rule, threads)
    for pair in (([0], [0, 1]), ([[0]], [[0]]), (0, 0), ([0.5], [0]), (None, [0]), (["a"], [0])):
        with pytest.raises(NpcfError):
            trainer.predict(*pair, rule)
    for threads in (0, -1, 1.5, None, "2"):
        with pytest.raises(NpcfError, match="threads"):
            trainer.predict([0], [0], rule, threads)
        with pytest.raises(NpcfError, match="threads"):
            trainer.epoch(0, rule, threads)
    assert_same_bits(
        trainer.predict([3], [4], rule, 10**9), trainer.predict(np.uint8([3]), (4,), rule)
    )
    with pytest.raises(ShapeError):
        trainer.rmse([0, 1], [0], [1.0, 2.0], rule)
    with pytest.raises(EmptyBatchError):
        trainer.rmse([], [], [], rule)


def test_an_epoch_is_not_changed_by_what_is_swapped_while_it_runs(monkeypatch):
    """`between` replaces everything that a trainer holds: the epoch goes on with what it had."""
    monkeypatch.setattr(trainer_module, "SLICE", 1)
    monkeypatch.setattr(tile_module, "PARTS", ((0, 4),))
    results = []
    for swaps in (False, True):
        trainer, calls = Trainer(ratings_of(n=6000), K, 1), count()
        for name in NAMES[:2]:
            trainer.load(name, [np.full((USERS if "user" in name else ITEMS, K), 0.1)])
        mine = dict(vars(trainer))

        def between(done, trainer=trainer, calls=calls, swaps=swaps):
            if swaps and next(calls) == 2:
                for name in ("ratings", "sides", "blocks", "groups", "lanes", "gate", "seed"):
                    setattr(trainer, name, None)

        results.append(trainer.epoch(0, rule_of(), 1, between))
        vars(trainer).update({k: v for k, v in mine.items() if k not in ("_taken", "_busy")})
        results.append(trainer.params)
    assert results[0] == results[2]
    for name, table in results[1].items():
        assert_same_bits(results[3][name], table, name)


@pytest.mark.skipif(sys.platform == "win32", reason="a mapped file cannot be cut short there")
@pytest.mark.parametrize("name", ["users", "items", "rating"])
def test_a_mapped_file_that_is_cut_short_is_an_error_and_no_bus_error(name, tmp_path):
    given, path = ratings_of(n=4096), tmp_path / f"{name}.npy"
    np.save(path, getattr(given, name))
    mapped = given._replace(**{name: np.load(path, mmap_mode="r")})
    assert_same_bits(stored(mapped, 8, 0)[0].rating, stored(given, 8, 0)[0].rating)
    os.truncate(path, 1024)
    with pytest.raises(DataError, match=rf"{name}\[0\]: was changed while it was being read"):
        stored(mapped, 8, 0)
