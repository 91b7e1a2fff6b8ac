"""Is each stage what the mathematics says?  The right program's prediction, with its tolerance."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import TABLES, Evidence, Raised
from npcf.crosscheck.meant import meant_rates
from npcf.crosscheck.numeric_facts import facts_of
from npcf.crosscheck.predict import Pair, losses, outputs, trained
from npcf.crosscheck.program import RIGHT as RIGHT_PROGRAM
from npcf.crosscheck.program import arithmetic
from npcf.crosscheck.right_pairs import right_gradients, right_steps, right_training, rows_of
from npcf.crosscheck.shares import shaped, shares
from npcf.crosscheck.verdict import NOT_SEEN, RIGHT, STAGES, SUSPICIOUS, WRONG, Stage, Worst

BOUND = 0.5  # of the tolerance: no right program lies farther from an exact value than the bound
LOOSE = 32.0  # units of rounding within which another rate explains a step


def judge(evidence: Evidence) -> list[Stage]:
    """Return all stages in order, each with its verdict.

    Parameters
    ----------
    evidence : Evidence
        What was seen of a subject.

    Returns
    -------
    list of Stage
        One for each of `verdict.STAGES`.  "step" holds the optimiser's own steps and the training
        steps; these are held against "schedule" where the first of them is right and later ones
        differ by their learning rate alone.
    """
    n = arithmetic(evidence)
    found = {
        "output": list(outputs(RIGHT_PROGRAM, evidence, n)),
        "loss": list(losses(RIGHT_PROGRAM, evidence, n)),
        "gradient": list(right_gradients(evidence, n)),
        "step": list(right_steps(evidence, n)),
    }
    own = right_training(evidence, n)
    first = next(_by_step(own), [])
    later = own[len(first) :]
    rates = None if _right(later) or not _right(first) else _other_rates(evidence, n)
    found["step"] += first if rates else own
    found["schedule"] = later
    return [_stage(name, found.get(name, []), evidence, rates) for name in STAGES]


def _right(pairs: Iterable[Pair], loose: float = 0.0) -> bool:
    return all((shares(pair, loose) <= 1).all() for pair in pairs)


# -- one stage -------------------------------------------------------------------------------------


def _stage(name: str, pairs: list[Pair], evidence: Evidence, rates: list[float] | None) -> Stage:
    """Return a stage's verdict from its numbers and its facts."""
    if name == "schedule":
        return _schedule(pairs, evidence, rates)
    facts = [fact for fact in evidence.facts if fact.stage == name]
    worst, share, count, off = _worst(pairs, evidence)
    bound = BOUND if np.dtype(evidence.dtype) != np.float64 else 1.0  # predictions are float64
    if share > 1 or any(fact.wrong for fact in facts):
        verdict = WRONG
    elif share > bound or facts:
        verdict = SUSPICIOUS
    else:
        verdict = RIGHT if pairs or name in evidence.looked_at else NOT_SEEN
    message = " ".join(fact.sentence for fact in sorted(facts, key=lambda fact: not fact.wrong))
    hints: tuple[str, ...] = ()
    if share > 1 and worst is not None:
        pair, place = worst
        message = message or _sentence(pair, place, share, off, count)
        hints = facts_of(pairs, evidence)
    elif share > bound:
        message = message or (
            f"within the tolerance, but {2 * share:.2g} times as far off as rounding goes"
        )
    return Stage(name, verdict, share, count, _entry(worst), message, hints)


def _worst(pairs: Iterable[Pair], evidence: Evidence) -> tuple[Any, float, int, int]:
    """Return ((pair, place), its share, how many entries were compared, how many are off)."""
    worst, top, count, off = None, -1.0, 0, 0
    for pair in pairs:
        share = shares(pair)
        rows = 1 if pair.rows is None or not len(pair.rows) else len(pair.rows)
        whole = 1 if pair.rows is None else rows_of(pair.what, evidence)
        count, off = count + share.size * whole // rows, off + int((share > 1).sum())
        if share.size and float(share.max()) > top:
            top = float(share.max())
            worst = pair, np.unravel_index(int(share.argmax()), share.shape)
    return worst, max(top, 0.0), count, off


