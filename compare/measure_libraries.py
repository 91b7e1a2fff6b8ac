"""Search for the arguments at which exp and sqrt are worst, on the code paths of this process.

    python -m compare.measure_libraries [numpy numba torch jax libm]

Prints, for each library, function and dtype, the largest relative error found, in units of u, and
the argument and the result there, as `compare/pinned_errors.py` holds them.  The environment
decides which paths are taken, so run it once for each:

    NumPy        NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4"
    Numba, libm  GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-AVX2,-FMA4,-AVX512F
    torch        MKL_CBWR=AVX2 or COMPATIBLE: exp and sqrt are MKL's, whatever ATen's own level
    jax          XLA_FLAGS=--xla_cpu_max_isa=AVX2 or SSE4_2

float32 is judged against float64 at every argument (`--every 3`: at every third, four minutes in
all); float64 against 80-bit numbers, at random arguments first and then, twice, in the parts of the
range that were worst.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from compare.library_functions import FUNCTIONS
from npcf.verify import PRECISION

PART = 2**20  # float32 arguments at a time
ONE_BY_ONE = {"libm": 100}  # so many times fewer arguments for what is called number by number

Found = tuple[float, Any, Any]  # error in u, argument, result


def largest(function: Any, right: Any, x: Any) -> Found:
    """Return the worst of the arguments x."""
    y, want = function(x), right(x.astype(np.float64 if x.itemsize == 4 else np.longdouble))
    error = np.abs((y - want) / want)
    worst = int(error.argmax())
    return float(error[worst]) / PRECISION[x.dtype].u, x[worst], y[worst]


def float32_arguments(name: str, every: int) -> Iterator[Any]:
    """Yield every `every`-th float32 that matters: exp up to |x| = -log(tiny), sqrt in [1, 4)."""
    ends = (2.0**-33, -np.log(np.finfo(np.float32).tiny)) if name == "exp" else (1.0, 4.0)
    low, high = (int(end) for end in np.array(ends, np.float32).view(np.uint32))
    for start in range(low, high, PART * every):
        x = np.arange(start, min(start + PART * every, high), every, np.uint32).view(np.float32)
        yield from (x, -x) if name == "exp" else (x,)


def float64_worst(function: Any, right: Any, low: float, high: float, share: int) -> Found:
    """Return the worst argument in [low, high]: 20 million, then 19 million in the worst parts."""
    rng, found = np.random.default_rng(0), []
    parts, samples = [(low, high)], 20_000
    for cuts in (1024, 32, 32):
        here = []
        for low, high in parts:
            edges = np.linspace(low, high, cuts + 1)
            for a, b in zip(edges[:-1], edges[1:], strict=True):
                x = rng.uniform(a, b, max(1, samples // share))
                here.append((largest(function, right, x), (a, b)))
        here.sort(key=lambda one: one[0][0], reverse=True)
        found.append(here[0][0])
        parts, samples = [part for _, part in here[:12]], 50_000
    return max(found)


def worst(library: str, name: str, dtype: Any, every: int) -> Found:
    """Return the worst argument of a library's exp or sqrt in a dtype."""
    function, right = FUNCTIONS[library][name], getattr(np, name)
    share = ONE_BY_ONE.get(library, 1)
    if dtype == np.float32:
        return max(largest(function, right, x) for x in float32_arguments(name, every * share))
    ranges = ((-2, 2), (-708, 708)) if name == "exp" else ((1, 4),)
    return max(float64_worst(function, right, low, high, share) for low, high in ranges)


def main() -> None:
    """Print one line for each library, function and dtype."""
    parser = argparse.ArgumentParser(description="where exp and sqrt are worst")
    parser.add_argument("libraries", nargs="*", default=list(FUNCTIONS))
    parser.add_argument("--every", type=int, default=1, help="one of so many float32 arguments")
    args = parser.parse_args()
    if np.finfo(np.longdouble).nmant < 63:
        parser.error("float64 is judged against 80-bit numbers, which this processor has not")
    for library in args.libraries:
        for name in ("exp", "sqrt"):
            for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
                error, x, y = worst(library, name, dtype, args.every)
                pin = f'"{float(x).hex()}", "{float(y).hex()}"'
                print(f"{library:6s} {name:5s} {dtype!s:8s} {error:.3f}  {pin}", flush=True)


if __name__ == "__main__":
    main()
