"""npcf: the collaborative-filtering model of fastai's lesson 5, every gradient written out by hand.

    rating(u, i) = low + (high - low) * sigmoid( P[u] . Q[i] + b[u] + c[i] )

The letters used everywhere: B batch, U users, I items, K factors.
`kernels`, `data`, `training`, `analysis`, `interop`, `verify` load on first use, because they bring
Numba or pandas with them.
"""

import importlib
from typing import TYPE_CHECKING, Any

from npcf import errors, models, ops, optim

if TYPE_CHECKING:
    from npcf import analysis, data, interop, kernels, training, verify
    from npcf.data import Ratings
    from npcf.estimator import CollabRegressor
    from npcf.training import Learner
    from npcf.verify.gradcheck import gradcheck

__version__ = "0.3.0"

__all__ = [
    "CollabRegressor",
    "Learner",
    "Ratings",
    "analysis",
    "data",
    "errors",
    "gradcheck",
    "interop",
    "kernels",
    "models",
    "ops",
    "optim",
    "training",
    "verify",
]

_LATE_ROOMS = ("analysis", "data", "interop", "kernels", "training", "verify")
_LATE_NAMES = {
    "CollabRegressor": "estimator",
    "Learner": "training",
    "Ratings": "data",
    "gradcheck": "verify",
}


def __getattr__(name: str) -> Any:
    if name in _LATE_ROOMS:
        return importlib.import_module(f"npcf.{name}")
    if name in _LATE_NAMES:
        return getattr(importlib.import_module(f"npcf.{_LATE_NAMES[name]}"), name)
    raise AttributeError(f"module 'npcf' has no attribute {name!r}")
