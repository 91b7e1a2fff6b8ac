"""What a student does where Numba is not installed, as in a browser; one line for each thing done.

    python -m tests.without_numba          # in an environment without it: make check-no-numba
    python -m tests.without_numba --hide   # where it is installed: no import finds it

Everything but compiled code works; where compiled code is asked for, an error says what to do.
"""

import contextlib
import importlib
import io
import logging
import os
import pkgutil
import sys
import tempfile
import time
from functools import cache

import numpy as np

import npcf
from npcf.errors import UsageError

COMPILED = ("npcf.kernels", "npcf.fused", "npcf.distributed")
ELSEWHERE = ("npcf.crosscheck._record", "npcf.verify.conformance.test_laws",
             "npcf.verify.conformance.plugin")  # with torch, by pytest  # fmt: skip
ABSENT = ("numba", "llvmlite")


class Hidden:
    """A finder that finds no Numba, and lets no other find it."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def modules():
    """Import every module of npcf but those of compiled code, every public name of each."""
    found = [
        name for _, name, _ in pkgutil.walk_packages(npcf.__path__, "npcf.", onerror=skip)
        if not name.startswith((*COMPILED, *ELSEWHERE)) and not name.endswith("__main__")
    ]  # fmt: skip
    assert len(found) > 150
    for name in found:
        module = importlib.import_module(name)
        for public in getattr(module, "__all__", ()):
            assert getattr(module, public) is not None
    for public in set(npcf.__all__) - {"kernels", "distributed"}:
        assert getattr(npcf, public) is not None


def skip(name):
    """Go on where a package cannot be imported: it is one of compiled code."""
    assert name.startswith(COMPILED), name


@cache
def ratings():
    return npcf.data.planted(40, 30, 600, n_factors=2, seed=0).ratings


def learner(**settings):
    dls = npcf.data.CollabDataLoaders.from_ratings(ratings(), rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    model = npcf.models.DotProductBiasEmb(dls.n_users, dls.n_items, 3, rng=rng)
    return npcf.Learner(dls, model, progress=False, **settings)


def training():
    """Train by default: the reference's bits, and one word that it is the reference."""
    said = logging.StreamHandler(io.StringIO())
    logging.getLogger("npcf").addHandler(said)
    fitted = learner(), learner(), learner(backend="numpy")
    for learn in fitted:
        learn.fit_one_cycle(2, 5e-3)
    for name, table in fitted[2].model.params.items():
        assert np.array_equal(table, fitted[0].model.params[name])
    assert fitted[0].validate()[1] < learner().validate()[1]
    assert [str(learn.execution) for learn in fitted] == [
        *["reference (numba is not installed)"] * 2, 'reference (backend="numpy")'
    ]  # fmt: skip
    lines = said.stream.getvalue().splitlines()
    assert lines == ["numba is not installed: the reference takes the steps, in NumPy"]


def estimator():
    fitted = npcf.CollabRegressor(n_factors=2, n_epochs=1, random_state=0)
    fitted.fit([[1, 2], [2, 1]], [1.0, 2.0])
    assert np.isfinite(fitted.predict([[1, 2]])).all()


def saving():
    with tempfile.TemporaryDirectory() as folder:
        learn = learner()
        learn.fit(1)
        learn.save(f"{folder}/m.npcf")
        model = npcf.training.load(f"{folder}/m.npcf").model
    assert np.array_equal(model.params["user_bias"], learn.model.params["user_bias"])


def explaining():
    learn = learner()
    explanation = npcf.explain_step(learn.model, learn.dls.first_batch())
    numeric = explanation.table()["numeric"].dropna()
    assert len(numeric) and np.isfinite(numeric).all()
    assert "<math" in explanation.to_html()


