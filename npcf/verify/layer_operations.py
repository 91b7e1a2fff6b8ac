"""The layers of networks under one name each: a part of `npcf.verify.operations`."""

from collections.abc import Callable
from typing import Any

from npcf.verify.libraries import ANY, Library
from npcf.verify.precision import quiet


class LayerOperations:
    """Arrays in, results out: the arguments of the forward, for a backward behind its upstream."""

    _forward: Callable[..., Any]
    _backward: Callable[..., Any]
    _over: Callable[..., Any]
    _results: Callable[[Any], Any]

    def linear(self, x: Any, weight: Any, bias: Any, library: Library = ANY) -> Any:
        """out (B, O) = x @ weight.T + bias."""
        return self._forward("linear", x, weight, bias, library=library)

    def linear_backward(
        self, d_out: Any, x: Any, weight: Any, bias: Any, library: Library = ANY
    ) -> Any:
        """(d_x (B, I), d_weight (O, I), d_bias (O,))."""
        return self._backward("linear", d_out, x, weight, bias, library=library)

    def relu(self, x: Any, library: Library = ANY) -> Any:
        """out (B,) = max(x, 0)."""
        return self._forward("relu", x, library=library)

    def relu_backward(self, d_out: Any, x: Any, library: Library = ANY) -> Any:
        """d_x (B,) = d_out where x > 0, else 0."""
        return self._backward("relu", d_out, x, library=library)

    def concatenate(self, parts: Any, library: Library = ANY) -> Any:
        """out (B, J + K + ...), the parts side by side."""
        return self._forward("concatenate", parts, library=library)

    def concatenate_backward(self, d_out: Any, parts: Any, library: Library = ANY) -> Any:
        """The gradient of each part."""
        return self._backward("concatenate", d_out, parts, library=library)

    def dropout(self, x: Any, p: float, keep: Any, library: Library = ANY) -> Any:
        """out (B,) = x / (1 - p) where `keep`, else 0."""
        return self._forward("dropout", x, p, keep, library=library)

    def dropout_backward(
        self, d_out: Any, x: Any, p: float, keep: Any, library: Library = ANY
    ) -> Any:
        """d_x (B,) = d_out / (1 - p) where `keep`, else 0."""
        return self._backward("dropout", d_out, x, p, keep, library=library)

    def batch_norm(
        self, x: Any, weight: Any, bias: Any, mean: Any = None, var: Any = None, eps: float = 1e-5,
        library: Library = ANY,
    ) -> Any:  # fmt: skip
        """out (B, K) = (x - mean) / sqrt(var + eps) weight + bias."""
        return self._forward("batch_norm", x, weight, bias, mean, var, eps, library=library)

    def batch_norm_backward(
        self, d_out: Any, x: Any, weight: Any, bias: Any, mean: Any = None, var: Any = None,
        eps: float = 1e-5, library: Library = ANY,
    ) -> Any:  # fmt: skip
        """(d_x (B, K), d_weight (K,), d_bias (K,))."""
        arguments = d_out, x, weight, bias, mean, var, eps
        return self._backward("batch_norm", *arguments, library=library)

    @quiet
    def batch_norm_running(
        self, mean: Any, var: Any, x: Any, momentum: float = 0.1, library: Library = ANY
    ) -> Any:
        """(mean (K,), var (K,)), the running ones after a batch `x` (B, K)."""
        f, a = self._over(x, library)
        rate, x, new = f.n.number(momentum), a(x), f.mean_of(a(x))
        spread = f.unbiased(f.variance_of(x - new), len(x))
        return self._results((f.running(a(mean), new, rate), f.running(a(var), spread, rate)))
