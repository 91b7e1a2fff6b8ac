"""Exception types and argument validation."""
# isort: skip_file (one name a line)

from npcf.errors.arrays import (
    FLOAT_DTYPES as FLOAT_DTYPES,
)
from npcf.errors.arrays import (
    as_array as as_array,
)
from npcf.errors.arrays import (
    no_numbers as no_numbers,
)
from npcf.errors.arrays import (
    require_dtype as require_dtype,
)
from npcf.errors.arrays import (
    require_floats as require_floats,
)
from npcf.errors.arrays import (
    require_gradient as require_gradient,
)
from npcf.errors.arrays import (
    require_grads as require_grads,
)
from npcf.errors.arrays import (
    require_ids as require_ids,
)
from npcf.errors.arrays import (
    require_padding_idx as require_padding_idx,
)
from npcf.errors.arrays import (
    require_params as require_params,
)
from npcf.errors.arrays import (
    require_real as require_real,
)
from npcf.errors.arrays import (
    require_same_dtype as require_same_dtype,
)
from npcf.errors.arrays import (
    require_same_shape as require_same_shape,
)
from npcf.errors.arrays import (
    require_tables as require_tables,
)
from npcf.errors.arrays import (
    require_trainable as require_trainable,
)
from npcf.errors.settings import (
    LARGEST_COUNT as LARGEST_COUNT,
)
from npcf.errors.settings import (
    optional_rng as optional_rng,
)
from npcf.errors.settings import (
    refuse_option as refuse_option,
)
from npcf.errors.settings import (
    require_choice as require_choice,
)
from npcf.errors.settings import (
    require_count as require_count,
)
from npcf.errors.settings import (
    require_members as require_members,
)
from npcf.errors.settings import (
    require_number as require_number,
)
from npcf.errors.settings import (
    require_pair as require_pair,
)
from npcf.errors.settings import (
    require_rng as require_rng,
)
from npcf.errors.settings import (
    require_type as require_type,
)
from npcf.errors.settings import (
    spell_checked as spell_checked,
)
from npcf.errors.types import (
    DataError as DataError,
)
from npcf.errors.types import (
    DivergenceError as DivergenceError,
)
from npcf.errors.types import (
    DTypeError as DTypeError,
)
from npcf.errors.types import (
    EmptyBatchError as EmptyBatchError,
)
from npcf.errors.types import (
    IdRangeError as IdRangeError,
)
from npcf.errors.types import (
    NpcfError as NpcfError,
)
from npcf.errors.types import (
    RangeWarning as RangeWarning,
)
from npcf.errors.types import (
    SettingError as SettingError,
)
from npcf.errors.types import (
    ShapeError as ShapeError,
)
from npcf.errors.types import (
    UnknownIdError as UnknownIdError,
)
from npcf.errors.types import (
    UsageError as UsageError,
)
from npcf.errors.types import (
    WriteError as WriteError,
)
