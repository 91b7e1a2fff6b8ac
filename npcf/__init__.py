"""npcf: the collaborative-filtering model of fastai's lesson 5, every gradient written out by hand.

    rating(u, i) = low + (high - low) * sigmoid( P[u] . Q[i] + b[u] + c[i] )

The letters used everywhere: B batch, U users, I items, K factors.
Every room and name loads on first use, so that `import npcf` takes no time: some bring NumPy alone,
others Numba or pandas.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from npcf import (
        analysis,
        data,
        distributed,
        errors,
        interop,
        kernels,
        models,
        ops,
        optim,
        teach,
        training,
        verify,
    )
    from npcf.crosscheck.run import crosscheck
    from npcf.data import Ratings
    from npcf.estimator import CollabRegressor
    from npcf.teach import explain_step
    from npcf.training import Learner
    from npcf.verify.gradcheck import gradcheck

__version__ = "0.7.0"

__all__ = [
    "CollabRegressor",
    "Learner",
    "Ratings",
    "analysis",
    "crosscheck",
    "data",
    "distributed",
    "errors",
    "explain_step",
    "gradcheck",
    "interop",
    "kernels",
    "models",
    "ops",
    "optim",
    "teach",
    "training",
    "verify",
]

_NAMES = {  # those that are not rooms, and where they live
    "CollabRegressor": "estimator",
    "Learner": "training",
    "Ratings": "data",
    "explain_step": "teach",
    "gradcheck": "verify",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"npcf.{_NAMES[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"npcf.{name}")
    from npcf.suggestions import missing_name

    raise missing_name("npcf", name, __all__)


def __dir__() -> list[str]:
    """Name what is there to be loaded, too."""
    return sorted({*globals(), *__all__})
