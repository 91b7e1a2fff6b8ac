"""How long until something happens?  Importing, and a first epoch of ML-100k by a whole process.

Each measurement is a process of its own.  Compiled code is cached on disk: the first process of
a run may have to compile, and is not counted.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from compare.bench import picture
from compare.bench.measuring import Absent, Contestant, Measured, alternate
from compare.bench.options import Answer, Options
from compare.bench.rows import Must, Row, figure_row, missing_row
from tests import places

IMPORT, EPOCH = Must(False, 0.2, 0.15), Must(False, 1.5, 0.8)
IMPORTED = ("npcf", "npcf.training", "torch", "fastai.collab")  # npcf loads its rooms when asked
CLOCKED = """
import time, warnings
warnings.simplefilter("ignore")
start = time.perf_counter()
import {}
print(time.perf_counter() - start)
"""
NPCF = """
import sys
import numpy as np
from npcf.data import CollabDataLoaders, read_ml100k
from npcf.models import EmbeddingDotBias
from npcf.training import Learner
tables, batches = np.random.default_rng(0).spawn(2)
dls = CollabDataLoaders.from_ratings(read_ml100k(sys.argv[1], item="title"), rng=batches)
model = EmbeddingDotBias(dls.n_users, dls.n_items, 50, (0, 5.5), rng=tables)
Learner(dls, model, progress=False).fit_one_cycle(1, 5e-3, wd=0.1)
"""
FASTAI = """
import sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
import torch
from fastai.collab import CollabDataLoaders, collab_learner
torch.set_num_threads(1)
names = ["user", "item", "rating"]
ratings = pd.read_csv(sys.argv[1] + "/u.data", sep="\\t", names=names, usecols=range(3))
learner = collab_learner(CollabDataLoaders.from_df(ratings, bs=64), n_factors=50, y_range=(0, 5.5))
with learner.no_bar(), learner.no_logging():
    learner.fit_one_cycle(1, 5e-3, wd=0.1)
"""
PROGRAMS = {"npcf": NPCF, "fastai": FASTAI}


def run(options: Options) -> Answer:
    """Measure imports, then first epochs; look where the import's time goes."""
    imported = IMPORTED[: 1 if options.small else None]
    trained = list(PROGRAMS)[: 1 if options.small else None]
    imports = alternate([Contestant(name, _importing(name)) for name in imported], options.rounds)
    epochs = alternate([Contestant(name, _training(name)) for name in trained], options.rounds)
    rows = _rows("import, in a fresh process", imports, IMPORT)
    question = "cached start to the end of a first ML-100k epoch, whole process"
    rows += _rows(question, epochs, EPOCH)
    bars = {f"{name}, import": t for name, t in imports.times.items()}
    bars |= {f"{name}, first epoch": t for name, t in epochs.times.items()}
    title = "Start-up: import; whole process to the end of a first epoch of ML-100k"
    return Answer(rows, {"seconds of import npcf": breakdown("npcf")},
                  lambda path: picture.bars(path, title, bars, "s"))  # fmt: skip


def _importing(name: str) -> Callable[[], Callable[[], float]]:
    command = [sys.executable, "-c", CLOCKED.format(name)]

    def prepare() -> Callable[[], float]:
        output_of(command)
        return lambda: float(output_of(command).splitlines()[-1])

    return prepare


def _training(name: str) -> Callable[[], Callable[[], float]]:
    def prepare() -> Callable[[], float]:
        folder = places.movielens()
        if folder is None:
            raise Absent(places.NO_MOVIELENS)
        command = [sys.executable, "-c", PROGRAMS[name], str(folder)]

        def once() -> float:
            start = time.perf_counter()
            output_of(command)
            return time.perf_counter() - start

        once()
        return once

    return prepare


def output_of(command: list[str]) -> str:
    """Run a program; return what it prints, or say why it cannot run."""
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    if done.returncode:
        raise Absent(done.stderr.strip().splitlines()[-1] if done.stderr else "it failed")
    return done.stdout


def _rows(question: str, measured: Measured, must: Must) -> list[Row]:
    """Return the row of npcf, and one for each of the others beside it."""
    ours, *others = measured.times
    times = measured.times
    rows = [figure_row(question, times[ours], must, "s")]
    for name in others:
        rows.append(figure_row(question, times[ours], None, "s", peer=name, theirs=times[name]))
    absent = measured.absent.items()
    return rows + [missing_row(question, name, None, "s", why) for name, why in absent]


def breakdown(module: str) -> dict[str, float]:
    """Return the packages that `import module` spends most of its time in, by -X importtime."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {module}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return packages(lines)


def packages(lines: str, most: int = 8) -> dict[str, float]:
    """Return {package: seconds of its own modules} of the report of -X importtime."""
    own: Counter[str] = Counter()
    for line in lines.splitlines():
        parts: list[Any] = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            own[parts[2].strip().split(".")[0]] += int(parts[0])
    return {name: round(us / 1e6, 4) for name, us in own.most_common(most)}
