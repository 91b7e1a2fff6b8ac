"""Mistakes in one step of SparseAdam or RMSProp."""
# fmt: off

from npcf.verify.mistakes.catalogue import mistake

SPARSE, RMSPROP = ("sparse_adam",), ("rmsprop",)

# -- SparseAdam and RMSProp ------------------------------------------------------------------------

mistake("sparse_eps_corrected", "eps is corrected like the second moment.",
        "rate * m / (sqrt(v) + eps).",
        sparse_adam=lambda f, w, g, m, v, t, *, betas, eps, **s: f.sparse_adam(
            w, g, m, v, t, betas=betas, eps=eps * (1 - betas[1] ** t) ** 0.5, **s))
mistake("sparse_second_moment_of_abs", "The second moment averages |g|, not g**2.",
        "v + (1 - beta2) * (g * g - v).",
        sparse_adam=lambda f, w, g, m, v, t, **s: f.sparse_adam(
            w, g, m, v, t, **s)[:2] + (f.average(v, f.n.abs(g), f.n.number(s["betas"][1])),))
mistake("sparse_lr_default", "The learning rate is always torch's default.", "Pass lr on.",
        sparse_adam=lambda f, *args, lr, **s: f.sparse_adam(*args, lr=1e-3, **s))
mistake("sparse_moments_swapped", "The moments change places on the way out.", "Return w, m, v.",
        sparse_adam=lambda f, *args, **s: (lambda w, m, v: (w, v, m))(*f.sparse_adam(*args, **s)))
mistake("rmsprop_climbs", "The step climbs.", "w - lr * g / root.",
        rmsprop=lambda f, w, *args, **s: (lambda after, *state: (w + (w - after), *state))(
            *f.rmsprop(w, *args, **s)))
mistake("alpha_default", "alpha is always torch's and fastai's default.", "Pass alpha on.",
        rmsprop=lambda f, *args, alpha, **s: f.rmsprop(*args, alpha=0.99, **s))
mistake("squares_summed", "Squares are summed and not averaged.",
        "alpha * v + (1 - alpha) * g * g.", sites=(RMSPROP,),
        average_square=lambda f, v, g, beta, kept_whole=False: f.n.nonnegative(
            (v if kept_whole else beta * v) + f.n.product(g, g)))
mistake("never_centered", "centered is ignored.", "Subtract the square of the averaged gradient.",
        variance=lambda f, v, a: v)
mistake("always_centered", "The mean is always subtracted.", "Do so only if centered.",
        rmsprop=lambda f, *args, centered=False, **s: f.rmsprop(*args, centered=True, **s))
mistake("centering_summed", "The gradient that centers is summed and not averaged.",
        "alpha * a + (1 - alpha) * g.", sites=(RMSPROP,),
        average=lambda f, a, g, beta, least=True: beta * a + g,
        variance=lambda f, v, a, least=True: f.variance(v, a) if least else v - a * a)
mistake("rmsprop_momentum_ignored", "Momentum is ignored.", "buf = momentum * buf + g / root.",
        rmsprop=lambda f, *args, momentum=0.0, **s: (
            f.rmsprop(*args, momentum=0.0, **s)[:3] + args[4:5]))
mistake("rmsprop_lr_inside_twice", "The rate is inside the buffer, and before it.",
        "buf = momentum * buf + g / root; w - lr * buf.",
        rmsprop=lambda f, w, g, v, a, buf, *, lr, **s: (lambda after, v, a, buf: (
            f.move(w, f.n.number(lr), (w - after)), v, a, buf))(
                *f.rmsprop(w, g, v, a, buf, lr=lr, **s)))
