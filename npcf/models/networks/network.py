r"""A network over categorical fields and continuous columns: embeddings side by side, then layers.

    x    = [ W1[cats_b1], W2[cats_b2], ..., conts_b ]        embeddings of the fields, columns
    pred = layers(x)                                         (B, 1), squashed by y_range if any

Each line of `backward` undoes one line of `forward`, from the last to the first.  Parameters stand
in `params` under names of npcf's, running statistics in `buffers`; `state()` gives them back under
the names of the source, and `state_names()` says which is which.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from npcf import ops
from npcf._types import FloatArray, Params, YRange
from npcf.errors import (
    ShapeError,
    UsageError,
    as_array,
    optional_rng,
    require_flag,
    require_floats,
    require_pair,
    require_type,
)
from npcf.models.look_up import require_backend
from npcf.models.networks import parts as layers
from npcf.models.networks.parts import COUNT, LINEAR, MEAN, NORM, VAR, Mode, Part

CONT_NORM = Part(NORM, "norm_cont", "bn_cont")


class Layout(NamedTuple):
    """What a network is made of.

    `fields` maps the names of the embeddings' tables to those of the source, in the order of the
    columns of `cats`.
    """

    fields: Mapping[str, str]
    parts: Sequence[Part]
    dropped: Sequence[Part] = ()  # of the embeddings, side by side
    n_cont: int = 0
    cont_norm: bool = False  # whether columns are normalised by a layer of their own


class NetworkCache(NamedTuple):
    """What `Network.backward` needs."""

    looked_up: tuple[Any, ...]
    concatenated: Any
    dropped: Any
    conts: tuple[Any, Any] | None  # of their normalisation, and of putting them beside
    layers: list[Any]
    range: Any
    backend: ModuleType


class Network:
    """Embeddings, layers, and the choice of `y_range`.

    Attributes
    ----------
    params : dict
        Parameters by name; gradients have the same keys.
    buffers : dict
        Running statistics; `forward(training=True)` moves them.
    """

    def __init__(
        self,
        params: Params,
        buffers: Params,
        layout: Layout,
        y_range: YRange = None,
        rng: np.random.Generator | None = None,
    ):
        self.params, self.buffers, self.layout = params, buffers, layout
        self.y_range = None if y_range is None else require_pair("y_range", y_range)
        self.rng = optional_rng(rng)  # of the dropouts' masks

    def __repr__(self) -> str:
        sizes = ", ".join(" x ".join(map(str, self.params[name].shape)) for name in self.fields)
        linear = [self.params[f"{part.name}_weight"] for part in self.layout.parts
                  if part.kind == LINEAR]  # fmt: skip
        widths = " -> ".join(str(n) for n in (linear[0].shape[1], *map(len, linear)))
        return f"{type(self).__name__}(fields {sizes}; layers {widths}; y_range={self.y_range})"

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the embeddings' tables, one for each column of the categorical ids."""
        return tuple(self.layout.fields)

    @property
    def undecayed(self) -> tuple[str, ...]:
        """Parameters that fastai exempts from weight decay: biases and normalisations."""
        norms = {f"{part.name}_weight" for part in (*self.layout.parts, CONT_NORM)
                 if part.kind == NORM}  # fmt: skip
        return tuple(name for name in self.params if name.endswith("_bias") or name in norms)

    def decay(self, wd: float) -> dict[str, float]:
        """Return `wd` for each parameter, 0 for those that fastai exempts: an optimiser's setting.

        Source: fastai's `Learner(wd_bn_bias=False)`.
        """
        return {name: 0.0 if name in self.undecayed else wd for name in self.params}

    # -- predictions and gradients -----------------------------------------------------------------

    def __call__(self, x: Any, conts: Any = None) -> FloatArray:
        """Return the predictions (B, 1) for ids `x` (B, fields) and columns `conts`."""
        return self.forward(x, conts)[0]

    def forward(
        self,
        x: Any,
        conts: Any = None,
        *,
        training: bool = False,
        keep: Mapping[str, Any] | None = None,
        backend: ModuleType = ops,
    ) -> tuple[FloatArray, NetworkCache]:
        """Return (pred (B, 1), cache) for ids `x` (B, fields) and columns `conts` (B, n_cont).

        `training` draws dropouts' masks, normalises by the batch's own statistics, and moves the
        running ones.  `keep` gives masks by the source's name of the dropout.  `conts` is accepted
        and ignored by a network without continuous columns, as the lesson's models do.
        """
        require_backend(backend)
        training = require_flag("training", training)
        keep = {} if keep is None else require_type("keep", keep, Mapping, "Pass masks by name.")
        mode = Mode(training, self.rng, keep, backend)
        columns, layout, params = self._columns(x), self.layout, self.params
        found = [backend.embedding_forward(params[name], ids)
                 for name, ids in zip(self.fields, columns, strict=True)]  # fmt: skip
        out, concatenated = backend.concatenate_forward([rows for rows, _ in found])
        out, dropped, _ = layers.forward(out, layout.dropped, params, self.buffers, mode)
        moved: Params = {}
        beside = None
        if layout.n_cont:
            conts = self._conts(conts, out)
            norm = [CONT_NORM] * layout.cont_norm
            conts, normed, moved = layers.forward(conts, norm, params, self.buffers, mode)
            out, joined = backend.concatenate_forward([out, conts])
            beside = normed, joined
        out, caches, others = layers.forward(out, layout.parts, params, self.buffers, mode)
        ranged = None
        if self.y_range is not None:
            out, ranged = backend.sigmoid_range_forward(out, *self.y_range)
        self.buffers |= moved | others
        looked_up = tuple(cache for _, cache in found)
        cache = NetworkCache(looked_up, concatenated, dropped, beside, caches, ranged, backend)
        return out, cache

    def backward(self, d_pred: FloatArray, cache: NetworkCache) -> Params:
        """Map d_pred, (B, 1) or (B,), to gradients with the keys and shapes of `params`."""
        cache = require_type("cache", cache, NetworkCache, "Pass what forward returned second.")
        backend, d_out = cache.backend, require_floats("d_pred", d_pred)
        if d_out.ndim == 1:
            d_out = d_out[:, None]
        if cache.range is not None:
            d_out = backend.sigmoid_range_backward(d_out, cache.range)
        d_out, grads = layers.backward(d_out, cache.layers, backend)
        if cache.conts is not None:
            normed, joined = cache.conts
            d_out, d_conts = backend.concatenate_backward(d_out, joined)
            grads |= layers.backward(d_conts, normed, backend)[1]
        d_out, _ = layers.backward(d_out, cache.dropped, backend)
        d_rows = backend.concatenate_backward(d_out, cache.concatenated)
        for name, d, of in zip(self.fields, d_rows, cache.looked_up, strict=True):
            grads[name] = backend.embedding_backward(d, of)
        # what nothing is made of, a normalisation of no columns, has a gradient of zero
        return {name: grads.get(name, np.zeros_like(table)) for name, table in self.params.items()}

    def _columns(self, x: Any) -> list[Any]:
        x, n = as_array("x", x), len(self.fields)
        if x.ndim != 2 or x.shape[1] != n:
            cure = "np.stack([users, items], axis=1) makes it of two fields."
            problem = f"must be (B, {n}), an id of each field a row, got {x.shape}"
            raise ShapeError("x", problem, cure)
        return [x[:, i] for i in range(n)]

    def _conts(self, conts: Any, out: FloatArray) -> FloatArray:
        n = self.layout.n_cont
        if conts is None:
            problem = f"is missing: the network has {n} continuous columns"
            raise UsageError("conts", problem, f"Pass the numbers, (B, {n}).")
        columns: FloatArray = require_floats("conts", conts, ndim=2)
        if columns.shape != (len(out), n):
            problem = f"must be ({len(out)}, {n}), got {columns.shape}"
            raise ShapeError("conts", problem, "A row of x has a row of conts.")
        return columns

    # -- the source's names ------------------------------------------------------------------------

    def state_names(self) -> dict[str, str]:
        """Return {name here: name in the source's state dict}, in the order of that."""
        held = self.params.keys() | self.buffers.keys()
        return {ours: theirs for ours, theirs in names_of(self.layout).items() if ours in held}

    def state(self) -> dict[str, Any]:
        """Return copies of parameters and running statistics under the source's names."""
        held = self.params | self.buffers
        return {theirs: held[ours].copy() for ours, theirs in self.state_names().items()}


def names_of(layout: Layout) -> dict[str, str]:
    """Return {name here: name of the source} of all that layers may have; no bias is needed."""
    names = {name: f"{source}.weight" for name, source in layout.fields.items()}
    for part in (*[CONT_NORM] * layout.cont_norm, *layout.parts):
        if part.kind in (LINEAR, NORM):
            words = ("weight", "bias", *((MEAN, VAR, COUNT) if part.kind == NORM else ()))
            names |= {f"{part.name}_{word}": f"{part.source}.{word}" for word in words}
    return names
