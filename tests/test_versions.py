"""Versions: the oldest stand once, in pyproject.toml; CI tries every platform and Python."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.extras import missing

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
JOBS = WORKFLOW["jobs"]
oldest = runpy.run_path(str(ROOT / ".ci/oldest.py"))["oldest"]
ACTIONLINT = shutil.which("actionlint", path=str(Path(sys.executable).parent)) or shutil.which(
    "actionlint"
)


def test_every_requirement_has_an_oldest_version_and_none_has_two():
    found = oldest(PROJECT)
    requirements = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    names = {re.match(r"[\w.-]+", text)[0] for text in requirements} - {"npcf"}
    assert found.keys() == names
    assert {"numpy", "numba", "pandas", "torch"} <= names
    for name, version in found.items():
        assert any(re.fullmatch(rf"{re.escape(name)}(>=|==){re.escape(version)}", text)
                   for text in requirements)  # fmt: skip


@given(
    st.from_regex(r"[a-z][a-z0-9_.-]{0,8}[a-z]", fullmatch=True),
    st.sampled_from(["", "<3", "~=1.2", ">1.0", ">=1.0,<2", ">=1.0; sys_platform == 'win32'"]),
)
def test_what_names_no_oldest_version_is_an_error(name, rest):
    project = {"name": "npcf", "dependencies": [name + rest], "optional-dependencies": {}}
    with pytest.raises(ValueError, match="names no oldest version"):
        oldest(project)


def test_two_oldest_versions_are_an_error():
    extras = {"a": ["numpy>=2.0"], "b": ["numpy>=2.1"]}
    with pytest.raises(ValueError, match="numpy has two"):
        oldest({"name": "npcf", "dependencies": [], "optional-dependencies": extras})


def test_the_script_prints_constraints():
    command = [sys.executable, str(ROOT / ".ci/oldest.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert f"numpy=={oldest(PROJECT)['numpy']}" in lines
    assert f"torch=={oldest(PROJECT)['torch']}" in lines


def combinations(job):
    """Return the (os, python, versions) of a job's matrix."""
    matrix = JOBS[job]["strategy"]["matrix"]
    return {
        (system, python, versions)
        for system in matrix.get("os", [JOBS[job]["runs-on"]])
        for python in matrix["python"]
        for versions in matrix["versions"]
        if {"python": python, "versions": versions} not in matrix["exclude"]
    }


def test_ci_tries_every_platform_and_python_with_newest_and_oldest_versions():
    tried = combinations("unix") | combinations("windows")
    for system in ("ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "windows-2025"):
        for python in ("3.11", "3.12", "3.13", "3.14"):
            assert (system, python, "newest") in tried
        assert (system, "3.11", "oldest") in tried
    least = PROJECT["requires-python"].removeprefix(">=")
    assert least == min((python for _, python, _ in tried), key=lambda v: int(v.split(".")[1]))


def test_ci_runs_the_readme_s_commands():
    """Verbs of the Makefile; on Windows, where there is none, the suite as the Makefile runs it."""
    makefile = (ROOT / "Makefile").read_text()
    commands = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    text = "\n".join(commands)
    assert {"make test", "make check-oldest", "make check-workflow"} <= set(commands)
    verbs = set(re.findall(r"make ([a-z-]+)", text)) | set(
        JOBS["also"]["strategy"]["matrix"]["verb"]
    )
    for verb in verbs:
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb
    assert "python -m pytest" in text


@pytest.mark.parametrize(
    ("failure", "library"),
    [
        ("E   ModuleNotFoundError: No module named 'pooch'", "pooch"),
        ("E   No module named 'safetensors.numpy'", "safetensors"),
        ("UsageError: safetensors: is not installed. Saving needs it", "safetensors"),
        ("fetch: downloading needs pooch, which is not installed.", "pooch"),
        ("E   No module named 'tqdm'", None),  # it is installed: the failure is one
        ("E   AssertionError: the table of pooch differs", None),
        ("safetensors: the file is damaged\nruff is not installed", None),
    ],
)
def test_only_what_says_that_a_library_is_absent_is_skipped(failure, library):
    assert missing(failure, {"pooch": "data", "safetensors": "save"}) == library


@pytest.mark.slow("runs tests in a process of their own")
def test_without_pooch_downloads_are_skipped_by_name(tmp_path):
    (tmp_path / "without_pooch.py").write_text("import sys\nsys.modules['pooch'] = None\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "without_pooch", "-p", "no:xdist",
               "-p", "no:cacheprovider", "tests/data/test_fetch.py"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(tmp_path)})  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "pooch (extra `data`) is not installed" in done.stdout
    assert " passed" in done.stdout.splitlines()[-1]


@pytest.mark.skipif(ACTIONLINT is None, reason="actionlint (extra `workflow`) is not installed")
def test_the_workflow_is_valid():
    files = (ROOT / ".github/workflows").glob("*.yml")
    command = [ACTIONLINT, "-no-color", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
