"""Saving: nothing lost, nothing silently wrong; a resumed run has the uninterrupted one's bits."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from npcf import kernels, models, ops, optim
from npcf.data import CollabDataLoaders, Ratings, planted
from npcf.errors import DataError, NpcfError, SettingError, UsageError
from npcf.training import BestModel, Callback, EarlyStopping, Learner, SaveEvery, load
from npcf.training.safetensors_io import read, write
from npcf.verify import assert_same_bits
from tests.laws import LONG

RATINGS = planted(30, 20, 250, seed=2).ratings  # 200 to train on: 4 epochs of 50 batches of 4

OPTIMIZERS = {
    "SGD": lambda p, lr: optim.SGD(p, lr, weight_decay=0.01),
    "SGD momentum": lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True),
    "SGD decoupled": lambda p, lr: optim.fastai_sgd(p, lr, mom=0.9, wd=0.1),
    "SGD touched": lambda p, lr: optim.SGD(p, lr, weight_decay=0.1, rows="touched_rows"),
    "Adam": lambda p, lr: optim.Adam(p, lr, weight_decay=0.01),
    "Adam fastai": optim.fastai_adam,
    "SparseAdam": lambda p, lr: optim.SparseAdam(p, lr),
    "RMSProp": lambda p, lr: optim.RMSProp(p, lr, momentum=0.5, centered=True),
}


class Snapshots(Callback):
    """Save to a file of its own after every step."""

    def __init__(self, folder=None):
        self.folder = folder

    def after_step(self, learner):
        if self.folder is not None:
            learner.save(self.folder / str(learner.fit_state.step))


def learner(optimizer="Adam fastai", callbacks=(), cls=models.DotProductBiasEmb, **options):
    tables, batches = np.random.default_rng(0).spawn(2)
    dls = CollabDataLoaders.from_ratings(RATINGS, bs=4, rng=batches)
    model = cls(dls.n_users, dls.n_items, 3, rng=tables)
    return Learner(
        dls, model, opt_func=OPTIMIZERS[optimizer], callbacks=callbacks, progress=False, **options
    )


def fit(learn):
    learn.fit_one_cycle(4, 1e-2, moms=(0.9, 0.8, 0.9))
    return learn


def assert_same_run(got, want):
    for name, table in want.model.params.items():
        assert_same_bits(got.model.params[name], table, name)
    for name, array in want.opt.state_arrays().items():
        assert_same_bits(got.opt.state_arrays()[name], array, name)
    columns = [c for c in want.history.columns if not c.endswith("seconds")]
    assert got.history[columns].equals(want.history[columns])
    assert got.steps.equals(want.steps)


EACH = 1 if LONG else 27  # of so many steps one is resumed at, by each optimiser at others


@pytest.mark.slow("dozens of resumed runs for each optimiser")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_at_every_step_equals_the_uninterrupted_run(optimizer, tmp_path):
    """200 steps; interrupted after each of them (`make check-long`): the same bits of all."""
    want = fit(learner(optimizer, deferred=False))
    fit(learner(optimizer, [Snapshots(tmp_path)], deferred=False))
    assert want.fit_state.step == 200
    for step in (1, *range(2 + 3 * list(OPTIMIZERS).index(optimizer) % EACH, 200, EACH), 200):
        again = learner(optimizer, [Snapshots()], deferred=False)
        again.resume(tmp_path / str(step))
        assert_same_run(again, want)


@pytest.mark.parametrize("optimizer", ["SGD", "SGD momentum", "SGD decoupled", "Adam fastai"])
def test_rows_that_wait_resume_to_the_bit_where_the_run_saved(optimizer, tmp_path):
    """Saving brings rows up to date; so the run to compare with saves at the same steps."""

    def saving(folder=tmp_path, every=7):
        snapshots = Snapshots(folder)
        snapshots.every = every
        return learner(optimizer, [snapshots], deferred=True, backend="numba")

    want = fit(saving())
    assert want.execution.fused.deferring
    saved_at = {int(file.name) for file in tmp_path.iterdir()}
    assert saved_at == {*range(7, 201, 7), 50, 100, 150, 200}  # and where epochs end
    for step in (7, 49, 105, 196):
        again = saving(tmp_path / "again")
        (tmp_path / "again").mkdir(exist_ok=True)
        again.resume(tmp_path / str(step))
        assert_same_run(again, want)


@pytest.mark.parametrize("schedule", ["fit", "fit_flat_cos", "fit_one_cycle"])
@pytest.mark.parametrize(
    "backend", [ops, kernels, "numpy", "numba"], ids=lambda b: str(getattr(b, "__name__", b))
)
def test_every_schedule_and_execution_resumes(schedule, backend, tmp_path):
    want = learner(backend=backend, deferred=False)
    getattr(want, schedule)(2, 1e-2)
    saved = learner(backend=backend, deferred=False, callbacks=[Snapshots(tmp_path)])
    getattr(saved, schedule)(2, 1e-2)
    for step in (1, 37, 50, 51, 99, 100):
        again = learner(backend=backend, deferred=False, callbacks=[Snapshots()])
        again.resume(tmp_path / str(step))
        assert_same_run(again, want)


def test_callbacks_resume_with_what_they_remember(tmp_path):
    """Early stopping counts on, and the best model is still the best."""

    def run(folder):
        return learner(callbacks=[EarlyStopping(2), BestModel(), Snapshots(folder)], deferred=False)

    want = run(None)
    want.fit(6, 0.2)
    run(tmp_path).fit(6, 0.2)
    for step in (1, 50, 99, 100, 120):
        again = run(None)
        again.resume(tmp_path / str(step))
        assert_same_run(again, want)


@pytest.mark.parametrize(
    "cls",
    [models.EmbeddingDot, models.EmbeddingDotBias, models.TwoTableDotProduct,
     models.DotProductBiasEmb, models.DotProductBiasCP],
)  # fmt: skip
def test_a_loaded_model_predicts_the_same_bits(cls, tmp_path):
    learn = learner(cls=cls)
    learn.fit(1, 1e-2)
    learn.save(tmp_path / "model")
    saved = load(tmp_path / "model")
    assert type(saved.model) is cls
    assert_same_bits(saved.model(RATINGS.pairs), learn.model(RATINGS.pairs))
    assert saved.titles == RATINGS.titles
    assert saved.user_vocab.labels == RATINGS.user_vocab.labels
    assert saved.item_vocab.labels == RATINGS.item_vocab.labels
    assert saved.columns == RATINGS.columns
    assert saved.mean_rating == learn.dls.train.ratings.mean_rating


@pytest.mark.parametrize("columns", [(0, 1, 2), (np.int64(3), "item", "rating"), ("é", " ", "")])
def test_columns_of_any_name_that_is_accepted_can_be_loaded(columns, tmp_path):
    frame = pd.DataFrame(dict(zip(columns, [[1, 2], [3, 4], [1.0, 2.0]], strict=True)))
    ratings = Ratings.from_frame(frame, *columns)
    dls = CollabDataLoaders.from_ratings(ratings, valid_pct=0.5, rng=np.random.default_rng(0))
    Learner(dls, models.DotProductBiasEmb(dls.n_users, dls.n_items, 2)).save(tmp_path / "model")
    assert load(tmp_path / "model").columns == columns


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
NAMES = NAMES.filter(lambda name: name != "__metadata__")


@settings(max_examples=50)
@given(
    data=st.data(),
    names=st.lists(NAMES, unique=True, max_size=4),
)
def test_container_gives_back_what_it_got(data, names, tmp_path_factory):
    """Any names, shapes down to none, float32, float64, integers, NaN and subnormals."""
    dtypes = st.sampled_from([np.float32, np.float64, np.int64, np.int32])
    content = {
        name: data.draw(arrays(data.draw(dtypes), data.draw(array_shapes(min_dims=0, min_side=0))))
        for name in names
    }
    text = {"numbers": [0.1, 1e-300, 2**100], "names": names}
    path = tmp_path_factory.mktemp("container") / "file"
    write(path, text, content)
    got_text, got = read(path)
    assert got_text == text
    assert got.keys() == content.keys()
    for name, array in content.items():
        assert got[name].tobytes() == array.tobytes()
        assert (got[name].dtype, got[name].shape) == (array.dtype, array.shape)


def test_every_single_flipped_bit_is_refused(tmp_path):
    """2,000 flips over header, text, digest and weights: none is harmless, all are refused."""
    path = tmp_path / "model"
    learn = learner()
    learn.fit(1, 1e-2)
    learn.save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for bit in rng.choice(8 * len(good), 2000, replace=False):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(bad)
        with pytest.raises(DataError, match="damaged|changed"):
            load(path)


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 9, 100, -1, -100])
def test_a_file_cut_short_is_refused(cut, tmp_path):
    path = tmp_path / "model"
    learner().save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="damaged"):
        load(path)


def test_files_of_others_and_too_large_ones_are_refused(tmp_path):
    path = tmp_path / "model"
    for content in (b"", b"PK\3\4", b"\x80\x04.", b"{}", b"\xff" * 64):
        path.write_bytes(content)
        with pytest.raises(DataError, match="damaged or was not written by npcf|is a pickle"):
            load(path)
    with pytest.raises(DataError, match="there is no file"):
        load(tmp_path / "none")
    learner().save(path)
    with pytest.raises(DataError, match="more than the allowed 100"):
        load(path, largest=100)
    write(path, {"format": "npcf checkpoint", "version": 99}, {})
    with pytest.raises(DataError, match="version 99"):
        load(path)


def test_a_failed_write_leaves_the_previous_file(tmp_path, monkeypatch):
    """Every step of writing fails once: open, write, flush, fsync, rename."""
    path = tmp_path / "model"
    learn = learner()
    learn.save(path)
    before = path.read_bytes()
    learn.model.params["user_bias"][:] = 3
    import os

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    for module, name in ((os, "fsync"), (os, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, fail)
            with pytest.raises(OSError, match="No space"):
                learn.save(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["model"]
    learn.save(path)
    assert path.read_bytes() != before


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from npcf.training.safetensors_io import read, write

path, random.seed = Path(sys.argv[1]) / "checkpoint", random.seed(0)
write(path, {"version": 0}, {"weights": np.zeros(50_000)})
seen = set()
for kill in range(200):
    child = os.fork()
    if child == 0:
        version = kill * 1000
        while True:
            version += 1
            write(path, {"version": version}, {"weights": np.full(50_000, float(version))})
    time.sleep(random.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    text, arrays = read(path)
    assert (arrays["weights"] == text["version"]).all()
    assert text["version"] == 0 or text["version"] <= kill * 1000 + 999
    seen.add(text["version"])
write(path, {"version": -1}, {"weights": np.zeros(1)})
left = [p.name for p in path.parent.iterdir()]
assert left == ["checkpoint"], left  # what the killed left behind is cleaned up
print(len(seen))
"""


