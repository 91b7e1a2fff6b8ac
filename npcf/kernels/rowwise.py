"""One formula for a row, and two executions: several numbers at a time, or plain NumPy.

What a step does to a row is a formula for each of its numbers, such as `w - lr * g`.  `rowwise`
makes of it a function that compiled loops call:

    @rowwise
    def step(w, g, lr):             # rows first, then numbers
        return (w - lr * g,)        # what the first row becomes, the second, ...

    step((table.w[row], table.gradient[slot]), (lr,))

The formula runs once, when a loop is compiled, on `Lanes` (`npcf.kernels.simd`) of WIDE // itemsize
numbers.  A loop left to the compiler would do more of them at a time, and up to 31 of a row's
numbers singly: half of the time where K = 50.  Here a row's last vector ends where the row ends and
overlaps the one before it.  It is computed first and stored last, so that the overlap is computed
from old numbers twice and not from new ones:

    |0 ..... 7|8 .... 15|16 ... 23|              K = 22, vectors of 8
                   |14 ... 21|

Under NUMBA_DISABLE_JIT=1 the same formula is applied to the rows as arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.numpy_support import as_dtype

from npcf.kernels._jit import compiles
from npcf.kernels.simd import Lanes, load, spread, store

WIDE = 32  # bytes of a vector: AVX2; where the processor has less, a vector becomes several

Formula = Callable[..., tuple[Any, ...]]
Terms = Mapping[Any, int]


def where_set(number: Any, if_set: Any, if_zero: Any) -> Any:
    """Return `if_set` where `number` is not zero, else `if_zero`; for use in a formula."""
    if not isinstance(number, Lanes):
        return if_set if number else if_zero
    build = number.builder
    is_set = build.fcmp_unordered("!=", number.value, number.all(0))
    return Lanes(build, build.select(is_set, if_set.value, if_zero.value))


def multiply_add(x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z; for use in a formula.

    Rounded once where the processor has such an instruction, else twice: `llvm.fma` would be a
    library call there.
    """
    return x.called("fmuladd", y, z) if isinstance(x, Lanes) else x * y + z


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


class Writer(NamedTuple):
    """Writes a formula's instructions for any stretch of the rows."""

    formula: Formula
    builder: Any
    rows: list[Any]  # pointers to the first number of each
    numbers: list[Any]

    def results(self, k: Any, width: int) -> tuple[Lanes, ...]:
        """Compute what the numbers k .. k + width - 1 of the rows become."""
        rows = [self._widened(load(self.builder, row, k, width)) for row in self.rows]
        return self.formula(*rows, *(spread(self.builder, x, width) for x in self.numbers))

    def store(self, k: Any, results: tuple[Lanes, ...]) -> None:
        """Write them down."""
        for row, lanes in zip(self.rows, results, strict=False):
            kind = ir.VectorType(row.type.pointee, lanes.count)
            if kind != lanes.value.type:
                lanes = Lanes(self.builder, self.builder.fptrunc(lanes.value, kind))
            store(lanes, row, k)

    def all(self, size: Any, width: int) -> None:
        """Write the loops over rows of `size` numbers."""
        build, zero = self.builder, ir.Constant(size.type, 0)
        wide = ir.Constant(size.type, width)
        with build.if_else(build.icmp_signed(">=", size, wide)) as (vectors, singly):
            with vectors:
                end = build.sub(size, wide)
                last = self.results(end, width)
                with cgutils.for_range_slice(build, zero, end, wide) as (k, _):
                    self.store(k, self.results(k, width))
                self.store(end, last)
            with singly:
                # vectors of one number: the compiler would make vectors of plain ones again
                with cgutils.for_range(build, size) as loop:
                    self.store(loop.index, self.results(loop.index, 1))

    def _widened(self, lanes: Lanes) -> Lanes:
        wide = ir.VectorType(self.rows[-1].type.pointee, lanes.count)
        same = lanes.value.type == wide
        return lanes if same else Lanes(self.builder, self.builder.fpext(lanes.value, wide))


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
