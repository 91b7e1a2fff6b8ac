"""SGD, Adam, SparseAdam and RMSProp over an arithmetic: a part of `npcf.verify.formulas`."""

from typing import Any, Self


class UpdateRules:
    """The right update rules, and their pieces, over the arithmetic `n`."""

    def __init__(self, numbers: Any):
        self.n = numbers

    def at(self, site: str) -> Self:
        """Return the formulas in force at a table or an update rule; a mistake may keep to one."""
        return self

    # -- pieces of the update rules ----------------------------------------------------------------

    def l2(self, w: Any, g: Any, wd: Any) -> Any:
        """Coupled decay: g + wd w."""
        return g + wd * w

    def shrink(self, w: Any, lr: Any, wd: Any) -> Any:
        """Decoupled decay: w (1 - lr wd)."""
        return self.n.either(lambda x: x * (1 - lr * wd), lambda x: x - (lr * wd) * x, given=(w,))

    def decay(self, w: Any, g: Any, lr: Any, wd: Any, decoupled: bool) -> tuple[Any, Any]:
        """Weight decay before the step: (w, g)."""
        if not wd:
            return w, g
        return (self.shrink(w, lr, wd), g) if decoupled else (w, self.l2(w, g, wd))

    def decay_after(self, w: Any, lr: Any, wd: Any, decoupled: bool) -> Any:
        """Weight decay after the step: there is none."""
        return w

    def first_buffer(self, g: Any, dampening: Any) -> Any:
        """The buffer of the first step: nothing dampens it."""
        return g

    def buffer(self, buf: Any, g: Any, momentum: Any, dampening: Any) -> Any:
        """momentum buf + (1 - dampening) g."""
        return momentum * buf + (1 - dampening) * g

    def look_ahead(self, g: Any, buf: Any, momentum: Any, nesterov: bool) -> Any:
        """What takes the gradient's place: the buffer, or Nesterov's g + momentum buf."""
        return g + momentum * buf if nesterov else buf

    def move(self, w: Any, lr: Any, g: Any) -> Any:
        """w - lr g."""
        return w - lr * g

    def average(self, old: Any, new: Any, beta: Any) -> Any:
        """beta old + (1 - beta) new; torch's lerp starts from the nearer end."""

        def lerp(x: Any, y: Any) -> Any:
            return x + (1 - beta) * (y - x) if beta > 0.5 else y - beta * (y - x)

        return self.n.either(lambda x, y: beta * x + (1 - beta) * y, lerp, given=(old, new))

    def lerp(self, old: Any, new: Any, beta: Any) -> Any:
        """Old + (1 - beta) (new - old), which is beta old + (1 - beta) new: SparseAdam's way."""
        return self.n.either(
            lambda x, y: x + (1 - beta) * (y - x),
            lambda x, y: beta * x + (1 - beta) * y,
            given=(old, new),
        )

    def average_square(self, old: Any, g: Any, beta: Any) -> Any:
        """beta old + (1 - beta) g**2."""
        n = self.n
        return n.nonnegative(beta * old + n.product(1 - beta, g, g))

    def variance(self, v: Any, a: Any) -> Any:
        """max(v - a**2, 0)."""
        return self.n.maximum(v - a * a, 0)

    def correction(self, beta: Any, t: int) -> Any:
        """1 - beta**t."""
        return 1 - beta**t

    def adam_root(self, v: Any, correction: Any, eps: Any) -> Any:
        """sqrt(v / (1 - beta2**t)) + eps."""
        n = self.n
        root = n.either(
            lambda: n.sqrt(v * (1 / correction)), lambda: n.sqrt(v) / n.sqrt(correction)
        )
        return root + eps

    def rmsprop_root(self, spread: Any, eps: Any) -> Any:
        """sqrt(v) + eps."""
        return self.n.sqrt(spread) + eps

    def adam_update(self, m: Any, lr: Any, correction: Any, root: Any, g: Any) -> Any:
        """lr m / (1 - beta1**t) / root."""
        return (lr / correction) * m / root

    # -- the update rules --------------------------------------------------------------------------

    def sgd(
        self, w: Any, g: Any, buf: Any, *, lr: float, momentum: float = 0.0, dampening: float = 0.0,
        nesterov: bool = False, weight_decay: float = 0.0, decoupled: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Return (w, buf) after one step of SGD; buf None before the first."""
        f, (w, g, buf) = self.at("sgd"), self.n.arrays(w, g, buf)
        rate, mu, damp, wd = self.n.numbers(lr, momentum, dampening, weight_decay)
        w, g = f.decay(w, g, rate, wd, decoupled)
        if momentum:
            buf = f.first_buffer(g, damp) if buf is None else f.buffer(buf, g, mu, damp)
            g = f.look_ahead(g, buf, mu, nesterov)
        w = f.move(w, rate, g)
        return f.decay_after(w, rate, wd, decoupled), buf if momentum else None

    def adam(
        self, w: Any, g: Any, m: Any, v: Any, t: int, *, lr: float,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0,
        decoupled: bool = False, v_max: Any = None,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """Return (w, m, v) after step t of Adam, or, decoupled, AdamW.

        With `v_max`, the largest v before this step, it is AMSGrad.
        """
        f, (w, g, m, v) = self.at("adam"), self.n.arrays(w, g, m, v)
        rate, beta1, beta2, small, wd = self.n.numbers(lr, *betas, eps, weight_decay)
        w, g = f.decay(w, g, rate, wd, decoupled)
        m, v = f.average(m, g, beta1), f.average_square(v, g, beta2)
        largest = v if v_max is None else self.n.nonnegative(self.n.largest(v_max, v))
        root = f.adam_root(largest, f.correction(beta2, t), small)
        w = w - f.adam_update(m, rate, f.correction(beta1, t), root, g)
        return f.decay_after(w, rate, wd, decoupled), m, v

    def sparse_adam(
        self, w: Any, g: Any, m: Any, v: Any, t: int, *, lr: float,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """Return (w, m, v) of touched rows after step t of SparseAdam."""
        n, f, (w, g, m, v) = self.n, self.at("sparse_adam"), self.n.arrays(w, g, m, v)
        rate, beta1, beta2, small = n.numbers(lr, *betas, eps)
        m, v = f.lerp(m, g, beta1), n.nonnegative(f.lerp(v, g * g, beta2))
        rate = rate * n.sqrt(f.correction(beta2, t)) / f.correction(beta1, t)
        return f.move(w, rate, m / (n.sqrt(v) + small)), m, v

    def rmsprop(
        self, w: Any, g: Any, v: Any, a: Any, buf: Any, *, lr: float, alpha: float = 0.99,
        eps: float = 1e-8, weight_decay: float = 0.0, momentum: float = 0.0, centered: bool = False,
        decoupled: bool = False,
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        """Return (w, v, a, buf) after one step of RMSProp; a, buf unused are kept."""
        n, f, (w, g, v, a, buf) = self.n, self.at("rmsprop"), self.n.arrays(w, g, v, a, buf)
        rate, keep, small, wd, mu = n.numbers(lr, alpha, eps, weight_decay, momentum)
        w, g = f.decay(w, g, rate, wd, decoupled)
        v = spread = f.average_square(v, g, keep)
        if centered:
            a = f.average(a, g, keep)
            spread = f.variance(v, a)
        root = f.rmsprop_root(spread, small)
        if momentum:
            buf = mu * buf + g / root
            return f.move(w, rate, buf), v, a, buf
        return w - n.either(lambda: rate * (g / root), lambda: rate * g / root), v, a, buf
