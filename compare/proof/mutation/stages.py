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
    "npcf/optim/state.py": ("tests/optim/test_state.py",),
    "npcf/optim/sparse_adam.py": ("tests/optim/test_touched_rows.py",),
}
FOR_ALL = {
    "ops": ("tests/ops/test_bits.py", "tests/ops/test_edges.py"),
    "models": ("tests/models/test_defaults.py",),
    "optim": ("tests/optim/test_settings.py",),
}
# The tests of a room and of what stands on it (ops carry models), the compiled twins included.
SHARED = ("tests/kernels/test_twins.py", "tests/test_refusals.py")
WIDER = {
    "ops": ("tests/ops", "tests/models", *SHARED),
    "models": ("tests/models", *SHARED),
    "optim": ("tests/optim", *SHARED),
}
# Families of the conformance suite that reach a room; a family is named by how it begins.
LAWS = {
    "ops": ("lookup", "row_dot", "bias", "sigmoid_range", "mse", "model", "training"),
    "models": ("model", "training"),
    "optim": ("sgd", "adam", "training", "checkpoints", "schedules"),
}
ORACLE = {
    "ops": ("compare/test_ops.py", "compare/test_models.py"),
    "models": ("compare/test_models.py",),
    "optim": ("compare/test_optimizers.py", "compare/test_schedules.py"),
}


class Stage(NamedTuple):
    """Some tests, or families of laws of the conformance suite, with so many examples each."""

    name: str
    examples: int
    tests: tuple[str, ...] = ()
    laws: tuple[str, ...] = ()


def stages(tree: Path, module: str) -> list[Stage]:
    """Return what the changes of `module` (a path in `tree`) go through until one kills them."""
    room, near = Path(module).parent.name, _near(tree, module)
    return [
        Stage("near", 15, near),
        Stage("wider", 25, WIDER[room]),
        Stage("near, longer", 100, near),
        Stage("conformance", 25, laws=LAWS[room]),
        Stage("PyTorch", 25, ORACLE[room]),
    ]


def _near(tree: Path, module: str) -> tuple[str, ...]:
    room, stem = Path(module).parent.name, Path(module).stem
    own = sorted((tree / "tests" / room).glob(f"test_{stem}*.py"))
    named = (str(path.relative_to(tree)) for path in own)
    return (*named, *NEAR.get(module, ()), *FOR_ALL.get(room, ()))
