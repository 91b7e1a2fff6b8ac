"""What importing npcf brings with it, and what it never may."""

import subprocess
import sys
import tomllib
from pathlib import Path

import npcf

HEAVY = ("numba", "pandas", "torch", "hypothesis", "pytest", "tqdm")


def loaded_by(statement):
    code = f"{statement}; import sys; print(*[m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_npcf_is_light():
    assert loaded_by("import npcf; npcf.models.init_params") == set()


def test_importing_npcf_alone_loads_nothing_else():
    """Not even NumPy: what is loaded is what is used."""
    code = "import sys, npcf; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = [name for name in done.stdout.split() if name.split(".")[0] in ("npcf", "numpy")]
    assert rooms == ["npcf"]


def test_importing_compiles_nothing():
    """Nor does anything look for compiled code: that begins with the first call."""
    code = """
from numba.core import caching, event
seen = event.RecordingListener()
for kind in ("numba:compile", "numba:run_pass"):
    event.register(kind, seen)
for name in ("load_overload", "save_overload"):
    setattr(caching.FunctionCache, name, lambda *_: seen.buffer.append(name))
import npcf.fused, npcf.estimator, npcf.training, npcf.verify
print(len(seen.buffer))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


def test_what_is_not_loaded_yet_is_listed():
    """By dir, and so by completion in a shell."""
    code = "import npcf; print(*dir(npcf))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {*npcf.__all__, "__version__"} <= {*done.stdout.split()}


def test_rooms_load_on_first_use():
    assert loaded_by("import npcf; npcf.kernels.mse_forward") == {"numba"}
    assert loaded_by("import npcf; npcf.Ratings; npcf.Learner; npcf.gradcheck") == {"pandas"}


def test_every_public_name_exists():
    for module in (npcf, npcf.ops, npcf.models, npcf.optim, npcf.kernels, npcf.data,
                   npcf.training, npcf.analysis, npcf.verify):  # fmt: skip
        for name in module.__all__:
            assert getattr(module, name) is not None
    assert callable(npcf.gradcheck)


def test_version_is_the_packages():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert npcf.__version__ == project["version"]


def test_hard_dependencies_are_three():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert [d.split(">")[0] for d in project["dependencies"]] == ["numpy", "numba", "pandas"]
    assert "torch==2.13.0" in project["optional-dependencies"]["test"]


def test_unknown_attribute_is_an_attribute_error():
    assert not hasattr(npcf, "autograd")
