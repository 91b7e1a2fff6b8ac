"""fastai's `EmbeddingNN`: what `collab_learner(use_nn=True)` trains, and its `TabularModel`.

    x    = dropout([ W1[cats_b1], W2[cats_b2], ..., norm(conts_b) ])
    x    = dropout(norm(relu(x @ weight.T)))        a block for each of `layers`
    pred = x @ weight.T + bias                      (B, 1), squashed by y_range if any

In this order since fastai 2.5 (`lin_first=True`); the linear layer of a block with a normalisation
has no bias, which the normalisation would take away again.  With `lin_first=False` normalisation
and dropout stand before the layer, as in older versions.

Source: fastai 2.8.12, `collab.EmbeddingNN`, `tabular.model.TabularModel`, `layers.LinBnDrop`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from npcf._types import Params, YRange
from npcf.errors import (
    SettingError,
    optional_rng,
    require_count,
    require_dtype,
    require_flag,
    require_number,
    spell_checked,
)
from npcf.foreign import shown
from npcf.models.initializers import drawn, fastai_normal
from npcf.models.networks.drawing import FASTAI_NORM_BIAS, drawn_parts, norm_arrays
from npcf.models.networks.network import CONT_NORM, Layout, Network
from npcf.models.networks.parts import Part, dropout, linear_block
from npcf.models.networks.settings import checked_ps, checked_sizes, checked_widths
from npcf.models.networks.states import arrays_of, built, layout_of


class EmbeddingNN(Network):
    """Embeddings of any number of fields, continuous columns, and blocks of layers.

    Parameters
    ----------
    emb_szs : list of (int, int), or dict of them by field
        Rows and width of each field's embedding: `get_emb_sz` gives fastai's choice.
    layers : list of int
        Outputs of each block but the last, which has one.
    n_cont : int
        Continuous columns.
    ps : float or list of float, optional
        Dropout after each block; none by default.
    embed_p : float
        Dropout of the embeddings.
    y_range : (float, float), optional
        The interval that predictions are squashed into.
    use_bn, bn_final, bn_cont, lin_first : bool
        Whether blocks are normalised; the last one too; continuous columns; the linear layer first.
    rng : numpy.random.Generator, optional
        Of the first weights and the dropouts' masks.
    """

    @spell_checked
    def __init__(
        self,
        emb_szs: Sequence[tuple[int, int]] | Mapping[str, tuple[int, int]],
        layers: Sequence[int],
        n_cont: int = 0,
        ps: float | Sequence[float] | None = None,
        embed_p: float = 0.0,
        y_range: YRange = None,
        use_bn: bool = True,
        bn_final: bool = False,
        bn_cont: bool = True,
        lin_first: bool = True,
        *,
        rng: np.random.Generator | None = None,
        dtype: Any = np.float32,
    ):
        rng, dtype = optional_rng(rng), require_dtype("dtype", dtype)
        sizes, widths = checked_sizes(emb_szs), checked_widths(layers)
        n_cont = require_count("n_cont", n_cont, 0)
        columns = require_flag("bn_cont", bn_cont)
        flags = (require_flag("use_bn", use_bn), require_flag("bn_final", bn_final),
                 require_flag("lin_first", lin_first))  # fmt: skip
        parts = _blocks(len(widths), checked_ps(ps, len(widths)), *flags)
        fields = {f"embeds_{i}": f"embeds.{i}" for i in range(len(sizes))}
        params: Params = {name: drawn(fastai_normal, size, rng, dtype)
                          for name, size in zip(fields, sizes, strict=True)}  # fmt: skip
        buffers: Params = {}
        if columns:
            norm = norm_arrays(CONT_NORM, n_cont, dtype, FASTAI_NORM_BIAS)
            params, buffers = params | norm[0], dict(norm[1])
        first = sum(width for _, width in sizes) + n_cont
        more = drawn_parts(parts, pairwise([first, *widths, 1]), rng, dtype)
        layout = Layout(fields, parts, embed_dropout(embed_p), n_cont, columns)
        super().__init__(params | more[0], buffers | more[1], layout, y_range, rng)

    @classmethod
    @spell_checked
    def from_state(
        cls,
        state: Mapping[str, Any],
        y_range: YRange = None,
        ps: float | Sequence[float] | None = None,
        embed_p: float = 0.0,
        *,
        rng: np.random.Generator | None = None,
    ) -> "EmbeddingNN":
        """Return the model of a state dict of fastai's, bit for bit.

        Sizes, layers, order and normalisations follow from the names and shapes of the arrays;
        what has no parameters does not: the range, and the dropouts' probabilities.
        """
        arrays = arrays_of(state)
        layout = layout_of(arrays, ps)._replace(dropped=embed_dropout(embed_p))
        return built(cls, layout, arrays, y_range, rng)


def embed_dropout(p: float) -> list[Part]:
    """Return the dropout of the embeddings."""
    return dropout("embed_dropout", "emb_drop", require_number("embed_p", p, high=1.0))


def _blocks(
    n: int, ps: Sequence[float], use_bn: bool, bn_final: bool, lin_first: bool
) -> list[Part]:
    """Return the parts of n blocks and of the last one, which has one output and no rectifier."""
    found: list[Part] = []
    for i, p in enumerate([*ps, 0.0]):
        last = i == n
        norm = use_bn and (bn_final or not last)
        found += linear_block(i, f"layers.{i}", norm=norm, p=p, relu=not last, lin_first=lin_first)
    return found


def emb_sz_rule(n_cat: int) -> int:
    """Return fastai's width for a field of `n_cat` values: min(600, round(1.6 n_cat**0.56))."""
    width: float = 1.6 * require_count("n_cat", n_cat, 0) ** 0.56
    return min(600, round(width))


def get_emb_sz(
    classes: Mapping[str, Any], sz_dict: Mapping[str, int] | None = None
) -> list[tuple[int, int]]:
    """Return (rows, width) of each field of `classes`, which maps its name to its values.

    The width is that of `emb_sz_rule`, or what `sz_dict` says of a field.
    Source: fastai `tabular.model.get_emb_sz`.
    """
    if not isinstance(classes, Mapping):
        cure = "Pass the values of each field by its name: dls.classes."
        raise SettingError("classes", f"is no dict of fields: {shown(classes)}", cure)
    chosen = {} if sz_dict is None else sz_dict
    if not isinstance(chosen, Mapping):
        cure = "Write widths by field: sz_dict={'user': 50}."
        raise SettingError("sz_dict", f"is no dict of widths: {shown(sz_dict)}", cure)
    found = []
    for name, values in classes.items():
        n = require_count(f"len(classes[{name!r}])", _length(values), 0)
        width = chosen[name] if name in chosen else emb_sz_rule(n)
        found.append((n, require_count(f"sz_dict[{name!r}]", width, 0)))
    return found


def _length(values: Any) -> Any:
    return len(values) if hasattr(values, "__len__") else values
