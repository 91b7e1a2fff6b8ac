"""Every cure is followed: what an error says to do is done, and the error is gone.

A place in npcf that makes an error needs a row in `cures.txt`: what provokes it, and what follows
the words of its cure.  A cure that cannot be followed ("Check it.") is to be written anew.
"""

import contextlib
import importlib
import os
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import npcf
from npcf import data, models, ops, optim, training
from npcf.cli import main
from npcf.commands.wording import OPTIONS
from npcf.crosscheck import array_function, calling
from npcf.crosscheck.batch import read_batch
from npcf.crosscheck.intended import intended_of
from npcf.errors import NpcfError, UsageError
from npcf.fused import trainer_for
from npcf.teach.sheet import write_sheet
from npcf.teach.sheet_cells import Cell, Tab
from npcf.teach.sheet_table import drawn_table
from npcf.teach.sheet_writer import write_tabs
from tests import cure_sites, test_refusals
from tests.test_refusals import FRAME, IDS, W, movielens, rng


def rows():
    """Return {section: [(what provokes an error, what its cure says), ...]}."""
    found, section, wrong, mended = {}, "", [], []
    for line in [*Path(__file__).with_name("cures.txt").read_text("utf-8").splitlines(), "# end"]:
        if mended and not line.startswith("=> "):
            found[section] += [(text, "\n".join(mended)) for text in wrong]
            wrong, mended = [], []
        if line.startswith("## "):
            section = line[3:]
            found[section] = []
        elif line.startswith("=> "):
            mended.append(line[3:])
        elif line.startswith("| "):
            wrong[-1] += "\n" + line[2:]
        elif not line.startswith("# "):
            wrong.append(line)
    return found


COMMANDS = rows()["commands"]
PYTHON = [row for section, found in rows().items() if section != "commands" for row in found]


# ---- what the rows name, with the names of `test_refusals`; files lie in the current folder ------

E = {"w": np.ones(3)}
TRIPLE = np.array([[1, 2, 3]] * 3)
STATE = {"u.weight": W, "m.weight": W}
BIASED = STATE | {"ub.weight": W[:, :1], "mb.weight": W[:, :1]}
NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
GROUND = data.planted(12, 8, 60, n_factors=2, seed=0)
NN = models.EmbeddingNN([(4, 2), (5, 3)], [3], n_cont=1, rng=rng(), dtype="f8").state()
square = (lambda w: (w * w).sum()), (lambda d, w: 2 * d * w)


def hold(text, name="r.csv"):
    path = Path.cwd() / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(*lines, head="user,item,rating"):
    return data.read_csv(hold("\n".join([head, *(lines or ["1,2,3"])]) + "\n"))


def ml(ratings="1\t1\t3\t0", titles="1|One"):
    return movielens(Path.cwd(), ratings + "\n", titles + "\n")


def zipped(name):
    with zipfile.ZipFile("r.zip", "w") as archive:
        archive.writestr(name, "user,item,rating\n1,2,3\n")
    return data.read_csv("r.zip")


def stars(stamps=(1, 2, 3)):
    return data.Ratings.from_frame(FRAME.assign(time=stamps), timestamp="time")


def intended(said):
    return intended_of(said, None, {})


def deep(**change):
    return models.EmbeddingNN.from_state(NN | change)


def columnar(idxs=(1,), y=(1.0, 2.0, 3.0), cats=("user", "item"), frame=FRAME[["user", "item"]]):
    return data.ColumnarModelData.from_data_frame(".", np.asarray(idxs), frame, y, cats, rng=rng())


def cached(**change):
    out, cache = ops.embedding_forward(W, IDS)
    return ops.embedding_backward(out, cache._replace(**change))


class FitsInAnotherThread(training.Callback):
    def after_step(self, learner):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(learner.fit, 1).result()


def regressor(**settings):
    return npcf.CollabRegressor(n_factors=2, n_epochs=1, random_state=0, **settings)


def fitted():
    return regressor().fit([[1, 2], [2, 1]], [1.0, 2.0])


def tables(cls=optim.SGD, **settings):
    params = models.init_params(4, 4, 3, rng(), np.float64)
    return cls(params, 0.1, **settings)


def fuse(opt=None, y_range=(0, 5), **options):
    trainer = trainer_for(opt or tables(), y_range, 0.0, **options)

    def run(users=IDS, items=IDS, rating=(1.0, 2.0, 3.0), starts=(0, 2, 3), lrs=(0.1, 0.1), **more):
        trainer.run(users, items, rating, starts, lrs, **more)

    return run


