"""Principal components of the rows of a matrix: the directions in which they differ most."""

from typing import Any, NamedTuple

import numpy as np

from npcf._types import FloatArray
from npcf.errors import DataError, ShapeError, require_count, require_real

LARGEST = 2.0**500  # sums of squares of larger numbers may overflow float64
NEARLY = 1 - 2.0**-20  # of the largest entry: where two are nearly equal, rounding decides nothing
EPS = 2.0**-52


class Principal(NamedTuple):
    """k principal components of rows (n, m), in float64.

    The rows' singular values, squared, are n times the variances along the components; `shares`
    says which share of the variance in all directions each component has.
    """

    mean: FloatArray  # (m,) of the rows
    components: FloatArray  # (k, m): unit vectors, orthogonal, largest variance first
    singular_values: FloatArray  # (k,)
    shares: FloatArray  # (k,)

    def scores(self, rows: FloatArray) -> FloatArray:
        """Return the coordinates (n, k) of rows (n, m) along the components."""
        scores: FloatArray = (rows - self.mean) @ self.components.T
        return scores


def principal(
    argument: str, rows: Any, n_components: int, weights: FloatArray | None = None
) -> Principal:
    """Return the first `n_components` components of `rows` (n, m), called `argument` in errors.

        centred = rows - mean = U diag(s) V^T,    components = V^T,    scores = U diag(s)

    The sign of a component is free.  Here its largest entry is positive; the first of those that
    are equal to within 2**-20.  With `weights` (n,), a row counts as if it stood there so often.
    """
    rows = finite_rows(argument, rows)
    require_count("n_components", n_components)
    w = np.ones(len(rows)) if weights is None else weights
    mean = w @ rows / w.sum()
    centred = np.sqrt(w)[:, None] * (rows - mean)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    # the mean is off by a rounding for each row, so directions below that are none
    size = np.linalg.norm(np.sqrt(w)[:, None] * rows)
    rank = int(np.count_nonzero(values > sum(rows.shape) * EPS * size))
    if rank < n_components:
        raise _too_many(argument, n_components, rank)
    components, values = components[:n_components], values[:rank]
    largest = np.abs(components).max(axis=1, keepdims=True)
    first = (np.abs(components) >= NEARLY * largest).argmax(axis=1)
    sign = np.sign(components[np.arange(n_components), first])
    shares = values**2 / (values**2).sum()
    return Principal(mean, sign[:, None] * components, values[:n_components], shares[:n_components])


def finite_rows(argument: str, rows: Any) -> FloatArray:
    """Return a matrix of finite numbers in float64, or raise."""
    result = require_real(argument, rows, ndim=2).astype(np.float64)
    if not result.size:
        problem = f"is empty, of shape {result.shape}"
        raise ShapeError(argument, problem, "Give a table with rows and columns.")
    bad = ~(np.abs(result) <= LARGEST)
    if bad.any():
        at = tuple(map(int, np.unravel_index(int(bad.argmax()), bad.shape)))
        problem = f"{result[at]} is no number that can be squared"
        cure = "Take a table of finite numbers; NaN says that training diverged: lower lr."
        raise DataError(argument, problem, cure, position=at, value=result[at])
    return result


def _too_many(argument: str, n_components: int, rank: int) -> DataError:
    if not rank:
        cure = "Give some that differ, such as the factors of a trained model."
        return DataError(argument, "has equal samples: no direction in which they differ", cure)
    problem = f"has samples that differ in {rank} of the {n_components} directions asked for"
    return DataError(argument, problem, f"Ask for n_components={rank}, or fewer.")
