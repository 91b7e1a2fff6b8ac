"""The whole protocol in plain NumPy, written from its page and from nothing else of npcf.

No operation, model or update rule of npcf is imported: where this and npcf agree, two programs do.
Each function is short: `npcf.verify.mistakes` puts wrong ones in their place.
"""

from types import ModuleType

from npcf.verify.examples.plain import (
    batches,
    layers,
    model,
    operations,
    schedules,
    steps,
    training,
)

LIBRARY = "numpy"


def _functions(*files: ModuleType) -> dict[str, object]:
    """Return what the files define themselves."""
    return {name: f for file in files for name, f in vars(file).items()
            if getattr(f, "__module__", "") == file.__name__}  # fmt: skip


globals().update(_functions(operations, layers, model, steps, training, batches, schedules))
