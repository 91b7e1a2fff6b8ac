"""Where each library's exp and sqrt were found worst, path by path: argument and result.

Found by `python -m compare.measure_libraries` on an Intel Xeon with AVX-512, once for each path;
NumPy 2.4.6, Numba 0.68.1, torch 2.13.0, jax 0.10.2, glibc 2.36.  How far a pinned result lies from
the right number can be computed anywhere, so the figures in `npcf.verify.libraries` follow
from this table on every machine.
"""

from typing import NamedTuple


class Pin(NamedTuple):
    """A library's function at its worst argument; argument and result as hexadecimal floats."""

    library: str
    function: str
    dtype: str
    path: str  # the code that computed it
    argument: str
    result: str


# fmt: off
PINS = [
    Pin("numpy", "exp", "float32", "AVX2, AVX-512", "-0x1.f03c6ep+5", "0x1.6ca46cp-90"),
    Pin("numpy", "exp", "float32", "baseline: C library", "0x1.fffffep-25", "0x1p+0"),
    Pin("numpy", "exp", "float64", "AVX-512", "-0x1.a451174fd9ed8p+3", "0x1.09176ccb58208p-19"),
    Pin("numpy", "exp", "float64", "AVX-512", "-0x1.5e54213a3fp+1", "0x1.094a40411a428p-4"),
    Pin("numpy", "exp", "float64", "AVX2", "-0x1.622d1e0ee5328p+0", "0x1.00b75365a3f74p-2"),
    Pin("numpy", "exp", "float64", "baseline: C library",
        "0x1.6681fc849886dp-9", "0x1.00b37fcee4c06p+0"),
    Pin("numba", "exp", "float32", "C library", "0x1.fffffep-25", "0x1p+0"),
    Pin("numba", "exp", "float64", "C library with FMA",
        "-0x1.622d1e0ee5328p+0", "0x1.00b75365a3f74p-2"),
    Pin("numba", "exp", "float64", "C library without FMA",
        "0x1.6681fc849886dp-9", "0x1.00b37fcee4c06p+0"),
    Pin("torch", "exp", "float32", "MKL AVX-512", "0x1.e8a86ap+3", "0x1.05844p+22"),
    Pin("torch", "exp", "float32", "MKL AVX2", "0x1.f415f8p+4", "0x1.10d94cp+45"),
    Pin("torch", "exp", "float32", "MKL baseline", "0x1.368a7ap+6", "0x1.00b444p+112"),
    Pin("torch", "exp", "float64", "MKL AVX-512", "-0x1.a451174fd9ed8p+3", "0x1.09176ccb58208p-19"),
    Pin("torch", "exp", "float64", "MKL AVX2",
        "-0x1.601e62a345f7ap-1", "0x1.0163dd195e7a4p-1"),
    Pin("torch", "exp", "float64", "MKL baseline",
        "-0x1.601e2e482d998p-1", "0x1.0163f76b4fc72p-1"),
    Pin("torch", "sqrt", "float32", "MKL AVX-512", "0x1.03cbfep+0", "0x1.01e434p+0"),
    Pin("torch", "sqrt", "float32", "MKL baseline", "0x1.003776p+0", "0x1.001bb8p+0"),
    Pin("torch", "sqrt", "float64", "MKL AVX-512", "0x1.03f7ffc8927f3p+0", "0x1.01fa0bbb192b0p+0"),
    Pin("torch", "sqrt", "float64", "MKL AVX2, baseline",
        "0x1.000f0fc9fca30p+0", "0x1.000787c8a3d26p+0"),
    Pin("jax", "exp", "float32", "XLA AVX-512", "0x1.ab0be4p+4", "0x1.6b936p+38"),
    Pin("jax", "exp", "float64", "XLA AVX-512", "0x1.634776eed9c28p-2", "0x1.6a2d01aa84812p+0"),
    Pin("libm", "exp", "float32", "glibc with FMA", "0x1.000038p-24", "0x1.000002p+0"),
    Pin("libm", "exp", "float64", "glibc with FMA",
        "-0x1.6229f774a500fp+0", "0x1.00ba7c467d7c0p-2"),
    Pin("libm", "exp", "float64", "glibc without FMA",
        "0x1.63ab0bb134930p+0", "0x1.00c72911ea874p+2"),
]
# fmt: on
