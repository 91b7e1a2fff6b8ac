"""Laws of the layers of networks: what the contracts do not say."""

from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import assert_equal, quiet, reach, refuses, total
from npcf.verify.strategies import (
    BatchNormInput,
    LinearInput,
    SideBySide,
    UnitInput,
    batch_norm_inputs,
    linear_inputs,
    sides,
    unit_inputs,
)

LINEAR, RELU = ("linear_forward",), ("relu_forward",)
NORM = ("batch_norm_forward", "batch_norm_backward")


@law("Rows that are longer or shorter than those of weight raise.",
     given=linear_inputs(), needs=LINEAR)  # fmt: skip
def linear_refuses_other_rows(impl: Any, p: LinearInput) -> None:
    for x in (np.concatenate([p.x, p.x[:, :1]], axis=1), p.x[:, 1:]):
        refuses(f"x of shape {x.shape}", impl.linear_forward, x, p.weight, p.bias)


@law("A negative NaN is NaN: it is not smaller than zero.",
     given=unit_inputs(), needs=RELU)  # fmt: skip
@quiet
def relu_keeps_nan(impl: Any, p: UnitInput) -> None:
    out = impl.relu_forward(np.full_like(p.x, -np.nan))[0]
    assert_same_bits(out, np.full_like(p.x, np.nan))


@law("Parts with other numbers of rows raise: none is broadcast.",
     given=sides(), needs=("concatenate_forward",))  # fmt: skip
def concatenate_refuses_other_batches(impl: Any, p: SideBySide) -> None:
    more = np.resize(p.right, (len(p.left) + 1, *p.right.shape[1:]))
    refuses("another number of rows", impl.concatenate_forward, [p.left, more])
    refuses("another axis", impl.concatenate_forward, [p.left, p.right[None]])


@law("A batch of one row, or of none, has no variance: without one given, it raises.",
     given=batch_norm_inputs(), needs=NORM[:1])  # fmt: skip
def batch_norm_refuses_one_row(impl: Any, p: BatchNormInput) -> None:
    for rows in (0, 1):
        refuses(f"a batch of {rows}", impl.batch_norm_forward, p.x[:rows], *p[1:-1])


@law("Adding a number to a column changes nothing, so the gradients of a column add up to zero.",
     given=batch_norm_inputs(), needs=NORM)  # fmt: skip
def batch_norm_gradients_add_up_to_zero(impl: Any, p: BatchNormInput) -> None:
    d_x = impl.batch_norm_backward(p.d_out, impl.batch_norm_forward(*p[:-1])[1])[0]
    allowed = bounds.batch_norm_backward(p.d_out, *p[:-1], library=impl.library)[0]
    for k in range(d_x.shape[1]):
        room = reach(allowed[:, k], np.ones(len(d_x)))
        assert_equal(total(d_x[:, k]), total(0.0), room, f"column {k} of d_x")
