"""A dot product of two rows, added up in NumPy's order, in vector instructions.

NumPy adds eight partial sums side by side, then those in pairs, then the rest one by one:

    r_j = a_j + a_j+8 + a_j+16 + ...        j = 0 .. 7
    ((r_0 + r_1) + (r_2 + r_3)) + ((r_4 + r_5) + (r_6 + r_7)) + rest_0 + rest_1 + ...

and up to seven numbers one by one from the left.  With the products of `npcf.ops.row_dot` for a,
each rounded by itself, `dot` has the bits of the reference in rows of up to 128 numbers; NumPy cuts
longer ones in two, and `dot` does not.  Eight sums are also what makes it fast: one addition need
not wait for the last, and no licence to reorder is needed for it.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from npcf.kernels.simd import Lanes, load

SUMS = 8


def dot(left: Any, right: Any) -> Any:
    """Return the dot product of two rows: what it means, and is where nothing is compiled."""
    return np.add.reduce(left * right)


@overload(dot, inline="always")
def _compiled(left, right):
    """Choose: vectors for real numbers; complex ones, of gradient checks, one by one."""
    if isinstance(left.dtype, types.Float):
        return lambda left, right: _real_dot(left, right)  # type: ignore[call-arg]

    def one_by_one(left, right):
        total = left.dtype.type(0)
        for k in range(left.size):
            total += left[k] * right[k]
        return total

    return one_by_one


@intrinsic
def _real_dot(typing_context: Any, left: Any, right: Any) -> Any:
    """Write the instructions for two contiguous arrays of one dtype."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        views = [context.make_array(left)(context, builder, value) for value in arguments]
        a, b = (view.data for view in views)

        def products(k: Any, width: int) -> Lanes:
            return load(builder, a, k, width) * load(builder, b, k, width)

        kind, (size,) = a.type.pointee, cgutils.unpack_tuple(builder, views[0].shape)
        zero, one, seven, eight = (ir.Constant(size.type, n) for n in (0, 1, SUMS - 1, SUMS))
        done = builder.and_(size, builder.not_(seven))
        total = cgutils.alloca_once_value(builder, ir.Constant(kind, -0.0))
        with builder.if_then(builder.icmp_signed(">=", size, eight)):
            sums = cgutils.alloca_once_value(builder, products(zero, SUMS).value)
            with cgutils.for_range_slice(builder, eight, done, eight) as (k, _):
                more = Lanes(builder, builder.load(sums)) + products(k, SUMS)
                builder.store(more.value, sums)
            builder.store(_in_pairs(Lanes(builder, builder.load(sums))), total)
        with cgutils.for_range_slice(builder, done, size, one) as (k, _):
            builder.store(builder.fadd(builder.load(total), products(k, 1).one()), total)
        positive = ir.Constant(kind, 0.0)  # a sum of NumPy's begins with it, and is never -0
        return builder.fadd(builder.load(total), positive)

    return left.dtype(left, right), generate


def _in_pairs(sums: Lanes) -> Any:
    """Return the sum of neighbours, and of those, until one is left."""
    while sums.count > 1:
        sums = sums.some(range(0, sums.count, 2)) + sums.some(range(1, sums.count, 2))
    return sums.one()
