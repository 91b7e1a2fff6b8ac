"""A rating on its way from a CSV file into a fused step: how many files one reads to follow it.

Counted is every file of the rooms that it crosses, data, training, fused and kernels, that has a
function on the call stack while some function has the rating in its hands: as text, as a number, in
an array, a column or a tuple of these.  Every rating is
MARK, a number that nothing else is.  Loops run as plain Python, so that their files are seen too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOST = 16
ROOMS = ("data", "training", "fused", "kernels")
FOLLOW = """
import json, os, sys
from pathlib import Path

import numpy as np
import pandas as pd

import npcf
from npcf import fused, models, training

MARK = 3.25
root, csv = Path(npcf.__file__).parent, Path(sys.argv[1])
ids = np.random.default_rng(0).integers(0, 30, (200, 2)).tolist()
csv.write_text("user,item,rating\\n" + "".join(f"u{u},i{i},{MARK}\\n" for u, i in ids))
crossed = {}


def carries(x, depth=2):
    if isinstance(x, (bytes, bytearray)):
        return str(MARK).encode() in x
    if isinstance(x, str):
        return str(MARK) in x
    if isinstance(x, (float, np.floating)):
        return float(x) == MARK
    if isinstance(x, (pd.Series, pd.DataFrame)):
        x = x.to_numpy()
    if isinstance(x, np.ndarray):
        if x.dtype.kind == "f":
            return bool((x == MARK).any())
        return x.dtype.kind in "SUO" and any(carries(y) for y in x.ravel()[:9].tolist())
    if depth and isinstance(x, dict):
        x = list(dict.values(x))
    return depth > 0 and isinstance(x, (tuple, list)) and any(carries(y, depth - 1) for y in x[:9])


def look(frame, event, result):
    if event not in ("call", "return") or str(root) not in frame.f_code.co_filename:
        return
    sys.setprofile(None)
    values = [result] if event == "return" else [*frame.f_locals.values()]
    if any(carries(value) for value in values):
        while frame is not None:
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(root) and frame.f_code.co_name != "<module>":
                crossed.setdefault(str(path.relative_to(root)), frame.f_code.co_qualname)
            frame = frame.f_back
    sys.setprofile(look)


class Stop(training.Callback):
    def after_step(self, learner):
        sys.setprofile(None)
        assert learner.execution.name == "fused"
        print(json.dumps(crossed))
        os._exit(0)


sys.setprofile(look)
dls = npcf.data.CollabDataLoaders.from_csv(csv, seed=0, bs=16)
sys.setprofile(None)
model = models.DotProductBiasEmb(dls.n_users, dls.n_items, 3, rng=np.random.default_rng(0))
learn = npcf.Learner(dls, model, backend="numba", deferred=True, callbacks=[Stop()], progress=False)
sys.setprofile(look)
learn.fit(1, 1e-3)
"""


@pytest.mark.slow("a few seconds")
def test_a_rating_crosses_few_files(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FOLLOW, str(tmp_path / "ratings.csv")], capture_output=True,
        text=True, cwd=Path(__file__).parents[1], env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    crossed = json.loads(done.stdout.splitlines()[-1])
    crossed = {file: name for file, name in crossed.items() if file.split("/")[0] in ROOMS}
    for file, function in crossed.items():
        print(f"{file:32} {function}")
    ends = {"data/csv.py", "training/loop.py", "fused/trainer.py", "kernels/fused/batch.py"}
    assert ends <= crossed.keys()
    assert len(crossed) <= MOST, sorted(crossed)
