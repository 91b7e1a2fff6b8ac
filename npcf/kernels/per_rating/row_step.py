"""Two rows at a time: their dot product, and what a step makes of them, in vector instructions.

Rows are padded with zeros to a multiple of LANE numbers, and how many lanes a row has is known when
a loop is compiled: `lanes` is a tuple of that many zeros, which carries its length in its type.  So
the instructions stand one after the other, without loops, remainders or tests, and there is one
compiled loop for each number of lanes.

    dot(left, l, right, r, lanes)                  sum_k left[l, k] right[r, k]
    move(left, l, right, r, lanes, keeps, pull)    left[l]  <- keeps[0] left[l] + pull right[r]
                                                   right[r] <- keeps[1] right[r] + pull left[l]

both of `move` from the old rows.  Padding stays zero: keep 0 + pull 0.

`dot` keeps SUMS partial sums, so that one addition need not wait for the last.  Multiplications and
additions are fused.  Each function stands here twice: as plain NumPy, which is what runs under
NUMBA_DISABLE_JIT=1 and what it means, and as the instructions that Numba puts in its place.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npcf.kernels.per_rating.room import zeros

LANE = 16  # numbers to which rows are padded: 64 bytes, a line of the cache
WIDE = 8  # numbers in a vector: AVX2's; a processor with less splits them
SUMS = 4
REAL, WHOLE, INDEX = ir.FloatType(), ir.IntType(32), ir.IntType(64)
VECTOR = ir.VectorType(REAL, WIDE)


def dot(left: Any, l: Any, right: Any, r: Any, lanes: Any) -> Any:  # noqa: E741
    """Return the dot product of two rows."""
    return left[l] @ right[r]


def move(left: Any, l: Any, right: Any, r: Any, lanes: Any, keeps: Any, pull: Any) -> None:  # noqa: E741
    """Pull two rows towards each other, and let them decay."""
    old = left[l].copy()
    left[l] = keeps[0] * old + pull * right[r]
    right[r] = keeps[1] * right[r] + pull * old


class Row:
    """A row of a table, in the instructions of a loop."""

    def __init__(self, context: Any, builder: Any, kind: Any, table: Any, row: Any, lanes: Any):
        view = context.make_array(kind)(context, builder, table)
        self.builder, self.size = builder, LANE * len(lanes)
        self.first = builder.gep(view.data, [builder.mul(row, ir.Constant(INDEX, self.size))])

    def at(self, k: int) -> Any:
        """Return a pointer to the vector that begins at number `k`."""
        place = self.builder.gep(self.first, [ir.Constant(INDEX, k)])
        return self.builder.bitcast(place, VECTOR.as_pointer())

    def load(self, k: int) -> Any:
        """Return that vector."""
        return self.builder.load(self.at(k), align=4)


def _dot(typing_context: Any, left: Any, l: Any, right: Any, r: Any, lanes: Any) -> Any:  # noqa: E741
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        a = Row(context, builder, left, given[0], given[1], lanes)
        b = Row(context, builder, right, given[2], given[3], lanes)
        sums: list[Any] = []
        for n, k in enumerate(range(0, a.size, WIDE)):
            x, y = a.load(k), b.load(k)
            if n < SUMS:
                sums.append(builder.fmul(x, y))
            else:
                sums[n % SUMS] = _fma(builder, x, y, sums[n % SUMS])
        while len(sums) > 1:
            sums = [builder.fadd(*sums[j : j + 2]) for j in range(0, len(sums), 2)]
        kind = ir.FunctionType(REAL, [REAL, VECTOR])
        add_up = cgutils.get_or_insert_function(
            builder.module, kind, f"llvm.vector.reduce.fadd.v{WIDE}f32"
        )
        return builder.call(add_up, [ir.Constant(REAL, -0.0), sums[0]], fastmath=("reassoc",))

    return types.float32(left, types.intp, right, types.intp, lanes), generate


def _move(
    typing_context: Any, left: Any, l: Any, right: Any, r: Any, lanes: Any, keeps: Any, pull: Any  # noqa: E741
) -> Any:  # fmt: skip
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        a = Row(context, builder, left, given[0], given[1], lanes)
        b = Row(context, builder, right, given[2], given[3], lanes)
        numbers = [*cgutils.unpack_tuple(builder, given[5]), given[6]]
        keep_a, keep_b, pulled = (_spread(builder, number) for number in numbers)
        for k in range(0, a.size, WIDE):
            x, y = a.load(k), b.load(k)
            builder.store(_fma(builder, pulled, y, builder.fmul(keep_a, x)), a.at(k), align=4)
            builder.store(_fma(builder, pulled, x, builder.fmul(keep_b, y)), b.at(k), align=4)
        return context.get_dummy_value()

    pair = types.UniTuple(types.float32, 2)
    return types.void(
        left, types.intp, right, types.intp, lanes, pair, types.float32
    ), generate  # fmt: skip


def _fma(builder: Any, x: Any, y: Any, z: Any) -> Any:
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDE}f32")
    return builder.call(fma, [x, y, z])


def _spread(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(VECTOR, ir.Undefined)
    alone = builder.insert_element(undefined, number, ir.Constant(WHOLE, 0))
    zeros = ir.Constant(ir.VectorType(WHOLE, WIDE), [0] * WIDE)
    return builder.shuffle_vector(alone, undefined, zeros)


def padded(n_rows: int, n_factors: int) -> Any:
    """Return a table of zeros (n_rows, K rounded up to LANE), rows beginning at cache lines."""
    width = -(-n_factors // LANE) * LANE
    memory = zeros(n_rows * width + LANE, np.float32)
    skip = (-memory.ctypes.data // memory.itemsize) % LANE
    return memory[skip : skip + n_rows * width].reshape(n_rows, width)


if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    dot, move = intrinsic(_dot), intrinsic(_move)  # type: ignore[assignment]
