"""Wrong programs, one room for each subject; importing a room enters its programs."""

from compare.crosscheck.program import PROGRAMS
from compare.crosscheck.programs import (  # noqa: F401  (each enters its programs)
    adam_by_hand,
    biases,
    configured,
    contracts,
    dots,
    functions,
    groups,
    lookups,
    loops,
    loops_of_losses,
    losses,
    moments_by_hand,
    ranges,
    rmsprop_by_hand,
    scatters,
    sgd_by_hand,
    step_counts,
)

__all__ = ["PROGRAMS"]
