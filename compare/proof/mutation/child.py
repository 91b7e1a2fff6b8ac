"""A forked process: imports npcf with one change in it, runs one stage, says who noticed.

The parent has imported NumPy, pandas, Numba, Hypothesis and pytest, but not npcf; what a change
costs is then the import of npcf, the collection of a few files, and the tests until one fails.
"""

import contextlib
import io
import json
import math
import os
import resource
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compare.proof.mutation.stages import Stage

MEMORY = 4 * 2**30  # bytes: 2 ** (2 ** n) in place of 2 * n should fail, not swap
QUIET = (
    "-q", "-x", "--tb=no", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # imported before pytest began, on purpose
)  # fmt: skip


def warm_up() -> None:
    """Draw from Hypothesis and start pytest once: half of what a short stage would cost."""
    numbers = st.floats(-1, 1, width=32)

    @settings(database=None, deadline=None, max_examples=10)
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        data.draw(arrays(np.float32, (2, 3), elements=numbers))
        data.draw(st.permutations(range(4)))
        data.draw(st.lists(st.integers(0, 3), max_size=3))

    draw()
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*QUIET, "--version"])


class Change(NamedTuple):
    """A module, its file, and the text it has instead."""

    module: str
    path: Path
    text: str


class Loader(SourceFileLoader):
    """Loads a module from a text, never from a cached compilation."""

    def __init__(self, change: Change):
        super().__init__(change.module, str(change.path))
        self.text = change.text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec")


class Finder(MetaPathFinder):
    """Finds the changed module before Python finds the file."""

    def __init__(self, change: Change):
        self.change = change

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self.change.module:
            return None
        return spec_from_file_location(fullname, self.change.path, loader=Loader(self.change))


class Watcher:
    """pytest plugin: sets the number of examples, runs `first` first, keeps the first failure."""

    def __init__(self, examples: int, first: list[str]):
        self.examples, self.first = examples, {name: i for i, name in enumerate(first)}
        self.killer: str | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Find, do not shrink: the first failure is all that counts."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation", max_examples=self.examples, phases=phases, deadline=None, database=None,
            derandomize=True, report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        settings.load_profile("mutation")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.first.get(item.nodeid, len(self.first)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.killer = self.killer or f"import by {report.nodeid}"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.killer = self.killer or report.nodeid


def run_stage(tree: Path, change: Change | None, stage: Stage, first: list[str]) -> str | None:
    """Return who noticed the change, or None; in a forked process."""
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    del sys.modules["compare"]  # to be found in the copy, as npcf and the tests are
    if change:
        sys.meta_path.insert(0, Finder(change))
    if stage.laws:
        return _broken_law(stage)
    watcher = Watcher(stage.examples, first)
    code = pytest.main([*QUIET, *stage.tests], plugins=[watcher])
    if (code == pytest.ExitCode.OK) != (watcher.killer is None):
        raise RuntimeError(f"pytest ended with {code!r}, noticed by {watcher.killer}")
    return watcher.killer


def _broken_law(stage: Stage) -> str | None:
    """Return the first law of the conformance suite that npcf's own operations break, or None."""
    from compare.implementations import npcf_numpy
    from npcf.verify.conformance import LAWS, Implementation, run

    laws = [law for law in LAWS.values() if law.family.startswith(stage.laws)]
    outcomes = run(Implementation(npcf_numpy), laws, stage.examples, shrink=False)
    return next((f"law {one.law.name}" for one in outcomes if one.status == "broken"), None)


def forked(log: Path, write: int, seconds: float, *arguments: Any) -> None:
    """Run a stage in this process, which ends here; the answer goes down the pipe `write`."""
    code = 1
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), resource.RLIM_INFINITY))
        by = run_stage(*arguments)
        os.write(write, json.dumps({"by": by}).encode())
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)
