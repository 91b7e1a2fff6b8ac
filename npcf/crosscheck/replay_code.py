"""Torch code to paste: it prints the subject's number, and below it the right one.

Generated text only: nothing here imports torch.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from npcf.crosscheck.calling import code_of_call
from npcf.crosscheck.evidence import Array, Evidence, Raised, Seen, Stepped
from npcf.crosscheck.predict import Pair
from npcf.crosscheck.verdict import Reduced

MOST_ROWS = 8  # of a table that are written out; more are read from the file
FILE = "reduced.npz"
LONG = 22  # letters of a number; longer ones are written with an exponent

Worst = tuple[Pair, tuple[int, ...]]


def numbers(array: Any) -> str:
    """Return an array as nested lists, each number as short as its dtype allows."""
    array = np.asarray(array)
    if array.ndim:
        return f"[{', '.join(map(numbers, array))}]"
    if array.dtype.kind != "f":
        return str(array)
    if not np.isfinite(array):
        return f"float('{array}')"
    text = np.format_float_positional(array[()], unique=True, trim="0")
    return text if len(text) < LONG else np.format_float_scientific(array[()], unique=True)


def tensor(array: Any, more: str = "") -> str:
    """Return the tensor that holds an array."""
    array = np.asarray(array)
    dtype = ", dtype=torch.float64" if array.dtype == np.float64 else ""
    return f"torch.tensor({numbers(array)}{dtype}{more})"


def right_number(predicted: Any, like: Any) -> Any:
    """Return the right numbers in the precision of the subject, or None if it has to raise."""
    if predicted is None or isinstance(predicted, Raised):
        return None
    return np.asarray(predicted.value, like)


# -- batches ---------------------------------------------------------------------------------------


def code_of_batch(
    evidence: Evidence, stage: str, seen: Seen, worst: Worst, call: str = "x"
) -> Reduced:
    """Return a failing batch with its code; `call` says how the model takes ids."""
    pair, place = worst
    parts = {"output": _output, "gradient": _gradient, "loss": _loss}
    got, right, lines = parts[stage](evidence, seen, pair, place, call)
    if isinstance(got, Raised):
        lines.insert(-1, f"# raises {got.kind}: {got.message}")
    lines.append(f'print("right:", {"an error" if right is None else numbers(right)})')
    probe = seen.probe
    extra = {"upstream": probe.upstream, "prediction": seen.prediction}
    return Reduced(
        probe.users, probe.items, probe.rating, "\n".join(lines), stage, probe.name,
        dict(probe.tables), {name: x for name, x in extra.items() if x is not None},
        () if got is None or isinstance(got, Raised) else got, () if right is None else right,
    )  # fmt: skip


Part = tuple[Any, Any, list[str]]


def _output(evidence: Evidence, seen: Seen, pair: Pair, place: Any, call: str) -> Part:
    lines = [*_planted(evidence, seen), *_forward(seen, call)]
    if not isinstance(pair.seen, Raised):
        lines.append('print("yours:", pred.tolist())')
    return pair.seen, right_number(pair.predicted, evidence.dtype), lines


def _gradient(evidence: Evidence, seen: Seen, pair: Pair, place: Any, call: str) -> Part:
    right = right_number(pair.predicted, evidence.dtype)
    lines = [*_planted(evidence, seen), *_forward(seen, call)]
    if seen.probe.upstream is None:
        lines += [f"rating = {tensor(seen.probe.rating)}", "loss(pred, rating).backward()"]
    else:
        size = np.size(seen.output) if isinstance(seen.output, np.ndarray) else len(ids_of(seen))
        upstream = np.resize(seen.probe.upstream, size)
        lines.append(f"pred.backward({tensor(upstream)}.reshape(pred.shape))")
    path = evidence.paths.get(pair.what, pair.what)
    if pair.seen is None or isinstance(pair.seen, Raised) or not place:
        return pair.seen, right, [*lines, f'print("yours:", tables["{path}"].grad)']
    row = place[0]
    lines.append(f'print("yours:", tables["{path}"].grad.to_dense()[{row}].tolist())')
    return pair.seen[row], None if right is None else right[row], lines


def _loss(evidence: Evidence, seen: Seen, pair: Pair, place: Any, call: str) -> Part:
    n = len(seen.probe.rating)
    column = isinstance(seen.output, np.ndarray) and seen.output.shape == (n, 1)
    at = np.asarray(seen.prediction if seen.prediction is not None else seen.output, evidence.dtype)
    at = at.reshape(n, 1) if column else at.reshape(-1)
    lines = [
        "import torch", "",
        f"pred = {tensor(at, ', requires_grad=True')}",
        f"rating = {tensor(seen.probe.rating)}",
        "value = loss(pred, rating)",
    ]  # fmt: skip
    right = right_number(pair.predicted, evidence.dtype)
    if pair.what == "gradient of the loss":
        lines += ["value.sum().backward()", 'print("yours:", pred.grad.flatten().tolist())']
    else:
        lines.append('print("yours:", value.tolist())')
    return pair.seen, right, lines


def ids_of(seen: Seen) -> Array:
    """Return the ids of a probe as x (B, 2)."""
    return np.stack([seen.probe.users, seen.probe.items], axis=1)


def _forward(seen: Seen, call: str) -> list[str]:
    return [
        f"x = torch.tensor({numbers(ids_of(seen))})  # user, item",
        f"pred = copied({code_of_call(call)})",
    ]


def _planted(evidence: Evidence, seen: Seen) -> list[str]:
    """Return the lines that put the tables into a copy of the model."""
    paths = {name: evidence.paths.get(name, name) for name in seen.probe.tables}
    lines = ["import copy", "", "import torch", "",
             "copied = copy.deepcopy(model)  # yours stays as it is",
             "copied.zero_grad(set_to_none=True)",
             "tables = dict(copied.named_parameters())"]  # fmt: skip
    if any(len(_filled(table)) > MOST_ROWS for table in seen.probe.tables.values()):
        lines[1:1] = ["", "import numpy as np"]
        return [*lines, f'arrays = np.load("{FILE}")  # report.reduced.save("{FILE}")',
                "with torch.no_grad():", *_from_file(paths)]  # fmt: skip
    return [*lines, "with torch.no_grad():", *_written(paths, seen.probe.tables)]


def _from_file(paths: Mapping[str, str]) -> Iterator[str]:
    for name, path in paths.items():
        yield f'    w = tables["{path}"]'
        yield f'    w.copy_(torch.from_numpy(arrays["{name}"]).reshape(w.shape))'


def _written(paths: Mapping[str, str], tables: Mapping[str, Array]) -> Iterator[str]:
    for name, path in paths.items():
        table = tables[name]
        yield f'    tables["{path}"].zero_()'
        for row in _filled(table):
            if table.ndim == 1:
                yield f'    tables["{path}"][{row}] = {numbers(table[row])}'
            else:
                last = int(np.flatnonzero(table[row])[-1]) + 1
                part = f":{last}" if last < table.shape[1] else ":"
                yield f'    tables["{path}"][{row}, {part}] = {tensor(table[row, :last])}'


def _filled(table: Array) -> list[int]:
    """Return the rows that are not empty."""
    return [int(row) for row in np.flatnonzero(table.reshape(len(table), -1).any(axis=1))]


# -- one step --------------------------------------------------------------------------------------


def code_of_step(
    evidence: Evidence, stepped: Stepped, pair: Pair, place: tuple[int, ...], fastai: bool = False
) -> Reduced | None:
    """Return the one number that an optimizer moves wrongly, with its code."""
    name, first = pair.what, stepped.tables[0]
    if isinstance(first, Raised) or stepped.state or not place or isinstance(pair.seen, Raised):
        return None  # a step that raises concerns no single number
    n_steps = 1 + next(
        (t for t, tables in enumerate(stepped.tables) if _holds(tables, pair)), 0
    )  # fmt: skip
    start = np.asarray(first[name])[place]
    given = [stepped.gradients[t][name] for t in range(n_steps)]
    gradients = ["None" if g is None else numbers(g[place]) for g in given]
    right = right_number(pair.predicted, evidence.dtype)
    if right is None:
        return None
    seen, right = np.asarray(pair.seen)[place], right[place]
    lines = ["import inspect", "", "import torch", ""] if not fastai else ["import torch", ""]
    lines.append(f"w = torch.nn.Parameter({tensor(start[None])})")
    lines += _new_optimizer(fastai, evidence.paths.get(name, name))
    sparse = ".to_sparse()" if evidence.intended and evidence.intended.rule == "sparse_adam" else ""
    dtype = ", dtype=torch.float64" if start.dtype == np.float64 else ""
    lines += [
        f"for g in [{', '.join(gradients)}]:",
        f"    w.grad = None if g is None else torch.tensor([g]{dtype}){sparse}",
        "    mine.step()",
        'print("yours:", w.item())',
        f'print("right:", {numbers(right)})',
    ]
    gradient = np.array([np.nan if g is None else g[place] for g in given])
    none = np.array([], int)
    return Reduced(
        none, none, np.array([]), "\n".join(lines), "step", stepped.name, {},
        {"start": start, "gradient": gradient}, seen, right,
    )  # fmt: skip


def _holds(tables: Any, pair: Pair) -> bool:
    return not isinstance(tables, Raised) and tables.get(pair.what) is pair.before


def _new_optimizer(fastai: bool, path: str) -> list[str]:
    """Return the lines that make an optimizer like the live one, for `w` alone."""
    if fastai:
        return ["mine = type(optimizer)([w], optimizer.cbs, **optimizer.hypers[0])"]
    return [
        f'table = dict(model.named_parameters())["{path}"]',
        "group = next(g for g in optimizer.param_groups if any(p is table for p in g['params']))",
        "known = inspect.signature(type(optimizer)).parameters.keys() - {'params'}",
        "mine = type(optimizer)([w], **{name: group[name] for name in known & group.keys()})",
    ]
