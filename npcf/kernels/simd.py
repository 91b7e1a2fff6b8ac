"""Vector instructions: numbers side by side, read from memory, computed with, and written back.

`Lanes` stands for a few neighbouring numbers of an array while a loop is compiled; arithmetic on it
writes instructions.  Additions and multiplications are those of the formula in its order; a loop's
licence to contract holds here too.

Prefetches (`ask_for`) start the transfer of memory and go on.  They change no number: under
NUMBA_DISABLE_JIT=1 they do nothing.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from npcf.kernels._jit import compiles

LINE = 64  # bytes that memory moves at once
INT32 = ir.IntType(32)


class Lanes:
    """Numbers side by side in a vector register."""

    def __init__(self, builder: Any, value: Any):
        self.builder, self.value = builder, value

    def __add__(self, other: Any) -> "Lanes":
        return self._joined("fadd", self, other)

    def __radd__(self, other: Any) -> "Lanes":
        return self._joined("fadd", other, self)

    def __sub__(self, other: Any) -> "Lanes":
        return self._joined("fsub", self, other)

    def __rsub__(self, other: Any) -> "Lanes":
        return self._joined("fsub", other, self)

    def __mul__(self, other: Any) -> "Lanes":
        return self._joined("fmul", self, other)

    def __rmul__(self, other: Any) -> "Lanes":
        return self._joined("fmul", other, self)

    def __truediv__(self, other: Any) -> "Lanes":
        return self._joined("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> "Lanes":
        return self._joined("fdiv", other, self)

    def sqrt(self) -> "Lanes":
        """Be what np.sqrt calls."""
        return self.called("sqrt")

    def called(self, name: str, *others: Any) -> "Lanes":
        """Return what LLVM's function of that name makes of this and other lanes."""
        kind, values = self.value.type, [self._value(x) for x in (self, *others)]
        function = cgutils.get_or_insert_function(
            self.builder.module,
            ir.FunctionType(kind, [kind] * len(values)),
            f"llvm.{name}.v{kind.count}{kind.element.intrinsic_name}",
        )
        return Lanes(self.builder, self.builder.call(function, values))

    def some(self, which: range) -> "Lanes":
        """Return those of the lanes."""
        mask = ir.Constant(ir.VectorType(INT32, len(which)), list(which))
        return Lanes(self.builder, self.builder.shuffle_vector(self.value, self.value, mask))

    def one(self) -> Any:
        """Return the number of the first lane."""
        return self.builder.extract_element(self.value, ir.Constant(INT32, 0))

    @property
    def count(self) -> int:
        """How many numbers."""
        return int(self.value.type.count)

    def _joined(self, operation: str, left: Any, right: Any) -> "Lanes":
        values = self._value(left), self._value(right)
        return Lanes(self.builder, getattr(self.builder, operation)(*values))

    def _value(self, x: Any) -> Any:
        return x.value if isinstance(x, Lanes) else self.all(x)

    def all(self, number: float) -> Any:
        """Return a constant, in every lane."""
        kind = self.value.type
        return ir.Constant(kind, [ir.Constant(kind.element, float(number))] * kind.count)


def load(builder: Any, first: Any, k: Any, width: int) -> Lanes:
    """Return the numbers k .. k + width - 1 behind the pointer `first`."""
    return Lanes(builder, builder.load(_place(builder, first, k, width), align=1))


def store(lanes: Lanes, first: Any, k: Any) -> None:
    """Write them behind the pointer `first`, from number `k` on."""
    lanes.builder.store(lanes.value, _place(lanes.builder, first, k, lanes.count), align=1)


def spread(builder: Any, number: Any, width: int) -> Lanes:
    """Return one number in every lane."""
    undefined = ir.Constant(ir.VectorType(number.type, width), ir.Undefined)
    alone = builder.insert_element(undefined, number, ir.Constant(INT32, 0))
    zeros = ir.Constant(ir.VectorType(INT32, width), [0] * width)
    return Lanes(builder, builder.shuffle_vector(alone, undefined, zeros))


def _place(builder: Any, first: Any, k: Any, width: int) -> Any:
    kind = ir.VectorType(first.type.pointee, width)
    return builder.bitcast(builder.gep(first, [k]), kind.as_pointer())


def _ask_for(typing_context: Any, array: Any, row: Any, column: Any) -> Any:
    """Compile to one prefetch instruction for array[row, column], a C array, to be written."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        place = cgutils.get_item_pointer(context, builder, kind, view, arguments[1:])
        byte = ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32]),
            "llvm.prefetch.p0",
        )
        to_write, keep, data = ir.Constant(INT32, 1), ir.Constant(INT32, 3), ir.Constant(INT32, 1)
        builder.call(function, [builder.bitcast(place, byte), to_write, keep, data])
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), generate


def _ask_nothing(array: Any, row: Any, column: Any) -> None:
    """Do nothing."""


ask_for: Any = intrinsic(_ask_for) if compiles() else _ask_nothing
