"""Layers of networks as functions of the conformance protocol: a part of `.protocol_functions`."""

from collections.abc import Callable
from typing import Any

from npcf.verify.formulas import Formulas


class LayerFunctions:
    """Layers; `begin(dtype)` gives the arithmetic for arrays of a dtype."""

    def __init__(self, begin: Callable[[Any], Any], formulas: type[Formulas] = Formulas):
        self._begin, self._formulas = begin, formulas

    def _over(self, like: Any) -> Formulas:
        return self._formulas(self._begin(like.dtype))

    def linear_forward(self, x: Any, weight: Any, bias: Any) -> Any:
        """out_bo = sum_i x_bi weight_oi + bias_o."""
        f = self._over(x)
        x, weight, bias = f.n.arrays(x, weight, bias)
        return f.affine(x, weight, bias), (f, x, weight)

    def linear_backward(self, d_out: Any, cache: Any) -> Any:
        """(d_x, d_weight, d_bias)."""
        f, *rest = cache
        return f.affine_gradients(f.n.array(d_out), *rest)

    def relu_forward(self, x: Any) -> Any:
        """out = max(x, 0)."""
        f = self._over(x)
        x = f.n.array(x)
        return f.relu(x), (f, x)

    def relu_backward(self, d_out: Any, cache: Any) -> Any:
        """d_x."""
        f, x = cache
        return f.relu_gradient(f.n.array(d_out), x)

    def concatenate_forward(self, parts: Any) -> Any:
        """out_b = [first_b, second_b, ...]."""
        f = self._over(parts[0])
        return f.concatenate([*f.n.arrays(*parts)]), (f, [part.shape[-1] for part in parts])

    def concatenate_backward(self, d_out: Any, cache: Any) -> Any:
        """The gradient of each part."""
        f, widths = cache
        return f.parts_of(f.n.array(d_out), widths)

    def dropout_forward(self, x: Any, p: float, keep: Any) -> Any:
        """x / (1 - p) where `keep`, else 0."""
        f = self._over(x)
        p = f.n.number(p)
        return f.kept(f.n.array(x), p, keep), (f, p, keep)

    def dropout_backward(self, d_out: Any, cache: Any) -> Any:
        """d_x."""
        f, *rest = cache
        return f.kept(f.n.array(d_out), *rest)

    def batch_norm_forward(
        self, x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float
    ) -> Any:
        """The columns of x by their own mean and variance, or by those given."""
        f = self._over(x)
        x, weight, bias, mean, var = f.n.arrays(x, weight, bias, mean, var)
        out, of = f.batch_norm(x, weight, bias, mean, var, f.n.number(eps))
        return out, (f, of)

    def batch_norm_backward(self, d_out: Any, cache: Any) -> Any:
        """(d_x, d_weight, d_bias)."""
        f, of = cache
        return f.batch_norm_gradients(f.n.array(d_out), of)
