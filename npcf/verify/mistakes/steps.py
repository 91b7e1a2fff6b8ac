"""Mistakes in one step of SGD, Adam, SparseAdam or RMSProp."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake

SGD, ADAM, SPARSE, RMSPROP = ("sgd",), ("adam",), ("sparse_adam",), ("rmsprop",)

# -- weight decay ----------------------------------------------------------------------------------

mistake("no_weight_decay", "Weight decay is not applied.", "g = g + wd * w.",
        sites=(SGD, ADAM, RMSPROP), l2=lambda f, w, g, wd: g, shrink=lambda f, w, lr, wd: w)
mistake("decay_doubled", "The gradient of the decay has a factor 2: that of wd * w**2.",
        "g = g + wd * w.", sites=(SGD, ADAM), l2=lambda f, w, g, wd: f.l2(w, g, 2 * wd),
        shrink=lambda f, w, lr, wd: f.shrink(w, lr, 2 * wd))
mistake("coupled_decay_times_lr", "Coupled decay is multiplied by the learning rate twice.",
        "g = g + wd * w.", sites=(SGD,),
        decay=lambda f, w, g, lr, wd, decoupled: f.decay(
            w, g, lr, wd if decoupled else lr * wd, decoupled))
mistake("decay_of_touched_rows", "Only entries with a gradient decay.", "Decay every row.",
        sites=(SGD, ADAM), decay=lambda f, w, g, *at: tuple(
            f.n.where(f.n.is_zero(g), old, new)
            for old, new in zip((w, g), f.decay(w, g, *at), strict=True)))
mistake("decoupled_decay_without_lr", "Decoupled decay is not multiplied by the learning rate.",
        "w * (1 - lr * wd).", sites=(SGD, ADAM, RMSPROP),
        shrink=lambda f, w, lr, wd: f.shrink(w, f.n.number(1), wd))
mistake("decay_grows", "Weight decay has the wrong sign.", "w * (1 - lr * wd).",
        sites=(SGD, ADAM), shrink=lambda f, w, lr, wd: f.shrink(w, lr, -1 * wd),
        l2=lambda f, w, g, wd: f.l2(w, g, -1 * wd))
mistake("decay_always_decoupled",
        "Coupled decay bypasses the momentum or the moments, as decoupled decay does.",
        "Add wd * w to the gradient before the momentum.", sites=(SGD, ADAM, RMSPROP),
        decay=lambda f, w, g, lr, wd, decoupled: f.decay(w, g, lr, wd, True))
mistake("decay_never_decoupled", "Decoupled decay enters the momentum or the moments.",
        "Shrink the weights before the step; leave the gradient alone.", sites=(SGD, ADAM, RMSPROP),
        decay=lambda f, w, g, lr, wd, decoupled: f.decay(w, g, lr, wd, False))
mistake("decay_coupling_swapped", "Coupled and decoupled decay are swapped: Adam for AdamW.",
        "Set decoupled to the other value.", sites=(ADAM,),
        decay=lambda f, w, g, lr, wd, decoupled: f.decay(w, g, lr, wd, not decoupled))
mistake("decay_after_the_step", "Decoupled decay comes after the step and shrinks it too.",
        "Decay before the step.", sites=(SGD, ADAM),
        decay=lambda f, w, g, lr, wd, decoupled: (
            (w, g) if decoupled else f.decay(w, g, lr, wd, False)),
        decay_after=lambda f, w, lr, wd, decoupled: (
            f.shrink(w, lr, wd) if decoupled and wd else w))
mistake("decays_twice", "Decay is decoupled, and coupled too.", "One of the two.",
        sites=(SGD, ADAM), decay=lambda f, w, g, lr, wd, decoupled: f.decay(
            *f.decay(w, g, lr, wd, decoupled), lr, wd, False) if decoupled else f.decay(
                w, g, lr, wd, False))

# -- momentum --------------------------------------------------------------------------------------

mistake("first_gradient_dampened", "The first gradient is dampened: the buffer starts at zero.",
        "Start the buffer with g.", first_buffer=lambda f, g, dampening: (1 - dampening) * g)
mistake("momentum_is_an_average", "Momentum is an exponential average.",
        "buf = momentum * buf + g.",
        buffer=lambda f, buf, g, mu, dampening: f.buffer(buf, g, mu, mu))
mistake("dampening_ignored", "Dampening is ignored.", "(1 - dampening) * g.",
        buffer=lambda f, buf, g, mu, dampening: f.buffer(buf, g, mu, f.n.number(0)))
mistake("buffer_without_momentum", "The buffer is not multiplied by the momentum.",
        "buf = momentum * buf + g.",
        buffer=lambda f, buf, g, mu, dampening: f.buffer(buf, g, f.n.number(1), dampening))
mistake("buffer_without_need", "A buffer is returned where there is no momentum.", "Return None.",
        sgd=lambda f, w, g, buf, **s: (lambda after, new: (after, g * 1 if new is None else new))(
            *f.sgd(w, g, buf, **s)))
mistake("buffer_in_float32", "The momentum buffer is kept in float32.", "Keep the dtype of w.",
        buffer=lambda f, *args: f.n.through(f.buffer(*args), np.float32))
mistake("lr_inside_the_buffer", "The rate is inside the buffer, as in Sutskever's form.",
        "buf = momentum * buf + g; w - lr * buf.",
        sgd=lambda f, w, g, buf, *, lr, weight_decay=0.0, **s: f.sgd(
            w, g * f.n.number(lr), buf, lr=1.0, weight_decay=lr * weight_decay, **s))
mistake("nesterov_ignored",
        "nesterov is ignored, or looks ahead with the buffer of the step before: the same step.",
        "g = g + momentum * buf, with the new buf.",
        look_ahead=lambda f, g, buf, mu, nesterov: buf)
mistake("nesterov_always", "The step looks ahead without being told.", "g = buf.",
        look_ahead=lambda f, g, buf, mu, nesterov: f.look_ahead(g, buf, mu, True))
mistake("nesterov_without_momentum", "Nesterov's step adds the whole buffer.",
        "g = g + momentum * buf.",
        look_ahead=lambda f, g, buf, mu, nesterov: (
            g + buf if nesterov else f.look_ahead(g, buf, mu, nesterov)))
mistake("sgd_climbs", "The step climbs.", "w - lr * g.", sites=(SGD,),
        move=lambda f, w, lr, g: f.move(w, -1 * lr, g))
mistake("gradient_normalised", "Each table's gradient is clipped to norm 1.", "Do not clip.",
        sites=(SGD,), move=lambda f, w, lr, g: f.move(w, lr, g / f.n.maximum(
            f.n.sqrt(f.n.nonnegative(f.n.sum(g * g))), 1)))
mistake("gradient_in_float16", "Gradients pass through float16.", "Scale the loss.",
        sgd=lambda f, w, g, buf, **s: f.sgd(w, f.n.through(g, np.float16), buf, **s))

# -- Adam ------------------------------------------------------------------------------------------

mistake("no_bias_correction", "There is no bias correction.",
        "Divide m by 1 - beta1**t and v by 1 - beta2**t.", sites=(ADAM, SPARSE),
        correction=lambda f, beta, t: f.n.number(1))
mistake("correction_a_step_ahead", "The step count is one ahead in the bias correction.",
        "Count steps from 1.", sites=(ADAM, SPARSE),
        correction=lambda f, beta, t: f.correction(beta, t + 1))
mistake("correction_a_step_behind", "The step count is one behind in the bias correction.",
        "Advance t before the correction.",
        correction=lambda f, beta, t: f.correction(beta, max(t - 1, 1)))
mistake("first_moment_not_corrected", "The first moment is not corrected.",
        "Divide m by 1 - beta1**t.",
        adam_update=lambda f, m, lr, correction, root, g: f.adam_update(
            m, lr, f.n.number(1), root, g))
mistake("second_moment_not_corrected", "The second moment is not corrected.",
        "Divide v by 1 - beta2**t.",
        adam_root=lambda f, v, correction, eps: f.adam_root(v, f.n.number(1), eps))
mistake("eps_inside_the_root", "eps is under the root.", "sqrt(v_hat) + eps.",
        adam_root=lambda f, v, correction, eps: f.n.sqrt(v * (1 / correction) + eps))
mistake("eps_before_the_correction", "eps is corrected too, as in Kingma and Ba's shortcut.",
        "Correct v, then add eps.",
        adam_root=lambda f, v, correction, eps: f.adam_root(v, f.n.number(1), eps) / f.n.sqrt(
            correction))
mistake("no_eps", "eps is forgotten.", "sqrt(v_hat) + eps.",
        adam_root=lambda f, v, correction, eps: f.adam_root(v, correction, f.n.number(1e-30)))
mistake("no_root", "The root is forgotten.", "sqrt(v_hat) + eps.",
        adam_root=lambda f, v, correction, eps: v * (1 / correction) + eps)
mistake("second_moment_of_abs", "The second moment averages |g|, not g**2.",
        "beta2 * v + (1 - beta2) * g * g.", sites=(ADAM, RMSPROP),
        average_square=lambda f, v, g, beta: f.n.nonnegative(f.average(v, f.n.abs(g), beta)))
mistake("second_moment_halved", "Squares are halved: duplicates were averaged before.",
        "Sum duplicates, then square.", sites=(ADAM,),
        average_square=lambda f, v, g, beta: f.average_square(v, g * 0.5**0.5, beta))
mistake("second_moment_centered", "The variance stands for the second moment, as in AdaBelief.",
        "beta2 * v + (1 - beta2) * g * g.", adam=lambda f, *args, **s: _adam(
            f, *args, square=lambda g, m: g - m, **s))
mistake("amsgrad", "The largest second moment is kept, as in AMSGrad.", "amsgrad=False.",
        settings=lambda f, *at: (lambda s: s | (
            {"amsgrad": not s.get("amsgrad")} if "betas" in s else {}))(f.settings(*at)))
mistake("adam_skips_zero_gradients", "Entries without a gradient stay, as in SparseAdam.",
        "Move every row.",
        adam_update=lambda f, m, lr, correction, root, g: f.n.where(
            f.n.is_zero(g), g * 0, f.adam_update(m, lr, correction, root, g)))
mistake("nadam", "The step looks ahead, as Nadam does.", "Divide m by the root.",
        adam=lambda f, *args, **s: _adam(
            f, *args, ahead=lambda m, g, beta1: f.average(m, g, beta1), **s))
mistake("adam_without_momentum", "The first moment is kept and not used: RMSProp.",
        "Divide m, not g, by the root.",
        adam_update=lambda f, m, lr, correction, root, g: f.adam_update(
            g, lr, correction, root, g))
mistake("adam_climbs", "The step climbs.", "w - lr * m_hat / root.",
        adam_update=lambda f, *args: f.adam_update(*args) * -1)
mistake("betas_swapped", "beta1 and beta2 are swapped.", "betas = (beta1, beta2).",
        adam=lambda f, *args, betas, **s: f.adam(*args, betas=betas[::-1], **s),
        sparse_adam=lambda f, *args, betas, **s: f.sparse_adam(*args, betas=betas[::-1], **s))
mistake("beta2_default", "beta2 is always torch's default.", "Pass beta2 on.",
        adam=lambda f, *args, betas, **s: f.adam(*args, betas=(betas[0], 0.999), **s))
mistake("eps_default", "eps is always torch's default.", "Pass eps on.",
        adam=lambda f, *args, eps, **s: f.adam(*args, eps=1e-8, **s))
mistake("corrected_moment_returned", "The corrected moment is stored, and corrected again.",
        "Store m as it is; correct a copy.",
        adam=lambda f, w, g, m, v, t, *, betas, **s: (lambda w, m, v: (
            w, m * (1 / f.correction(f.n.number(betas[0]), t)), v))(
                *f.adam(w, g, m, v, t, betas=betas, **s)))
mistake("moments_swapped", "The moments change places on the way out.", "Return w, m, v.",
        adam=lambda f, *args, **s: (lambda w, m, v: (w, v, m))(*f.adam(*args, **s)))
mistake("moment_in_float32", "The first moment is kept in float32.", "Keep the dtype of w.",
        sites=(ADAM,), average=lambda f, *args: f.n.through(f.average(*args), np.float32))
mistake("second_moment_in_float16",
        "The second moment is kept in float16: small squares vanish, large ones overflow.",
        "Keep the dtype of w.", sites=(ADAM,), average_square=lambda f, *args: f.n.nonnegative(
            f.n.through(f.average_square(*args), np.float16)))


def _adam(f: Any, w: Any, g: Any, m: Any, v: Any, t: int, *, lr: float, betas: Any, eps: float,
          weight_decay: float = 0.0, decoupled: bool = False,
          square: Any = lambda g, m: g, ahead: Any = lambda m, g, beta1: m) -> Any:
    """Return a step of Adam with another square in the second moment, or another first moment."""
    rate, beta1, beta2, small, wd = f.n.numbers(lr, *betas, eps, weight_decay)
    w, g = f.at("adam").decay(w, g, rate, wd, decoupled)
    m = f.average(m, g, beta1)
    v = f.average_square(v, square(g, m), beta2)
    root = f.adam_root(v, f.correction(beta2, t), small)
    update = f.adam_update(ahead(m, g, beta1), rate, f.correction(beta1, t), root, g)
    return w - update, m, v


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
        average_square=lambda f, v, g, beta: f.n.nonnegative(beta * v + g * g))
mistake("never_centered", "centered is ignored.", "Subtract the square of the averaged gradient.",
        variance=lambda f, v, a: v)
mistake("always_centered", "The mean is always subtracted.", "Do so only if centered.",
        rmsprop=lambda f, *args, centered=False, **s: f.rmsprop(*args, centered=True, **s))
mistake("centering_summed", "The gradient that centers is summed and not averaged.",
        "alpha * a + (1 - alpha) * g.", sites=(RMSPROP,),
        average=lambda f, a, g, beta: beta * a + g)
mistake("rmsprop_momentum_ignored", "Momentum is ignored.", "buf = momentum * buf + g / root.",
        rmsprop=lambda f, *args, momentum=0.0, **s: (
            f.rmsprop(*args, momentum=0.0, **s)[:3] + args[4:5]))
mistake("rmsprop_lr_inside_twice", "The rate is inside the buffer, and before it.",
        "buf = momentum * buf + g / root; w - lr * buf.",
        rmsprop=lambda f, w, g, v, a, buf, *, lr, **s: (lambda after, v, a, buf: (
            f.move(w, f.n.number(lr), (w - after)), v, a, buf))(
                *f.rmsprop(w, g, v, a, buf, lr=lr, **s)))
