"""A function of NumPy arrays as the subject: output and loss are seen, gradients and steps not.

    npcf.crosscheck((predict, {"user_factors": P, "item_factors": Q}), users, items, rating)

`predict` reads its tables from these arrays, into which the probes are written; they are put back,
to the bit.  npcf's own `PairModel` is one such function.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from npcf.crosscheck.batch import read_batch
from npcf.crosscheck.calling import PAIRS, arguments, call_forms, working_form
from npcf.crosscheck.evidence import TABLES, Array, Evidence, Probe, Raised, Seen
from npcf.crosscheck.probes import designed_probes
from npcf.crosscheck.running import reference_prediction
from npcf.crosscheck.subject import attempt
from npcf.errors import UsageError, require_choice
from npcf.foreign import kind_of
from npcf.verify.libraries import ANY

NOTE = (
    "the model is a function of arrays: output and loss are seen, gradients and steps are not; "
    "npcf.verify.gradcheck holds gradients that you compute yourself against differences"
)
CURE = (
    'Give arrays of float32 or float64 that it reads: model=(predict, {"user_factors": P, '
    '"item_factors": Q}).'
)


def array_tables(model: Any) -> tuple[Callable[..., Any], dict[str, Array]] | None:
    """Return (function, its tables) if the model is a function of NumPy arrays, else None.

    Raises UsageError if the tables cannot be written to, or are no floats.
    """
    params = getattr(model, "params", None)
    if isinstance(params, Mapping) and {"user_factors", "item_factors"} <= set(params):
        model = model, params
    if not (isinstance(model, tuple) and len(model) == 2 and isinstance(model[1], Mapping)):
        return None
    function, tables = model
    if not tables or any(isinstance(x, str) or hasattr(x, "grad_fn") for x in tables.values()):
        return None  # paths of parameters, or live tensors
    for name, table in tables.items():
        require_choice("model", name, TABLES)
        floats = isinstance(table, np.ndarray) and table.dtype in (np.float32, np.float64)
        if not floats or not table.flags.writeable:
            problem = f"has {name} as {kind_of(table)} that cannot be written to as floats"
            raise UsageError("model", problem, CURE)
    if not {"user_factors", "item_factors"} <= set(tables):
        raise UsageError("model", "names not both tables of factors", CURE)
    return function, dict(tables)


def observe_function(
    function: Callable[..., Any], tables: dict[str, Array], users: Any, items: Any, rating: Any,
    y_range: tuple[float, float] | None, loss: Any, seed: int = 0,
) -> Evidence:  # fmt: skip
    """Return what is seen of a function of arrays."""
    batch, rng = read_batch(users, items, rating), np.random.default_rng(seed)
    dtype = tables["user_factors"].dtype
    held = {name: w.reshape(-1).copy() if name.endswith("bias") else w.copy()
            for name, w in tables.items()}  # fmt: skip
    evidence = Evidence(
        len(tables["user_factors"]), len(tables["item_factors"]), tables["item_factors"].shape[1],
        dtype, y_range,
        computes_in=dtype.name, library=ANY, paths={name: name for name in tables},
        mapped_by="hand", facts=list(batch.facts), notes=[NOTE],
    )  # fmt: skip
    shapes = {name: w.shape for name, w in held.items()}
    upstream = rng.normal(size=len(batch.users)).astype(dtype)
    yours = Probe("yours", held, batch.users, batch.items, batch.rating.astype(dtype), upstream)
    designed = designed_probes(shapes, y_range, lambda x: x.astype(dtype), rng, dtype)
    evidence.seen = list(seen_by(function, tables, [yours, *designed], y_range, loss))
    return evidence


def seen_by(
    function: Callable[..., Any], tables: Mapping[str, Array], probes: Iterable[Probe],
    y_range: tuple[float, float] | None, loss: Any,
) -> Iterator[Seen]:  # fmt: skip
    """Go through what the function does with probes; the tables are put back after each."""
    zeros = np.zeros(PAIRS, np.int64)
    with _put_back(tables):
        form = working_form(
            function, call_forms(function), zeros, lambda: np.stack([zeros, zeros], axis=1)
        )
    for probe in probes:
        with _put_back(tables):
            for name, table in tables.items():
                table[...] = probe.tables[name].reshape(table.shape)
            output = attempt(partial(_output, function, form, probe.users, probe.items))
            writes = tuple(
                name
                for name, table in tables.items()
                if table.tobytes() != probe.tables[name].tobytes()
            )
        seen = Seen(probe, output, writes=writes)
        seen.prediction = reference_prediction(probe, y_range, 0.0).astype(probe.rating.dtype)
        column = not isinstance(output, Raised) and output.shape == (len(probe.users), 1)
        given = seen.prediction.reshape(-1, 1) if column else seen.prediction
        if loss is not None:
            seen.loss = attempt(partial(_loss, loss, given, probe.rating))
        yield seen


def _output(function: Callable[..., Any], form: str, users: Array, items: Array) -> Array:
    given = arguments(form, users, items, lambda: np.stack([users, items], axis=1))
    return np.asarray(function(*given)).astype(np.float64)


def _loss(loss: Callable[..., Any], prediction: Array, rating: Array) -> tuple[Array, None]:
    return np.asarray(loss(prediction.copy(), rating.copy())).astype(np.float64), None


@contextmanager
def _put_back(tables: Mapping[str, Array]) -> Iterator[None]:
    held = {name: table.copy() for name, table in tables.items()}
    try:
        yield
    finally:
        for name, table in tables.items():
            table[...] = held[name]
