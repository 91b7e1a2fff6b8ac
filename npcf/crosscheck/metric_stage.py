"""The stage "metric": is the error that is reported that of all ratings together.

    RMSE = sqrt((1 / n) sum_b e_b**2),    e = pred - rating, over all n ratings

The mean of the RMSEs of batches is smaller, unless all are equal (Jensen), and a smaller last batch
counts too much in it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Fact
from npcf.verify.precision import PRECISION

Errors = list[Any]  # of each batch, float64


def _all(errors: Errors) -> Any:
    return np.concatenate(errors)


def rmse(errors: Errors) -> float:
    """sqrt(mean of all squares)."""
    return float(np.sqrt(np.mean(_all(errors) ** 2)))


def mse(errors: Errors) -> float:
    """Mean of all squares."""
    return float(np.mean(_all(errors) ** 2))


def mae(errors: Errors) -> float:
    """Mean of all absolute errors."""
    return float(np.mean(np.abs(_all(errors))))


METRICS: Mapping[str, Callable[[Errors], float]] = {"rmse": rmse, "mse": mse, "mae": mae}


def _weights(errors: Errors) -> Any:
    return np.array([len(batch) for batch in errors], np.float64)


def _means(errors: Errors) -> Any:
    return np.array([np.mean(batch**2) for batch in errors])


# name: what is reported instead; its sentence; its cure
Entry = tuple[Callable[[Errors], float], str, str]
TOGETHER = "rmse = ((pred - rating) ** 2).mean().sqrt()  # of all ratings together"
OF_RMSE: Mapping[str, Entry] = {
    "mean-of-batch-rmse": (
        lambda e: float(np.sqrt(_means(e)).mean()),
        "It is the mean of the RMSEs of the batches, which is not the RMSE.", TOGETHER,
    ),
    "weighted-mean-of-batch-rmse": (
        lambda e: float(np.average(np.sqrt(_means(e)), weights=_weights(e))),
        "It is the mean of the RMSEs of the batches, weighted by their sizes.", TOGETHER,
    ),
    "batches-weigh-the-same": (
        lambda e: float(np.sqrt(_means(e).mean())),
        "Every batch counts the same, also the smaller last one.", TOGETHER,
    ),
    "divisor-of-full-batches": (
        lambda e: float(np.sqrt((_all(e) ** 2).sum() / (len(e) * _weights(e).max()))),
        "It is divided by the number of batches times their size, as if the last one were full.",
        TOGETHER,
    ),
    "divisor-n-minus-1": (
        lambda e: float(np.sqrt((_all(e) ** 2).sum() / max(len(_all(e)) - 1, 1))),
        "It is divided by n - 1.", TOGETHER,
    ),
    "not-divided": (
        lambda e: float(np.sqrt((_all(e) ** 2).sum())),
        "It is the root of the sum of squares, not of their mean.", TOGETHER,
    ),
    "root-left-out": (mse, "It is the mean squared error: the root is left out.", TOGETHER),
    "absolute-error": (mae, "It is the mean absolute error.", TOGETHER),
}  # fmt: skip
OF_OTHERS: Mapping[str, Entry] = {
    "batches-weigh-the-same": (
        lambda e: float(_means(e).mean()),
        "Every batch counts the same, also the smaller last one.",
        "mse = ((pred - rating) ** 2).mean()  # of all ratings together",
    ),
    "root-taken": (rmse, "It is the root of the mean squared error.", "mse = rmse ** 2"),
}


def metric_facts(
    predictions: Iterable[Any], ratings: Iterable[Any], reported: float, metric: str = "rmse",
    dtype: Any = np.float32,
) -> list[Fact]:  # fmt: skip
    """Hold a reported error against that of the predictions; empty if it is right.

    Parameters
    ----------
    predictions, ratings : iterables of (B,) arrays
        Of each batch, in order.
    reported : float
        What the training loop, or the framework, has printed for them.
    metric : "rmse", "mse" or "mae"
        What it is called there.
    dtype : numpy dtype
        In which it was computed: n terms summed in any order are off by at most (n + 8) u, in
        shares of the result, with the difference, its square, the division and the root.
    """
    errors = [
        (np.asarray(p, np.float64) - np.asarray(r, np.float64)).ravel()
        for p, r in zip(predictions, ratings, strict=True)
    ]
    errors = [batch for batch in errors if len(batch)]
    if not errors:
        return []
    tolerance = (sum(map(len, errors)) + 8) * PRECISION[np.dtype(dtype)].u

    def equal(value: float) -> bool:
        return bool(abs(reported - value) <= tolerance * abs(value))

    right = METRICS[metric](errors)
    if equal(right):
        return []
    said = f"The {metric} reported is {reported:.7g}, that of all ratings is {right:.7g}."
    others = OF_RMSE if metric == "rmse" else OF_OTHERS
    found = [(name, *entry[1:]) for name, entry in others.items() if equal(entry[0](errors))]
    if not found:
        cure = TOGETHER if metric == "rmse" else "average over all ratings together"
        return [Fact("metric", "metric-differs", said, cure, True)]
    return [
        Fact("metric", name, f"{said} {sentence}", cure, True) for name, sentence, cure in found
    ]
