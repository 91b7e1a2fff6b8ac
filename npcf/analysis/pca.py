r"""Principal components of a table of factors, in the forms that the lesson's thread compares.

    E (n, K): a row an item, a column a factor.       PCA(3).fit(X) takes a row of X for a sample.

    written                           shape     mean taken away    here
    PCA(3).fit(E.T).components_       (3, n)    each item's        pca(E, 3, "items")
    PCA(3).fit(E).components_         (3, K)    each factor's      the same
    PCA(3).fit_transform(E)           (n, 3)    each factor's      pca(E, 3, "factors")
    E.pca(3), fastai's Tensor.pca     (n, 3)    each factor's      pca(E, 3, "fastai")

Which is right?  Both say where an item lies along three directions; they differ in what they take
away beforehand.  With 1 a column of ones, J_n = 1 - 1 1^T / n:

    fit_transform(E)        of  J_n E = U diag(s) V^T  it is U diag(s);  E + 1 a^T has the same
    fit(E.T).components_    of  E J_K = U diag(s) V^T  it is U^T;        E + b 1^T has the same

So the first sees no vector that all items share, the second no number that all factors of an item
share.  Where E has neither (J_n E = E = E J_K) both are the same SVD, and then

    fit_transform(E)[:, j]  ==  singular_values_[j] * fit(E.T).components_[j]      up to the sign.

Elsewhere they are two different pictures, and one of them is the model's: turning the factors of
users and items by one rotation R changes no prediction, because P R (Q R)^T = P Q^T.  Nor does it
change fit_transform(E R); but it changes what an average over the factors of an item means.

The components know the table alone: no rating is in them.  An item that nobody rated keeps the
factors it started with and counts as much as any other, unless `weights` says otherwise.

Sources: the wiki of lesson 5, posts 53 to 60; fastai `Tensor.pca`, which takes the mean over rows
and multiplies by U[:, :k] of torch.svd(x.t()), with the signs that come out of it.
"""

from typing import Any

import numpy as np

from npcf._principal import Principal, finite_rows, principal
from npcf._types import FloatArray
from npcf.errors import (
    DataError,
    SettingError,
    ShapeError,
    UsageError,
    require_choice,
    require_count,
    require_real,
)

HOW = ("items", "factors", "fastai")


class PCA:
    """Principal components under scikit-learn's names, in float64.

    A row of `fit`'s argument is a sample.  The largest entry of each component is positive.
    """

    def __init__(self, n_components: int = 3):
        self.n_components = require_count("n_components", n_components)
        self._fitted: Principal | None = None

    def __repr__(self) -> str:
        return f"PCA(n_components={self.n_components})"

    def fit(self, x: Any, weights: Any = None) -> "PCA":
        """Find the components of `x` (samples, features); return self.

        Parameters
        ----------
        weights : (samples,) numbers >= 0: a sample counts as if it stood there so often; None: once

        Raises
        ------
        DataError
            For numbers that are not finite, and samples that differ in fewer directions.
        """
        return self._fit("x", finite_rows("x", x), weights)

    def _fit(self, argument: str, rows: FloatArray, weights: Any) -> "PCA":
        weights = None if weights is None else _weights_of(weights, len(rows))
        self._fitted = principal(argument, rows, self.n_components, weights)
        return self

    def transform(self, x: Any) -> FloatArray:
        """Return (x - mean_) @ components_.T, (samples, n_components).

        Raises
        ------
        ShapeError
            Where `x` has other features: after fit(E.T) these are the items, and not the factors.
        """
        found, x = self._found(), finite_rows("x", x)
        wanted = len(found.mean)
        if x.shape[1] != wanted:
            problem = f"X has {x.shape[1]} features, but PCA is expecting {wanted}"
            cure = (
                "Transform what was fitted, fit(E).transform(E), or take components_ of fit(E.T)."
            )
            if len(x) == wanted:
                cure = f"It was fitted on the transpose. {cure}"
            raise ShapeError("x", problem, cure)
        return found.scores(x)

    def fit_transform(self, x: Any, weights: Any = None) -> FloatArray:
        """Return fit(x, weights).transform(x)."""
        return self.fit(x, weights).transform(x)

    @property
    def components_(self) -> FloatArray:
        """The components (n_components, features), of length 1."""
        return self._found().components

    @property
    def mean_(self) -> FloatArray:
        """The mean of the samples (features,)."""
        return self._found().mean

    @property
    def singular_values_(self) -> FloatArray:
        """The lengths of the columns of scores (n_components,)."""
        return self._found().singular_values

    @property
    def explained_variance_ratio_(self) -> FloatArray:
        """The share of all variance along each component (n_components,)."""
        return self._found().shares

    def _found(self) -> Principal:
        if self._fitted is None:
            raise UsageError("PCA", "has not been fitted", "Call fit(E) first.")
        return self._fitted


def pca(E: Any, n_components: int = 3, how: str = "factors", weights: Any = None) -> FloatArray:  # noqa: N803
    """Return the principal components of a table of factors in one of the thread's three forms.

    Parameters
    ----------
    E : (n, K), a row an item, such as `model.params["item_factors"][1:]` (row 0 is `#na#`)
    how : "items": PCA(k).fit(E.T).components_, (k, n); "factors": PCA(k).fit_transform(E), (n, k);
        "fastai": E.pca(k), (n, k), the same as "factors" up to fastai's signs
    weights : (n,) such as the number of ratings: an item counts as if it stood there so often; not
        for "items", which takes the factors for samples

    Raises
    ------
    DataError
        For NaN, equal rows, and more components than directions in which the samples differ: at
        most K - 1 for "items", n - 1 for the others.
    SettingError
        For weights with "items".
    """
    items, found = finite_rows("E", E), PCA(n_components)
    if require_choice("how", how, HOW) != "items":
        return found._fit("E", items, weights).transform(items)
    if weights is not None:
        problem = 'has no meaning with how="items", where factors are the samples'
        raise SettingError("weights", problem, 'Leave it out, or say how="factors".')
    return found._fit("E", items.T, None).components_


def _weights_of(weights: Any, n: int) -> FloatArray:
    result = require_real("weights", weights).astype(np.float64)
    if result.shape != (n,):
        problem = f"shape {result.shape} for {n} samples"
        raise ShapeError("weights", problem, "Give one weight for each sample.")
    bad = ~((result >= 0) & (result <= 2.0**52))  # larger ones would count nothing else
    if bad.any():
        at = int(bad.argmax())
        cure = "Give counts, such as np.bincount(ratings.items, minlength=ratings.n_items)."
        raise DataError("weights", f"{result[at]} is no count", cure, position=at)
    if not result.any():
        raise DataError("weights", "are all 0", "Give one sample at least a positive one.")
    return result
