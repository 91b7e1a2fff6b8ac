"""Some tables and a few steps' gradients: what every law of an optimiser is run on."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.verify.strategies import dtypes, values


class Run(NamedTuple):
    """Where an optimiser starts, and what it is given."""

    params: dict  # name -> table
    grads: list  # one dict a step


@st.composite
def runs(draw, steps=None):
    """Two tables and 1 to 4 steps; many gradients are exactly zero, as rows not in a batch have."""
    dtype, n = draw(dtypes), steps or draw(st.integers(1, 4))
    shapes = {"factors": (draw(st.integers(1, 3)), 2), "bias": (draw(st.integers(1, 3)),)}
    elements = st.one_of(st.just(0.0), values())
    params = {k: draw(arrays(dtype, shape, elements=values())) for k, shape in shapes.items()}
    grads = [
        {k: draw(arrays(dtype, shape, elements=elements)) for k, shape in shapes.items()}
        for _ in range(n)
    ]
    return Run(params, grads)


def run(optimizer, r, setting):
    """Return the tables after all steps; `r` stays as it is."""
    params = {name: np.array(table) for name, table in r.params.items()}
    opt = optimizer(params, **setting)
    for grads in r.grads:
        opt.step(grads)
    return params
