"""Parameters of a mistake, fitted to what was seen: another range, rate or decay.

Gauss and Newton's method over plain floats, on a part of the evidence; the numbers found are
rounded to few digits, because people write few.  Whether one explains anything is decided as for
any other candidate.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npcf.crosscheck.candidates import Candidate, decays, made
from npcf.crosscheck.evidence import Evidence, Raised
from npcf.crosscheck.least_squares import least_squares
from npcf.crosscheck.likely_numbers import Numbers, few_digits, limit_and_scale, or_none
from npcf.crosscheck.predict import STAGES
from npcf.crosscheck.program import Program
from npcf.crosscheck.shares import shaped
from npcf.verify.floats import Floats
from npcf.verify.mistakes.forms import FACTORS, IF, UF
from npcf.verify.precision import quiet

FITTED = 1.3  # the cost of a fitted parameter
FACTORS_OF = ("another_rate", "gradient_scaled", "gradients_scaled", "step_scaled", "loss_scaled")
LEAST = {"l2_in_the_loss": 1e-6} | dict.fromkeys(FACTORS_OF, 1e-6)  # 0 has names of its own

SMALL = 1e-6
ENTRIES = 500  # of each result, spread over it, say enough of one or two numbers


@dataclass(frozen=True)
class Fit:
    """A mistake with parameters.

    Attributes
    ----------
    name : str
        Of the mistake.
    start : callable
        Evidence to where the search begins, or None where the mistake makes no sense.
    options : callable
        Numbers to the mistake's options.
    positive : bool
        The logarithm is fitted.
    sites : tuple of str
        Where it is made.
    likely : callable
        What was fitted to what people write: rounded to few digits, and to more.
    """

    name: str
    start: Callable[[Evidence], Numbers | None]
    options: Callable[..., Mapping[str, Any]]
    positive: bool = False
    sites: tuple[str, ...] = ()
    likely: Callable[[Numbers], Iterator[tuple[Numbers, int]]] = few_digits


def setting(key: str, least: float = 0.0) -> Callable[[Evidence], Numbers | None]:
    """Start at the setting that was meant; where there is none, at `least`."""

    def start(evidence: Evidence) -> Numbers | None:
        meant: Any = evidence.intended
        value = meant.settings.get(key, 0.0) or least
        return (float(value),) if value else None

    return start


def beta(place: int) -> Callable[[Evidence], Numbers | None]:
    """Start at 1 - beta, whose logarithm is fitted."""

    def start(evidence: Evidence) -> Numbers | None:
        meant: Any = evidence.intended
        betas = meant.settings.get("betas", (0.9, 0.999))
        return (1 - betas[place],) if meant.rule == "adam" else None

    return start


def at(*numbers: float) -> Callable[[Evidence], Numbers | None]:
    """Start at these numbers."""
    return lambda evidence: numbers


def beside_decay(evidence: Evidence) -> Numbers | None:
    """Start at 1 if there is decoupled decay: without, it is another rate."""
    meant: Any = evidence.intended
    return (1.0,) if decays(meant.settings, True) else None


def no_decay_meant(evidence: Evidence) -> Numbers | None:
    """Start at AdamW's default if there is to be no decay."""
    meant: Any = evidence.intended
    plain = meant.settings.get("weight_decay") or meant.rule in ("sgd", "sparse_adam")
    return None if plain else (0.01,)


def below_all(evidence: Evidence) -> Numbers | None:
    """Start where all is clipped: moves are linear in the limit, unless a rule divides by sizes."""
    return (SMALL if evidence.intended and evidence.intended.rule == "sgd" else 0.1,)


def ranged(number: float, with_range: bool) -> Callable[[Evidence], Numbers | None]:
    """Start there if there is a range, or if there is none."""
    return lambda e: (number,) if (e.y_range is not None) == with_range else None


