"""How far two right programs may differ in a matrix's singular vectors.

LAPACK's factors of A are exact for some A + D: reflections, at most 2 min(n, m) on either side, and
rotations, each of them a few roundings of every entry (Higham 2002, theorem 19.4).

Davis and Kahan for [[0, A], [A^T, 0]], whose eigenvalues are the singular values, their negatives
and zeros: turned by D, the eigenvector (u, v) moves by an angle of sine <= |D| / (gap - |D|), where
the gap is the distance to the next eigenvalue.  |v - v'| is at most twice that sine.
"""

from fractions import Fraction

import numpy as np

from npcf.verify.precision import DOUBLE


def backward_error(matrix):
    """Return the most that |D| can be."""
    n, m = matrix.shape
    return DOUBLE.gamma(8 * n * m * min(n, m)) * np.linalg.norm(matrix)


def vectors_apart(matrix, k, further=0.0):
    """Return how far two programs' first k vectors may lie apart, (k,): inf where values are close.

    `further` is by how much the matrices differ that the two were given.
    """
    values = np.linalg.svd(matrix, compute_uv=False)
    off = backward_error(matrix) + further
    eigenvalues = np.concatenate([values, [0.0], -values])
    apart = np.full(k, np.inf)
    for j in range(k):
        gap = np.abs(np.delete(eigenvalues, j) - values[j]).min() - 4 * off
        if gap > 0:
            apart[j] = 4 * off / gap
    return apart


def aligned(got, want):
    """Return the rows of `got`, each with the sign that its partner in `want` has."""
    signs = np.where((got * want).sum(axis=1) < 0, -1.0, 1.0)
    return signs[:, None] * got


def directions(rows):
    """Return in how many directions rows differ: the rank of what the first differs by, exactly."""
    first = [*map(Fraction, rows[0])]
    left = [[Fraction(a) - b for a, b in zip(row, first, strict=True)] for row in rows.tolist()]
    rank = 0
    for column in range(rows.shape[1]):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        rank += 1
        left = [
            [a - b * row[column] / pivot[column] for a, b in zip(row, pivot, strict=True)]
            for row in left
            if row is not pivot
        ]
    return rank