@pytest.mark.slow("200 processes")
@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork to kill quickly")
def test_200_kills_while_writing_never_lose_the_previous_checkpoint(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50  # the kills really fell between different versions


def test_what_does_not_belong_together_is_not_resumed(tmp_path):
    path = tmp_path / "run"
    learn = learner(callbacks=[SaveEvery(path, 50)])
    learn.fit(1, 1e-2)
    other = learner(callbacks=[SaveEvery(path)])
    other.dls.train.batch_size = 5
    with pytest.raises(DataError, match="not the ratings and batches"):
        other.resume(path)
    with pytest.raises(DataError, match="callbacks"):
        learner().resume(path)
    learner().save(path)
    with pytest.raises(DataError, match="outside a fit"):
        learner().resume(path)
    with pytest.raises(SettingError, match="no folder"):
        SaveEvery(tmp_path / "missing" / "run")

    class Own(models.PairModel):
        pass

    with pytest.raises(UsageError, match="a Own cannot be saved"):
        strange = learner()
        strange.model = Own(strange.model.params, (0, 5))
        strange.save(path)
    assert issubclass(DataError, NpcfError)


def test_saving_every_n_steps_and_at_the_end(tmp_path):
    path, seen = tmp_path / "run", []

    class Watch(Callback):
        def after_step(self, learner):
            seen.append(path.exists() and load(path).text["fit"]["batch"])

    learner(callbacks=[SaveEvery(path, 20), Watch()]).fit(1, 1e-2)
    assert seen[:19] == [False] * 19
    assert seen[19:39] == [20] * 20
    assert load(path).text["fit"]["epoch"] == 1
