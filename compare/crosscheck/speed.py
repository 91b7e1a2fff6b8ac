"""Seconds of a check on tables as large as ML-100k's, k = 50, batch 64: medians."""

from dataclasses import replace
from statistics import median

import torch
from torch import nn, optim

from compare.crosscheck import pairs, pieces
from compare.crosscheck.program import SIZES, Case, Setting, batch, built, in_range
from compare.crosscheck.programs.configured import ADAMW
from compare.crosscheck.programs.entering import settings
from compare.crosscheck.right import BookParams
from compare.crosscheck.scoring import checked

SETTING = in_range(SIZES["ml-100k"], pairs.RANGE)


def right(setting: Setting) -> Case:
    model = built(BookParams, setting)
    optimizer = optim.AdamW(model.parameters(), **settings(ADAMW))
    meant = {"loss": nn.MSELoss(), "optimizer": optimizer, "intended": dict(ADAMW)}
    return {"model": model, **batch(setting), **meant}


def broken(setting: Setting) -> Case:
    """A loss that is a sum."""
    return right(setting) | {"loss": nn.MSELoss(reduction="sum")}


def pair(setting: Setting) -> Case:
    """A bias left out, and Adam for AdamW."""
    by_name = {name: piece for piece in pieces.PIECES for name in piece.names}
    both = by_name["item_bias_left_out"], by_name["decay_never_decoupled"]
    return pairs.case(both, setting)


def measured(repeats: int = 7) -> dict[str, float]:
    """Return the median seconds of each, one thread, the first runs among them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {
            make.__name__: median(
                checked(make(replace(SETTING, seed=seed)))[2] for seed in range(repeats)
            )
            for make in (right, broken, pair)
        }
    finally:
        torch.set_num_threads(threads)
