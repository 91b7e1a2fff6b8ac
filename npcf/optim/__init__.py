"""Update rules and schedules: the only code that changes parameters."""

from typing import TYPE_CHECKING

from npcf.optim.adam import Adam, adamw, fastai_adam
from npcf.optim.max_norm import renormalise_rows
from npcf.optim.one_cycle import flat_cosine, one_cycle_fastai, one_cycle_torch
from npcf.optim.optimizer import Optimizer
from npcf.optim.rmsprop import RMSProp
from npcf.optim.schedules import (
    constant,
    cosine,
    cosine_restarts,
    exponential,
    exponential_range,
    linear,
    step_decay,
)
from npcf.optim.sgd import SGD, fastai_sgd
from npcf.optim.sparse_adam import SparseAdam
from npcf.suggestions import suggesting

__all__ = [
    "SGD",
    "Adam",
    "Optimizer",
    "RMSProp",
    "SparseAdam",
    "adamw",
    "constant",
    "cosine",
    "cosine_restarts",
    "exponential",
    "exponential_range",
    "fastai_adam",
    "fastai_sgd",
    "flat_cosine",
    "linear",
    "one_cycle_fastai",
    "one_cycle_torch",
    "renormalise_rows",
    "step_decay",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)
