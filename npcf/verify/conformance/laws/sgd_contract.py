"""Laws of what an SGD step may touch and must return: shapes, dtypes, arguments, entries alone."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    SGD,
    assert_arguments_kept,
    assert_refused,
    assert_results_owned,
    changed,
    close,
    laid_out,
    on_arrays,
    part_of,
    same_bits,
    sgd,
    twice,
)
from npcf.verify.conformance.laws.sgd import allowed, first, later, with_momentum
from npcf.verify.strategies import LAYOUTS, SGDStep, sgd_steps

EITHER = Drawn(sgd_steps())


@law("Parameters and buffer come back in the shape that they had.", given=EITHER, needs=SGD)
def sgd_keeps_shapes(impl: Any, p: SGDStep) -> None:
    for result in sgd(impl, with_momentum(p)):
        assert result.shape == p.w.shape, f"shape {result.shape}, expected {p.w.shape}"


@law("float32 stays float32, and float64 float64.", given=EITHER, needs=SGD)
def sgd_keeps_dtypes(impl: Any, p: SGDStep) -> None:
    for result in sgd(impl, with_momentum(p)):
        assert result.dtype == p.dtype, f"dtype {result.dtype}, expected {p.dtype}"


@law("With momentum there is a buffer after the first step.", given=EITHER.map(first), needs=SGD)
def sgd_returns_the_first_buffer(impl: Any, p: SGDStep) -> None:
    assert sgd(impl, p)[1] is not None, "no buffer was returned"


@law("No argument is changed.", given=EITHER, needs=SGD)
def sgd_changes_no_argument(impl: Any, p: SGDStep) -> None:
    assert_arguments_kept(lambda: sgd(impl, p), p)


@law(
    "Results are new arrays: writing to them changes neither gradient, buffer nor parameters.",
    given=EITHER.map(with_momentum),
    needs=SGD,
)
def sgd_results_are_new_arrays(impl: Any, p: SGDStep) -> None:
    assert_results_owned(lambda q: sgd(impl, q), p)
    assert_results_owned(lambda q: sgd(impl, q, lr=0.0, weight_decay=0.0), p)


@law("The same step gives the same bits, whatever was stepped between.", given=EITHER, needs=SGD)
def sgd_keeps_no_state_of_its_own(impl: Any, p: SGDStep) -> None:
    before = [None if a is None else a.copy() for a in sgd(impl, p)]
    sgd(impl, later(p)._replace(w=p.g, g=p.w), lr=0.7)
    same_bits(sgd(impl, p), before)


@law("An entry is moved by its own numbers: in another order, likewise.", given=EITHER, needs=SGD)
def sgd_moves_entries_in_any_order(impl: Any, p: SGDStep) -> None:
    turned = sgd(impl, on_arrays(p, lambda a: a[::-1].copy()))
    back = [None if a is None else a[::-1] for a in turned]
    close(back, sgd(impl, p), twice(allowed(p)))


@law("Rows stepped one by one move as they do together.", given=EITHER, needs=SGD)
def sgd_rows_move_alone(impl: Any, p: SGDStep) -> None:
    w, buf = sgd(impl, p)
    errors = allowed(p)
    for row in range(len(p.w)):
        part = slice(row, row + 1)
        alone = sgd(impl, part_of(p, part))
        want = (w[part], None if buf is None else buf[part])
        close(alone, want, twice([None if e is None else e[part] for e in errors]))


@law("A table and the list of its entries move alike.", given=EITHER, needs=SGD)
def sgd_moves_tables_as_vectors(impl: Any, p: SGDStep) -> None:
    flat = [None if a is None else a.ravel() for a in sgd(impl, p)]
    errors = [None if e is None else e.ravel() for e in twice(allowed(p))]
    close(sgd(impl, on_arrays(p, np.ravel)), flat, errors)


@law("Strides, order and read-only memory change no result.", given=EITHER, needs=SGD)
def sgd_takes_any_memory_layout(impl: Any, p: SGDStep) -> None:
    layout = LAYOUTS[np.count_nonzero(p.g > 0) % len(LAYOUTS)]  # one an example
    close(sgd(impl, laid_out(p, layout)), sgd(impl, p), twice(allowed(p)))


@law("Arrays without entries are lawful, and stay so.", given=EITHER, needs=SGD)
def sgd_takes_empty_arrays(impl: Any, p: SGDStep) -> None:
    for result in sgd(impl, on_arrays(with_momentum(p), lambda a: a[:0])):
        assert result.shape == p.w[:0].shape, f"shape {result.shape}"
        assert result.dtype == p.dtype, f"dtype {result.dtype}"


@law(
    "A gradient that is not a number spoils its own entry, and no other.",
    given=changed(EITHER, lr=0.3, dampening=0.0),
    needs=SGD,
)
def sgd_nan_stays_where_it_is(impl: Any, p: SGDStep) -> None:
    g = p.g.copy()
    g[0] = np.nan
    w, want = sgd(impl, p._replace(g=g))[0], sgd(impl, p)[0]
    assert np.isnan(w[0]).all(), "nan became a number"
    assert_same_bits(w[1:], want[1:], "w[1:]")


@law(
    "An infinite gradient sends its entry to infinity, against its sign.",
    given=changed(EITHER, lr=0.3, dampening=0.0),
    needs=SGD,
)
def sgd_infinite_gradients_show(impl: Any, p: SGDStep) -> None:
    for g in (np.inf, -np.inf):
        w = sgd(impl, p._replace(g=np.full_like(p.g, g)))[0]
        assert (w == -g).all(), f"a gradient of {g} gave {w.flat[0]}"


@law("A gradient of another shape is refused.", given=EITHER, needs=SGD)
def sgd_refuses_a_gradient_of_another_shape(impl: Any, p: SGDStep) -> None:
    longer = np.concatenate([p.g, p.g])
    assert_refused(lambda q: sgd(impl, q), p._replace(g=longer), f"g of shape {longer.shape}")
    wider = p.g[..., None]
    assert_refused(lambda q: sgd(impl, q), p._replace(g=wider), f"g of shape {wider.shape}")


@law("A buffer of another shape is refused.", given=EITHER.map(later), needs=SGD)
def sgd_refuses_a_buffer_of_another_shape(impl: Any, p: SGDStep) -> None:
    longer = np.concatenate([p.w, p.w])
    assert_refused(lambda q: sgd(impl, q), p._replace(buf=longer), f"buf of shape {longer.shape}")
    wider = p.w[..., None]
    assert_refused(lambda q: sgd(impl, q), p._replace(buf=wider), f"buf of shape {wider.shape}")
