"""Hypothesis strategies in which the hard case is the common one.

Tables have few rows and batches many draws, so that repeated and absent rows are usual; users and
items never share a table size, so that exchanged ids show; ranges do not start at zero; some
numbers have few digits, to be read, and most have all that their dtype holds, to be rounded.  All
are bounded, so that a failure means a bug and not an overflow; the exceptions say so in their name
(`hostile_…`).  Needs the extra `verify` (Hypothesis); `npcf.verify` itself does not import this
package.
"""

from typing import TYPE_CHECKING

from npcf.suggestions import suggesting
from npcf.verify.strategies.frames import ratings_frames
from npcf.verify.strategies.layers import (
    BatchNormInput,
    DropoutInput,
    LinearInput,
    SideBySide,
    UnitInput,
    batch_norm_inputs,
    dropout_inputs,
    linear_inputs,
    sides,
    unit_inputs,
)
from npcf.verify.strategies.operations import (
    BiasInput,
    LossInput,
    RangeInput,
    bias_inputs,
    loss_inputs,
    range_inputs,
    y_ranges,
)
from npcf.verify.strategies.optimizers import (
    AdamStep,
    SGDStep,
    adam_settings,
    adam_steps,
    decays,
    rates,
    sgd_settings,
    sgd_steps,
)
from npcf.verify.strategies.problems import Problem, hostile_problems, problems
from npcf.verify.strategies.runs import EpochInput, Run, epochs, runs
from npcf.verify.strategies.schedules import Schedule, schedules
from npcf.verify.strategies.source import LIMIT
from npcf.verify.strategies.tables import Lookup, RowPairs, lookups, row_pairs
from npcf.verify.strategies.values import (
    DTYPES,
    LAYOUTS,
    dtypes,
    lay_out,
    layouts,
    special_numbers,
    values,
    vectors,
)

__all__ = [
    "DTYPES",
    "LAYOUTS",
    "LIMIT",
    "AdamStep",
    "BatchNormInput",
    "BiasInput",
    "DropoutInput",
    "EpochInput",
    "LinearInput",
    "Lookup",
    "LossInput",
    "Problem",
    "RangeInput",
    "RowPairs",
    "Run",
    "SGDStep",
    "Schedule",
    "SideBySide",
    "UnitInput",
    "adam_settings",
    "adam_steps",
    "batch_norm_inputs",
    "bias_inputs",
    "decays",
    "dropout_inputs",
    "dtypes",
    "epochs",
    "hostile_problems",
    "lay_out",
    "layouts",
    "linear_inputs",
    "lookups",
    "loss_inputs",
    "problems",
    "range_inputs",
    "rates",
    "ratings_frames",
    "row_pairs",
    "runs",
    "schedules",
    "sgd_settings",
    "sgd_steps",
    "sides",
    "special_numbers",
    "unit_inputs",
    "values",
    "vectors",
    "y_ranges",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__, {"Epoch": "EpochInput"})
