"""Whether a program explains what was seen at a stage."""

import numpy as np

from npcf.crosscheck.candidates import WHOLE
from npcf.crosscheck.compact import compact
from npcf.crosscheck.evidence import Evidence, Raised
from npcf.crosscheck.predict import STAGES as PREDICTED
from npcf.crosscheck.predict import Pair
from npcf.crosscheck.program import Program, arithmetic
from npcf.crosscheck.shares import shaped, shares
from npcf.foreign import SAID
from npcf.verify.floats import Floats
from npcf.verify.precision import quiet

ORDINARY, MET = 16.0, 0.2  # units of rounding; a share of the entries that a rounding changes
NEAR, MOST = 0.02, 0.6  # what a float evaluation must be near to, in so many of the entries


class Explaining:
    """One evidence, and whether programs explain it.

    Parameters
    ----------
    whole : Evidence
        With all rows; programs are held against `evidence`, which has those that matter.
    """

    def __init__(self, whole: Evidence):
        self.whole, self.evidence = whole, compact(whole)
        self.n, self.floats = arithmetic(self.evidence), Floats(np.float64)

    @quiet
    def explains(self, program: Program, stage: str, loose: float = 0.0) -> bool:
        """Whether everything seen is as predicted, and the prediction says enough.

        What may be anything explains nothing: half of the predicted entries must be finite.
        """
        known = total = claimed = 0
        try:
            for pair in PREDICTED[stage](program, self._of(program), self.n):
                share = shares(pair, loose)
                if share.size and not share.max() <= 1:
                    return False
                if hasattr(pair.predicted, "tolerance"):
                    value, tolerance = pair.predicted.value, pair.predicted.tolerance
                    sure = np.isfinite(tolerance) & np.isfinite(value)
                    known, total = known + int(sure.sum()), total + sure.size
                    total -= int(np.isnan(value).sum())  # so is what was seen
                    claimed += int(np.isnan(value).sum())
        except FAILS:
            return False
        return 2 * known >= total and 8 * known >= claimed

    def _of(self, program: Program) -> Evidence:
        """Return the evidence that a program is held against."""
        names = {wrong.mistake.name for wrong in (*program.wrongs, *program.own)}
        return self.whole if names & WHOLE else self.evidence

    @quiet
    def near(self, program: Program, stage: str) -> bool:
        """Whether a float evaluation is anywhere near: a quick look before the bounds."""
        try:
            pairs = PREDICTED[stage](program, self._of(program), self.floats)
            return all(map(_alike, pairs))
        except FAILS:
            return False

    @quiet
    def rounded(self, without: Program, program: Program, stage: str) -> bool:
        """Whether numbers lie where rounding puts them, and not just anywhere near.

        The bound of a rounding admits any small error.  So its own evaluation in floats must give
        what is seen, up to roundings of the model's dtype, in some of the entries that it changes.
        """
        met = changed = 0
        try:
            both = without, program
            pairs = (PREDICTED[stage](one, self.evidence, self.floats) for one in both)
            for right, rounded in zip(*pairs, strict=True):
                if isinstance(rounded.seen, Raised | tuple) or rounded.seen is None:
                    continue
                new, old = (np.asarray(x.predicted, np.float64) for x in (rounded, right))
                seen = shaped(rounded.seen, new.shape)
                fine = ORDINARY * self.n.precision.u * np.abs(new)
                there = np.abs(new - old) > 4 * fine
                met = met + int((there & (np.abs(seen - new) <= fine)).sum())
                changed += int(there.sum())
        except FAILS:
            return False
        return changed > 0 and met >= MET * changed


FAILS = SAID  # a mistake that cannot be made here explains nothing, however it fails


def _alike(pair: Pair) -> bool:
    seen, predicted = pair.seen, pair.predicted
    if isinstance(seen, Raised | tuple) or isinstance(predicted, Raised):
        return bool((shares(pair) <= 1).all())
    if seen is None or predicted is None:
        return seen is predicted
    predicted = np.asarray(predicted, np.float64)
    seen = shaped(seen, predicted.shape)
    if seen is None:
        return False
    if pair.before is None:
        size = np.abs(predicted).max(initial=0.0)
    else:
        size = np.abs(predicted - pair.before).max(initial=0.0)
    near = ~(np.abs(seen - predicted) > NEAR * size + 1e-6 * np.abs(predicted))
    start = 0.0 if pair.before is None else pair.before
    near = near[(seen != start) | (predicted != start)]  # most rows are in no batch
    return bool(near.mean() >= MOST) if near.size else True
