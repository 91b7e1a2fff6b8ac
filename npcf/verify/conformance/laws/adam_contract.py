"""Laws of what an Adam step may touch and must return: shapes, dtypes, arguments, entries alone."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._steps import (
    ADAM,
    adam,
    assert_arguments_kept,
    assert_refused,
    assert_results_owned,
    changed,
    close,
    laid_out,
    on_arrays,
    part_of,
    same_bits,
    twice,
)
from npcf.verify.conformance.laws.adam import allowed, everywhere
from npcf.verify.strategies import LAYOUTS, AdamStep, adam_steps

EITHER = Drawn(adam_steps())


@law("Parameters and moments come back in the shape that they had.", given=EITHER, needs=ADAM)
def adam_keeps_shapes(impl: Any, p: AdamStep) -> None:
    for result in adam(impl, p):
        assert result.shape == p.w.shape, f"shape {result.shape}, expected {p.w.shape}"


@law("float32 stays float32, and float64 float64.", given=EITHER, needs=ADAM)
def adam_keeps_dtypes(impl: Any, p: AdamStep) -> None:
    for result in adam(impl, p):
        assert result.dtype == p.dtype, f"dtype {result.dtype}, expected {p.dtype}"


@law("No argument is changed.", given=EITHER, needs=ADAM)
def adam_changes_no_argument(impl: Any, p: AdamStep) -> None:
    assert_arguments_kept(lambda: adam(impl, p), p)


@law(
    "Results are new arrays: writing to them changes neither gradient, moments nor parameters.",
    given=EITHER,
    needs=ADAM,
)
def adam_results_are_new_arrays(impl: Any, p: AdamStep) -> None:
    assert_results_owned(lambda q: adam(impl, q), p)
    assert_results_owned(lambda q: adam(impl, q, lr=0.0, weight_decay=0.0), p)


@law("The same step gives the same bits, whatever was stepped between.", given=EITHER, needs=ADAM)
def adam_keeps_no_state_of_its_own(impl: Any, p: AdamStep) -> None:
    before = [a.copy() for a in adam(impl, p)]
    adam(impl, p._replace(w=p.g, g=p.w, t=p.t + 1), lr=0.7)
    same_bits(adam(impl, p), before)


@law("An entry is moved by its own numbers: in another order, likewise.", given=EITHER, needs=ADAM)
def adam_moves_entries_in_any_order(impl: Any, p: AdamStep) -> None:
    turned = adam(impl, on_arrays(p, lambda a: a[::-1].copy()))
    close([a[::-1] for a in turned], adam(impl, p), twice(allowed(p)))


@law("Rows stepped one by one move as they do together.", given=EITHER, needs=ADAM)
def adam_rows_move_alone(impl: Any, p: AdamStep) -> None:
    together, errors = adam(impl, p), twice(allowed(p))
    for row in range(len(p.w)):
        part = slice(row, row + 1)
        alone = adam(impl, part_of(p, part))
        close(alone, [a[part] for a in together], [e[part] for e in errors])


@law("A table and the list of its entries move alike.", given=EITHER, needs=ADAM)
def adam_moves_tables_as_vectors(impl: Any, p: AdamStep) -> None:
    flat, errors = map(np.ravel, adam(impl, p)), map(np.ravel, twice(allowed(p)))
    close(adam(impl, on_arrays(p, np.ravel)), list(flat), list(errors))


@law("Strides, order and read-only memory change no result.", given=EITHER, needs=ADAM)
def adam_takes_any_memory_layout(impl: Any, p: AdamStep) -> None:
    layout = LAYOUTS[np.count_nonzero(p.g > 0) % len(LAYOUTS)]  # one an example
    close(adam(impl, laid_out(p, layout)), adam(impl, p), twice(allowed(p)))


@law("Arrays without entries are lawful, and stay so.", given=EITHER, needs=ADAM)
def adam_takes_empty_arrays(impl: Any, p: AdamStep) -> None:
    for result in adam(impl, on_arrays(p, lambda a: a[:0])):
        assert result.shape == p.w[:0].shape, f"shape {result.shape}"
        assert result.dtype == p.dtype, f"dtype {result.dtype}"


@law(
    "A gradient that is not a number spoils its own entry, and no other.",
    given=changed(EITHER, lr=0.3),
    needs=ADAM,
)
def adam_nan_stays_where_it_is(impl: Any, p: AdamStep) -> None:
    g = p.g.copy()
    g[0] = np.nan
    for name, a, b in zip("wmv", adam(impl, p._replace(g=g)), adam(impl, p), strict=True):
        assert np.isnan(a[0]).all(), f"nan became a number in {name}"
        assert_same_bits(a[1:], b[1:], f"{name}[1:]")


@law(
    "Without eps, an entry that has never had a gradient becomes nan: 0 / 0.",
    given=changed(EITHER.map(everywhere), lr=0.3, eps=0.0, weight_decay=0.0),
    needs=ADAM,
)
def adam_without_eps_divides_zero_by_zero(impl: Any, p: AdamStep) -> None:
    parts: dict[str, Any] = {name: getattr(p, name).copy() for name in "gmv"}
    for part in parts.values():
        part[0] = 0
    with np.errstate(invalid="ignore", divide="ignore"):
        w = adam(impl, p._replace(**parts))[0]
    assert np.isnan(w[0]).all(), f"w[0] became {w[0]}"
    assert np.isfinite(w[1:]).all(), "an entry with a gradient is not finite"


@law("A gradient of another shape is refused.", given=EITHER, needs=ADAM)
def adam_refuses_a_gradient_of_another_shape(impl: Any, p: AdamStep) -> None:
    for other in (np.concatenate([p.g, p.g]), p.g[..., None]):
        wrong = p._replace(g=other)
        assert_refused(lambda q: adam(impl, q), wrong, f"g of shape {other.shape}")


@law("A moment of another shape is refused.", given=EITHER, needs=ADAM)
def adam_refuses_a_moment_of_another_shape(impl: Any, p: AdamStep) -> None:
    for name in ("m", "v"):
        part: Any = getattr(p, name)
        for other in (np.concatenate([part, part]), part[..., None]):
            wrong = p._replace(m=other) if name == "m" else p._replace(v=other)
            what = f"{name} of shape {other.shape}"
            assert_refused(lambda q: adam(impl, q), wrong, what)
