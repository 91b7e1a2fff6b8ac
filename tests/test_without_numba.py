"""Where Numba is not installed everything but compiled code works (`tests.without_numba`)."""

import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
requirements = runpy.run_path(str(ROOT / ".ci/requirements.py"))["requirements"]


def test_everything_but_compiled_code_works():
    command = [sys.executable, "-m", "tests.without_numba", "--hide"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" works, ") == 10


def test_the_environment_without_it_has_all_else_that_npcf_needs():
    found = requirements(PROJECT, ["save", "sheet"], ["numba"])
    names = [text.split(">")[0] for text in found]
    extras = ["safetensors", "XlsxWriter", "python-calamine"]
    assert names == ["numpy", "pandas", *extras]