def names(tmp):
    """Return what a row may name: the public names of `npcf.data`, of this module, and its like."""
    rooms = ("analysis", "errors", "interop", "teach", "verify")
    found = {name: getattr(data, name) for name in data.__all__}
    found |= {"read_batch": read_batch, "array_tables": array_function.array_tables}
    found |= {"call_forms": calling.call_forms, "working_form": calling.working_form}
    found |= {room: importlib.import_module(f"npcf.{room}") for room in rooms} | {"npcf": npcf}
    return found | vars(test_refusals) | globals() | {"tmp": tmp, "os": os}


def follow(wrong, mended, tmp, monkeypatch):
    """Run both; return the site of the error of the first."""
    with monkeypatch.context() as patch:
        made = cure_sites.recorded(patch)
        with pytest.raises(NpcfError) as raised, np.errstate(all="ignore"):
            exec(wrong, names(tmp))
    site = next((site for error, site in reversed(made) if error is raised.value), None)
    exec(mended, names(tmp))
    return site


@pytest.mark.parametrize(("wrong", "mended"), PYTHON, ids=[row[0][:60] for row in PYTHON])
def test_a_cure_is_followed(wrong, mended, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    site = follow(wrong, mended, tmp_path, monkeypatch)
    assert site, "made by no call that cure_sites knows"


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with what the command lines name."""
    monkeypatch.chdir(tmp_path)
    set_out(tmp_path)
    with contextlib.suppress(UsageError):  # without the extra there are none
        set_out_workbooks(tmp_path)


def set_out(folder):
    rows = "".join(f"{u},{i},{1 + (u * i) % 5}\n" for u in range(1, 7) for i in range(4, 8))
    held = {
        "r.csv": f"user,item,rating\n{rows}",
        "p.csv": "user,item\n1,5\n",
        "few.csv": "user,item,rating\n1,2,3\n",
        "twice.csv": "user,item,rating\n1,2,3\n1,2,4\n",
        "apart.csv": "user,item,rating\n1,5,3\n1,6,3\n2,4,4\n3,4,2\n4,4,2\n",
        "comma.csv": f'"user,id",item,rating\n{rows}',
        "spaces.csv": "user  item rating\n1 2 3\n",
        "squeezed.csv": "user item rating\n1 2 3\n",
        "headless.csv": rows,
        "text.csv": "user,item\nx,5\n",
        "empty.csv": "user,item\n",
        "strange.csv": "user,item\n99,5\n",
        "predicted.csv": "user,item,prediction\n1,5,3\n",
        "o.toml": "[train]\nepochs = 1\n",
        "wrong.toml": "[train",
        "twice.toml": "[train]\ny-range = [0, 6]\ny_range = [0, 5]\n",
        "unknown.toml": "[train]\nepohcs = 1\n",
        "text.toml": "[train]\nepochs = 'x'\n",
        "flat.toml": "train = 1\n",
        "mse.py": "def mse_forward(pred, rating):\n    return ((pred - rating) ** 2).mean()\n",
        "torn.py": "def mse_forward(pred",
    }
    for name, text in held.items():
        (folder / name).write_text(text)
    (folder / "release").mkdir()
    (folder / "release" / "ratings.csv").write_text(f"userId,movieId,rating\n{rows}")
    loaded = npcf.data.CollabDataLoaders.from_df(pd.read_csv(folder / "r.csv"), seed=0)
    for part in (loaded.train.ratings, loaded.valid):
        part.titles[1:] = ["Alpha", "Beta", "Gamma", "Delta"]
    model = npcf.models.DotProductBiasEmb(loaded.n_users, loaded.n_items, 2)
    npcf.Learner(loaded, model).save(folder / "m")
    tables = models.init_params(7, 8, 2, rng(), np.float64)
    batch = pd.read_csv(folder / "r.csv")
    ids = batch["user"].to_numpy(), batch["item"].to_numpy()
    np.savez(folder / "w.npz", **tables)
    np.save(folder / "o.npy", models.dot_product_bias_forward(tables, *ids, (0, 5.5))[0])


def set_out_workbooks(folder):
    """Ours, one with other tabs, and one whose tab `dot` is empty."""
    write_sheet(str(folder / "ours.xlsx"), drawn_table(2, 2, 1, 0))
    for name, tab in (("strange", "a"), ("broken", "dot")):
        write_tabs(str(folder / f"{name}.xlsx"), [Tab(tab, {(0, 0): Cell(1.0, "weight")})])


@pytest.mark.parametrize(("wrong", "mended"), COMMANDS, ids=[row[0] for row in COMMANDS])
def test_a_cure_of_the_command_line_is_followed(wrong, mended, desk, capsys):
    assert main(wrong.split()) in (1, 2)
    said = capsys.readouterr().err
    assert "NPCF-E" in said
    plain = re.sub(r"--[a-z-]+[ =]\S+|\w+=NAME|'.*?'", "", said)  # no word of Python is left
    assert not re.search(rf"\w=|frame|\.\w+\(|{'|'.join(n for n in OPTIONS if '_' in n)}", plain)
    assert main(mended.split()) == 0, capsys.readouterr().err


def test_a_title_is_met_with_its_id(desk, capsys):
    assert main(["similar", "m", "Gama"]) == 1
    assert "Did you mean 6, which is 'Gamma'?" in capsys.readouterr().err


def test_every_place_that_makes_an_error_has_its_cure_followed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    set_out(tmp_path)
    set_out_workbooks(tmp_path)
    made = cure_sites.recorded(monkeypatch)
    for words, _ in COMMANDS:
        main(words.split())
    for i, (wrong, _) in enumerate(PYTHON):
        folder = tmp_path / str(i)
        folder.mkdir()
        monkeypatch.chdir(folder)
        with contextlib.suppress(NpcfError), np.errstate(all="ignore"):
            exec(wrong, names(folder))
    capsys.readouterr()
    covered = {site for _, site in made if site}
    everywhere = {(site[0], cure): site in covered for site, cure in cure_sites.sites().items()}
    open_ = {place for place, found in everywhere.items() if not found} - set(ELSEWHERE)
    open_ = {place for place in open_ if not place[0].startswith(TESTED_THERE)}
    assert not open_, f"{__doc__}\nMissing rows:\n" + "\n".join(map(str, sorted(open_)))


# Not followed here: what a machine lacks or refuses, and states that only a damaged run has; nor
# the readers of `npcf/data`, whose files are damaged one by one in `tests/data`, nor what
# `kernels.blocked_sgd` says to those who go around `PerRatingSGD` (`tests/kernels`), nor what is
# said about live torch models (`compare/test_crosscheck_observe.py`) and about files of crosscheck
# (`tests/crosscheck/test_files_hostile.py`), nor what needs a cluster (`tests/distributed`).
TESTED_THERE = ("data/", "distributed/", "kernels/blocked_sgd/", "crosscheck/subject.py",
                "crosscheck/mapping.py", "crosscheck/observe.py", "crosscheck/written.py",
                "crosscheck/recordings.py", "crosscheck/weights.py",
                "crosscheck/from_files.py")  # fmt: skip
ELSEWHERE = {
    ("analysis/fold_in.py", "DivergenceError: 'Raise weight_decay.'"),
    ("analysis/plots/axes.py", "UsageError: cure"),
    ("commands/common.py", "DataError: cure"),
    ("commands/conformance.py", "SettingError: 'Leave it out.'"),
    ("commands/conformance.py", "UsageError: 'pip install \"npcf[verify]\"'"),
    ("commands/reading.py", "DTypeError: cure"),
    ("commands/reading.py", "DataError: 'Name a file, or pipe one in.'"),
    ("commands/streams.py", "DataError: 'Send something to it, or name a file.'"),
    ("commands/streams.py", "WriteError: 'Send it elsewhere.'"),
    ("commands/train.py", "SettingError: cure"),
    ("commands/train_options.py", "SettingError: 'Leave it out, or begin anew.'"),
    ("errors/arrays.py", "ShapeError: 'Reshape it, or look whether two arguments changed places.'"),
    ("files.py", "SettingError: 'Choose another folder.'"),
    ("files.py", "SettingError: cure"),
    ("files.py", "WriteError: cure"),
    ("fused/live.py", "UsageError: 'Attach models of npcf.models.'"),
    ("interop/tensor_files.py", "DataError: cure"),  # without torch; files that torch refuses
    ("kernels/__init__.py", "UsageError: cure"),
    ("teach/sheet_reader.py", "UsageError: cure"),
    ("teach/sheet_writer.py", "UsageError: cure"),
    ("training/checkpoint.py", "DataError: f'Save it by an npcf of version {VERSION} files.'"),
    ("training/safetensors_io.py", "DataError: 'Name a file that may be read.'"),
    ("training/safetensors_io.py", "DataError: 'Use another copy.'"),
    ("training/safetensors_io.py", "UsageError: 'Saving needs it: pip install \"npcf[save]\".'"),
    ("training/entries.py", "DataError: cure"),
    ("training/loop.py", "ShapeError: 'Change ratings and bs between fits.'"),
    ("training/loop.py", "UsageError: 'Set it to None between fits.'"),
    ("training/restoring.py", "DataError: cure"),
    (
        "verify/conformance/implementation.py",
        "UsageError: '`npcf conformance --protocol` prints the page that lists them.'",
    ),
    (
        "verify/conformance/implementation.py",
        "UsageError: f\"Choose one of {', '.join(LIBRARIES)}.\"",
    ),
}
