"""Update rules and schedules: the only code that changes parameters."""

from npcf.optim.adam import Adam, adamw, fastai_adam
from npcf.optim.schedules import constant, cosine, one_cycle_fastai
from npcf.optim.sgd import SGD, fastai_sgd

__all__ = [
    "SGD",
    "Adam",
    "adamw",
    "constant",
    "cosine",
    "fastai_adam",
    "fastai_sgd",
    "one_cycle_fastai",
]
