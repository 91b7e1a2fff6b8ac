r"""One rating, one step: the definition.

    z = mean + b_u + c_i + p_u . q_i
    pred = z, or low + (high - low) s with s = sigmoid(z)

    e = -d loss / d z      loss = (pred - r)**2 / 2:     r - pred            without a range
                                                         (r - pred) (high - low) s (1 - s)  with one
                           cross-entropy of s with
                           y = (r - low) / (high - low): y - s

    p_u <- p_u + lr (e q_i - wd_u p_u)              q_i <- q_i + lr (e p_u - wd_i q_i)
    b_u <- b_u + bias_lr (e - wd_bu b_u)            c_i <- c_i + bias_lr (e - wd_ci c_i)

with the old p_u in the second.  Only the rows of the rating move or decay, so that a row decays as
often as it is rated; `Rule.decays`, which has a number for each row, can make up for that.

This is mini-batch SGD with batches of one, `npcf.optim.SGD(rows="touched_rows")`, with half of
`npcf.ops.mse`'s loss: the same step as with lr / 2 and 2 weight_decay there.

Cross-entropy is the logarithm of a likelihood: its gradient does not vanish where the sigmoid is
flat, so a rating that is confidently wrong is still learned from.

Sources: Funk 2006, "Netflix update: try this at home"; Koren, Bell & Volinsky 2009; for
cross-entropy Menon & Elkan 2011; LIBMF (Chin et al. 2016) for the touched rows.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf._tables import NAMES
from npcf._types import FloatArray, Params, YRange

LOSSES = ("mse", "cross_entropy")


class Rule(NamedTuple):
    """What a step does, apart from the rating; `decays` has an entry (N,) for each parameter."""

    lr: float
    bias_lr: float
    decays: dict[str, FloatArray]
    mean: float = 0.0
    y_range: YRange = None
    loss: str = "mse"


def per_rating_step(params: Params, user: int, item: int, rating: float, rule: Rule) -> float:
    """Change the tables of `params`, biases (N, 1), by one rating; return rating - prediction."""
    p, q = params["user_factors"][user], params["item_factors"][item]
    b, c = params["user_bias"][user], params["item_bias"][item]
    wd_u, wd_i, wd_b, wd_c = (
        rule.decays[name][row] for name, row in zip(NAMES, (user, item, user, item), strict=True)
    )
    off, e = _off(rule.mean + b[0] + c[0] + p @ q, rating, rule)
    p_new = p + rule.lr * (e * q - wd_u * p)
    q += rule.lr * (e * p - wd_i * q)
    p[:] = p_new
    b += rule.bias_lr * (e - wd_b * b)
    c += rule.bias_lr * (e - wd_c * c)
    return float(off)


def per_rating_epoch(params: Params, users: Any, items: Any, rating: Any, rule: Rule) -> float:
    """Take one step for each rating, in their order; return the sum of (rating - prediction)**2."""
    triples = zip(users, items, rating, strict=True)
    return sum(per_rating_step(params, u, i, r, rule) ** 2 for u, i, r in triples)


def _off(logit: Any, rating: Any, rule: Rule) -> tuple[Any, Any]:
    """Return (rating - prediction, -d loss / d logit)."""
    if rule.y_range is None:
        return rating - logit, rating - logit
    low, high = rule.y_range
    with np.errstate(over="ignore"):  # e**-z is infinite and s is 0
        s = 1 / (1 + np.exp(-logit))
    off = rating - (low + (high - low) * s)
    if rule.loss == "cross_entropy":
        return off, (rating - low) / (high - low) - s
    return off, off * (high - low) * s * (1 - s)
