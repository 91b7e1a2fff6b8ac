"""Laws of the five operations: lookup, row-wise dot product, biases, sigmoid range, loss."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits, assert_within
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    assert_equal,
    layouts_of,
    quiet,
    reach,
    refuses,
    total,
    with_entry,
)
from npcf.verify.strategies import (
    BiasInput,
    Lookup,
    LossInput,
    RangeInput,
    RowPairs,
    bias_inputs,
    dtypes,
    lookups,
    loss_inputs,
    range_inputs,
    row_pairs,
)

LOOKUP, ROW_DOT = ("embedding_forward", "embedding_backward"), ("row_dot_forward",)
BIAS, MSE = ("bias_forward", "bias_backward"), ("mse_forward", "mse_backward")
RANGE = ("sigmoid_range_forward", "sigmoid_range_backward")

# -- lookup: out = weight[ids], to the bit ---------------------------------------------------------

ROWS = 2**16 + 3  # more than 16 bits can number
far = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=4)


@law("The lookup is the product of one-hot rows with the table.", given=lookups(), needs=LOOKUP[:1])
def lookup_is_the_one_hot_product(impl: Any, p: Lookup) -> None:
    one_hot = (p.ids[:, None] == np.arange(len(p.weight))).astype(p.dtype)
    assert_same_bits(impl.embedding_forward(p.weight, p.ids)[0], one_hot @ p.weight)


@law("NaN, infinities, negative zero, the largest and the smallest number are copied as they are.",
     given=lookups(min_batch=1), needs=LOOKUP[:1])  # fmt: skip
def lookup_copies_special_numbers(impl: Any, p: Lookup) -> None:
    limits = np.finfo(p.dtype)
    special = [np.nan, np.inf, -np.inf, -0.0, limits.max, limits.smallest_subnormal]
    weight = np.resize(np.array(special, p.dtype), (len(p.weight), len(special)))
    out, want = impl.embedding_forward(weight, p.ids)[0], weight[p.ids.astype(np.intp)]
    assert_same_bits(out, want)
    assert (np.signbit(out) == np.signbit(want)).all(), "a sign was lost"


@law("Rows far down a long table are looked up, and get their gradients.", given=far, needs=LOOKUP)
def lookup_in_a_long_table(impl: Any, p: list[int]) -> None:
    dtype = impl.dtypes[0]
    weight = np.arange(ROWS, dtype=dtype)[:, None]
    out, cache = impl.embedding_forward(weight, np.array(p))
    assert_same_bits(out, np.array(p, dtype)[:, None])
    got = impl.embedding_backward(np.ones_like(out), cache)
    assert_same_bits(got, np.bincount(p, minlength=ROWS).astype(dtype)[:, None])


# -- row-wise dot: out_b = sum_k left_bk right_bk --------------------------------------------------

LESSON = RowPairs(np.array([[1.0, 2], [3, 4]]), np.array([[2.0, 2], [10, 10]]), np.ones(2))
FACTORS = (8, 9, 16, 50)  # from eight on libraries add in several sums


@st.composite
def long_rows(draw: st.DrawFn) -> RowPairs:
    """Three pairs of rows whose every product and sum rounds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype, k = draw(dtypes), draw(st.sampled_from(FACTORS))
    left, right = (rng.standard_normal((3, k)).astype(dtype) for _ in range(2))
    return RowPairs(left, right, rng.standard_normal(3).astype(dtype))


@law("The dots are the diagonal of left @ right.T: rows meet their own partner only.",
     given=row_pairs(), needs=ROW_DOT, examples=(LESSON,))  # fmt: skip
def row_dot_is_the_diagonal_of_the_product(impl: Any, p: RowPairs) -> None:
    allowed = 2 * bounds.row_dot(p.left, p.right, library=impl.library)
    want = np.diagonal(p.left @ p.right.T)
    assert_within(impl.row_dot_forward(p.left, p.right)[0], want, allowed)


@law("Long rows give the same bits in any memory layout.", given=long_rows(), needs=ROW_DOT)
def row_dot_of_long_rows_in_any_layout(impl: Any, p: RowPairs) -> None:
    out = impl.row_dot_forward(p.left, p.right)[0]
    for left, right in zip(layouts_of(p.left), layouts_of(p.right), strict=True):
        assert_same_bits(impl.row_dot_forward(left, right)[0], out)


