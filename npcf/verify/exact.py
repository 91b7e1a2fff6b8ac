"""Exact numbers: an arithmetic for `npcf.verify.formulas`, and the exact value of every operation.

The functions of `npcf.verify.operations`, which have the names and arguments of
`npcf.verify.bounds`, return object arrays of `fractions.Fraction`: rational operations exactly, exp
and square root to 240 bits.  Arguments must be finite.  Needs the extra `verify` (mpmath) where
there is an exp.
"""

from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

from npcf.verify.arithmetic import Arithmetic
from npcf.verify.operations import Operations
from npcf.verify.rationals import BITS, Rationals, each

SATURATED = 5000  # beyond it sigmoid(x) is within 2**-7000 of 0 or 1: far below any bound


def fractions(array: Any) -> Any:
    """Return an object array of Fractions equal to the numbers of `array`."""
    return each(Fraction, np.asarray(array, np.float64))


def exp(x: Fraction, bits: int = BITS) -> Fraction:
    """Return e**x to 240 bits."""
    import mpmath

    with mpmath.workprec(bits + 10):
        power = mpmath.exp(mpmath.mpf(x.numerator) / mpmath.mpf(x.denominator))
    return _fraction(power)


def sqrt(x: Fraction) -> Fraction:
    """Return the square root of x >= 0 to 240 bits, by whole numbers alone."""
    root: Fraction = Rationals.number(x).sqrt().fractions()[()]
    return root


def sigmoid_of(x: Fraction) -> Fraction:
    """Return 1 / (1 + e**-x), and so that 1 minus it has 240 bits too."""
    import mpmath

    if abs(x) > SATURATED:
        return Fraction(int(x > 0))
    with mpmath.workprec(BITS + 10 + 2 * int(abs(x))):
        e = mpmath.exp(-mpmath.mpf(abs(x.numerator)) / mpmath.mpf(x.denominator))
        s = 1 / (1 + e) if x > 0 else e / (1 + e)
    return _fraction(s)


def _fraction(x: Any) -> Fraction:
    """Return a positive number of mpmath as a fraction over a power of two."""
    _, whole, exponent, _ = x._mpf_
    whole = int(whole)
    return Fraction(whole << exponent) if exponent >= 0 else Fraction(whole, 1 << -exponent)


class Exact(Arithmetic):
    """Exact arithmetic: settings are Fractions, arrays Rationals."""

    def number(self, x: Any) -> Fraction:
        return Fraction(x)

    def array(self, x: Any) -> Rationals:
        return x if isinstance(x, Rationals) else Rationals.exactly(x)

    def take(self, x: Rationals, ids: Any) -> Rationals:
        return x.like(x.whole[ids])

    def scatter_sum(self, x: Rationals, ids: Any, n_rows: int) -> Rationals:
        table = np.zeros((n_rows, *x.shape[1:]), object)
        np.add.at(table, np.asarray(ids, np.intp), x.whole)
        return x.like(table)

    def sum(self, x: Rationals, axis: int | None = None) -> Rationals:
        return x.like(x.whole.sum(axis=axis, initial=0))

    def transpose(self, x: Rationals) -> Rationals:
        return x.like(x.whole.T)

    def concatenate(self, parts: Any) -> Rationals:
        """Put all side by side, over one denominator."""
        zero = Rationals.number(0)
        for part in parts:
            zero = part.like(0) + zero
        wholes = [(part + zero).whole for part in parts]
        return zero.like(np.concatenate(wholes, axis=-1))

    def sqrt(self, x: Any) -> Any:
        return x.sqrt() if isinstance(x, Rationals) else sqrt(x)

    def sigmoid(self, x: Rationals) -> Rationals:
        return Rationals.dyadic(each(sigmoid_of, x.fractions()))

    def maximum(self, x: Rationals, low: float) -> Rationals:
        return self.largest(x, Rationals.number(low))

    def column(self, x: Rationals) -> Rationals:
        return x.like(x.whole[:, None])

    def size(self, x: Rationals) -> int:
        return x.size

    def share(self, counts: Any) -> Rationals:
        """1 / counts."""
        bottom = lcm(*counts.tolist())
        twos = (bottom & -bottom).bit_length() - 1
        return Rationals(bottom // counts.astype(object), -twos, bottom >> twos)

    def where(self, mask: Any, x: Any, y: Any) -> Rationals:
        a, b, *scale = Rationals.number(x).common(y)
        return Rationals(np.where(mask, a, b), *scale)

    def where_above(self, x: Rationals, limit: Fraction, above: Any, below: Any) -> Rationals:
        """`above` where x > limit, else `below`."""
        a, b, *_ = x.common(limit)
        return self.where(np.asarray(a > b, bool), above, below)

    def is_zero(self, x: Rationals) -> Any:
        return x.whole == 0

    def abs(self, x: Rationals) -> Rationals:
        return x.like(abs(x.whole))

    def largest(self, x: Rationals, y: Rationals) -> Rationals:
        a, b, *scale = x.common(y)
        return Rationals(np.maximum(a, b), *scale)

    def constant(self, x: int, like: Rationals) -> Rationals:
        return Rationals(np.full(like.shape, x, object))


_exactly = Operations(lambda dtype, library: Exact(), Rationals.fractions)
adam_step = _exactly.adam_step
batch_norm = _exactly.batch_norm
batch_norm_backward = _exactly.batch_norm_backward
batch_norm_running = _exactly.batch_norm_running
bias = _exactly.bias
bias_backward = _exactly.bias_backward
concatenate = _exactly.concatenate
concatenate_backward = _exactly.concatenate_backward
dot_product_bias = _exactly.dot_product_bias
dot_product_bias_all = _exactly.dot_product_bias_all
dot_product_bias_backward = _exactly.dot_product_bias_backward
dot_product_bias_gradients = _exactly.dot_product_bias_gradients
dot_product_bias_loss = _exactly.dot_product_bias_loss
dropout = _exactly.dropout
dropout_backward = _exactly.dropout_backward
embedding_backward = _exactly.embedding_backward
linear = _exactly.linear
linear_backward = _exactly.linear_backward
lookup = _exactly.lookup
mse = _exactly.mse
mse_backward = _exactly.mse_backward
one_hot = _exactly.one_hot
relu = _exactly.relu
relu_backward = _exactly.relu_backward
renormalise_rows = _exactly.renormalise_rows
rmsprop_step = _exactly.rmsprop_step
row_dot = _exactly.row_dot
row_dot_backward = _exactly.row_dot_backward
sgd_step = _exactly.sgd_step
sigmoid = _exactly.sigmoid
sigmoid_range = _exactly.sigmoid_range
sigmoid_range_backward = _exactly.sigmoid_range_backward
sparse_adam_step = _exactly.sparse_adam_step
