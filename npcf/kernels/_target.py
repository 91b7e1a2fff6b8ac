"""The processor that Numba compiles for, and whose exp the compiled code calls."""

import numba
from numba.core.registry import cpu_target

VECTORS = ("avx512f", "avx2", "fma", "sse4.2", "neon", "sve")  # what changes how loops are compiled


def target() -> dict[str, str]:
    """Return the processor, its vector instructions, and the source of exp."""
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        return {"numba": "plain Python: NUMBA_DISABLE_JIT is set"}
    _, name, features = cpu_target.target_context.codegen().magic_tuple()
    has = [vector for vector in VECTORS if f"+{vector}" in features.split(",")]
    svml = numba.config.USING_SVML  # type: ignore[attr-defined]
    return {
        "numba": f"{name} ({', '.join(has) or 'no vector extensions'})",
        "numba exp": "Intel's SVML" if svml else "the C library",
    }