# -- bias: out_b = dot_b + user_bias[users_b] + item_bias[items_b] ---------------------------------


@law("Users up and items down by the same number changes nothing beyond rounding.",
     given=bias_inputs(), needs=BIAS[:1])  # fmt: skip
def bias_ignores_opposite_shifts(impl: Any, p: BiasInput) -> None:
    unit = p.dtype.type(2.0**-8)
    p = p._replace(user_bias=np.rint(p.user_bias / unit) * unit,
                   item_bias=np.rint(p.item_bias / unit) * unit)  # fmt: skip
    for shift in (p.dtype.type(4), p.dtype.type(-0.5)):  # the shifted tables are exact
        moved = p._replace(user_bias=p.user_bias + shift, item_bias=p.item_bias - shift)
        allowed = sum(bounds.bias(*q[:-1], library=impl.library) for q in (p, moved))
        assert_within(impl.bias_forward(*moved[:-1])[0], impl.bias_forward(*p[:-1])[0], allowed)


@law("Users and items receive the same total: that of d_out.", given=bias_inputs(), needs=BIAS)
def bias_gradients_have_equal_totals(impl: Any, p: BiasInput) -> None:
    got = impl.bias_backward(p.d_out, impl.bias_forward(*p[:-1])[1])
    sizes = len(p.user_bias), len(p.item_bias)
    errors = bounds.bias_backward(p.d_out, p.users, p.items, *sizes, library=impl.library)
    for name, table, error in zip(("d_dot", "d_user", "d_item"), got, errors, strict=True):
        assert_equal(total(table), total(p.d_out), reach(error, np.ones_like(error)), name)


@law("Bias tables of one column (U, 1) raise: (B,) + (B, 1) would be (B, B).",
     given=bias_inputs(), needs=BIAS[:1])  # fmt: skip
def bias_refuses_columns(impl: Any, p: BiasInput) -> None:
    for field in ("user_bias", "item_bias", "dot"):
        wrong = p._replace(**{field: getattr(p, field)[:, None]})
        refuses(f"{field} in a column", impl.bias_forward, *wrong[:-1])


# -- sigmoid range: out_b = low + (high - low) / (1 + exp(-x_b)) -----------------------------------

SQUASHED = RangeInput(np.array([-1.0, 0.0, 3.0]), 1.0, 5.0, np.ones(3))
SATURATED = 40  # from here on 1 + exp(-x) is 1 in float64 too


def squash(impl: Any, x: Any, low: float, high: float) -> Any:
    """Return the numbers alone."""
    return impl.sigmoid_range_forward(x, low, high)[0]


@law("Mirrored: out(x) + out(-x) = low + high.", given=range_inputs(), needs=RANGE[:1])
def sigmoid_range_mirrors(impl: Any, p: RangeInput) -> None:
    up, down = (squash(impl, x, p.low, p.high) for x in (p.x, -p.x))
    allowed = sum(bounds.sigmoid_range(x, p.low, p.high, impl.library) for x in (p.x, -p.x))
    want = Fraction(p.low) + Fraction(p.high)
    for b, x in enumerate(p.x):
        assert_equal(total([up[b], down[b]]), want, allowed[b], f"out({x}) + out({-x})")


@law("inf gives high, -inf low, NaN stays NaN; up to the largest number nothing overflows.",
     given=range_inputs(), needs=RANGE[:1])  # fmt: skip
@quiet
def sigmoid_range_of_huge_numbers(impl: Any, p: RangeInput) -> None:
    x = np.array([1000, 1e4, np.finfo(p.dtype).max, np.inf, np.nan], p.dtype)
    for sign, end in ((1, p.high), (-1, p.low)):  # ends are quarters: exact
        want = np.array([end] * 4 + [np.nan], p.dtype)
        assert_same_bits(squash(impl, sign * x, p.low, p.high), want)


@law("Not so downwards: at -80 a unit sigmoid is still above zero.",
     given=range_inputs(), needs=RANGE[:1])  # fmt: skip
def sigmoid_lives_far_below_zero(impl: Any, p: RangeInput) -> None:
    out = squash(impl, np.maximum(-np.abs(p.x), p.dtype.type(-80)), 0.0, 1.0)
    assert (out > 0).all(), f"{out} has died"


