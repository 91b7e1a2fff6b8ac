"""One formula for a row, and two executions: several numbers at a time, or plain NumPy.

What a step does to a row is a formula for each of its numbers, such as `w - lr * g`.  `rowwise`
makes of it a function that compiled loops call:

    @rowwise
    def step(w, g, lr):             # rows first, then numbers
        return (w - lr * g,)        # what the first row becomes, the second, ...

    step((table.w[row], table.gradient[slot]), (lr,))

The formula runs once, when a loop is compiled, on `Lanes`: stand-ins whose arithmetic writes
vector instructions for WIDE // itemsize numbers.  A loop left to the compiler would do more of them
at a time, and up to 31 of a row's numbers singly: half of the time where K = 50.  Here a row's last
vector ends where the row ends and overlaps the one before it.  It is computed first and stored
last, so that the overlap is computed from old numbers twice and not from new ones:

    |0 ..... 7|8 .... 15|16 ... 23|              K = 22, vectors of 8
                   |14 ... 21|

Additions and multiplications are those of the formula in its order; a loop's licence to contract
holds here too.  Under NUMBA_DISABLE_JIT=1 the same formula is applied to the rows as arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

from npcf.kernels._jit import compiles

WIDE = 32  # bytes of a vector: AVX2; where the processor has less, a vector becomes several

Formula = Callable[..., tuple[Any, ...]]
Terms = Mapping[Any, int]


class Lanes:
    """Numbers side by side in a vector register; arithmetic on them writes instructions."""

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

    def _joined(self, operation: str, left: Any, right: Any) -> "Lanes":
        values = self._value(left), self._value(right)
        return Lanes(self.builder, getattr(self.builder, operation)(*values))

    def _value(self, x: Any) -> Any:
        return x.value if isinstance(x, Lanes) else self._all(x)

    def _all(self, number: float) -> Any:
        kind = self.value.type
        return ir.Constant(kind, [ir.Constant(kind.element, float(number))] * kind.count)


def where_set(number: Any, if_set: Any, if_zero: Any) -> Any:
    """Return `if_set` where `number` is not zero, else `if_zero`; for use in a formula."""
    if not isinstance(number, Lanes):
        return if_set if number else if_zero
    build = number.builder
    is_set = build.fcmp_unordered("!=", number.value, number._all(0))
    return Lanes(build, build.select(is_set, if_set.value, if_zero.value))


def multiply_add(x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z, rounded once in instructions, twice in NumPy; for use in a formula."""
    return x.called("fma", y, z) if isinstance(x, Lanes) else x * y + z


class Writer(NamedTuple):
    """Writes a formula's instructions for any stretch of the rows."""

    formula: Formula
    builder: Any
    rows: list[Any]  # pointers to the first number of each
    numbers: list[Any]

    def results(self, k: Any, width: int) -> tuple[Lanes, ...]:
        """Compute what the numbers k .. k + width - 1 of the rows become."""
        build = self.builder
        rows = [self._widened(build.load(self._at(row, k, width), align=1)) for row in self.rows]
        return self.formula(*rows, *(Lanes(build, self._spread(x, width)) for x in self.numbers))

    def store(self, k: Any, width: int, results: tuple[Lanes, ...]) -> None:
        """Write them down."""
        for row, lanes in zip(self.rows, results, strict=False):
            place, value = self._at(row, k, width), lanes.value
            if place.type.pointee != value.type:
                value = self.builder.fptrunc(value, place.type.pointee)
            self.builder.store(value, place, align=1)

    def all(self, size: Any, width: int) -> None:
        """Write the loops over rows of `size` numbers."""
        build, zero = self.builder, ir.Constant(size.type, 0)
        wide = ir.Constant(size.type, width)
        with build.if_else(build.icmp_signed(">=", size, wide)) as (vectors, singly):
            with vectors:
                end = build.sub(size, wide)
                last = self.results(end, width)
                with cgutils.for_range_slice(build, zero, end, wide) as (k, _):
                    self.store(k, width, self.results(k, width))
                self.store(end, width, last)
            with singly:
                # vectors of one number: the compiler would make vectors of plain ones again
                with cgutils.for_range(build, size) as loop:
                    self.store(loop.index, 1, self.results(loop.index, 1))

    def _widened(self, value: Any) -> Lanes:
        wide = ir.VectorType(self.rows[-1].type.pointee, value.type.count)
        same = value.type == wide
        return Lanes(self.builder, value if same else self.builder.fpext(value, wide))

    def _at(self, row: Any, k: Any, width: int) -> Any:
        kind = ir.VectorType(row.type.pointee, width)
        return self.builder.bitcast(self.builder.gep(row, [k]), kind.as_pointer())

    def _spread(self, number: Any, width: int) -> Any:
        undefined = ir.Constant(ir.VectorType(number.type, width), ir.Undefined)
        which = ir.Constant(ir.IntType(32), 0)
        alone = self.builder.insert_element(undefined, number, which)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        return self.builder.shuffle_vector(alone, undefined, zeros)


def rowwise(formula: Formula, terms: Terms | None = None) -> Any:
    """Return `apply(rows, numbers)`: set the first rows to what `formula` makes of all.

    `rows` is a tuple of contiguous arrays (K,), `numbers` a tuple of numbers, which are rounded to
    the last row's dtype first; with `terms`, the last is an array of terms[dtype] of them.  Rows of
    another dtype than the last are converted when read and when written.
    No two rows may share memory.
    """
    if not compiles():
        return _on_arrays(formula, terms)
    return intrinsic(_instructions(formula, terms))


def _instructions(formula: Formula, terms: Terms | None) -> Any:
    """Return what writes the instructions of `apply`, in the shape that Numba asks for."""

    def apply(typing_context: Any, rows: Any, numbers: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values, scalar = cgutils.unpack_tuple(builder, arguments[0]), rows[-1].dtype
            arrays = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(rows, values, strict=True)
            ]
            given = list(zip(numbers, cgutils.unpack_tuple(builder, arguments[1]), strict=True))
            if terms:
                kind, value = given.pop()
                data = context.make_array(kind)(context, builder, value).data
                count = terms[as_dtype(scalar)]
                places = [builder.gep(data, [cgutils.intp_t(n)]) for n in range(count)]
                given += [(kind.dtype, builder.load(place)) for place in places]
            rounded = [context.cast(builder, value, kind, scalar) for kind, value in given]
            writer = Writer(formula, builder, [array.data for array in arrays], rounded)
            (size,) = cgutils.unpack_tuple(builder, arrays[0].shape)
            writer.all(size, WIDE * 8 // scalar.bitwidth)
            return context.get_dummy_value()

        return types.void(rows, numbers), generate

    apply.__name__ = formula.__name__
    return apply


def _on_arrays(formula: Formula, terms: Terms | None) -> Any:
    """Return the plain-Python twin of what `rowwise` compiles."""

    def apply(rows: Any, numbers: Any) -> None:
        scalar = rows[-1].dtype.type
        if terms:
            numbers = (*numbers[:-1], *numbers[-1])
        for row, result in zip(rows, formula(*rows, *map(scalar, numbers)), strict=False):
            row[:] = result

    return apply
