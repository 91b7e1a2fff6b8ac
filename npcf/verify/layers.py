"""Layers of networks over an arithmetic: a part of `npcf.verify.formulas`.

Arrays are rows of a batch (B, ...); what belongs to columns is (K,).
"""

from typing import Any, NamedTuple

from npcf.verify.update_rules import UpdateRules


class Normalised(NamedTuple):
    """What the backward pass of batch normalisation needs of the forward pass."""

    c: Any  # (B, K), deviations from the mean
    root: Any  # (K,): 1 / sqrt(var + eps)
    weight: Any  # (K,)
    own: bool  # whether mean and variance are the batch's own


class Layers(UpdateRules):
    """The right layers over the arithmetic `n`."""

    # -- linear ------------------------------------------------------------------------------------

    def affine(self, x: Any, weight: Any, bias: Any) -> Any:
        """out_bo = sum_i x_bi weight_oi + bias_o."""
        n = self.n
        return n.add(n.matmul(x, n.transpose(weight)), bias)

    def affine_gradients(self, d_out: Any, x: Any, weight: Any) -> tuple[Any, Any, Any]:
        """d_x = d_out weight, d_weight = d_out^T x, d_bias = sum_b d_out_b."""
        n = self.n
        return n.matmul(d_out, weight), n.matmul(n.transpose(d_out), x), n.sum(d_out, axis=0)

    # -- copies ------------------------------------------------------------------------------------

    def relu(self, x: Any) -> Any:
        """out = max(x, 0)."""
        return self.n.maximum(x, 0)

    def relu_gradient(self, d_out: Any, x: Any) -> Any:
        """d_x = d_out where x > 0, else 0."""
        return self.n.where_above(x, self.n.number(0), d_out, self.n.constant(0, d_out))

    def concatenate(self, parts: Any) -> Any:
        """out_b = [first_b, second_b, ...]."""
        return self.n.concatenate(parts)

    def parts_of(self, d_out: Any, widths: Any) -> tuple[Any, ...]:
        """The gradient of each part: its columns of d_out."""
        ends = [sum(widths[:i]) for i in range(len(widths) + 1)]
        return tuple(
            self.n.take(d_out, (slice(None), slice(*ends[i : i + 2]))) for i in range(len(widths))
        )

    def kept(self, x: Any, p: Any, keep: Any) -> Any:
        """x / (1 - p) where `keep`, else 0."""
        n = self.n
        grown = n.either(lambda: n.cast(1 / (1 - p)), lambda: 1 / n.cast(1 - p))
        return n.where(keep, x * grown, n.constant(0, x))

    # -- batch normalisation -----------------------------------------------------------------------

    def mean_of(self, x: Any) -> Any:
        """(1 / B) sum_b x_b."""
        return self.n.sum(x, axis=0) * (self.n.number(1) / len(x))

    def variance_of(self, c: Any) -> Any:
        """(1 / B) sum_b c_b**2."""
        return self.mean_of(c * c)

    def inverse_root(self, var: Any, eps: Any) -> Any:
        """1 / sqrt(var + eps)."""
        return 1 / self.n.sqrt(self.n.nonnegative(var) + eps)

    def scaled(self, x: Any, mean: Any, root: Any, weight: Any, bias: Any) -> Any:
        """(x - mean) root weight + bias; torch multiplies out."""

        def inside(x: Any, mean: Any, root: Any) -> Any:
            return self.n.product(x - mean, root, weight) + bias

        def outside(x: Any, mean: Any, root: Any) -> Any:
            scale = root * weight
            return x * scale + (bias - mean * scale)

        return self.n.either(inside, outside, given=(x, mean, root))

    def batch_norm(
        self, x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: Any
    ) -> tuple[Any, Normalised]:
        """The columns of x by their own mean and variance, or by those given."""
        own = mean is None
        mean = self.mean_of(x) if own else mean
        c = x - mean
        root = self.inverse_root(self.variance_of(c) if own else var, eps)
        return self.scaled(x, mean, root, weight, bias), Normalised(c, root, weight, own)

    def batch_norm_gradients(self, d_out: Any, of: Normalised) -> tuple[Any, Any, Any]:
        """(d_x, d_weight, d_bias)."""
        n = self.n
        d_weight = n.either(
            lambda d, c, r: n.sum(d * (c * r), axis=0), lambda d, c, r: n.sum(d * c, axis=0) * r,
            given=(d_out, of.c, of.root),
        )  # fmt: skip
        d_x = self.batch_norm_slope(d_out, of.c, of.root, of.weight, of.own)
        return d_x, d_weight, n.sum(d_out, axis=0)

    def batch_norm_slope(self, d_out: Any, c: Any, root: Any, weight: Any, own: bool) -> Any:
        """d_x = root weight (d_out - mean d_out - c root**2 mean (d_out c))."""
        n, rows = self.n, len(d_out)

        def after(d: Any, c: Any, r: Any) -> Any:
            share = self.mean_of(d * c)
            return n.product(d - self.mean_of(d) - n.product(c, share, r, r), r, weight)

        def before(d: Any, c: Any, r: Any) -> Any:
            h = c * r
            return n.product(d - self.mean_of(d) - h * self.mean_of(d * h), r, weight)

        if not own or not rows:
            return n.product(d_out, root, weight)
        return n.either(before, after, given=(d_out, c, root))

    def running(self, old: Any, new: Any, momentum: Any) -> Any:
        """(1 - momentum) old + momentum new."""
        return (1 - momentum) * old + momentum * new

    def unbiased(self, var: Any, rows: int) -> Any:
        """var B / (B - 1)."""
        n = self.n
        return var * (n.number(rows) / n.number(rows - 1))
