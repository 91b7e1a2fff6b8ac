"""The contracts: what every function of the protocol does with its arguments and its results.

    @contract("No argument is changed.")
    def changes_no_argument(s, impl, p): ...

`s` is a Subject, `impl` an Implementation, `p` one drawn input.  Each contract becomes one law for
every subject that it applies to, named `<subject>_<contract>`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from npcf.verify.assertions import assert_same_bits, assert_within, assert_within_exact
from npcf.verify.conformance.law import LAWS, Drawn, Law
from npcf.verify.conformance.laws._common import (
    INTEGERS,
    POWERS,
    assert_equal,
    assert_kind,
    assert_own_memory,
    inner,
    layouts_of,
    orders,
    overwrite,
    quiet,
    reach,
    refuses,
    total,
    unchanged,
    with_entry,
    without_small,
)
from npcf.verify.conformance.subjects import EACH, SUBJECTS, Subject

Check = Callable[[Subject, Any, Any], None]


class Contract(NamedTuple):
    """A statement, the function that checks it, and which subjects it is about."""

    statement: str
    check: Check
    about: Callable[[Subject], bool]


CONTRACTS: dict[str, Contract] = {}


def contract(
    statement: str, about: Callable[[Subject], bool] = lambda s: True
) -> Callable[[Check], Check]:
    """Register the decorated function as a contract."""

    def register(check: Check) -> Check:
        CONTRACTS[check.__name__] = Contract(statement, check, about)
        return check

    return register


def has_backward(s: Subject) -> bool:
    """Whether the subject is a forward with its backward."""
    return not s.is_step


def has_ids(s: Subject) -> bool:
    """Whether some arguments are ids."""
    return bool(s.ids)


def agree(s: Subject, got: Any, want: Any, allowed: Any = None) -> None:
    """Raise AssertionError unless all results agree: to the bit, or within twice `allowed`."""
    for n, (name, a, b) in enumerate(zip(s.results, got, want, strict=True)):
        if a is None or b is None:
            assert a is b, f"{name} is {'None' if a is None else 'an array'}"
        elif allowed is None:
            assert_same_bits(a, b, name)
        else:
            assert_within(a, b, 2 * allowed[n], name)


def copies(results: Any) -> list[Any]:
    """Return copies of results, None where there is none."""
    return [None if a is None else np.array(a) for a in results]


def present(results: Any) -> list[Any]:
    """Return the results that are arrays."""
    return [a for a in results if a is not None]


def another(s: Subject, p: Any) -> Any:
    """Return an input of the same shapes with other numbers."""
    turned = {k: -a[::-1] for k, a in s.arrays(p).items() if a.dtype.kind == "f" and k != "v"}
    return s.replaced(p, **turned)


@contract("Every result lies within the derived bound of exact arithmetic.")
def is_exact_within_the_bound(s: Subject, impl: Any, p: Any) -> None:
    for name, *triple in zip(
        s.results, s.all(impl, p), s.exact(p), s.allowed(impl, p), strict=True
    ):
        if triple[1] is not None:
            assert_within_exact(triple[0], triple[1], triple[2], name)


@contract("Results have the shapes of the formula and the dtype of the inputs, for one and none.")
def keeps_shape_and_dtype(s: Subject, impl: Any, p: Any) -> None:
    for q in (p, s.of_ratings(p, slice(0, 1)), s.of_ratings(p, slice(0, 0))):
        if s.count(q) >= s.least:
            for name, got, like in zip(s.results, s.all(impl, q), s.allowed(impl, q), strict=True):
                if like is not None:
                    assert_kind(got, np.shape(like), p.dtype, name)


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


@contract("Ratings in another order, or in two batches, give the same numbers, but for rounding.",
          lambda s: s.adds_up)  # fmt: skip
def treats_ratings_alike(s: Subject, impl: Any, p: Any) -> None:
    n, want, allowed = s.count(p), copies(s.all(impl, p)), s.allowed(impl, p)
    for order in orders(n):
        got = s.all(impl, s.of_ratings(p, order))
        rows = [a if kind != EACH or a is None else a[order]
                for a, kind in zip(want, s.results.values(), strict=True)]  # fmt: skip
        room = [e if kind != EACH or e is None else e[order]
                for e, kind in zip(allowed, s.results.values(), strict=True)]  # fmt: skip
        agree(s, got, rows, room)
    for middle in {n // 2, n - 1} - {-1}:
        halves = [s.of_ratings(p, part) for part in (slice(0, middle), slice(middle, n))]
        parts = [(s.all(impl, half), s.allowed(impl, half)) for half in halves]
        for i, (name, kind) in enumerate(s.results.items()):
            if want[i] is None:
                continue
            (first, room), (second, more) = ((got[i], e[i]) for got, e in parts)
            if kind == EACH:
                joined = np.concatenate([first, second])
                assert_within(joined, want[i], 2 * allowed[i], f"{name} of two parts")
            else:
                total = first.astype(np.float64) + second
                # adding in float64 rounds once more
                room = room + more + np.finfo(np.float64).eps * np.abs(total)
                assert_within(total, want[i], room + allowed[i], f"{name} of two parts")


@contract("A gradient from above of zero gives zero; times a power of two, it scales to the bit.",
          has_backward)  # fmt: skip
def is_linear_in_the_upstream(s: Subject, impl: Any, p: Any) -> None:
    p = s.replaced(p, **{k: without_small(a).clip(-30, 30).astype(a.dtype)
                         for k, a in s.arrays(p).items() if a.dtype.kind == "f"})  # fmt: skip
    upstream = s.upstream_of(p)
    _, cache = s.forward(impl, p)
    want = [None, *copies(s.backward(impl, upstream, cache))]
    for factor in (0.0, *(-(2.0**power) for power in POWERS)):
        scale = p.dtype.type(factor)
        scaled = upstream * factor if np.ndim(upstream) == 0 else upstream * scale
        got = s.backward(impl, scaled, cache)
        agree(s, (None, *got), [None if a is None else a * scale for a in want])


@contract("Euler: the gradients times their inputs are the output times its gradient, as many "
          "times as the degree of the formula.", lambda s: s.degree > 0)  # fmt: skip
def obeys_euler(s: Subject, impl: Any, p: Any) -> None:
    (out, *gradients), (of_out, *errors) = s.all(impl, p), s.allowed(impl, p)
    upstream = np.asarray(s.upstream_of(p), p.dtype)
    got, allowed = total(0.0), s.degree * reach(of_out, upstream)
    for name, gradient, error in zip([*s.results][1:], gradients, errors, strict=True):
        array = s.arrays(p)[name.removeprefix("d_")]
        got += inner(gradient, array)
        allowed += reach(error, array)
        if name == "d_pred":  # the loss is of pred - rating
            got -= inner(gradient, p.rating)
            allowed += reach(error, p.rating)
    assert_equal(got, s.degree * inner(out, upstream), allowed, "<gradients, inputs>")


@contract("NaN in a number reaches what is made of it, and nothing else.",
          lambda s: s.name != "mse")  # fmt: skip
@quiet
def keeps_nan_apart(s: Subject, impl: Any, p: Any) -> None:
    if not s.count(p):
        return
    clean, first = copies(s.all(impl, p)), [*s.results][0]
    for field, array in s.arrays(p).items():
        is_upstream = field == (s.upstream or "g")
        if array.dtype.kind != "f" or not array.size or (s.is_step and not is_upstream):
            continue
        row = -1 if field in s.batch else s.row_named(p, field, -1)
        place = (row, *[-1] * (array.ndim - 1))
        got = s.all(impl, s.replaced(p, **{field: with_entry(array, place, np.nan)}))
        for name, a, b in zip(s.results, got, clean, strict=True):
            if a is not None and (is_upstream or name == first):
                reached = _reached(s, p, field, place, name, a.shape)
                assert np.isnan(a[reached]).all(), f"NaN was lost on the way to {name}"
                assert_same_bits(a[~reached], b[~reached], f"{name} of the others")


def _reached(s: Subject, p: Any, field: str, place: Any, name: str, shape: Any) -> Any:
    """Return which entries of a result are made of `field[place]`."""
    mask, rest = np.zeros(shape, bool), place[1:] if len(shape) == len(place) else ()
    if s.is_step:
        mask[place] = True
    elif field == s.upstream:
        kind = s.results[name]
        if name != [*s.results][0]:
            mask[(-1 if kind == EACH else s.row_named(p, kind, -1), *place[1:])] = True
    elif field in s.batch:
        mask[-1] = True
    else:
        ids = next(getattr(p, f) for f, table in s.ids.items() if table == s.table_of(field))
        mask[(ids == place[0], *rest)] = True
    return mask


for _subject in SUBJECTS:
    for _name, _contract in CONTRACTS.items():
        if _contract.about(_subject):
            _law = Law(
                f"{_subject.name}_{_name}", _subject.name, _contract.statement, _subject.needs,
                Drawn(_subject.inputs), (), partial(_contract.check, _subject),
            )  # fmt: skip
            LAWS[_law.name] = _law
