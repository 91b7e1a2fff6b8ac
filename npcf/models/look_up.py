"""A lookup whose errors name what the caller passed: `users`, and the table of `params`."""

from types import ModuleType
from typing import Any

from npcf._types import FloatArray, Params
from npcf.errors import NpcfError, require_floats, require_ids, require_members
from npcf.ops import EmbeddingCache

OPERATIONS = tuple(
    f"{operation}_{way}"
    for operation in ("embedding", "row_dot", "bias", "sigmoid_range", "mse")
    for way in ("forward", "backward")
)


def require_backend(backend: Any) -> ModuleType:
    """Return `backend` if it has the operations of models, or raise."""
    cure = "Pass a module: backend=npcf.ops, or npcf.kernels."
    found: ModuleType = require_members("backend", backend, OPERATIONS, cure)
    return found


def look_up(
    backend: ModuleType, params: Params, name: str, argument: str, ids: Any
) -> tuple[FloatArray, EmbeddingCache]:
    """Return `embedding_forward` of the table `name` at `ids`, which the caller calls `argument`.

    The operation knows them as weight and ids.  Its error is found again under the caller's names,
    so that a lookup that goes well is checked once.
    """
    try:
        found: tuple[FloatArray, EmbeddingCache] = backend.embedding_forward(params[name], ids)
        return found
    except NpcfError as error:
        refused = error
    table = require_floats(f"params[{name!r}]", params[name], ndim=2)
    require_ids(argument, ids, len(table))
    raise refused