def _entry(worst: Any) -> Worst | None:
    """Return the entry that is farthest off, by name."""
    if worst is None:
        return None
    pair, place = worst
    if isinstance(pair.seen, Raised | tuple) or isinstance(pair.predicted, Raised):
        return None
    if pair.seen is None or pair.predicted is None:
        return None
    seen = shaped(pair.seen, pair.predicted.shape)
    if seen is None:
        return None
    where = f"{pair.where}, {_place(pair, place)}"
    predicted = pair.predicted
    numbers = seen[place], predicted.value[place], predicted.tolerance[place]
    return Worst(where, *(float(number) for number in numbers))


def _place(pair: Pair, place: tuple[Any, ...]) -> str:
    """Return in words which entry of a result is meant."""
    what = pair.what
    if what not in TABLES:
        return f"{what} of rating {place[0]}" if place else what
    side = "user" if what.startswith("user") else "item"
    row = place[0] if pair.rows is None else pair.rows[place[0]]
    return f"{what} of {side} {row}" + (f", factor {place[1]}" if len(place) > 1 else "")


def _sentence(pair: Pair, place: Any, share: float, off: int, count: int) -> str:
    """Say what was seen."""
    seen, predicted = pair.seen, pair.predicted
    if isinstance(seen, Raised):
        return f"{pair.where}: {seen.kind}: {seen.message}"
    if isinstance(seen, tuple):
        return f"{pair.where}: the forward pass changes {pair.what} in place"
    if seen is None:
        return f"{pair.where}: {pair.what} has no gradient (None)"
    if predicted is None or isinstance(predicted, Raised):
        return f"{pair.where}: {pair.what} was not expected to change"
    if np.isinf(share) and shaped(seen, predicted.shape) is None:
        return f"{pair.where}: {pair.what} has shape {np.shape(seen)}, not {predicted.shape}"
    value, expected = np.asarray(shaped(seen, predicted.shape))[place], predicted.value[place]
    return (
        f"{off:,} of {count:,} entries are off; {pair.where}, {_place(pair, place)} is "
        f"{value:.9g}, not {expected:.9g}"
    )


# -- the schedule ----------------------------------------------------------------------------------


def _schedule(pairs: list[Pair], evidence: Evidence, rates: list[float] | None) -> Stage:
    """Return the verdict of the schedule; `rates` are the learning rates that explain the steps."""
    facts = [fact for fact in evidence.facts if fact.stage == "schedule"]
    message = " ".join(fact.sentence for fact in facts)
    if rates is None:
        right = pairs and _right(pairs)
        verdict = WRONG if any(f.wrong for f in facts) else RIGHT if right else NOT_SEEN
        return Stage("schedule", verdict, message=message)
    worst, share, count, _ = _worst(pairs, evidence)
    meant = meant_rates(evidence)
    hints = tuple(
        f"step {t + 1} has the rate {rate:.6g}, not {other:.6g}"
        for t, (rate, other) in enumerate(zip(rates, meant, strict=False)) if rate != other
    )  # fmt: skip
    said = message or "the first training step is right; later ones differ by their rate alone"
    return Stage("schedule", WRONG, share, count, _entry(worst), said, hints)


def _other_rates(evidence: Evidence, n: Any) -> list[float] | None:
    """Return the rates with which the right program takes the steps that were seen, if any do."""
    rates = meant_rates(evidence)
    for t, pairs in enumerate(_by_step(trained(RIGHT_PROGRAM, evidence, n))):
        if _right(pairs):
            continue
        factor = ratio_of_moves(pairs)
        if factor is None:
            return None
        rates[t] *= factor
    return rates if _right(trained(RIGHT_PROGRAM, evidence, n, rates), LOOSE) else None


def _by_step(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Return the pairs of each training step."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.where.partition(",")[0], []).append(pair)
    yield from groups.values()


def ratio_of_moves(pairs: Iterable[Pair]) -> float | None:
    """Return by what factor tables moved farther than predicted, by least squares."""
    top = bottom = 0.0
    for pair in pairs:
        if pair.before is None or isinstance(pair.seen, Raised):
            continue
        value = getattr(pair.predicted, "value", pair.predicted)
        move = value - np.asarray(pair.before, np.float64)
        top += float((move * (np.asarray(pair.seen, np.float64) - pair.before)).sum())
        bottom += float((move * move).sum())
    factor = top / bottom if bottom else np.nan
    return factor if np.isfinite(factor) else None
