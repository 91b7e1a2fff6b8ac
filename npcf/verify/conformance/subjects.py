"""The subjects of the contracts: operations, layers, the model, and two update rules.

A subject is one row of `SUBJECTS`: which functions of the protocol it is about, how they are
called, which arguments are ids, what each result has an entry for, and how far a result may lie
from exact arithmetic.  `contracts` states each contract once and applies it to every subject.
"""

from typing import Any, NamedTuple

import numpy as np
from hypothesis.strategies import SearchStrategy

from npcf.verify.conformance.laws._model import pulls
from npcf.verify.exact import Exact
from npcf.verify.protocol_functions import ProtocolFunctions
from npcf.verify.running_error import RunningError
from npcf.verify.strategies import (
    adam_steps,
    batch_norm_inputs,
    bias_inputs,
    dropout_inputs,
    linear_inputs,
    lookups,
    loss_inputs,
    range_inputs,
    row_pairs,
    sgd_steps,
    sides,
    unit_inputs,
)

EACH, WHOLE = "", "whole"  # a result has an entry for each rating, or is one; or a table's rows
Arrays = dict[str, Any]
EXACT = ProtocolFunctions(lambda dtype: Exact())


class Subject(NamedTuple):
    """A function of the protocol, or a pair of forward and backward.

    `ids` maps each field of ids to the table that it indexes.  `results` maps the name of each
    result to what its rows are: EACH rating (for a step: each entry), the table whose rows it has,
    or WHOLE.
    """

    name: str
    needs: tuple[str, ...]  # the forward, and the backward if there is one
    inputs: SearchStrategy[Any]
    batch: tuple[str, ...]  # fields with an entry for each rating
    results: dict[str, str]
    ids: dict[str, str] = {}
    upstream: str = ""  # the field that holds the gradient from above
    alike: tuple[str, ...] = ()  # fields whose shapes must agree with another's
    least: int = 0  # ratings in the smallest lawful batch
    degree: int = 0  # homogeneous of this degree in its float inputs; 0: it is not
    adds_up: bool = True  # results of two parts of a batch are parts of, or add up to, the whole's
    apart: bool = True  # a number reaches the results of its own rating or row, and nothing else
    as_list: bool = False  # the forward takes its arrays as one list

    # -- calls -------------------------------------------------------------------------------------

    def forward(self, impl: Any, p: Any) -> tuple[Any, Any]:
        """Return (out, cache)."""
        call = getattr(impl, self.needs[0])
        if hasattr(p, "params"):
            return call(p.params, p.users, p.items, p.y_range)  # type: ignore[no-any-return]
        arguments = ([*p[:-1]],) if self.as_list else p[:-1]
        return call(*arguments)  # type: ignore[no-any-return]

    def backward(self, impl: Any, upstream: Any, cache: Any) -> tuple[Any, ...]:
        """Return the gradients."""
        grads = getattr(impl, self.needs[1])(upstream, cache)
        if isinstance(grads, dict):
            return tuple(grads[name.removeprefix("d_")] for name in [*self.results][1:])
        return tuple(grads) if isinstance(grads, tuple | list) else (grads,)

    def all(self, impl: Any, p: Any) -> tuple[Any, ...]:
        """Return output and gradients, or the arrays after a step."""
        if self.is_step:
            arrays = [getattr(p, name) for name in p._fields[:-1]]
            return tuple(getattr(impl, self.needs[0])(*arrays, **p.settings))
        out, cache = self.forward(impl, p)
        return (out, *self.backward(impl, self.upstream_of(p), cache))

    def upstream_of(self, p: Any) -> Any:
        """Return the gradient from above."""
        return getattr(p, self.upstream)

    def gradients(self, impl: Any, p: Any) -> tuple[Any, ...]:
        """Return the gradients alone."""
        return self.backward(impl, self.upstream_of(p), self.forward(impl, p)[1])

    @property
    def is_step(self) -> bool:
        """Whether this is an update rule: no cache, no ids, no gradient from above."""
        return not self.upstream

    # -- inputs ------------------------------------------------------------------------------------

    def arrays(self, p: Any) -> Arrays:
        """Return every array of an input by name, parameters too."""
        fields = p._asdict() | getattr(p, "params", {})
        return {name: a for name, a in fields.items() if isinstance(a, np.ndarray)}

    def replaced(self, p: Any, **arrays: Any) -> Any:
        """Return the input with some arrays, or tables of `params`, in the place of others."""
        fields = {name: a for name, a in arrays.items() if name in p._fields}
        tables = {name: a for name, a in arrays.items() if name not in p._fields}
        if tables:
            fields["params"] = p.params | tables
        return p._replace(**fields)

    def of_ratings(self, p: Any, some: Any) -> Any:
        """Return the input with some of its ratings (of its entries), in that order."""
        return p._replace(**{k: getattr(p, k)[some] for k in self.batch if k in self.arrays(p)})

    def count(self, p: Any) -> int:
        """Return how many ratings (entries) the input has."""
        return len(getattr(p, self.batch[0]))

    def table_of(self, kind: str) -> str:
        """Return the table by which a result's ids are known: a bias stands for its side."""
        return kind if kind in self.ids.values() else kind.replace("factors", "bias")

    def row_named(self, p: Any, kind: str, rating: int) -> int:
        """Return the row that one rating names, of a result of that kind (see `results`)."""
        fields = [field for field, table in self.ids.items() if table == self.table_of(kind)]
        return int(getattr(p, fields[0])[rating])

    # -- what is right -----------------------------------------------------------------------------

    def exact(self, p: Any) -> tuple[Any, ...]:
        """Return the results in exact arithmetic."""
        return tuple(None if a is None else a.fractions() for a in self.all(EXACT, p))

    def allowed(self, impl: Any, p: Any) -> tuple[Any, ...]:
        """Return how far each result may lie from exact arithmetic, entry by entry."""
        numbers = ProtocolFunctions(lambda dtype: RunningError(dtype, impl.library))
        return tuple(None if a is None else a.bound for a in self.all(numbers, p))


