"""The whole model, differentiated by autograd at once."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F  # noqa: N812

from compare.implementations.pytorch.operations import biased, squashed
from compare.implementations.pytorch.tensors import Array, alike, row_numbers, tensor, vjp

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")


def dot_product_bias_forward(
    params: dict[str, Array], users: Array, items: Array, y_range: Any
) -> tuple[Array, Any]:
    """Run the lesson's forward."""
    leaves = [tensor(params[name], True) for name in NAMES]
    out = predicted(leaves, users, items, y_range)
    return out.detach().numpy(), (out, leaves)


def dot_product_bias_backward(d_pred: Array, cache: Any) -> dict[str, Array]:
    """Differentiate by autograd."""
    return dict(zip(NAMES, vjp(d_pred, *cache), strict=True))


def predicted(tables: Sequence[Any], users: Any, items: Any, y_range: Any) -> Any:
    """Return the predictions for the four tables, as tensors."""
    user_factors, item_factors, user_bias, item_bias = tables
    users, items = row_numbers(users), row_numbers(items)
    for factors, bias in ((user_factors, user_bias), (item_factors, item_bias)):
        if factors.shape[:1] != bias.shape:
            raise ValueError(f"factors {tuple(factors.shape)}, bias {tuple(bias.shape)}")
    p, q = F.embedding(users, user_factors), F.embedding(items, item_factors)
    alike(p, q)
    x = biased((p * q).sum(1), user_bias, item_bias, users, items)
    return x if y_range is None else squashed(x, *y_range)
