"""Laws of what the model refuses, with its tables as they were."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npcf.verify.conformance.law import Drawn, law
from npcf.verify.conformance.laws._model import (
    BOTH,
    FORWARD,
    SIDES,
    Pull,
    pulls,
    with_tables,
)
from npcf.verify.conformance.laws.model_contract import assert_kept, copies, forward

ANY = Drawn(pulls())


def assert_refused(call: Callable[[Any], Any], wrong: Any, p: Pull, what: str) -> None:
    """Raise AssertionError unless `call(wrong)` raises, with the tables of `p` as they were."""
    before = copies(p)
    try:
        call(wrong)
    except Exception:
        assert_kept(p, before, "the refusal")
        return
    raise AssertionError(f"{what} was not refused")


@law("An id beyond its table is refused, and so is a negative one.", given=ANY, needs=FORWARD)
def model_refuses_ids_outside_their_table(impl: Any, p: Pull) -> None:
    for side, ids in SIDES:
        n_rows = len(p.params[f"{side}_bias"])
        for wrong in (n_rows, -1, -n_rows, n_rows + 2**31):
            outside = getattr(p, ids).copy()
            outside[-1] = wrong
            q = p._replace(**{ids: outside})
            assert_refused(lambda q: forward(impl, q), q, p, f"{ids} with id {wrong}")


@law(
    "Users are not items: an item's number is refused where it is no user's.",
    given=ANY,
    needs=FORWARD,
)
def model_refuses_item_ids_for_users(impl: Any, p: Pull) -> None:
    items = np.full_like(p.users, len(p.params["item_bias"]) - 1)  # items outnumber users
    q = p._replace(users=items, items=items)
    assert_refused(lambda q: forward(impl, q), q, p, f"user {items[0]}")


@law("More users than items in a batch, or fewer, are refused.", given=ANY, needs=FORWARD)
def model_refuses_batches_of_unequal_length(impl: Any, p: Pull) -> None:
    for ids in ("users", "items"):
        longer: Any = np.concatenate([getattr(p, ids)] * 2)
        q = p._replace(**{ids: longer})
        assert_refused(lambda q: forward(impl, q), q, p, f"{ids} of shape {longer.shape}")


@law("Users and items with different numbers of factors are refused.", given=ANY, needs=FORWARD)
def model_refuses_unequal_numbers_of_factors(impl: Any, p: Pull) -> None:
    for name in ("user_factors", "item_factors"):
        wider = np.concatenate([p.params[name]] * 2, axis=1)
        q = with_tables(p, **{name: wider})
        assert_refused(lambda q: forward(impl, q), q, p, f"{name} of shape {wider.shape}")


@law(
    "Biases in a table of one column are refused: (B,) + (B, 1) is (B, B).",
    given=ANY,
    needs=FORWARD,
)
def model_refuses_biases_in_a_column(impl: Any, p: Pull) -> None:
    for name in ("user_bias", "item_bias"):
        q = with_tables(p, **{name: p.params[name][:, None]})
        assert_refused(lambda q: forward(impl, q), q, p, f"{name} of shape (n, 1)")


@law("A missing table is refused.", given=ANY, needs=FORWARD)
def model_refuses_a_missing_table(impl: Any, p: Pull) -> None:
    for name in p.params:
        q = p._replace(params={k: table for k, table in p.params.items() if k != name})
        assert_refused(lambda q: forward(impl, q), q, p, f"a model without {name}")


@law("A range with low above high is refused.", given=ANY, needs=FORWARD)
def model_refuses_a_range_upside_down(impl: Any, p: Pull) -> None:
    q = p._replace(y_range=(5.25, 0.5))
    assert_refused(lambda q: forward(impl, q), q, p, "the range (5.25, 0.5)")


@law("A pull of another shape than the predictions is refused.", given=ANY, needs=BOTH)
def model_refuses_a_pull_of_another_shape(impl: Any, p: Pull) -> None:
    _, cache = forward(impl, p)
    for d_pred in (np.concatenate([p.d_pred] * 2), p.d_pred[:, None]):
        what = f"d_pred of shape {d_pred.shape}"
        assert_refused(lambda d: impl.dot_product_bias_backward(d, cache), d_pred, p, what)
