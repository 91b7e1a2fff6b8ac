"""What a mistake is: a name, a plain sentence, the cure, and the pieces of the right program.

    mistake(
        "no_root",
        "The root is forgotten.",
        "sqrt(v_hat) + eps.",
        adam_root=lambda f, v, correction, eps: v * (1 / correction) + eps,
    )

A keyword names a *piece*: a method of `npcf.verify.formulas.Formulas` or `npcf.verify.loop.Loop`,
or a function of the plain example (schedules, batches, files).  What it is set to stands in the
place of that piece; its first argument `f` holds the right pieces, `f.n` the arithmetic.  So one
entry is

    wrong.formulas()(Floats(dtype))            a "break it" switch: what a program with it computes
    wrong.formulas()(RunningError(dtype, …))   the same with bounds: does it explain what is seen?
    implementation(wrong)                      a wrong implementation of the conformance protocol

where `wrong` is one of `MISTAKES[name].variants()`: the mistake at some of its `sites` (tables or
update rules; anywhere if there are none), with some of its `options`, keywords of the pieces.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from npcf.verify.formulas import Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes.patching import Patch, plain_with
from npcf.verify.mistakes.pieces import FUNCTIONS_OF, STAGE_OF, STAGES

Change = Callable[..., Any]
Sites = tuple[str, ...]
EVERYWHERE: Sites = ()


@dataclass(frozen=True)
class Mistake:
    """What somebody may get wrong.

    Attributes
    ----------
    name : str
        A word to find it by.
    stage : str
        Where a check that goes from data to training sees it first, one of `STAGES`.
    sentence : str
        What is wrong, in plain English.
    cure : str
        What to write instead.
    pieces : mapping of str to callable
        Pieces of the right program, and what stands in their place.
    sites : tuple of tuples of str
        Where it is made: groups of tables ("user_bias", …) or update rules ("adam", …).
    options : tuple of mappings
        Keywords of the pieces, one mapping for each form of the mistake.
    patch : Patch or None
        Where no piece fits, a change of the plain example's text.
    live : bool
        Only a live program can make it (its gradients may be absent, its ids raise): it is there
        to be diagnosed, and is no mutant of the suite.
    """

    name: str
    stage: str
    sentence: str
    cure: str
    pieces: Mapping[str, Change] = field(default_factory=dict)
    sites: tuple[Sites, ...] = (EVERYWHERE,)
    options: tuple[Mapping[str, Any], ...] = ({},)
    patch: Patch | None = None
    live: bool = False

    def __reduce__(self) -> tuple[Callable[[str], "Mistake"], tuple[str]]:
        return _found, (self.name,)  # functions without a name cannot be pickled

    @property
    def functions(self) -> set[str]:
        """The functions of the conformance protocol in which it is seen first."""
        if self.patch:
            return self.patch.functions()
        return {name for piece in self.pieces for name in FUNCTIONS_OF[piece]}

    def variants(self) -> list["Wrong"]:
        """Return the mistake at each of its sites, with each of its options."""
        return [Wrong(self, sites, options) for sites in self.sites for options in self.options]


class Wrong(NamedTuple):
    """A mistake as somebody made it: at these sites (anywhere if none), with these options."""

    mistake: Mistake
    sites: Sites = EVERYWHERE
    options: Mapping[str, Any] = {}

    @property
    def name(self) -> str:
        """The mistake's name, and what tells this variant from the others."""
        words = [getattr(value, "__name__", str(value)) for value in self.options.values()]
        if len(self.mistake.sites) > 1:
            words = ["+".join(self.sites) or "everywhere", *words]
        return self.mistake.name + (f"[{', '.join(words)}]" if words else "")

    def formulas(self, base: type[Formulas] = Formulas) -> type[Formulas]:
        """Return the formulas with this mistake; with `base`, one mistake more than it has."""
        return self._bent(base)

    def loop(self, base: type[Loop] = Loop) -> type[Loop]:
        """Return the training loop with this mistake."""
        return self._bent(base)

    def replaced(self) -> dict[str, Change]:
        """Return what stands in the place of functions of the plain example."""
        right, pieces = _right(), self.mistake.pieces
        return {name: self._given(change, right, name) for name, change in pieces.items()
                if STAGE_OF[name] in ("data", "schedule", "files")}  # fmt: skip

    def _given(self, change: Change, right: Any, name: str) -> Change:
        signature = inspect.signature(getattr(right, name))

        def call(*args: Any, **kwargs: Any) -> Any:
            return change(right, *signature.bind(*args, **kwargs).args, **self.options)

        return call

    def _bent(self, base: type) -> type:
        def method(change: Change) -> Change:
            return lambda self_, *args, **kwargs: change(
                _within(base, self_), *args, **kwargs, **self.options
            )

        body: dict[str, Any] = {
            name: method(change)
            for name, change in self.mistake.pieces.items()
            if hasattr(base, name)
        }
        if self.sites and body:
            body["at"] = lambda self_, site: (
                _as(type(self_), self_, site) if site in self.sites else _as(base, self_).at(site)
            )
        return type(f"Wrong{base.__name__}", (base,), body) if body else base


@cache
def _right() -> Any:
    return plain_with(None, {})


def _as(cls: type, one: Any, site: str | None = None) -> Any:
    """Return an object of `cls` with the attributes of `one`, at a site."""
    other: Any = object.__new__(cls)
    vars(other).update(vars(one))
    if site is not None:
        other.site = site
    return other


def _within(base: type, one: Any) -> Any:
    """Return what a piece is to use of `base`: at the same site, which may have other mistakes."""
    inner, site = _as(base, one), vars(one).get("site")
    return inner if site is None else inner.at(site)


MISTAKES: dict[str, Mistake] = {}


def mistake(
    name: str,
    sentence: str,
    cure: str,
    *,
    sites: tuple[Sites, ...] = (EVERYWHERE,),
    options: tuple[Mapping[str, Any], ...] = ({},),
    live: bool = False,
    **pieces: Change,
) -> None:
    """Enter a mistake in the catalogue."""
    stage = min((STAGE_OF[piece] for piece in pieces), key=STAGES.index)
    _enter(Mistake(name, stage, sentence, cure, pieces, sites, options, None, live))


def patched(
    name: str, sentence: str, cure: str, file: str, old: str, new: str, **pieces: Change
) -> None:
    """Enter a mistake that is a change of the plain example's text; live programs have `pieces`."""
    _enter(Mistake(name, "contract", sentence, cure, pieces, patch=Patch(file, old, new)))


def _found(name: str) -> Mistake:
    return MISTAKES[name]


def _enter(entry: Mistake) -> None:
    if entry.name in MISTAKES:
        raise ValueError(f"two mistakes are called {entry.name}")
    MISTAKES[entry.name] = entry


def clip(f: Any, x: Any, low: float, high: float) -> Any:
    """Return x kept within [low, high]."""
    return -f.n.maximum(-f.n.maximum(x, low), -high)
