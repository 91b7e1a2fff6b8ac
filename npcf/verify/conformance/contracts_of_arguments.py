"""Contracts on arguments and memory: what may be passed, what is changed, and who owns what."""

from typing import Any

import numpy as np

from npcf.verify.conformance.contracts import agree, contract, copies, has_backward
from npcf.verify.conformance.laws._common import (
    INTEGERS,
    assert_own_memory,
    layouts_of,
    overwrite,
    refuses,
    unchanged,
    with_entry,
)
from npcf.verify.conformance.subjects import Subject


def has_ids(s: Subject) -> bool:
    """Whether some arguments are ids."""
    return bool(s.ids)


def present(results: Any) -> list[Any]:
    """Return the results that are arrays."""
    return [a for a in results if a is not None]


def another(s: Subject, p: Any) -> Any:
    """Return an input of the same shapes with other numbers."""
    turned = {k: -a[::-1] for k, a in s.arrays(p).items() if a.dtype.kind == "f" and k != "v"}
    return s.replaced(p, **turned)


@contract("No argument is changed.")
def changes_no_argument(s: Subject, impl: Any, p: Any) -> None:
    settings = dict(getattr(p, "settings", {}))
    with unchanged(*s.arrays(p).values()):
        s.all(impl, p)
    assert getattr(p, "settings", {}) == settings, "the settings were changed"


@contract("Results are new arrays: they share no memory with an argument or with each other.")
def owns_its_memory(s: Subject, impl: Any, p: Any) -> None:
    # inputs for which an argument, or a slice of one, would do as the result
    floats = {k: a for k, a in s.arrays(p).items() if a.dtype.kind == "f"}
    cases = [p, s.of_ratings(p, slice(0, 1))]
    cases += [s.replaced(p, **{k: fill(a) for k, a in floats.items() if k not in s.ids.values()})
              for fill in (np.zeros_like, np.ones_like)]  # fmt: skip
    if s.is_step:
        still = {"lr": 0.0, "weight_decay": 0.0}
        cases += [p._replace(settings=p.settings | still)]
    if s.name == "lookup":
        cases.append(p._replace(ids=np.arange(len(p.weight)), d_out=np.array(p.weight)))
    for q in cases:
        if s.count(q) >= s.least:
            results = present([*s.all(impl, q), *s.all(impl, q)])
            assert_own_memory(results, list(s.arrays(q).values()))


@contract("The same call gives the same bits, whatever was called in between.")
def keeps_no_state(s: Subject, impl: Any, p: Any) -> None:
    first = s.all(impl, p)
    want = copies(first)
    s.all(impl, another(s, p))
    agree(s, s.all(impl, p), want)
    agree(s, first, want)  # an earlier result stays as it was


@contract("A cache serves twice, after other calls, and whatever becomes of the output.",
          has_backward)  # fmt: skip
def cache_belongs_to_its_call(s: Subject, impl: Any, p: Any) -> None:
    want = [None, *copies(s.gradients(impl, p))]
    out, cache = s.forward(impl, p)
    s.all(impl, another(s, p))
    overwrite(np.asarray(out))
    for _ in range(2):
        got = s.backward(impl, s.upstream_of(p), cache)
        agree(s, (None, *got), want)
        overwrite(*got)


@contract("Strided, reversed, Fortran-ordered and read-only arrays change nothing but rounding.")
def takes_any_layout(s: Subject, impl: Any, p: Any) -> None:
    arrays = s.arrays(p)
    want, allowed = copies(s.all(impl, p)), s.allowed(impl, p)
    for laid_out in zip(*(layouts_of(a) for a in arrays.values()), strict=True):
        q = s.replaced(p, **dict(zip(arrays, laid_out, strict=True)))
        agree(s, s.all(impl, q), want, allowed)


@contract("Ids of every integer type name the same rows.", has_ids)
def takes_any_integer(s: Subject, impl: Any, p: Any) -> None:
    want, allowed = copies(s.all(impl, p)), s.allowed(impl, p)
    for integer in INTEGERS:
        q = s.replaced(p, **{field: getattr(p, field).astype(integer) for field in s.ids})
        agree(s, s.all(impl, q), want, allowed)


@contract("Ids outside their table raise before anything is written; so do floats and booleans.",
          has_ids)  # fmt: skip
def refuses_wrong_ids(s: Subject, impl: Any, p: Any) -> None:
    for field, table in s.ids.items():
        ids, n = getattr(p, field).astype(np.int64), len(s.arrays(p)[table])
        places = [(b, bad) for b in range(len(ids)) for bad in (n, -1)]
        if len(ids):  # 32 bits would make 0 of 2**32
            places += [(-1, bad) for bad in (-n, 2**31, 2**32, *_ends())]
        for b, bad in places:
            wrong = s.replaced(p, **{field: with_entry(ids, b, bad)})
            with unchanged(*s.arrays(wrong).values()):
                refuses(f"{field}[{b}] = {bad} in a table of {n} rows", s.forward, impl, wrong)
        for kind in (np.float32, np.float64, np.bool_) if len(ids) else ():
            wrong = s.replaced(p, **{field: ids.astype(kind)})
            refuses(f"{field} of {np.dtype(kind)}", s.forward, impl, wrong)


def _ends() -> tuple[int, int]:
    return np.iinfo(np.int64).max, np.iinfo(np.int64).min


@contract("An argument of another length, or with another axis, raises: nothing is broadcast.")
def refuses_other_shapes(s: Subject, impl: Any, p: Any) -> None:
    call = s.all if s.is_step else s.forward
    for field in s.alike:
        array = s.arrays(p).get(field)
        if array is None:  # a buffer before the first step
            continue
        for other in _other_shapes(array, field in s.batch):
            wrong = s.replaced(p, **{field: other})
            refuses(f"{field} of shape {other.shape}, not {array.shape},", call, impl, wrong)
    if has_backward(s):
        _, cache = s.forward(impl, p)
        for other in _other_shapes(np.asarray(s.upstream_of(p), p.dtype)):
            refuses(f"{s.upstream} of shape {other.shape}", s.backward, impl, other, cache)


def _other_shapes(array: Any, of_ratings: bool = True) -> list[Any]:
    """Return arrays with more rows or fewer, more axes, more columns: NumPy might broadcast them.

    A table may have rows that nobody names: only its columns and axes are wrong then.
    """
    if not array.ndim:
        return []
    others = [array[..., None]]
    if of_ratings:
        others += [np.resize(array, (2 * len(array) + 2, *array.shape[1:])), array[:1]]
    if array.ndim == 2:
        others.append(np.concatenate([array, array, array[:, :1]], axis=1))
    return [other for other in others if other.shape != array.shape]