def crosschecking():
    """A NumPy function that forgets a bias is named; the right one passes."""
    model, (users, items, rating) = learner().model, learner().dls.first_batch()
    tables = {name: np.asarray(table) for name, table in model.params.items()}

    def forgets(users, items):
        dot = (tables["user_factors"][users] * tables["item_factors"][items]).sum(1)
        return 5.5 / (1 + np.exp(-dot - tables["user_bias"].reshape(-1)[users]))

    def right(users, items):
        return model(np.stack([users, items], axis=1))

    assert npcf.crosscheck((right, tables), users, items, rating).ok
    report = npcf.crosscheck((forgets, tables), users, items, rating)
    assert not report.ok and "item_bias_left_out" in str(report), report


def gradchecking():
    learn = learner()
    assert npcf.gradcheck(learn.model, learn.dls.first_batch()).ok
    square = (lambda w: (w * w).sum()), (lambda d, w: 2 * d * w)
    assert npcf.gradcheck(*square, (np.ones(3),)).ok


def conformance():
    from npcf.verify.conformance import Implementation, Report
    from npcf.verify.examples import plain

    assert Report.of(Implementation(plain, "plain"), max_examples=2).ok


def commands():
    """The verbs of a student; what compiled code is needed for says so in options."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        small = "--epochs 1 --factors 2 --data r.csv"
        pairs = [f"{u},{i},{1 + (u * i) % 5}" for u in range(1, 20) for i in range(1, 16)]
        with open("r.csv", "w") as file:
            file.write("\n".join(["user,item,rating", *pairs]) + "\n")
        assert "reference (numba is not installed)" in verb(f"train {small} --show-step")
        assert "gradient of the logit" in verb("explain --user 7 --item 3 --data r.csv")
        verb("explain --user 7 --item 3 --data r.csv --html step.html")
        verb("sheet out.xlsx --users 3 --movies 4 --factors 2")
        assert "RMSE" in verb("sheet --read out.xlsx")
        with open("half.py", "w") as file:
            file.write(
                "def mse_forward(pred, rating):\n    return ((pred - rating)**2).mean() / 2\n"
            )
        assert "loss_halved" in verb("exercise mse_forward --seed 1 --answer half.py", code=1)
        for asked in (f"train {small} --backend numba", f"train {small} --bs 1 --rows touched"):
            said = verb(asked, code=1)
            assert "numba: is not installed" in said and "--backend numpy" in said, said
        assert "numba                  not installed" in verb("doctor", code=1)


def verb(words, code=0):
    """Return what `npcf WORDS` prints."""
    from npcf.cli import main

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        found = main(words.split())
    assert found == code, printed.getvalue()
    return printed.getvalue()


def refusals():
    """Compiled code asked for by name: one error, which says what there is."""
    asked = {
        "npcf.kernels": lambda: npcf.kernels,
        "npcf.fused": lambda: importlib.import_module("npcf.fused"),
        "npcf.distributed": lambda: npcf.distributed,
        "npcf.kernels.ops": lambda: importlib.import_module("npcf.kernels.ops"),
        "Learner": lambda: learner(backend="numba"),
        "PerRatingSGD": lambda: npcf.training.PerRatingSGD().fit(ratings(), 1),
    }
    for name, ask in asked.items():
        try:
            ask()
        except UsageError as error:
            assert error.argument == "numba" and 'backend="numpy"' in error.cure, name
        else:
            raise AssertionError(f"{name} says nothing")


DONE = (modules, training, estimator, saving, explaining, crosschecking, gradchecking, conformance,
        commands, refusals)  # fmt: skip


def main():
    if "--hide" in sys.argv:
        sys.meta_path.insert(0, Hidden())
    failed = False
    for do in DONE:
        begin = time.process_time()
        try:
            do()
        except Exception as error:  # the line says what; the others are done as well
            failed = True
            print(f"{do.__name__:<14} {type(error).__name__}: {error}")
        else:
            print(f"{do.__name__:<14} works, {time.process_time() - begin:.1f} s")
    there = sorted({name.split(".")[0] for name in sys.modules} & set(ABSENT))
    print("nothing has loaded Numba" if not there else f"loaded: {there}")
    return int(failed or bool(there))


if __name__ == "__main__":
    os.environ.pop("NUMBA_DISABLE_JIT", None)
    sys.exit(main())
