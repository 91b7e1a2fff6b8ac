"""The options of `npcf train`: declaration, defaults, and validation."""

import argparse
import math
import os
from collections.abc import Mapping
from typing import Any

from npcf import models
from npcf.commands.common import is_given, require_effect
from npcf.commands.config import values_of
from npcf.commands.reading import READING
from npcf.errors import SettingError, require_choice, require_count, require_number

MODELS = {"embedding": models.DotProductBiasEmb, "create_params": models.DotProductBiasCP}
SCHEDULES = {"one_cycle": "fit_one_cycle", "flat_cos": "fit_flat_cos", "constant": "fit"}
DEFAULTS: dict[str, Any] = {
    "outside": "raise", "model": "embedding", "sampling": "permutation", "schedule": "one_cycle",
    "factors": 50, "epochs": 5, "lr": 5e-3, "wd": 0.1, "bs": 64, "rows": "all", "threads": 1,
    "y_range": (0.0, 5.5), "seed": 0, "split_seed": 42, "every": 1000,
}  # fmt: skip
OF_THE_PRESET = ("factors", "lr", "wd", "y_range")  # not filled in
MINI_BATCHES = ("model", "sampling", "schedule", "backend", "checkpoint", "resume", "every")
LARGEST_END = 1e18  # of --y-range: the square of an error is no float32 beyond
# What may differ when a run goes on: where things lie, and who computes.  The rest is restored.
FREE = ("data", "backend", "save", "checkpoint", "every", "resume", "json", "show_step")


def add_options(add_argument: Any) -> None:
    """Declare them; None means "not given", as distinct from the default."""

    def add(option: str, text: str = "", **how: Any) -> None:
        default = DEFAULTS.get(option[2:].replace("-", "_"))
        if default is not None:
            values = default if isinstance(default, tuple) else (default,)
            text += f" (default: {' '.join(v if isinstance(v, str) else f'{v:g}' for v in values)})"
        add_argument(option, help=text.strip(), **how)

    add("--data", "MovieLens folder or zip, csv, or - (default: planted)", metavar="PATH")
    add("--model", "form of the tables", choices=tuple(MODELS))
    add("--sampling", "each rating once an epoch, or as fastai draws",
        choices=("permutation", "replacement"))  # fmt: skip
    add("--schedule", "of the learning rate", choices=tuple(SCHEDULES))
    add("--factors", type=int, metavar="K")
    add("--epochs", type=int, metavar="N")
    add("--lr", "peak learning rate", type=float)
    add("--wd", "weight decay, decoupled with Adam", type=float)
    add("--bs", "ratings a batch", type=int)
    add("--rows", "all: Adam; touched: SGD of the rows in the batch", choices=("all", "touched"))
    add("--threads", "for --bs 1 --rows touched; the bits are the same", type=int, metavar="N")
    add("--cluster", "train on Dask workers: local:2, or tcp://...; the bits are the same",
        metavar="ADDRESS")  # fmt: skip
    add("--preset", "settings by name, one rating a step: ml-100k", metavar="NAME")
    add("--y-range", "range of predictions", type=float, nargs=2, metavar=("LO", "HI"))
    add("--outside", "ratings outside the range", choices=("raise", "warn", "allow"))
    add("--backend", "compiled (default), or the reference", choices=("numba", "numpy"))
    add("--seed", "of tables and batches", type=int)
    add("--split-seed", "of the split, as fastai makes it", type=int, metavar="SEED")
    add("--show-step", "every number of the next step after training", action="store_true")
    add("--save", "write the trained model to PATH", metavar="PATH")
    add("--checkpoint", "write the run to PATH while it goes on", metavar="PATH")
    add("--every", "steps between two checkpoints", type=int, metavar="N")
    add("--resume", "go on with the run in --checkpoint, with the options it was begun with",
        action="store_true")  # fmt: skip


def per_rating_wanted(args: argparse.Namespace) -> bool:
    """Whether one rating is one step."""
    return args.preset is not None or (args.rows == "touched" and args.bs == 1)