FITS: Mapping[str, tuple[Fit, ...]] = {
    "output": (
        Fit("another_range", lambda e: e.y_range, lambda low, high: {"to": (low, high)},
            likely=or_none),
        Fit("mean_beside_the_range", ranged(0.0, True), lambda c: {"constant": c}),
        Fit("batch_mean_added", at(0.01), lambda c: {"constant": c}),
        Fit("prediction_scaled", ranged(1.0, False), lambda c: {"factor": c}),
    ),
    "loss": (
        Fit("loss_scaled", at(1.0), lambda c: {"factor": c}),
        Fit("loss_by_a_constant", at(10.0), lambda c: {"size": c}, True),
        Fit("ratings_shifted", at(0.0), lambda c: {"by": c}),
        Fit("ratings_scaled", at(1.0), lambda c: {"factor": c}),
    ),
    "gradient": (
        *(Fit("gradient_scaled", at(1.0), lambda c: {"factor": c}, False, sites)
          for sites in (UF, IF, FACTORS, ())),
        Fit("gradients_clamped", at(SMALL), lambda c: {"limit": c}),
        Fit("range_gradient_shifted", at(0.0), lambda c: {"shift": c}),
    ),
    "step": (
        Fit("another_rate", at(1.0), lambda c: {"factor": c}),
        Fit("another_weight_decay", setting("weight_decay", 1e-2),
            lambda wd: {"weight_decay": wd}, likely=or_none),
        Fit("another_weight_decay", no_decay_meant,
            lambda wd: {"weight_decay": wd, "decoupled": True}, likely=or_none),
        Fit("another_momentum", setting("momentum"), lambda mu: {"momentum": mu},
            likely=or_none),
        Fit("another_beta1", beta(0), lambda rest: {"beta1": 1 - rest}, True),
        Fit("another_beta2", beta(1), lambda rest: {"beta2": 1 - rest}, True),
        Fit("another_eps", setting("eps"), lambda eps: {"eps": eps}, True),
        Fit("step_scaled", beside_decay, lambda c: {"factor": c}),
    ),
    "trained": (
        Fit("gradient_norm_clipped", below_all, lambda c: {"limit": c}),
        Fit("clipped_before_unscaling", below_all,
            lambda c, scale=1.0: {"limit": c, "scale": scale}, likely=limit_and_scale),
        Fit("gradient_values_clipped", below_all, lambda c: {"limit": c}),
        Fit("l2_in_the_loss", at(0.01), lambda c: {"on": "tables", "c": c}),
        Fit("l2_in_the_loss", at(0.01), lambda c: {"on": "factors", "c": c}),
        Fit("rate_decays_each_step", at(0.9), lambda c: {"factor": c}, True),
        Fit("gradients_scaled", at(1.0), lambda c: {"factor": c}),
    ),
}  # fmt: skip


def part(evidence: Evidence, stage: str) -> Evidence:
    """Return as much of the evidence as a fit needs."""
    if stage == "step":
        few = [
            replace(stepped, gradients=stepped.gradients[:2], tables=stepped.tables[:3])
            for stepped in evidence.stepped[:1]
        ]
        return replace(evidence, stepped=few)
    if stage == "trained" and evidence.trained is not None:
        seen = evidence.trained
        return replace(evidence, trained=replace(seen, tables=seen.tables[:4]))
    return replace(evidence, seen=evidence.seen[:2])


def fits(
    stage: str, program: Program, evidence: Evidence, own: bool, catalogue: Collection[str],
    of: str = "",
) -> Iterator[Candidate]:  # fmt: skip
    """Return what can be fitted at a stage, beside the mistakes that a program has already.

    `of` is the stage whose mistakes are fitted, if it is another one.
    """
    small = part(evidence, stage)
    for fit in FITS[of or stage]:
        if fit.name in catalogue and (start := fit.start(evidence)) is not None:
            yield from _fitted(fit, start, stage, program, small, own)


def with_mistake(program: Program, candidate: Candidate, own: bool) -> Program:
    """Return the program with one mistake more."""
    if own:
        return Program(program.wrongs, (*program.own, candidate.wrong))
    return Program((*program.wrongs, candidate.wrong), program.own)


def _fitted(
    fit: Fit, start: Numbers, stage: str, program: Program, evidence: Evidence, own: bool
) -> Iterator[Candidate]:
    """Return the mistake with the numbers that fit best, rounded to few digits and to more."""

    def candidate(numbers: Any) -> Candidate:
        return Candidate(made(fit.name, fit.sites, fit.options(*numbers)), FITTED)

    @quiet
    def numbers(x: Any) -> list[float]:
        return [float(v) for v in (np.exp(x) if fit.positive else x)]

    @quiet
    def residuals(x: Any) -> Any:
        changed = with_mistake(program, candidate(numbers(x)), own)
        try:
            return _residuals(STAGES[stage](changed, evidence, Floats(np.float64)))
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
            return None

    x = np.log(start) if fit.positive else np.array(start, float)
    found = least_squares(residuals, x)
    if found is None:
        return
    told = set()
    for rounded, digits in fit.likely(tuple(numbers(found))):
        if rounded not in told and max(map(abs, rounded)) >= LEAST.get(fit.name, 0.0):
            told.add(rounded)
            made_so = candidate(rounded)
            yield made_so._replace(cost=made_so.cost + 0.01 * digits)


def _residuals(pairs: Any) -> Any:
    """Return predicted - seen, each result in units of its own size or of the size of its move."""
    parts = []
    for pair in pairs:
        if isinstance(pair.seen, Raised | tuple) or isinstance(pair.predicted, Raised):
            return None
        if pair.seen is None or pair.predicted is None:
            continue
        predicted = np.asarray(pair.predicted, np.float64)
        seen = shaped(pair.seen, predicted.shape)
        if seen is None:
            return None
        size = np.abs(seen if pair.before is None else seen - pair.before).max(initial=0.0)
        part = ((predicted - seen) / (size or 1.0)).ravel()
        parts.append(part[:: 1 + part.size // ENTRIES])
    return np.concatenate(parts) if parts else None