@law("A range whose low lies above its high raises.", given=range_inputs(), needs=RANGE[:1])
def sigmoid_range_refuses_low_above_high(impl: Any, p: RangeInput) -> None:
    for low, high in ((p.high + 1, p.low), (p.low + 0.25, p.low)):
        refuses(f"low {low} above high {high}", squash, impl, p.x, low, high)


@law("The outputs alone tell it: (high - low) d_x = d_out (out - low) (high - out).",
     given=range_inputs(), needs=RANGE, examples=(SQUASHED,))  # fmt: skip
def sigmoid_range_gradient_follows_from_the_outputs(impl: Any, p: RangeInput) -> None:
    out, cache = impl.sigmoid_range_forward(p.x, p.low, p.high)
    d_x = impl.sigmoid_range_backward(p.d_out, cache)
    of_d_x = bounds.sigmoid_range_backward(p.d_out, p.x, p.low, p.high, impl.library)
    of_out = bounds.sigmoid_range(p.x, p.low, p.high, impl.library)
    low, high = Fraction(p.low), Fraction(p.high)
    for b, d in enumerate(map(total, p.d_out)):
        want = d * (total(out[b]) - low) * (high - total(out[b]))
        room, height = total(of_out[b]), high - low
        allowed = abs(d) * (height * room + room**2) + height * total(of_d_x[b])
        assert_equal(height * total(d_x[b]), want, allowed, f"R d_x[{b}]")


@law("Saturated upwards, from 40 on, the gradient is exactly zero: 1 - s is.",
     given=range_inputs(), needs=RANGE)  # fmt: skip
def sigmoid_range_gradient_dies_upwards(impl: Any, p: RangeInput) -> None:
    x = np.abs(p.x) + p.dtype.type(SATURATED)
    d_x = impl.sigmoid_range_backward(p.d_out, impl.sigmoid_range_forward(x, p.low, p.high)[1])
    assert not d_x.any(), f"{d_x}"


# -- mean squared error: loss = (1 / B) sum_b (pred_b - rating_b)**2 -------------------------------

THREE = LossInput(np.array([1.0, 2.0, 4.5]), np.array([1.0, 3.0, 2.0]), 1.0)


@law("A batch's loss is the weighted mean of its parts': B L = B1 L1 + B2 L2.",
     given=loss_inputs(), needs=MSE[:1], examples=(THREE,))  # fmt: skip
def mse_of_two_parts(impl: Any, p: LossInput) -> None:
    for where in range(1, len(p.pred)):
        sums, allowed = [], Fraction(0)
        for part in (slice(None), slice(where), slice(where, None)):
            pred, rating = p.pred[part], p.rating[part]
            sums.append(len(pred) * total(impl.mse_forward(pred, rating)[0]))
            allowed += len(pred) * total(bounds.mse(pred, rating, library=impl.library))
        assert_equal(sums[1] + sums[2], sums[0], allowed, "B1 L1 + B2 L2")


@law("NaN makes the loss NaN and an infinity makes it infinite, wherever it stands.",
     given=loss_inputs(), needs=MSE[:1])  # fmt: skip
@quiet
def mse_of_no_numbers(impl: Any, p: LossInput) -> None:
    for field in ("pred", "rating"):
        for b in range(len(p.pred)):
            for value in (np.nan, np.inf, -np.inf):
                q = p._replace(**{field: with_entry(getattr(p, field), b, value)})
                got, want = impl.mse_forward(*q[:2])[0], abs(p.dtype.type(value))
                assert_within(got, want, 0.0, f"loss with {field}[{b}] = {value}")


@law("An empty batch raises: it has no mean.", given=loss_inputs(), needs=MSE[:1])
def mse_refuses_an_empty_batch(impl: Any, p: LossInput) -> None:
    refuses("an empty batch", impl.mse_forward, p.pred[:0], p.rating[:0])


@law("Ratings are cast to the dtype of the predictions, which is that of the loss.",
     given=loss_inputs(), needs=MSE)  # fmt: skip
def ratings_do_not_promote_the_loss(impl: Any, p: LossInput) -> None:
    results = []
    for dtype in (p.dtype, np.float32, np.float64):
        loss, cache = impl.mse_forward(p.pred, np.round(p.rating).astype(dtype))
        results.append((loss, impl.mse_backward(p.d_loss, cache)))
        for got, want in zip(results[-1], results[0], strict=True):
            assert_same_bits(got, want)
