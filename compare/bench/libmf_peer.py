"""LIBMF through its Python binding: `make peers` compiles it for this processor.

    CFLAGS="-O3 -march=native -DUSEAVX -DUSEOMP -fopenmp"

An iteration is the difference between a fit of many and a fit of one, over the rest: what copying
the ratings into LIBMF's own order costs is nobody's question here.  L2 decay only, as npcf's;
LIBMF's own AdaGrad rates, at its default.
"""

import contextlib
import io
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.bench.measuring import Absent
from npcf.training import RatingArrays

BINS_A_THREAD = 13  # the binding's own default: 26 bins for two threads


class LIBMF:
    """LIBMF on one set of ratings."""

    def __init__(self, train: RatingArrays, held_out: RatingArrays, wd: float):
        with contextlib.redirect_stdout(io.StringIO()):  # it prints where it was found
            try:
                from libmf import mf
            except ImportError as error:
                raise Absent(f"libmf is not installed: {error}") from error
        self.mf, self.wd, self.held_out = mf, wd, held_out
        self.triples = np.empty((len(train.rating), 3), np.float32)
        for column, values in enumerate((train.users, train.items, train.rating)):
            self.triples[:, column] = values

    def fit(self, n_factors: int, n_epochs: int, threads: int) -> tuple[float, Any]:
        """Return (seconds, model)."""
        model = self.mf.MF(
            k=n_factors, nr_iters=n_epochs, nr_threads=threads, nr_bins=2 * BINS_A_THREAD,
            lambda_p1=0.0, lambda_q1=0.0, lambda_p2=self.wd, lambda_q2=self.wd, quiet=True,
        )  # fmt: skip
        start = time.perf_counter()
        model.fit(self.triples)
        return time.perf_counter() - start, model

    def epoch(self, n_factors: int, n_epochs: int, threads: int) -> tuple[float, float]:
        """Return (seconds an epoch, held-out RMSE after `n_epochs`)."""
        first, _ = self.fit(n_factors, 1, threads)
        all_of_them, model = self.fit(n_factors, n_epochs, threads)
        off = self._predict(model) - self.held_out.rating
        error = float(np.sqrt(np.mean(off.astype(np.float64) ** 2)))
        return (all_of_them - first) / (n_epochs - 1), error

    def _predict(self, model: Any) -> NDArray[Any]:
        pairs = np.empty((len(self.held_out.rating), 2), np.float32, order="F")
        pairs[:, 0], pairs[:, 1] = self.held_out.users, self.held_out.items
        return np.asarray(model.predict(pairs))  # the binding reads column by column
