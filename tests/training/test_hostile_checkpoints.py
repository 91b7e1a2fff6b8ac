"""Files with a right checksum and wrong entries: a DataError that names both, and nothing changes.

The checksum says that nothing was changed by accident; whoever writes a file can compute it too.
"""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf import models, optim
from npcf.data import CollabDataLoaders, planted
from npcf.errors import DataError, NpcfError
from npcf.training import BestModel, Callback, EarlyStopping, Learner, load
from npcf.training.safetensors_io import read, write
from npcf.verify import assert_same_bits

RATINGS = planted(30, 20, 250, seed=2).ratings
OPTIMIZERS = {
    "adam": optim.fastai_adam,
    "sgd": lambda p, lr: optim.SGD(p, lr, 0.9, 0.0, True, 0.1),
    "sparse": optim.SparseAdam,
    "rmsprop": lambda p, lr: optim.RMSProp(p, lr, momentum=0.5, centered=True),
}


class Enough(Exception):  # noqa: N818  (what a test stops by)
    pass


class SaveAndStop(Callback):
    every = 60

    def __init__(self, path=None):
        self.path = path

    def after_step(self, learner):
        if self.path is not None and learner.fit_state.step == 60:
            learner.save(self.path)
            raise Enough


def learner(name, path=None):
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = CollabDataLoaders.from_ratings(RATINGS, bs=4, rng=batches)
    model = models.DotProductBiasEmb(dls.n_users, dls.n_items, 3, rng=tables, dtype=np.float64)
    callbacks = [EarlyStopping(5), BestModel(), SaveAndStop(path)]
    return Learner(
        dls, model, opt_func=OPTIMIZERS[name], callbacks=callbacks, progress=False,
        lr_mult={"user_bias": 2.0, "default": 1.0},
    )  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return, by optimiser, what a file in the middle of a fit holds."""
    held = {}
    for name in OPTIMIZERS:
        path = tmp_path_factory.mktemp(name) / "run"
        with pytest.raises(Enough):
            learner(name, path).fit_one_cycle(3, 1e-2, moms=(0.9, 0.8, 0.9))
        held[name] = read(path)
    return held


def forged(saved, name, path, change):
    """Write the file with `change(text, arrays)` made, and a right checksum; return its path."""
    text, arrays = copy.deepcopy(saved[name][0]), dict(saved[name][1])
    change(text, arrays)
    write(path, text, arrays)
    return path


def refused(name, path, entry):
    """Assert that a learner refuses the file, names it and the entry, and is as it was."""
    learn = learner(name)
    learn.fit(1, 1e-3)
    before, model, opt = copy.deepcopy(learn), learn.model, learn.opt
    with pytest.raises(DataError) as error:
        learn.resume(path)
    assert str(path) in str(error.value), error.value
    assert entry in str(error.value)
    assert learn.model is model
    assert learn.opt is opt
    assert vars(learn.callbacks[0]) == vars(before.callbacks[0])
    assert learn.rows == before.rows
    assert learn.fit_state.step == before.fit_state.step
    for key, table in before.model.params.items():
        assert_same_bits(learn.model.params[key], table, key)
    for key, array in before.opt.state_arrays().items():
        assert_same_bits(learn.opt.state_arrays()[key], array, key)
    learn.fit(1, 1e-3)  # and can go on


def in_place(*path, value):
    def change(text, arrays):
        for key in path[:-1]:
            text = text[key]
        text[path[-1]] = value(text[path[-1]]) if callable(value) else value

    return change


def array(name, new):
    def change(text, arrays):
        arrays[name] = new(arrays[name])

    return change


ARRAYS = {
    "fewer columns": lambda a: a[..., :1].copy(),
    "more columns": lambda a: np.concatenate([a, a], axis=-1),
    "a row too many": lambda a: np.concatenate([a, a[:1]]),
    "a row too few": lambda a: a[1:].copy(),
    "no axis": lambda a: np.array(1.0),
    "another dtype": lambda a: a.astype(np.float32),
    "integers": lambda a: np.zeros(a.shape, np.int64),
}
SHAPED = [
    ("adam", "model/user_factors"), ("adam", "model/item_bias"), ("adam", "opt/m/item_factors"),
    ("adam", "opt/v/user_bias"), ("adam", "callback 1/item_factors"),
    ("sgd", "opt/buffers/user_factors"), ("sparse", "opt/v/item_factors"),
    ("rmsprop", "opt/averages/user_factors"), ("rmsprop", "opt/buffers/item_bias"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "key", "how"),
    [
        (*place, how)
        for place in SHAPED
        for how in ARRAYS
        if not (place[1].endswith("bias") and how == "fewer columns")  # one is what it has
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(name, key, how, saved, tmp_path):
    path = forged(saved, name, tmp_path / "run", array(key, ARRAYS[how]))
    refused(name, path, key.split("/")[0])


NOT_THERE = {
    "surplus array": lambda text, arrays: arrays.update({"opt/m/of_nobody": np.zeros((2, 2))}),
    "surplus section": lambda text, arrays: arrays.update({"optional/m": np.zeros(2)}),
    "callback of nobody": lambda text, arrays: arrays.update({"callback 7/x": np.zeros(2)}),
    "no m": lambda text, arrays: arrays.pop("opt/m/user_bias"),
    "no bias": lambda text, arrays: arrays.pop("model/user_bias"),
    "no factors": lambda text, arrays: arrays.pop("model/item_factors"),
    "no count": lambda text, arrays: arrays.pop("opt/t"),
    "no lr": lambda text, arrays: arrays.pop("fit/lr"),
    "no best": lambda text, arrays: arrays.pop("callback 0/best"),
    "half a best model": lambda text, arrays: arrays.pop("callback 1/item_bias"),
    "no model": lambda text, arrays: text.pop("model"),
    "no users": lambda text, arrays: text.pop("users"),
    "no callbacks": lambda text, arrays: text.pop("callbacks"),
    "no settings": lambda text, arrays: text["opt"].pop("settings"),
    "no generator": lambda text, arrays: text["fit"].pop("rng_state"),
}
VALUES = {
    "t < 0": array("opt/t", lambda a: np.array(-3)),
    "t is no number": array("opt/t", lambda a: np.array(np.nan)),
    "t has an axis": array("opt/t", lambda a: np.array([3])),
    "v < 0": array("opt/v/item_bias", lambda a: -np.ones_like(a)),
    "v is no number": array("opt/v/item_bias", lambda a: a * np.nan),
    "class": in_place("opt", "class", value="Adagrad"),
    "class of model": in_place("model", "class", value="os.system"),
    "lr": in_place("opt", "settings", "lr", value=float("nan")),
    "eps": in_place("opt", "settings", "eps", value=-1.0),
    "betas": in_place("opt", "settings", "betas", value=[0.9, 1.5]),
    "one beta": in_place("opt", "settings", "betas", value=[0.9]),
    "decoupled": in_place("opt", "settings", "decoupled", value="yes"),
    "weight decay": in_place("opt", "settings", "weight_decay", value={"nobody": 1.0}),
    "setting": in_place("opt", "settings", value=lambda held: held | {"step": 1}),
    "schedule": array("fit/lr", lambda a: a[:-1].copy()),
    "schedule nan": array("fit/lr", lambda a: a * np.nan),
    "schedule < 0": array("fit/lr", lambda a: -a),
    "momenta": array("fit/mom", lambda a: a + 1),
    "losses": array("fit/losses", lambda a: np.full_like(a, np.nan)),
    "losses short": array("fit/losses", lambda a: a[:5].copy()),
    "epochs": in_place("fit", "n_epoch", value=10**9),
    "epoch": in_place("fit", "epoch", value=-1),
    "batch": in_place("fit", "batch", value=51),
    "batch of another": in_place("fit", "batch", value=11),
    "batch no number": in_place("fit", "batch", value=float("nan")),
    "smoothed": in_place("fit", "smoothed", value=[float("inf"), 60]),
    "smoothed count": in_place("fit", "smoothed", 1, value=-1),
    "generator": in_place("fit", "rng_state", "state", value={"state": "x"}),
    "row": in_place("rows", 0, value={"epoch": 0}),
    "row nan": in_place("rows", 0, "rmse", value=float("nan")),
    "lr_mult": in_place("lr_mult", value={"user_bias": -1.0}),
    "y_range": in_place("model", "y_range", value=[5, 0]),
    "y_range nan": in_place("model", "y_range", value=[0, float("nan")]),
    "mean": in_place("model", "mean", value="3"),
    "column": in_place("model", "column", value=1),
    "an id twice": in_place("users", "ids", value=lambda ids: [ids[1], *ids[1:]]),
    "an id too many": in_place("items", "ids", value=lambda ids: [*ids, 10**6]),
    "ids": in_place("items", "ids", value={"0": 1}),
    "na_row": in_place("items", "na_row", value=None),
    "titles": in_place("titles", value=lambda titles: titles[1:]),
    "columns": in_place("columns", value=["user", "item"]),
    "mean rating": in_place("mean_rating", value=float("nan")),
    "patience": array("callback 0/waited", lambda a: np.array(-1)),
    "best": array("callback 0/best", lambda a: np.array(np.nan)),
}  # fmt: skip


@pytest.mark.parametrize("what", [*NOT_THERE, *VALUES])
def test_entries_without_sense_are_refused(what, saved, tmp_path):
    path = forged(saved, "adam", tmp_path / "run", (NOT_THERE | VALUES)[what])
    refused("adam", path, "entry")


def test_what_was_not_forged_goes_on(saved, tmp_path):
    """None of the checks refuses what npcf has written."""
    for name in OPTIMIZERS:
        learn = learner(name)
        learn.resume(forged(saved, name, tmp_path / name, lambda text, arrays: None))
        assert learn.fit_state.step == 150


def test_rows_of_older_versions_have_fewer_fields(saved, tmp_path):
    learn = learner("adam")
    learn.resume(
        forged(
            saved, "adam", tmp_path / "run", lambda text, _: text["rows"][0].pop("compile_seconds")
        )
    )
    assert learn.rows[0].compile_seconds == 0


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=3),
    st.lists(st.integers(-1, 3), max_size=3), st.dictionaries(st.text(max_size=2), st.none()),
)  # fmt: skip


def leaves(value, path=()):
    """Return the places of a JSON text: of every value, and of every mapping and list."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, part in value.items() if isinstance(value, dict) else ():
        yield (*path, key)
        yield from leaves(part, (*path, key))


@settings(max_examples=settings.default.max_examples, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(OPTIMIZERS)))
def test_anything_anywhere_is_an_error_of_ours_or_harmless(data, name, saved, tmp_path_factory):
    """One value of the text, or one array, is replaced by anything."""
    path = tmp_path_factory.mktemp("junk") / "run"
    text, arrays = saved[name]
    if data.draw(st.booleans()):
        change = in_place(*data.draw(st.sampled_from(list(leaves(text)))), value=data.draw(JUNK))
    else:
        key, shape = (
            data.draw(st.sampled_from(sorted(arrays))),
            data.draw(st.lists(st.integers(0, 4), max_size=3)),
        )
        dtype = data.draw(st.sampled_from([np.float64, np.float32, np.int64, np.bool_]))
        change = array(key, lambda a: np.full(shape, data.draw(st.floats(0, 9)), dtype))
    forged(saved, name, path, change)
    learn = learner(name)
    try:
        load(path)
        learn.resume(path)
    except NpcfError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(table).all() for table in learn.model.params.values())
