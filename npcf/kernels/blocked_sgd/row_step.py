"""Two rows at a time: their dot product, and what a step makes of them, in vector instructions.

Rows are padded with zeros to a multiple of LANE numbers, and how many lanes a row has is known when
a loop is compiled: `lanes` is a tuple of that many zeros, which carries its length in its type.  So
the instructions stand one after the other, without loops, remainders or tests, and there is one
compiled loop for each number of lanes.

    dot(left, l, right, r, lanes)                  sum_k left[l, k] right[r, k]
    move(left, l, right, r, lanes, keeps, pull)    left[l]  <- keeps[0] left[l] + pull right[r]
                                                   right[r] <- keeps[1] right[r] + pull left[l]

both of `move` from the old rows.  Padding stays zero: keep 0 + pull 0.

`dot` keeps SUMS partial sums, so that one addition need not wait for the last; a vector is as wide
as the processor's, and the sums are the same.  Multiplications and additions are fused.  Each
function stands here twice: as plain NumPy, which is what runs under NUMBA_DISABLE_JIT=1 and what it
means, and as the instructions that Numba puts in its place.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npcf.kernels._jit import compiles
from npcf.kernels.blocked_sgd.given import zeros
from npcf.kernels.simd import Lanes, load, spread, store

LANE = 16  # numbers to which rows are padded: 64 bytes, a line of the cache
SUMS = 32  # partial sums of a dot product
LAST = 8  # of them, when all others are added; in what order these are is left to the compiler
INDEX = ir.IntType(64)


def dot(left: Any, l: Any, right: Any, r: Any, lanes: Any) -> Any:  # noqa: E741
    """Return the dot product of two rows."""
    return left[l] @ right[r]


def move(left: Any, l: Any, right: Any, r: Any, lanes: Any, keeps: Any, pull: Any) -> None:  # noqa: E741
    """Pull two rows towards each other, and let them decay."""
    old = left[l].copy()
    left[l] = keeps[0] * old + pull * right[r]
    right[r] = keeps[1] * right[r] + pull * old


def width_of(context: Any) -> int:
    """Return how many numbers fit into a vector: AVX-512's 16, or AVX2's 8, which others split."""
    features = context.codegen().magic_tuple()[2].split(",")
    return 16 if "+avx512f" in features else 8


def _row(context: Any, builder: Any, kind: Any, table: Any, row: Any, lanes: Any) -> Any:
    """Return a pointer to a row."""
    view = context.make_array(kind)(context, builder, table)
    return builder.gep(view.data, [builder.mul(row, ir.Constant(INDEX, LANE * len(lanes)))])


def _places(lanes: Any, width: int) -> list[Any]:
    return [ir.Constant(INDEX, k) for k in range(0, LANE * len(lanes), width)]


def _dot(typing_context: Any, left: Any, l: Any, right: Any, r: Any, lanes: Any) -> Any:  # noqa: E741
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        a = _row(context, builder, left, given[0], given[1], lanes)
        b = _row(context, builder, right, given[2], given[3], lanes)
        width = width_of(context)
        sums: list[Lanes] = []
        for n, k in enumerate(_places(lanes, width)):
            x, y = load(builder, a, k, width), load(builder, b, k, width)
            at = n % (SUMS // width)
            if n == len(sums) < SUMS // width:
                sums.append(x * y)
            else:
                sums[at] = x.called("fma", y, sums[at])
        sums = [x.some(range(k, k + LAST)) if width > LAST else x
                for x in sums for k in range(0, width, LAST)]  # fmt: skip
        while len(sums) > 1:
            sums = [x + y for x, y in zip(sums[::2], sums[1::2], strict=True)]
        real, vector = ir.FloatType(), sums[0].value.type
        add_up = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(real, [real, vector]),
            f"llvm.vector.reduce.fadd.v{LAST}f32",
        )
        return builder.call(add_up, [ir.Constant(real, -0.0), sums[0].value], fastmath=("reassoc",))

    return types.float32(left, types.intp, right, types.intp, lanes), generate


def _move(
    typing_context: Any, left: Any, l: Any, right: Any, r: Any, lanes: Any, keeps: Any, pull: Any  # noqa: E741
) -> Any:  # fmt: skip
    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        a = _row(context, builder, left, given[0], given[1], lanes)
        b = _row(context, builder, right, given[2], given[3], lanes)
        width = width_of(context)
        numbers = [*cgutils.unpack_tuple(builder, given[5]), given[6]]
        keep_a, keep_b, pulled = (spread(builder, number, width) for number in numbers)
        for k in _places(lanes, width):
            x, y = load(builder, a, k, width), load(builder, b, k, width)
            store(pulled.called("fma", y, keep_a * x), a, k)
            store(pulled.called("fma", x, keep_b * y), b, k)
        return context.get_dummy_value()

    pair = types.UniTuple(types.float32, 2)
    return types.void(
        left, types.intp, right, types.intp, lanes, pair, types.float32
    ), generate  # fmt: skip


def padded(n_rows: int, n_factors: int) -> Any:
    """Return a table of zeros (n_rows, K rounded up to LANE), rows beginning at cache lines."""
    width = -(-n_factors // LANE) * LANE
    memory = zeros(n_rows * width + LANE, np.float32)
    skip = (-memory.ctypes.data // memory.itemsize) % LANE
    return memory[skip : skip + n_rows * width].reshape(n_rows, width)


if compiles():
    dot, move = intrinsic(_dot), intrinsic(_move)  # type: ignore[assignment]
