"""How the sources fill the parameters of a network before training."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from npcf._types import Params
from npcf.models.networks.parts import COUNT, LINEAR, MEAN, NORM, VAR, Part

FASTAI_NORM_BIAS = 1e-3  # of fastai's `_get_norm`; torch's is 0


def drawn_parts(
    parts: Iterable[Part], widths: Iterable[tuple[int, int]], rng: np.random.Generator, dtype: Any,
    norm_bias: float = FASTAI_NORM_BIAS, biases: bool | None = None,
) -> tuple[Params, Params]:  # fmt: skip
    """Return (parameters, running statistics) of parts; `widths` gives (in, out) of linear layers.

    A linear layer as torch's, uniform within 1 / sqrt(in); it has a bias unless a normalisation
    follows or goes before it in its block (fastai), or as `biases` says.
    """
    params, buffers, pairs, known = Params(), Params(), iter(widths), list(parts)
    blocks = {part.source.rpartition(".")[0] for part in known if part.kind == NORM}
    sizes = {part.name: next(pairs) for part in known if part.kind == LINEAR}
    for part in known:
        block = part.source.rpartition(".")[0]
        if part.kind == LINEAR:
            n_in, n_out = sizes[part.name]
            end = 1 / math.sqrt(n_in) if n_in else 0.0
            params[f"{part.name}_weight"] = rng.uniform(-end, end, (n_out, n_in)).astype(dtype)
            if (block not in blocks) if biases is None else biases:
                params[f"{part.name}_bias"] = rng.uniform(-end, end, n_out).astype(dtype)
        elif part.kind == NORM:
            number = part.name.rpartition("_")[2]
            n_in, n_out = sizes[f"linear_{number}"]
            places = [p.kind for p in known if p.source.rpartition(".")[0] == block]
            size = n_out if places.index(LINEAR) < places.index(NORM) else n_in
            more = norm_arrays(part, size, dtype, norm_bias)
            params, buffers = params | more[0], buffers | more[1]
    return params, buffers


def norm_arrays(part: Part, size: int, dtype: Any, bias: float) -> tuple[Params, Params]:
    """Return (parameters, running statistics) of a normalisation before the first batch."""
    params = {f"{part.name}_weight": np.ones(size, dtype),
              f"{part.name}_bias": np.full(size, bias, dtype)}  # fmt: skip
    buffers = {f"{part.name}_{MEAN}": np.zeros(size, dtype),
               f"{part.name}_{VAR}": np.ones(size, dtype),
               f"{part.name}_{COUNT}": np.array(0, np.int64)}  # fmt: skip
    return params, buffers
