"""Some tables and a few steps' gradients: what every law of an optimiser is run on."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.verify import Bounded
from npcf.verify.strategies import decays, dtypes, rates, values


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


class TouchedRun(NamedTuple):
    """A run whose gradients come from batches: which rows, and what each mention brings."""

    params: dict  # name -> table
    touched: list  # one dict a step: name -> ids (B,)
    d_outs: list  # one dict a step: name -> (B, K)
    grads: list  # one dict a step: rows summed over equal ids

    def bounded_grads(self, step, name):
        """The same with bounds, for any order of additions."""
        d_out = Bounded.exact(self.d_outs[step][name])
        return d_out.scatter(self.touched[step][name], len(self.params[name]))


@st.composite
def touched_runs(draw, steps=None):
    """Tables of up to four rows and batches in which a row is repeated, or which are empty."""
    dtype, n = draw(dtypes), steps or draw(st.integers(1, 4))
    shapes = {"factors": (draw(st.integers(1, 4)), 2), "bias": (draw(st.integers(1, 4)), 1)}
    params = {k: draw(arrays(dtype, shape, elements=values())) for k, shape in shapes.items()}
    touched, d_outs, grads = [], [], []
    for _ in range(n):
        ids = {k: draw(st.lists(st.integers(0, s[0] - 1), max_size=3)) for k, s in shapes.items()}
        ids = {k: np.array(rows[:1] + rows, np.int64) for k, rows in ids.items()}
        touched.append(ids)
        d_outs.append(
            {
                k: draw(arrays(dtype, (len(ids[k]), s[1]), elements=values()))
                for k, s in shapes.items()
            }
        )
        grads.append({name: np.zeros_like(table) for name, table in params.items()})
        for name, grad in grads[-1].items():
            np.add.at(grad, ids[name], d_outs[-1][name])
    return TouchedRun(params, touched, d_outs, grads)


def run_touched(optimizer, r, setting):
    """Return the tables after all steps; `r` stays as it is."""
    params = {name: np.array(table) for name, table in r.params.items()}
    opt = optimizer(params, **setting)
    for grads, touched in zip(r.grads, r.touched, strict=True):
        opt.step(grads, touched)
    return params


def bounded_touched(r, name, rule, n_states):
    """Return the table in Bounded numbers; `rule(t, w, g, *states)` moves the touched rows."""
    start = r.params[name]
    kept = [Bounded.exact(a) for a in (start, *[np.zeros_like(start)] * n_states)]
    for i in range(len(r.touched)):
        rows = np.unique(r.touched[i][name])
        g = r.bounded_grads(i, name).take(rows)
        w, *states = (part.take(rows) for part in kept)
        moved = rule(i + 1, w, g, *states)
        kept = [with_rows(a, rows, b) for a, b in zip(kept, moved, strict=True)]
    return kept[0]


def with_rows(whole, rows, part):
    """Return `whole` with `part` in the place of some rows."""
    value, error = whole.value.copy(), np.array(whole.error)
    value[rows], error[rows] = part.value, part.error
    return Bounded(value, error, whole.precision)


@st.composite
def sparse_adam_settings(draw):
    """Keyword arguments of `npcf.optim.SparseAdam`."""
    return {
        "lr": draw(st.sampled_from([1e-3, 0.05, 0.3])),
        "betas": draw(st.sampled_from([(0.9, 0.999), (0.9, 0.99), (0.0, 0.9), (0.95, 0.5)])),
        "eps": draw(st.sampled_from([1e-8, 1e-5, 1e-2])),
    }


@st.composite
def rmsprop_settings(draw):
    """Keyword arguments of `npcf.optim.RMSProp`."""
    return {
        "lr": draw(rates),
        "alpha": draw(st.sampled_from([0.99, 0.9, 0.5])),
        "eps": draw(st.sampled_from([1e-8, 1e-5, 1e-2])),
        "weight_decay": draw(decays),
        "momentum": draw(st.sampled_from([0.0, 0.5, 0.9])),
        "centered": draw(st.booleans()),
        "decoupled": draw(st.booleans()),
    }
