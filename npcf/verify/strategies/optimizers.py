"""Configurations of the update rules, and the arrays that one step starts from."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from npcf._types import FloatArray
from npcf.verify.strategies.source import sources
from npcf.verify.strategies.values import dtypes

Setting = dict[str, Any]

RATES, DECAYS = (0.0, 1e-3, 0.05, 0.3), (0.0, 0.0, 1e-3, 0.1)
MOMENTA = [  # momentum, dampening, nesterov: every lawful combination
    (0.0, 0.0, False), (0.0, 0.3, False), (0.5, 0.0, False), (0.5, 0.3, False), (0.5, 0.0, True),
    (0.9, 0.0, False), (0.9, 0.3, False), (0.9, 0.0, True),
]  # fmt: skip
BETAS, EPS = ((0.9, 0.999), (0.9, 0.99), (0.0, 0.9), (0.95, 0.5)), (1e-8, 1e-5, 1e-2)
SHAPE = (4, 3)

rates = st.sampled_from(RATES)
decays = st.sampled_from(DECAYS)
_steps = st.sampled_from([1, 2, 3, 10, 1000, 10**5])
_sgd_sources, _adam_sources = sources(3 * 12), sources(4 * 12)
_shapes = st.sampled_from([(1,), (1, 1), (4,), (2, 2), (1, 3), (4, 3)])
_still = st.integers(0, SHAPE[0])
_exponents = st.sampled_from([0, 0, -12, 12])


def _sgd(lr: float, momentum: tuple[float, float, bool], decay: float, decoupled: bool) -> Setting:
    names = ("momentum", "dampening", "nesterov")
    return {"lr": lr, **dict(zip(names, momentum, strict=True)),
            "weight_decay": decay, "decoupled": decoupled}  # fmt: skip


def _adam(
    lr: float, betas: tuple[float, float], eps: float, decay: float, decoupled: bool
) -> Setting:
    return {"lr": lr, "betas": betas, "eps": eps, "weight_decay": decay, "decoupled": decoupled}


_SGD = [_sgd(*choice) for choice in product(RATES, MOMENTA, DECAYS, (False, True))]
_ADAM = [_adam(*choice) for choice in product(RATES, BETAS, EPS, DECAYS, (False, True))]


def sgd_settings() -> st.SearchStrategy[Setting]:
    """Keyword arguments of `npcf.optim.SGD`, every option in every lawful combination."""
    return st.sampled_from(_SGD).map(dict)


def adam_settings() -> st.SearchStrategy[Setting]:
    """Keyword arguments of `npcf.optim.Adam`."""
    return st.sampled_from(_ADAM).map(dict)


_sgd_settings, _adam_settings = sgd_settings(), adam_settings()


class SGDStep(NamedTuple):
    """One array, its gradient and its buffer (None: no step yet, or no momentum)."""

    w: FloatArray
    g: FloatArray
    buf: FloatArray | None
    settings: Setting

    @property
    def dtype(self) -> Any:
        """The dtype of the parameter."""
        return self.w.dtype


class AdamStep(NamedTuple):
    """One array, its gradient and its moments; t is the number of the step to take, from 1."""

    w: FloatArray
    g: FloatArray
    m: FloatArray
    v: FloatArray
    t: int
    settings: Setting

    @property
    def dtype(self) -> Any:
        """The dtype of the parameter."""
        return self.w.dtype


@st.composite
def sgd_steps(draw: st.DrawFn) -> SGDStep:
    """Vectors and tables, the first or a later step; some rows have no gradient.

    |w|, |g| and |buf| lie within 2**14.
    """
    shape, dtype, source = draw(_shapes), draw(dtypes), draw(_sgd_sources)
    setting, fresh, still = draw(_sgd_settings), draw(st.booleans()), draw(_still)
    largest = SHAPE[: len(shape)]
    w, g, buf = (source.floats(dtype, largest, shape) for _ in range(3))
    g = np.ldexp(g, draw(_exponents))
    g[shape[0] - min(still, shape[0] - 1) :] = 0
    return SGDStep(w, g, None if fresh or not setting["momentum"] else buf, setting)


@st.composite
def adam_steps(draw: st.DrawFn) -> AdamStep:
    """Vectors and tables, the first or a later step; some rows have no gradient.

    |w|, |g| and |m| lie within 2**14, v within 2**28; m is zero where v is, as it always is when
    steps made them.  At t = 1 both are zero.
    """
    shape, dtype, source = draw(_shapes), draw(dtypes), draw(_adam_sources)
    setting, t, still = draw(_adam_settings), draw(_steps), draw(_still)
    exponent, largest = draw(_exponents), SHAPE[: len(shape)]
    w, g, m, root = (source.floats(dtype, largest, shape) for _ in range(4))
    g, m, root = (np.ldexp(array, exponent) for array in (g, m, root))
    g[shape[0] - min(still, shape[0] - 1) :] = 0
    v = root * root * dtype.type(t > 1)
    return AdamStep(w, g, m * (v > 0), v, t, setting)
