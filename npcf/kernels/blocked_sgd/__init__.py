"""SGD one rating at a time: the classical rule of Funk, at the speed of the memory.

Read in this order; each module says what it does before how.

    reference   the rule: one rating, one step, in plain NumPy, any float dtype
    row_step    the dot product and the update of two rows, in vector instructions
    sgd_loop    the compiled loop over a stretch of ratings, and predictions
    shuffle     ratings reordered in place, by a generator that compiled loops can call
    tiles       which users and items are trained together: strata and tiles, rows relabelled
    given       the ratings as they come, checked chunk by chunk
    stored      the same in the order of tiles, 12 bytes each
    tables      tables as the loops take them, loading, predictions
    validate    checks before each epoch and each prediction
    pool        jobs on one thread or several, results in order, polling for cancellation
    trainer     one epoch over all tiles, on as many threads as are given

Everything below `reference` computes the same rule in float32 within rounding.  What is new is the
*order* of the ratings.  Any order is lawful, since SGD draws it at random; a good one keeps the
rows that it works on in the cache, and makes stretches that share no row, which threads may take
at the same time.  The order depends on the ratings and the seed, never on the threads: the same
bits on 1, 2, 4 or 8.
"""

from npcf.kernels.blocked_sgd.reference import LOSSES, Rule, per_rating_epoch, per_rating_step
from npcf.kernels.blocked_sgd.tiles import Blocks
from npcf.kernels.blocked_sgd.trainer import Trainer

__all__ = ["LOSSES", "Blocks", "Rule", "Trainer", "per_rating_epoch", "per_rating_step"]
