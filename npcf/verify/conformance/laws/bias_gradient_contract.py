"""Laws of how the biases' backward treats its arguments, its cache and its results."""

import numpy as np

from npcf.verify.assertions import assert_within
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import (
    INTEGERS,
    SPECIAL,
    assert_kind,
    assert_own_memory,
    assert_same,
    layouts_of,
    overwrite,
    quiet,
    refuses,
    unchanged,
    with_entry,
)
from npcf.verify.conformance.laws.bias import PAIRS, of_pairs
from npcf.verify.conformance.laws.bias_gradient import (
    NAMES,
    NEEDS,
    assert_all_within,
    bounds_of,
    forward,
    gradients,
    sides,
)
from npcf.verify.strategies import BiasInput, bias_inputs


@law("The gradients do not depend on the numbers that were added.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_do_not_read_the_inputs(impl: Implementation, p: BiasInput) -> None:
    want = gradients(impl, p)
    for value in (0.0, 3.0, np.nan):
        dot, users, items = (np.full_like(x, value) for x in (p.dot, p.user_bias, p.item_bias))
        got = gradients(impl, p._replace(dot=dot, user_bias=users, item_bias=items))
        assert_same(got, want)


@law("Each table's gradient is that of a lookup in a table of one column.",
     given=bias_inputs(),
     needs=(*NEEDS, "embedding_forward", "embedding_backward"))  # fmt: skip
def bias_gradients_are_those_of_a_lookup(impl: Implementation, p: BiasInput) -> None:
    parts = zip(gradients(impl, p)[1:], sides(p), bounds_of(impl, p)[1:], strict=True)
    for got, (ids, table), allowed in parts:
        _, cache = impl.embedding_forward(table[:, None], ids)
        want = impl.embedding_backward(p.d_out[:, None], cache)
        assert_within(got, want[:, 0], 2 * allowed)


@law("No pairs give an empty d_dot and tables of zeros.", given=bias_inputs(), needs=NEEDS)
def bias_gradients_of_no_pairs(impl: Implementation, p: BiasInput) -> None:
    got = gradients(impl, of_pairs(p, slice(0, 0)))
    assert_same(got, [p.dot[:0], np.zeros_like(p.user_bias), np.zeros_like(p.item_bias)])


@law("NaN and infinities in one rating's d_out reach its user, its item and its dot only.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
@quiet
def bias_gradients_keep_nan_in_their_rows(impl: Implementation, p: BiasInput) -> None:
    if len(p.dot) == 0:
        return
    own = (len(p.dot) - 1, p.users[-1], p.items[-1])
    for value in SPECIAL:
        got = gradients(impl, p._replace(d_out=with_entry(p.d_out, -1, value)))
        for name, array, place in zip(NAMES, got, own, strict=True):
            finite = np.isfinite(array)
            assert not finite[place], f"{value} was lost in {name}[{place}]"
            assert np.delete(finite, place).all(), f"{value} spread beyond {name}[{place}]"


@law("The gradients have the shapes and the dtype of dot and tables, for one pair too.",
     given=bias_inputs(), needs=NEEDS, examples=(PAIRS,))  # fmt: skip
def bias_gradients_have_the_shapes_of_the_inputs(impl: Implementation, p: BiasInput) -> None:
    for q in (p, of_pairs(p, slice(0, 1))):
        shapes = (q.dot.shape, q.user_bias.shape, q.item_bias.shape)
        for name, array, shape in zip(NAMES, gradients(impl, q), shapes, strict=True):
            assert_kind(array, shape, p.dtype, name)


@law("The backward changes neither d_out nor an input.", given=bias_inputs(), needs=NEEDS)
def bias_gradients_change_no_argument(impl: Implementation, p: BiasInput) -> None:
    with unchanged(*p):
        gradients(impl, p)


@law("One cache serves twice: the second gradients have the bits of the first.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_cache_serves_twice(impl: Implementation, p: BiasInput) -> None:
    _, cache = forward(impl, p)
    first = impl.bias_backward(p.d_out, cache)
    want = [array.copy() for array in first]
    assert_same(impl.bias_backward(p.d_out, cache), want, "second gradients")
    assert_same(first, want, "first gradients, after the second call")


@law("A cache survives other forwards: nothing is kept between calls.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_cache_survives_the_next_forward(impl: Implementation, p: BiasInput) -> None:
    want = gradients(impl, p)
    _, cache = forward(impl, p)
    other, ids = np.ones(9, p.dtype), np.zeros(2, np.int64)
    gradients(impl, BiasInput(other[:2], other, other, ids, ids, other[:2]))
    assert_same(impl.bias_backward(p.d_out, cache), want)


@law("Overwriting the sums does not change the gradients.", given=bias_inputs(), needs=NEEDS)
def bias_gradients_do_not_read_the_sums(impl: Implementation, p: BiasInput) -> None:
    want = gradients(impl, p)
    out, cache = forward(impl, p)
    overwrite(out)
    assert_same(impl.bias_backward(p.d_out, cache), want)


@law("Strided, reversed and read-only inputs change nothing beyond rounding.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_in_any_layout(impl: Implementation, p: BiasInput) -> None:
    want, allowed = gradients(impl, BiasInput(*map(np.ascontiguousarray, p))), bounds_of(impl, p)
    for inputs in zip(*map(layouts_of, p), strict=True):
        assert_all_within(gradients(impl, BiasInput(*inputs)), want, allowed)


@law("Ids of every integer type give the same gradients, up to rounding.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_by_any_integer(impl: Implementation, p: BiasInput) -> None:
    want, allowed = gradients(impl, p), bounds_of(impl, p)
    for users, items in zip(INTEGERS, reversed(INTEGERS), strict=True):
        q = p._replace(users=p.users.astype(users), items=p.items.astype(items))
        assert_all_within(gradients(impl, q), want, allowed)


@law("The gradients share no memory with d_out, an input, or each other.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_own_their_memory(impl: Implementation, p: BiasInput) -> None:
    _, cache = forward(impl, p)
    got = [*impl.bias_backward(p.d_out, cache), *impl.bias_backward(p.d_out, cache)]
    assert_own_memory(got, [p.d_out, p.dot, p.user_bias, p.item_bias])


@law("d_out of another shape than (B,) raises: a column or one number would broadcast.",
     given=bias_inputs(), needs=NEEDS)  # fmt: skip
def bias_gradients_refuse_other_shapes(impl: Implementation, p: BiasInput) -> None:
    ids = np.zeros(3, np.int64)
    three = p._replace(dot=np.ones(3, p.dtype), users=ids, items=ids)
    _, cache = forward(impl, three)
    for shape in ((4,), (1,), (3, 1), (1, 3), ()):
        refuses(f"d_out {shape} for 3 pairs", impl.bias_backward, np.ones(shape, p.dtype), cache)
