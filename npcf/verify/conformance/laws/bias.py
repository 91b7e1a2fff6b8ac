"""Laws of the biases: out_b = dot_b + user_bias[users_b] + item_bias[items_b]."""

from typing import Any

import numpy as np

from npcf.verify import bounds
from npcf.verify.assertions import assert_within
from npcf.verify.conformance.law import law
from npcf.verify.conformance.laws._common import assert_equal, reach, refuses, total
from npcf.verify.strategies import BiasInput, bias_inputs

FORWARD, BOTH = ("bias_forward",), ("bias_forward", "bias_backward")


@law("Users up and items down by the same number changes nothing beyond rounding.",
     given=bias_inputs(), needs=FORWARD)  # fmt: skip
def bias_ignores_opposite_shifts(impl: Any, p: BiasInput) -> None:
    unit = p.dtype.type(2.0**-8)
    p = p._replace(user_bias=np.rint(p.user_bias / unit) * unit,
                   item_bias=np.rint(p.item_bias / unit) * unit)  # fmt: skip
    for shift in (p.dtype.type(4), p.dtype.type(-0.5)):  # the shifted tables are exact
        moved = p._replace(user_bias=p.user_bias + shift, item_bias=p.item_bias - shift)
        allowed = sum(bounds.bias(*q[:-1], library=impl.library) for q in (p, moved))
        assert_within(impl.bias_forward(*moved[:-1])[0], impl.bias_forward(*p[:-1])[0], allowed)


@law("Users and items receive the same total: that of d_out.", given=bias_inputs(), needs=BOTH)
def bias_gradients_have_equal_totals(impl: Any, p: BiasInput) -> None:
    got = impl.bias_backward(p.d_out, impl.bias_forward(*p[:-1])[1])
    sizes = len(p.user_bias), len(p.item_bias)
    errors = bounds.bias_backward(p.d_out, p.users, p.items, *sizes, library=impl.library)
    for name, table, error in zip(("d_dot", "d_user", "d_item"), got, errors, strict=True):
        assert_equal(total(table), total(p.d_out), reach(error, np.ones_like(error)), name)


@law("Bias tables of one column (U, 1) raise: (B,) + (B, 1) would be (B, B).",
     given=bias_inputs(), needs=FORWARD)  # fmt: skip
def bias_refuses_columns(impl: Any, p: BiasInput) -> None:
    for field in ("user_bias", "item_bias", "dot"):
        wrong = p._replace(**{field: getattr(p, field)[:, None]})
        refuses(f"{field} in a column", impl.bias_forward, *wrong[:-1])
