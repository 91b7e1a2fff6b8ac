"""Errors in the words of the command line: options in the place of Python's arguments."""

import re

from npcf.errors import NpcfError, UnknownIdError

OPTIONS = {
    "n_epoch": "--epochs", "n_epochs": "--epochs", "lr_max": "--lr", "max_lr": "--lr", "lr": "--lr",
    "weight_decay": "--wd", "wd": "--wd", "n_factors": "--factors", "batch_size": "--bs",
    "bs": "--bs", "y_range": "--y-range", "outside": "--outside", "n_threads": "--threads",
    "item": "--item", "columns": "--columns", "ids": "--ids", "separator": "--separator",
    "quoting": "--quoting", "encoding": "--encoding", "not_rated": "--not-rated",
    "matrix": "--matrix", "clip": "--clip", "unknown": "--unknown", "by": "--by", "n": "-n",
    "to": "--to", "source": "--from", "n_users": "--users", "n_movies": "--movies",
    "n_steps": "--steps", "aggfunc": "--aggfunc", "cluster": "--cluster",
}  # fmt: skip
# Cures that have no words in common with Python's.
CURES = {
    "Use Vocabulary(ids, na_row=True).": "Choose --unknown mean.",
    "Give (low, high).": "Give the lower end, then the upper one.",
    'Use the reference: npcf.ops, backend="numpy"; or install it: pip install numba':
        "Choose --backend numpy, and more than one rating a batch; or: pip install numba",
}  # fmt: skip
# item=NAME is of --columns
KEYWORD = re.compile(rf"\b({'|'.join(OPTIONS.keys() - {'item'})})=(?=\S)")


def told(error: NpcfError) -> str:
    """Return the message of an error as `npcf` prints it."""
    message, name = error.message, str(error.argument)
    if name in OPTIONS and not isinstance(error, UnknownIdError):
        message = OPTIONS[name] + message.removeprefix(name)
    cure = CURES.get(error.cure, error.cure)
    if "npcf." not in cure:  # lines of Python, for what no verb does
        cure = KEYWORD.sub(lambda keyword: f"{OPTIONS[keyword[1]]} ", cure)
    return message.replace(error.cure, cure)
