"""What the sources' models share: ids in as (B, 2), predictions out, parameters by name.

`model(x)` returns predictions; `model.forward(x)` returns (predictions, cache), and
`model.backward(d_pred, cache)` the gradients, with the keys and shapes of `model.params`.
The sources differ in shapes only: biases are (n,) or (n, 1), predictions (B,) or (B, 1).  All of
them run the one functional core, which knows (n,) and (B,); unit axes are put on and off here, by
views of the same memory.
"""

from types import ModuleType
from typing import Any

import numpy as np

from npcf import _notebook, ops
from npcf._types import FloatArray, Grads, Params, YRange
from npcf.errors import (
    SettingError,
    ShapeError,
    UsageError,
    as_array,
    require_flag,
    require_floats,
    require_members,
    require_number,
    require_tables,
    spell_checked,
)
from npcf.foreign import kind_of
from npcf.models.dot_product import DotProductCache, dot_product_backward, dot_product_forward
from npcf.models.dot_product_bias import (
    DotProductBiasCache,
    dot_product_bias_backward,
    dot_product_bias_forward,
)
from npcf.models.networks.network import Network

PairCache = DotProductCache | DotProductBiasCache


class PairModel:
    """Tables under the names of `params`, and the choice of `y_range` and of unit axes.

    `params` may lack the biases; then there is no mean either.  `column=True` makes predictions
    (B, 1).  `mean`, a constant, is added to every logit (Funk's and Koren's mu).
    """

    @spell_checked
    def __init__(
        self, params: Grads, y_range: YRange = None, *, column: bool = False, mean: float = 0.0
    ):
        require_tables("params", params)
        self.mean = require_number("mean", mean, low=-np.inf)
        if self.mean and "user_bias" not in params:
            cure = "Leave it out, or add bias tables."
            raise SettingError("mean", "is for models with biases", cure)
        self.params = {name: _table(name, table) for name, table in params.items()}
        self.y_range = y_range
        self.column = require_flag("column", column)

    @property
    def has_bias(self) -> bool:
        """Whether there are bias tables."""
        require_tables("params", self.params)
        return "user_bias" in self.params

    def core_params(self) -> Params:
        """Return the parameters as the functional core takes them: biases (n,), same memory."""
        tables = {n: as_array(f"params[{n!r}]", table) for n, table in self.params.items()}
        return {
            name: table[:, 0] if name.endswith("bias") and table.ndim == 2 else table
            for name, table in tables.items()
        }

    def __repr__(self) -> str:
        n_users, n_factors = self.params["user_factors"].shape
        sizes = f"{n_users}, {len(self.params['item_factors'])}, n_factors={n_factors}"
        squashed = self.has_bias or self.y_range is not None
        spread = f", y_range={self.y_range}" if squashed else ""
        return f"{type(self).__name__}({sizes}{spread})"

    def _repr_html_(self) -> str:
        rows = [
            (name, " × ".join(map(str, table.shape)), table.dtype, f"{table.size:,}")
            for name, table in self.params.items()
        ]
        total = sum(table.size for table in self.params.values())
        header = "table", "shape", "dtype", "numbers"
        return _notebook.paragraph(f"{self!r}: {total:,} numbers") + _notebook.table(
            header, rows, align="lrlr"
        )

    def __call__(self, x: Any, conts: Any = None) -> FloatArray:
        """Return the predictions for the pairs `x` (B, 2)."""
        return self.forward(x, conts)[0]

    def forward(
        self, x: Any, conts: Any = None, *, backend: ModuleType = ops
    ) -> tuple[FloatArray, PairCache]:
        """Return (pred, cache) for `x` (B, 2), a user id and an item id a row.

        `conts`, continuous variables, is accepted and ignored: these models have none, and the
        lessons' column loader passes it to every model.  `backend` is `npcf.ops` or
        `npcf.kernels`.
        """
        users, items = split_pairs(x)
        cache: PairCache
        if self.has_bias:
            pred, cache = dot_product_bias_forward(
                self.core_params(), users, items, self.y_range, backend=backend, mean=self.mean
            )
        else:
            pred, cache = dot_product_forward(
                self.params, users, items, self.y_range, backend=backend
            )
        return pred[:, None] if self.column else pred, cache

    def backward(self, d_pred: FloatArray, cache: PairCache) -> Params:
        """Map d_pred, the shape of pred, to gradients with the keys and shapes of `params`."""
        if self.column:
            d_pred = as_array("d_pred", d_pred)
            if d_pred.ndim != 2 or d_pred.shape[1] != 1:
                raise ShapeError("d_pred", f"must be (B, 1), got {d_pred.shape}", "Use [:, None].")
            d_pred = d_pred[:, 0]
        if isinstance(cache, DotProductBiasCache):
            grads = dot_product_bias_backward(d_pred, cache)
        else:
            grads = dot_product_backward(d_pred, cache)
        return {name: grad.reshape(self.params[name].shape) for name, grad in grads.items()}


def _table(name: str, table: Any) -> FloatArray:
    """Return a table as an array that is the model's own, unless it is an array already."""
    argument = f"params[{name!r}]"
    array = require_floats(argument, table)
    return array if isinstance(table, np.ndarray) else array.copy()


def require_model(argument: str, model: Any) -> Any:
    """Return `model` if it has what a model of pairs has, or raise."""
    if isinstance(model, Network):
        problem = f"is {kind_of(model)}, no model of pairs: its steps are taken one by one"
        cure = "Take them yourself: opt.step(model.backward(d_pred, cache)), as several_fields.md."
        raise UsageError(argument, problem, cure)
    if hasattr(model, "state_dict"):  # torch's
        state = f"npcf.interop.convert({argument}.state_dict(), 'npcf')"
        cure = f"Take its tables: npcf.models.PairModel({state}, y_range)."
    else:
        cure = "Pass a model, such as npcf.models.DotProductBiasEmb(n_users, n_items, n_factors)."
    return require_members(argument, model, ("params", "forward", "backward"), cure)


def split_pairs(x: Any, argument: str = "x") -> tuple[Any, Any]:
    """Return the two columns of `x` (B, 2): user ids (B,), item ids (B,)."""
    x = as_array(argument, x)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ShapeError(
            argument,
            f"must be (B, 2), a user id and an item id a row, got {x.shape}",
            "np.stack([users, items], axis=1) makes it.",
        )
    return x[:, 0], x[:, 1]
