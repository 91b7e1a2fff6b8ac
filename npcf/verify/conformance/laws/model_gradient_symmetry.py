"""Laws of how gradients follow a renumbering, reordering or rescaling of the model."""

from typing import Any

import numpy as np

from npcf.verify.assertions import assert_same_bits
from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    BOTH,
    SIDES,
    Pull,
    assert_agree,
    assert_gradients_agree,
    bounded_pull,
    calm,
    exchanged,
    gradients,
    measured,
    of_batch,
    on_tables,
    pulls,
    relabelled,
    wide,
    with_tables,
)

ANY = Drawn(pulls())
CALM = ANY.map(calm)


@law("A batch in another order has the same gradients.", given=ANY, needs=BOTH)
def model_batch_order_does_not_matter(impl: Any, p: Pull) -> None:
    turned = of_batch(p, np.arange(len(p.users))[::-1])
    assert_gradients_agree(gradients(impl, turned), gradients(impl, p), bounded_pull(p)[1])


@law("Rows numbered otherwise get their gradients under their new numbers.", given=ANY, needs=BOTH)
def model_gradients_follow_the_numbering(impl: Any, p: Pull) -> None:
    want, allowed = gradients(impl, p), bounded_pull(p)[1]
    for side, ids in SIDES:
        got = gradients(impl, relabelled(p, side, ids))
        back = {n: got[n][::-1] if n.startswith(side) else got[n] for n in got}
        assert_gradients_agree(back, want, allowed)


@law("Users and items change places, and so do their gradients.", given=ANY, needs=BOTH)
def model_gradients_are_symmetric_in_users_and_items(impl: Any, p: Pull) -> None:
    want, got = gradients(impl, exchanged(p)), gradients(impl, p)
    other = {"user_factors": "item_factors", "item_factors": "user_factors",
             "user_bias": "item_bias", "item_bias": "user_bias"}  # fmt: skip
    assert_gradients_agree(got, {name: want[other[name]] for name in got}, bounded_pull(p)[1])


@law("Euler's identity: <P, dP> = <Q, dQ>.", given=ANY, needs=BOTH)
def model_euler_identity(impl: Any, p: Pull) -> None:
    grads, (_, bound) = gradients(impl, p), bounded_pull(p)
    users, items = (
        (measured(grads[name], bound[name]) * wide(p.params[name])).sum()
        for name in ("user_factors", "item_factors")
    )
    assert_agree(users, items, "<P, dP> against <Q, dQ>")


@law("Without factors on a side, those of the other get no gradient.", given=ANY, needs=BOTH)
def model_zero_factors_give_no_gradient(impl: Any, p: Pull) -> None:
    for one, other in (("user_factors", "item_factors"), ("item_factors", "user_factors")):
        plain = with_tables(p, **{one: np.zeros_like(p.params[one])})
        assert not gradients(impl, plain)[other].any(), f"{other} has a gradient"


@law("Factors in another order have their gradients in that order.", given=ANY, needs=BOTH)
def model_gradients_follow_the_order_of_factors(impl: Any, p: Pull) -> None:
    def turned(tables: Any) -> Any:
        return {n: t[:, ::-1].copy() if t.ndim == 2 else t for n, t in tables.items()}

    got = gradients(impl, p._replace(params=turned(p.params)))
    assert_gradients_agree(turned(got), gradients(impl, p), bounded_pull(p)[1])


@law("A factor negated on both sides has its gradients negated exactly.", given=ANY, needs=BOTH)
def model_gradients_follow_the_signs_of_factors(impl: Any, p: Pull) -> None:
    signs = ((-1.0) ** np.arange(p.params["user_factors"].shape[1])).astype(p.dtype)
    got = gradients(impl, on_tables(p, lambda _, t: t * signs if t.ndim == 2 else t))
    for name, grad in gradients(impl, p).items():
        assert_same_bits(got[name], grad * signs if grad.ndim == 2 else grad, name)


@law(
    "User factors times eight, item factors by eight: their gradients by and times eight, exactly.",
    given=CALM,
    needs=BOTH,
)
def model_gradients_follow_the_scale_between_factors(impl: Any, p: Pull) -> None:
    eight = p.dtype.type(8)
    scaled = with_tables(p, user_factors=p.params["user_factors"] * eight,
                         item_factors=p.params["item_factors"] / eight)  # fmt: skip
    got, want = gradients(impl, scaled), gradients(impl, p)
    assert_same_bits(got["user_factors"] * eight, want["user_factors"], "user_factors")
    assert_same_bits(got["item_factors"] / eight, want["item_factors"], "item_factors")
    for name in ("user_bias", "item_bias"):
        assert_same_bits(got[name], want[name], name)


@law("A factor that is zero for everyone gets no gradient.", given=ANY, needs=BOTH)
def model_zero_factor_gets_no_gradient(impl: Any, p: Pull) -> None:
    def padded(_: str, table: Any) -> Any:
        return np.pad(table, ((0, 0), (0, 1))) if table.ndim == 2 else table

    got = gradients(impl, on_tables(p, padded))
    for name in ("user_factors", "item_factors"):
        assert not got[name][:, -1].any(), f"{name} has a gradient in a column of zeros"
    kept = {name: grad[:, :-1] if grad.ndim == 2 else grad for name, grad in got.items()}
    assert_gradients_agree(kept, gradients(impl, p), bounded_pull(p)[1])


@law("Rows that no rating names change no bit of the others' gradients.", given=ANY, needs=BOTH)
def model_gradients_ignore_absent_rows(impl: Any, p: Pull) -> None:
    def other(name: str, table: Any) -> Any:
        ids = p.users if name.startswith("user") else p.items
        moved = table + table.dtype.type(1)
        moved[ids] = table[ids]
        return moved

    got, want = gradients(impl, on_tables(p, other)), gradients(impl, p)
    for name in want:
        assert_same_bits(got[name], want[name], name)
