"""cornac's MF: per-rating SGD with biases in Cython, float32, several threads by Hogwild.

Its data set is made of arrays: built from triples, as its users do it, it would take minutes.
"""

import time
import warnings
from collections.abc import Callable

import numpy as np

from npcf.training import RatingArrays

LR = 0.01  # its default


def epochs(train: RatingArrays, n_factors: int, threads: int, wd: float) -> Callable[[], float]:
    """Return the function that trains one more epoch and returns its seconds."""
    from cornac.data import Dataset
    from cornac.models import MF

    ids = [np.asarray(column, np.int64) for column in (train.users, train.items)]
    data = Dataset(train.n_users, train.n_items, {}, {}, (*ids, np.asarray(train.rating)))
    rng = np.random.default_rng(0)
    tables = {
        name: rng.normal(0, 0.1, (rows, n_factors)).astype(np.float32)
        for name, rows in (("U", train.n_users), ("V", train.n_items))
    }
    model = MF(n_factors, max_iter=1, learning_rate=LR, lambda_reg=wd, num_threads=threads,
               early_stop=False, verbose=False, init_params=tables)  # fmt: skip

    def once() -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a fitted model is fitted again
            start = time.perf_counter()
            model.fit(data)
            return time.perf_counter() - start

    once()
    return once
