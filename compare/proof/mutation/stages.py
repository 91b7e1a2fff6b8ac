"""The tests run against a change, nearest first: most bugs die where their file is tested."""

from pathlib import Path
from typing import NamedTuple

ROOMS = ("ops", "models", "optim")

# Files of tests for modules that have none of their own name.
NEAR = {
    "npcf/ops/one_hot.py": ("tests/ops/test_embedding.py",),
    "npcf/models/dot_product.py": (
        "tests/models/test_dot_product_bias.py",
        "tests/models/test_sources.py",
    ),
    "npcf/models/book.py": ("tests/models/test_sources.py",),
    "npcf/models/initializers.py": ("tests/models/test_sources.py",),
    "npcf/models/layers.py": ("tests/models/test_sources.py",),
    "npcf/models/lesson.py": ("tests/models/test_sources.py",),
    "npcf/models/pair_model.py": ("tests/models/test_sources.py",),
    "npcf/optim/one_cycle.py": ("tests/optim/test_schedules.py",),
    "npcf/optim/optimizer.py": ("tests/optim/test_state.py", "tests/optim/test_touched_rows.py"),
    "npcf/optim/sparse_adam.py": ("tests/optim/test_touched_rows.py",),
}
FOR_ALL = {
    "ops": ("tests/ops/test_edges.py",),
    "models": ("tests/models/test_defaults.py",),
    "optim": ("tests/optim/test_settings.py",),
}
EVERYWHERE = ("tests/ops", "tests/models", "tests/optim", "tests/kernels", "tests/test_refusals.py")


class Stage(NamedTuple):
    """Some tests, with so many examples a law; no tests: the conformance suite."""

    name: str
    tests: tuple[str, ...]
    examples: int


def stages(tree: Path, module: str) -> list[Stage]:
    """Return what the changes of `module` (a path in `tree`) go through until one kills them."""
    near = _near(tree, module)
    return [
        Stage("near", near, 15),
        Stage("everywhere", EVERYWHERE, 25),
        Stage("near, longer", near, 100),
        Stage("conformance", (), 25),
    ]


def _near(tree: Path, module: str) -> tuple[str, ...]:
    room, stem = Path(module).parent.name, Path(module).stem
    own = sorted((tree / "tests" / room).glob(f"test_{stem}*.py"))
    named = (str(path.relative_to(tree)) for path in own)
    return (*named, *NEAR.get(module, ()), *FOR_ALL.get(room, ()))