def settle(args: argparse.Namespace) -> None:
    """Validate the options and fill in the defaults, before anything is read."""
    _check_effects(args)
    if args.resume:
        _take_over(args)
    _check_targets(args)
    defaults = dict(DEFAULTS)
    if args.preset is not None:
        from npcf.training.per_rating_settings import PRESET_EPOCHS, presets

        require_choice("--preset", args.preset, presets)
        defaults["epochs"] = PRESET_EPOCHS.get(args.preset, 20)
        for name in OF_THE_PRESET:
            del defaults[name]
    for name, value in defaults.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    for name in ("factors", "epochs", "bs", "threads", "every"):
        if getattr(args, name) is not None:
            require_count(f"--{name}", getattr(args, name))
    if args.cluster is not None:
        from npcf.distributed.cluster import require_address

        require_address("--cluster", args.cluster)
    require_count("--seed", args.seed, 0, math.inf)
    require_count("--split-seed", args.split_seed, 0, 2**32 - 1)
    for end in args.y_range or ():
        require_number("--y-range", end, -LARGEST_END, LARGEST_END)


def notes(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options that a run is begun with, to be saved with it."""
    known = {action.dest for action in args.parser._actions}
    hidden = {"help", "verb_config", "preset", "threads", "cluster", *FREE} - {"data", "backend"}
    return {name: getattr(args, name) for name in sorted(known - hidden) if is_given(args, name)}


def _check_effects(args: argparse.Namespace) -> None:
    """Raise SettingError at the first option that has no effect."""
    per_rating = per_rating_wanted(args)
    if args.preset is not None:
        fits = args.rows != "all" and args.bs in (None, 1)
        require_effect(args, ("outside",), False, "with --preset: its loss has no meaning there")
        require_effect(args, ("rows", "bs"), fits, "with --preset: one rating is one step")
    require_effect(args, MINI_BATCHES, not per_rating, "where one rating is one step")
    require_effect(
        args, ("threads", "cluster"), per_rating, "without --bs 1 --rows touched, or --preset"
    )
    require_effect(args, ("every", "resume"), is_given(args, "checkpoint"), "without --checkpoint")
    require_effect(args, READING, is_given(args, "data"), "without --data")


def _check_targets(args: argparse.Namespace) -> None:
    """Raise SettingError unless --save and --checkpoint can be written, as far as is known now."""
    from npcf.training.safetensors_io import require_writable

    for name in ("save", "checkpoint"):
        path = getattr(args, name)
        if path is None:
            continue
        target = require_writable(f"--{name}", path)
        for other in (args.data, args.config, args.verb_config, 0, 1, 2):  # also the streams' files
            if _is_same(other, target):
                doing = "writes to" if other in (1, 2) else "reads"
                problem = f"{path} is a file that this command {doing}"
                raise SettingError(f"--{name}", problem, "Choose another name.", value=path)


def _is_same(one: Any, other: Any) -> bool:
    """Whether both are one file; False where one is none, as a path or as an open stream."""
    try:
        return os.path.samefile(one, other)
    except (OSError, TypeError, ValueError):
        return False


def _take_over(args: argparse.Namespace) -> None:
    """Take the options of the saved run; one that is given must not contradict them."""
    from npcf.training import load

    text = load(args.checkpoint).text
    if text["callbacks"] != ["SaveEvery"]:
        problem = (
            f"{args.checkpoint} was not written by npcf train --checkpoint: no run to go on with"
        )
        raise SettingError("--resume", problem, "Leave it out.", value=args.checkpoint)
    saved = text.get("notes", {})
    if not isinstance(saved, Mapping):
        saved = {}
    where = f"the options in {args.checkpoint}"
    for name, value in values_of(args.parser, saved, where).items():
        given = getattr(args, name)
        if not is_given(args, name):
            setattr(args, name, value)
        elif name not in FREE and given != value:
            option = f"--{name.replace('_', '-')}"
            problem = f"is {given}, but the run in {args.checkpoint} was begun with {value}"
            raise SettingError(option, problem, "Leave it out, or begin anew.", value=given)
