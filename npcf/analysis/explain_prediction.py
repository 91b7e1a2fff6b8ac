"""One prediction taken apart: what each factor and each bias adds to it.

    logit = P[u, 1] Q[i, 1] + ... + P[u, K] Q[i, K]  +  b[u] + c[i]  (+ mean)
    prediction = low + (high - low) sigmoid(logit),  or the logit itself without a range

The parts add up to the *logit*.  Behind the sigmoid there are no parts: what a factor changes in
the rating depends on all others.  Nor has a single factor a meaning by itself, for rotating the
factors of users and items together changes every part and no prediction.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from npcf import _notebook
from npcf._types import YRange
from npcf.analysis.predictor import Predictor, require_predictor
from npcf.analysis.rows import find_rows, predict_rows
from npcf.models import dot_product_bias_forward


class ExplainedPrediction(NamedTuple):
    """One prediction and its parts; `print` it, or take `table`."""

    user: Any  # id
    item: Any  # id
    title: str
    table: pd.DataFrame  # part, user, item, contribution: factors, biases, mean, in this order
    logit: Any  # the model's own sum of the contributions, in its dtype
    prediction: Any  # the model's own
    y_range: YRange

    def __str__(self) -> str:
        lines = [("part", "user", "item", "contribution", ""), *self._lines()]
        cells = (f"{a:<12}{b:>10}{c:>10}{d:>14}  {e}".rstrip() for a, b, c, d, e in lines)
        return "\n".join([self._title(), *cells])

    def _title(self) -> str:
        return f"user {self.user}, item {self.item}: {self.title}"

    def _lines(self) -> list[tuple[str, ...]]:
        parts = self.table.itertuples(index=False)
        return [
            *((part, *map(_number, cells), "") for part, *cells in parts),
            ("logit", "", "", _number(self.logit), "their sum"),
            ("prediction", "", "", _number(self.prediction), self._how()),
        ]

    def _how(self) -> str:
        if self.y_range is None:
            return "the logit itself"
        low, high = self.y_range
        return f"{low:g} + ({high:g} - {low:g}) sigmoid(logit)"

    def _repr_html_(self) -> str:
        header = [*self.table, ""]
        return _notebook.paragraph(self._title()) + _notebook.table(
            header, self._lines(), align="lrrrl"
        )


def explain_prediction(predictor: Predictor, user: Any, item: Any) -> ExplainedPrediction:
    """Return what each factor and bias adds to the prediction of `item` for `user` (ids).

    Summed in the model's own order (the factors first, then the biases, then the mean) the
    contributions give the model's logit, to the bit.

    Raises
    ------
    UnknownIdError
        For a user or item that the model does not know.
    """
    require_predictor(predictor)
    model = predictor.model
    u = find_rows(predictor.user_vocab, [user], "user", "raise")
    i = find_rows(predictor.item_vocab, [item], "item", "raise")
    params = model.core_params()
    p, q = params["user_factors"][u[0]], params["item_factors"][i[0]]
    rows = [(f"factor {k}", *row) for k, row in enumerate(zip(p, q, p * q, strict=True))]
    nothing = p.dtype.type(np.nan)
    prediction = logit = predict_rows(model, u, i)[0]
    if model.has_bias:
        b, c = params["user_bias"][u[0]], params["item_bias"][i[0]]
        rows += [("user bias", b, nothing, b), ("item bias", nothing, c, c)]
        logit = dot_product_bias_forward(params, u, i, None, mean=model.mean)[0][0]
    if model.mean:
        rows += [("mean", nothing, nothing, p.dtype.type(model.mean))]
    table = pd.DataFrame(rows, columns=["part", "user", "item", "contribution"])
    found = predictor.user_vocab.labels[u[0]], predictor.item_vocab.labels[i[0]]
    return ExplainedPrediction(
        *found, predictor.titles[i[0]], table, logit, prediction, model.y_range
    )


def _number(x: Any) -> str:
    return "" if np.isnan(x) else f"{x:+.5f}"
