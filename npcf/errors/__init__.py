"""Exception types and argument validation."""

# isort: skip_file
from npcf.errors.arrays import (
    FLOAT_DTYPES as FLOAT_DTYPES,
    as_array as as_array,
    no_numbers as no_numbers,
    require_dtype as require_dtype,
    require_floats as require_floats,
    require_gradient as require_gradient,
    require_grads as require_grads,
    require_ids as require_ids,
    require_padding_idx as require_padding_idx,
    require_params as require_params,
    require_real as require_real,
    require_same_dtype as require_same_dtype,
    require_same_shape as require_same_shape,
    require_tables as require_tables,
    require_trainable as require_trainable,
)
from npcf.errors.settings import (
    LARGEST_COUNT as LARGEST_COUNT,
    optional_flag as optional_flag,
    optional_rng as optional_rng,
    refuse_option as refuse_option,
    require_choice as require_choice,
    require_count as require_count,
    require_flag as require_flag,
    require_members as require_members,
    require_number as require_number,
    require_pair as require_pair,
    require_rng as require_rng,
    require_type as require_type,
    spell_checked as spell_checked,
)
from npcf.errors.types import (
    DataError as DataError,
    DivergenceError as DivergenceError,
    DTypeError as DTypeError,
    EmptyBatchError as EmptyBatchError,
    IdRangeError as IdRangeError,
    NpcfError as NpcfError,
    RangeWarning as RangeWarning,
    SettingError as SettingError,
    ShapeError as ShapeError,
    UnknownIdError as UnknownIdError,
    UsageError as UsageError,
    WriteError as WriteError,
)
