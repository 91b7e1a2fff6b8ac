"""Ask for memory before it is needed: the rows of the next batch, while this one is computed.

Rows of a large table lie anywhere, and each costs a wait of hundreds of cycles when it is first
read.  A prefetch starts the transfer and goes on.  It changes no number: the plain-Python twin of
`ask_for`, which runs under NUMBA_DISABLE_JIT=1, does nothing at all.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npcf.kernels._jit import compiles, stage

LINE = 64  # bytes that memory moves at once
FITS = 2**18  # bytes of marks


def _ask_for(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """Compile to one prefetch instruction for array[row, column], a C array, to be written."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        place = cgutils.get_item_pointer(context, builder, kind, view, arguments[1:])
        byte, whole = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, whole, whole, whole]),
            "llvm.prefetch.p0",
        )
        to_write, keep, data = ir.Constant(whole, 1), ir.Constant(whole, 3), ir.Constant(whole, 1)
        builder.call(function, [builder.bitcast(place, byte), to_write, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


def _ask_nothing(array: Any, row: Any, column: Any) -> None:
    """Do nothing."""


ask_for: Any = intrinsic(_ask_for) if compiles() else _ask_nothing


@stage
def ask_for_marks(side, ids):
    """Ask for the marks and biases of a batch's rows, unless all of them fit into a cache."""
    if side.marks.nbytes < FITS:
        return
    for b in range(ids.size):
        ask_for(side.marks, ids[b], 0)
        ask_for(side.bias, ids[b], 0)


@stage
def ask_for_factors(side, ids):
    """Ask for their factors."""
    step = LINE // side.factors.itemsize
    for b in range(ids.size):
        for column in range(0, side.factors.shape[1], step):
            ask_for(side.factors, ids[b], column)
