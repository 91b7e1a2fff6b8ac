"""What a crosscheck found: the stages with their verdicts, and the mistakes that explain them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from npcf.files import replace_file

STAGES = (
    "contract", "data", "mapping", "output", "loss", "gradient", "step", "schedule", "metric",
)  # fmt: skip

RIGHT, SUSPICIOUS, WRONG = "right", "suspicious", "wrong"
NOT_SEEN = "not seen"  # nothing to judge: no optimizer was given, or an earlier stage raised


class Worst(NamedTuple):
    """The entry that is farthest off, in shares of its tolerance."""

    where: str  # "probe 'designed', user_factors of user 17, factor 3"
    seen: float
    expected: float
    tolerance: float


@dataclass(frozen=True)
class Stage:
    """One stage's verdict.

    `share` is the largest |seen - expected| / tolerance: at most 1 is right; inf where a shape
    differs or something was raised.  `message` says in one sentence what was seen.
    """

    name: str
    verdict: str
    share: float = 0.0
    n_compared: int = 0
    worst: Worst | None = None
    message: str = ""
    hints: tuple[str, ...] = ()  # numeric facts: "every entry is 64 = B times too large"


@dataclass(frozen=True)
class Diagnosis:
    """A mistake, or a pair of them, that explains what was seen.

    Attributes
    ----------
    name : str
        The entry's name in `npcf.verify.mistakes`; of a pair "a + b".
    names : tuple of str
        One name, or two.
    sentence, cure : str
        What is wrong, in plain English; and what to write in the subject's own framework.
    confident : bool
        It explains all stages, no other class does, and it claims enough.
    parameters : mapping
        What was fitted or chosen: {"y_range": (0.5, 6)}, {"sites": ("user_bias",)}.
    equivalent : tuple of str
        Other entries that predict the same on everything that was seen.
    split_by : str
        What would tell them apart; "" if nothing can.
    explains : tuple of str
        Stages that are as it predicts.
    """

    name: str
    names: tuple[str, ...]
    sentence: str
    cure: str
    confident: bool
    parameters: Mapping[str, Any] = field(default_factory=dict)
    equivalent: tuple[str, ...] = ()
    split_by: str = ""
    explains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reduced:
    """The smallest batch that still fails, as torch code to paste and as arrays to replay.

    Attributes
    ----------
    users, items, rating : (B,) arrays
        The batch; empty where the stage needs none: an optimiser's step is one number.
    code : str
        Prints the subject's numbers, and below them the right ones.
    stage, probe : str
        Where it fails, and the probe it was cut from.
    tables : mapping of str to array
        The parameters it fails with, under npcf's names.
    extra : mapping of str to array
        Further arrays of the example: "upstream", "prediction", "gradient", ...
    seen, expected : array
        The numbers that `code` prints.
    """

    users: Any
    items: Any
    rating: Any
    code: str
    stage: str
    probe: str = ""
    tables: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    seen: Any = ()
    expected: Any = ()

    def arrays(self) -> dict[str, Any]:
        """Return everything as arrays: what `save` writes."""
        own = ("users", "items", "rating", "stage", "probe", "seen", "expected", "code")
        return {name: np.asarray(getattr(self, name)) for name in own} | {
            name: np.asarray(x) for part in (self.tables, self.extra) for name, x in part.items()
        }

    def save(self, path: Any) -> None:
        """Write the arrays to a .npz file that `numpy.load` reads without pickle."""
        content = io.BytesIO()
        np.savez(content, **self.arrays())
        replace_file(path, content.getvalue())
