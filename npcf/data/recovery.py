"""How closely a trained model recovers the parameters that ratings were drawn from.

Scores are compared as logits z = P[u] . Q[i] + b[u] + c[i], which no rotation of the factors and
no exchange of constants between the biases changes.  Factors are only determined up to an
orthogonal matrix R, shared by users and items, since (P R) . (Q R) = P . Q.  The error

    min over orthogonal R of | [P; Q] R - [P*; Q*] | / | [P*; Q*] |        (Frobenius norms)

is reached at R = U V', where U S V' is the singular value decomposition of [P; Q]' [P*; Q*]
(Schönemann 1966, the orthogonal Procrustes problem).  0: found; 1: nothing has been.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from npcf._types import Params
from npcf.errors import SettingError, ShapeError, UsageError, require_real

CHUNK = 2**18  # pairs scored at a time


class Recovery(NamedTuple):
    """What a model has found of the planted truth."""

    correlation: float  # of logits, over the given pairs
    rmse: float  # of logits
    factor_error: float  # relative, after the best rotation common to users and items
    user_error: float  # the same for each table by itself, rotated by itself
    item_error: float


def recovery(
    truth: Params, params: Mapping[str, Any], users: NDArray[Any], items: NDArray[Any]
) -> Recovery:
    """Compare `params` with `truth` on the pairs (users, items); row 0, `#na#`, is left out."""
    tables = {name: _table(name, table, truth, params) for name, table in params.items()}
    for name in ("user_factors", "item_factors"):
        if name not in tables:
            cure = "Give the tables user_factors, item_factors and, if there are, the biases."
            raise UsageError("params", f"has no {name!r}", cure)
    if tables["user_factors"].shape[1] != tables["item_factors"].shape[1]:
        problem = "have different numbers of columns"
        raise ShapeError("user_factors and item_factors", problem, "Both are (rows, K).")
    got, want = scores(tables, users, items), scores(truth, users, items)
    if not (np.ptp(got) > 0 and np.ptp(want) > 0):
        raise SettingError("params", "give every pair one score", "Train the model first.")
    pairs = [(tables[name][1:], truth[name][1:]) for name in ("user_factors", "item_factors")]
    both = [np.concatenate(parts) for parts in zip(*pairs, strict=True)]
    errors = [rotation_error(*pair) for pair in ((both[0], both[1]), *pairs)]
    rmse = float(np.sqrt(np.mean((got - want) ** 2)))
    return Recovery(float(np.corrcoef(got, want)[0, 1]), rmse, *errors)


def scores(
    params: Mapping[str, Any], users: NDArray[Any], items: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the logit of each pair, in float64."""
    logit = np.empty(len(users))
    for start in range(0, len(users), CHUNK):
        part = slice(start, start + CHUNK)
        u, i = users[part], items[part]
        logit[part] = (params["user_factors"][u] * params["item_factors"][i]).sum(1)
        if "user_bias" in params:
            logit[part] += params["user_bias"][u] + params["item_bias"][i]
    return logit


def rotation_error(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Return min |found R - truth| / |truth|; the narrower gets columns of zeros."""
    width = max(found.shape[1], truth.shape[1])
    found, truth = (
        np.pad(table, ((0, 0), (0, width - table.shape[1]))) for table in (found, truth)
    )
    left, _, right = np.linalg.svd(found.T @ truth)
    return float(np.linalg.norm(found @ (left @ right) - truth) / np.linalg.norm(truth))


def _table(name: str, table: Any, truth: Params, params: Mapping[str, Any]) -> NDArray[np.float64]:
    if name not in truth:
        cure = f"The model needs the tables {', '.join(truth)}."
        raise UsageError("params", f"names the unknown table {name!r}", cure)
    if ("user_bias" in params) != ("item_bias" in params):
        raise UsageError("params", "has one bias of two", "Give both biases or none.")
    want = truth[name]
    values = require_real(f"params[{name!r}]", table).astype(np.float64)
    if values.ndim == want.ndim + 1 and values.shape[-1] == 1:
        values = values[..., 0]  # a bias table (rows, 1)
    if values.ndim != want.ndim or len(values) != len(want):
        problem = f"shape {values.shape} does not fit the truth's {want.shape}"
        cure = "Rows are those of the planted ratings; only the number of factors may differ."
        raise ShapeError(f"params[{name!r}]", problem, cure)
    if not np.isfinite(values).all():
        raise SettingError(f"params[{name!r}]", "holds nan or inf", "Train with a lower lr.")
    return values
