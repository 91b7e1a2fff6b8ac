"""What a check says: right, or where it first is wrong, what it may be, and one more hint."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from npcf import _notebook
from npcf.teach.practice.programs import Results, misses
from npcf.verify.mistakes import Mistake


@dataclass(frozen=True)
class Verdict:
    """What `Exercise.check` returns; true if the answer is right.

    Attributes
    ----------
    right : bool
    message : str
        What was seen.
    result, index : str and tuple, or None
        Which result is the first that is wrong, and where in it.
    mistakes : tuple of str
        Names in `npcf.verify.mistakes.MISTAKES`: all that give exactly these numbers.
    suspicion : str
        What they say.
    hint : str
    inputs : dict or None
        The numbers on which a function failed, to try it on.
    """

    right: bool
    message: str
    result: str | None = None
    index: tuple[int, ...] | None = None
    mistakes: tuple[str, ...] = ()
    suspicion: str = ""
    hint: str = ""
    inputs: dict[str, Any] | None = None

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return "\n".join(filter(None, (self.message, self.suspicion, self.hint)))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(map(_notebook.paragraph, str(self).splitlines()))


def suspicion_of(mistakes: list[Mistake], with_cure: bool) -> str:
    """Return which mistake it may be, or which of several that are the same here."""
    if not mistakes:
        return ""
    first, *others = mistakes
    text = f"It looks like this: {first.sentence} ({first.name})"
    if with_cure:
        text += f" Cure: {first.cure}"
    if others:
        text += f" Or, the same on these numbers: {', '.join(other.name for other in others)}."
    return text


def what_is_wrong(name: str, given: Any, wanted: Any, index: tuple[int, ...] | None) -> str:
    """Return where a result first is wrong, or that its shape is, without what is right."""
    if index is None:
        text = f"{name} has shape {given.shape}; {shape_of(wanted)} is wanted."
        if given.size == wanted.size and not misses(given.reshape(wanted.shape), wanted).any():
            text += " Its numbers are right."
        if _broadcasts(given.shape, wanted.shape):
            table = np.broadcast_shapes(given.shape, wanted.shape)
            text += f" Beside one of that shape it would be broadcast to {table}."
        return text
    if not index:
        return f"{name} is wrong, {given:.7g} was given."
    wrong, place = misses(given, wanted), ", ".join(map(str, index))
    return (
        f"{name}[{place}] is the first that is wrong, {given[index]:.7g} was given; "
        f"{int(wrong.sum())} of its {wrong.size} numbers are wrong."
    )


def _broadcasts(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(given, wanted) != given or len(given) > len(wanted)
    except ValueError:
        return False


def shape_of(wanted: Any) -> str:
    """Return what is wanted, in words."""
    return f"shape {wanted.shape}" if wanted.shape else "a number"


def is_rounded(given: Results, wanted: Results) -> bool:
    """Whether every number is the right one, rounded to the decimals that it is written with."""
    return all(
        given[name].shape == x.shape
        and bool((np.abs(given[name] - x.value) <= x.tolerance + _half(given[name])).all())
        for name, x in wanted.items()
    )


@np.vectorize
def _half(x: float) -> float:
    """Return half a unit of the last decimal that a number is written with."""
    digits, _, power = repr(float(x)).partition("e")
    return float(0.5 * 10.0 ** (int(power or 0) - len(digits.partition(".")[2])))
