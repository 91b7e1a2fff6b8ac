"""A tutorial's own batch: square tables, each id once, a range from 0, one step from nothing.

Nothing about it was designed to tell mistakes apart; that is left to the check's own probes.
"""

import torch

from compare.crosscheck.program import PROGRAMS, Program, Setting
from compare.crosscheck.scoring import Outcome, outcome

SETTING = Setting("tutorial", 16, 16, 5, 16, (0.0, 5.5))


def programs() -> list[Program]:
    """Return those that make sense at these sizes."""
    small = [p for p in PROGRAMS.values() if torch.float32 in p.dtypes and "small" in p.sizes]
    return [p for p in small if p.name != "size_of_the_users"]  # here it is that of the items, too


def natural(program: Program) -> Outcome:
    """Return the outcome on the tutorial's batch."""
    case = program.make(SETTING)
    case["users"], case["items"] = torch.arange(16), torch.arange(16).flip(0)
    if "steps" in case and "step" in case:
        case["steps"] = 1
    return outcome(program.name, "tutorial", (program.right,), program.stages, case)
