"""LIBMF, compiled for this processor as its own Makefile does it, which is what `make peers` does.

    CXXFLAGS="-O3 -march=native -pthread -DUSEAVX -DUSEOMP -fopenmp"

Built plainly, or with CFLAGS alone, the Python package has no AVX, and is not taken for LIBMF here.

The binding's `fit` hands over ratings by way of floats and never frees them; so this calls the
library under it.  An epoch is the difference between a fit of many and a fit of one, over the rest:
what copying the ratings into LIBMF's own order costs is nobody's question here.  L2 decay only, as
npcf's; LIBMF's own AdaGrad rates, which start from `rate`.
"""

import contextlib
import ctypes
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compare.bench.measuring import Absent
from npcf.training import RatingArrays

BINS = 26  # a side, the binding's own default
RATE = 0.1  # the same
NODE = np.dtype([("user", np.int32), ("item", np.int32), ("rating", np.float32)])
AVX = b"Dv8_f"  # a vector of eight floats, in the names of functions that take one
CHUNK = 100_000
LEAST = 1_000_000


class Problem(ctypes.Structure):
    """LIBMF's `mf_problem`."""

    _fields_ = [
        ("n_users", ctypes.c_int),
        ("n_items", ctypes.c_int),
        ("n", ctypes.c_longlong),
        ("nodes", ctypes.c_void_p),
    ]


class LIBMF:
    """LIBMF on one set of ratings."""

    def __init__(self, train: RatingArrays, held_out: RatingArrays, wd: float):
        self.binding, self.library = loaded()
        if len(train.rating) < LEAST:
            raise Absent(f"below {LEAST:,} ratings it may wait for ever: see `patience`")
        self.wd, self.held_out = wd, held_out
        self.nodes = np.empty(len(train.rating), NODE)
        columns = (train.users, train.items, train.rating)
        for name, values in zip(NODE.names or (), columns, strict=True):
            self.nodes[name] = values
        self.problem = Problem(
            train.n_users, train.n_items, len(self.nodes), self.nodes.ctypes.data
        )

    def fit(
        self, n_factors: int, n_epochs: int, threads: int, rate: float = RATE
    ) -> tuple[float, NDArray[Any], NDArray[Any]]:
        """Return (seconds, user factors, item factors)."""
        options = self.binding.MFParam(
            fun=self.binding.P_L2_MFR, k=n_factors, nr_threads=threads, nr_bins=BINS,
            nr_iters=n_epochs, lambda_p1=0, lambda_q1=0, lambda_p2=self.wd, lambda_q2=self.wd,
            eta=rate, do_nmf=False, quiet=True, copy_data=True,
        )  # fmt: skip
        start = time.perf_counter()
        model = self.library.mf_train(ctypes.byref(self.problem), options)
        taken = time.perf_counter() - start
        found = model.contents
        users, items = (
            np.ctypeslib.as_array(table, (rows, n_factors)).copy()
            for table, rows in ((found.P, found.m), (found.Q, found.n))
        )
        self.library.mf_destroy_model(ctypes.byref(model))
        return taken, users, items

    def epoch(
        self, n_factors: int, n_epochs: int, threads: int, rate: float = RATE
    ) -> tuple[float, float]:
        """Return (seconds an epoch, held-out RMSE after `n_epochs`)."""
        first, *_ = self.fit(n_factors, 1, threads, rate)
        all_of_them, users, items = self.fit(n_factors, n_epochs, threads, rate)
        return (all_of_them - first) / (n_epochs - 1), self.rmse(users, items)

    def rmse(self, users: NDArray[Any], items: NDArray[Any]) -> float:
        """Return the error on the held-out ratings; rows without a rating to train on are NaN."""
        off = self.predict(users, items) - self.held_out.rating
        return float(np.sqrt(np.mean(off.astype(np.float64) ** 2)))

    def predict(self, users: NDArray[Any], items: NDArray[Any]) -> NDArray[Any]:
        """Return the products of rows, the mean rating where LIBMF has none."""
        r, parts = self.held_out, []
        for first in range(0, len(r.rating), CHUNK):
            here = slice(first, first + CHUNK)
            parts.append((users[r.users[here]] * items[r.items[here]]).sum(axis=1))
        pred = np.concatenate(parts)
        return np.where(np.isnan(pred), self.nodes["rating"].mean(dtype=np.float64), pred)


def loaded() -> tuple[Any, Any]:
    """Return the binding and the library under it, or say why not."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints where it was found
        try:
            from libmf import mf
        except (ImportError, OSError) as error:
            raise Absent(f"libmf is not installed: {error}") from error
    if AVX not in Path(mf.compiled_src).read_bytes():
        raise Absent("libmf was compiled without AVX: make peers")
    library = mf.mf
    library.mf_train.restype = ctypes.POINTER(mf.MFModel)
    library.mf_train.argtypes = (ctypes.POINTER(Problem), mf.MFParam)
    return mf, library
