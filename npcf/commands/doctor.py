"""`npcf doctor`: versions, machine, code paths, and a small run of everything that must work."""

import argparse
import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Callable
from typing import Any

import numpy as np

import npcf
from npcf import errors
from npcf.commands.code_paths import code_paths
from npcf.commands.common import add_verb, print_json, require_effect

LIBRARIES = ("numpy", "numba", "pandas", "tqdm", "pooch", "safetensors", "hypothesis", "torch",
             "scikit-learn", "distributed")  # fmt: skip


def add(verbs: Any) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "doctor", "report versions and check that npcf works here",
                      "npcf doctor --json", run)  # fmt: skip
    parser.add_argument("--cluster", metavar="ADDRESS",
                        help="ask the workers of local:2, or tcp://..., too")  # fmt: skip
    parser.add_argument("--codes", action="store_true", help="print what each error code means")


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 if a check fails."""
    names = ("json", "cluster")
    require_effect(args, names, not args.codes, "with --codes, which is a page of text")
    if args.codes:
        print(error_codes(), end="")
        return 0
    report = {
        "machine": _machine(),
        "libraries": _libraries(),
        "code paths": code_paths(),
        "checks": _checks(),
    }
    if args.cluster is not None:
        report["workers"], report["checks"]["cluster"] = _cluster(args.cluster)
    if args.json:
        print_json(report)
    else:
        for title, part in report.items():
            print(title)
            for name, value in part.items():
                print(f"  {name:<22} {value}")
    return int(any(value != "ok" for value in report["checks"].values()))


def error_codes() -> str:
    """Return the page of all error codes, made from the classes of `npcf.errors`."""
    lines = [
        "# Error codes",
        "",
        "Every error of npcf ends in its code. It names the argument, the first offending position",
        "and value, and the cure; it is also the built-in exception in the third column.",
        "",
        "| code | class | is also a | raised for |",
        "|---|---|---|---|",
    ]
    classes: list[type[errors.NpcfError]] = [errors.NpcfError, *errors.NpcfError.__subclasses__()]
    for cls in sorted(classes, key=lambda cls: cls.code):
        builtin = cls.__bases__[-1].__name__
        meaning = " ".join((cls.__doc__ or "").split())
        lines.append(f"| {cls.code} | `{cls.__name__}` | `{builtin}` | {meaning} |")
    return "\n".join(lines) + "\n"


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "npcf": npcf.__version__,
    }


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _checks() -> dict[str, str]:
    """Run each check; what it raises is its result."""
    results = {}
    for name, check in (("gradients", _gradients), ("compiled twins", _twins), ("saving", _saving)):
        results[name] = _outcome(check)
    return results


def _cluster(address: str) -> tuple[dict[str, str], str]:
    """Return what the workers run, and whether a fit on them has the bits of this machine."""
    from npcf import distributed
    from npcf.data import planted
    from npcf.distributed.cluster import connected, versions
    from npcf.training import PerRatingSGD

    def same_bits() -> None:
        ratings = planted(60, 40, 600, n_factors=2, seed=0).ratings
        here, there = PerRatingSGD(n_factors=4), distributed.PerRatingSGD(n_factors=4)
        here.fit(ratings, 2, progress=False)
        there.fit(ratings, 2, progress=False, client=client)
        for name, table in here.model.params.items():
            assert (there.model.params[name] == table).all(), f"{name} differs"

    with connected(address, "--cluster") as client:
        return versions(client), _outcome(same_bits)


def _outcome(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # whatever is broken here is the report
        return f"{type(error).__name__}: {error}"
    return "ok"


def _problem() -> tuple[Any, Any]:
    from npcf import models
    from npcf.data import Batch

    rng = np.random.default_rng(0)
    model = models.DotProductBiasCP(4, 5, 3, rng=rng, dtype=np.float64)
    return model, Batch(np.array([1, 1, 3]), np.array([4, 2, 2]), np.array([5.0, 1.0, 3.0]))


def _gradients() -> None:
    from npcf.verify import gradcheck

    report = gradcheck(*_problem())
    assert report.ok, str(report)


def _twins() -> None:
    from npcf import kernels
    from npcf.verify import gradcheck

    report = gradcheck(*_problem(), backend=kernels)
    assert report.ok, str(report)


def _saving() -> None:
    import tempfile
    from pathlib import Path

    from npcf.training.safetensors_io import read, write

    if importlib.util.find_spec("safetensors") is None:
        return  # an extra that was not asked for
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path, {"n": 1}, {"a": np.arange(3.0)})
        text, arrays = read(path)
    assert (text, arrays["a"].tolist()) == ({"n": 1}, [0.0, 1.0, 2.0])
