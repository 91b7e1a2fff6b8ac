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
    POWERS,
    assert_equal,
    assert_kind,
    inner,
    orders,
    quiet,
    reach,
    total,
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
    """Register the decorated function as a contract: a law for each subject that it is about."""

    def register(check: Check) -> Check:
        CONTRACTS[check.__name__] = Contract(statement, check, about)
        for s in filter(about, SUBJECTS):
            name, inputs = f"{s.name}_{check.__name__}", Drawn(s.inputs)
            LAWS[name] = Law(name, s.name, statement, s.needs, inputs, (), partial(check, s))
        return check

    return register


def has_backward(s: Subject) -> bool:
    """Whether the subject is a forward with its backward."""
    return not s.is_step


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
          lambda s: s.apart)  # fmt: skip
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