def _pair(function: str) -> tuple[str, str]:
    return f"{function}_forward", f"{function}_backward"


TABLES = ("user_factors", "item_factors", "user_bias", "item_bias")
NORMALISED = {"out": EACH, "d_x": EACH, "d_weight": WHOLE, "d_bias": WHOLE}
early_steps = adam_steps().map(lambda p: p._replace(t=min(p.t, 1000)))  # beta**t stays short

SUBJECTS = (
    Subject(
        "lookup", _pair("embedding"), lookups(), ("ids", "d_out"),
        {"out": EACH, "d_weight": "weight"}, {"ids": "weight"}, "d_out", degree=1,
    ),
    Subject(
        "row_dot", _pair("row_dot"), row_pairs(), ("left", "right", "d_out"),
        {"out": EACH, "d_left": EACH, "d_right": EACH}, {}, "d_out",
        ("left", "right"), degree=2,
    ),
    Subject(
        "bias", _pair("bias"), bias_inputs(), ("dot", "users", "items", "d_out"),
        {"out": EACH, "d_dot": EACH, "d_user_bias": "user_bias", "d_item_bias": "item_bias"},
        {"users": "user_bias", "items": "item_bias"}, "d_out",
        ("dot", "users", "items"), degree=1,
    ),
    Subject(
        "sigmoid_range", _pair("sigmoid_range"), range_inputs(), ("x", "d_out"),
        {"out": EACH, "d_x": EACH}, {}, "d_out",
    ),
    Subject(
        "mse", _pair("mse"), loss_inputs(), ("pred", "rating"),
        {"loss": WHOLE, "d_pred": EACH}, {}, "d_loss", ("pred", "rating"), 1, 2, False, False,
    ),
    Subject(
        "model", _pair("dot_product_bias"), pulls(), ("users", "items", "d_pred"),
        {"pred": EACH, **{f"d_{table}": table for table in TABLES}},
        {"users": "user_bias", "items": "item_bias"}, "d_pred", ("users", "items", *TABLES),
    ),
    Subject(
        "linear", _pair("linear"), linear_inputs(), ("x", "d_out"),
        {"out": EACH, "d_x": EACH, "d_weight": WHOLE, "d_bias": WHOLE}, {}, "d_out",
        ("weight", "bias"), apart=False,
    ),
    Subject(
        "relu", _pair("relu"), unit_inputs(), ("x", "d_out"), {"out": EACH, "d_x": EACH}, {},
        "d_out", degree=1, apart=False,
    ),
    Subject(
        "concatenate", _pair("concatenate"), sides(), ("left", "right", "d_out"),
        {"out": EACH, "d_left": EACH, "d_right": EACH}, {}, "d_out", degree=1, apart=False,
        as_list=True,
    ),
    Subject(
        "dropout", _pair("dropout"), dropout_inputs(), ("x", "keep", "d_out"),
        {"out": EACH, "d_x": EACH}, {}, "d_out", ("x", "keep"), degree=1,
    ),
    Subject(
        "batch_norm", _pair("batch_norm"), batch_norm_inputs(), ("x", "d_out"), NORMALISED, {},
        "d_out", ("weight", "bias"), least=2, adds_up=False, apart=False,
    ),
    Subject(
        "batch_norm_eval", _pair("batch_norm"), batch_norm_inputs(own=False), ("x", "d_out"),
        NORMALISED, {}, "d_out", ("weight", "bias", "mean", "var"), apart=False,
    ),
    Subject(
        "sgd", ("sgd_step",), sgd_steps(), ("w", "g", "buf"), {"w": EACH, "buf": EACH},
        alike=("g", "buf"),
    ),
    Subject(
        "adam", ("adam_step",), early_steps, ("w", "g", "m", "v"),
        {"w": EACH, "m": EACH, "v": EACH}, alike=("g", "m", "v"),
    ),
)  # fmt: skip
