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
        sites=(SGD, ADAM), decay=lambda f, w, g, lr, wd, decoupled, of_the_old=False: (
            (f.shrink(w, lr, wd), f.l2(w, g, wd)) if of_the_old else f.decay(
                *f.decay(w, g, lr, wd, decoupled), lr, wd, False) if decoupled else f.decay(
                    w, g, lr, wd, False)))

# -- momentum --------------------------------------------------------------------------------------

mistake("first_gradient_dampened", "The first gradient is dampened: the buffer starts at zero.",
        "Start the buffer with g.", first_buffer=lambda f, g, dampening: (1 - dampening) * g)
mistake("momentum_is_an_average", "Momentum is an exponential average.",
        "buf = momentum * buf + g.",
        buffer=lambda f, buf, g, momentum, dampening, mu=None: f.buffer(buf, g, momentum, momentum),
        first_buffer=lambda f, g, dampening, mu=None: (
            f.first_buffer(g, dampening) if mu is None else (1 - f.n.number(mu)) * g))
mistake("dampening_ignored", "Dampening is ignored.", "(1 - dampening) * g.",
        buffer=lambda f, buf, g, mu, dampening: f.buffer(buf, g, mu, f.n.number(0)))
mistake("buffer_without_momentum", "The buffer is not multiplied by the momentum.",
        "buf = momentum * buf + g.",
        buffer=lambda f, buf, g, mu, dampening: f.buffer(buf, g, f.n.number(1), dampening))
mistake("buffer_without_need", "A buffer is returned where there is no momentum.", "Return None.",
        sgd=lambda f, w, g, buf, **s: (lambda after, new: (after, g * 1 if new is None else new))(
            *f.sgd(w, g, buf, **s)))
mistake("buffer_in_float32", "The momentum buffer is kept in float32.", "Keep the dtype of w.",
        buffer=lambda f, buf, g, *at, first=False: f.n.through(
            f.buffer(buf, f.n.through(g, np.float32) if first else g, *at), np.float32),
        first_buffer=lambda f, g, damp, first=False: (
            f.n.through(f.first_buffer(g, damp), np.float32) if first
            else f.first_buffer(g, damp)))
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
        sites=(SGD,), move=lambda f, w, lr, g, first=False: f.move(
            w, lr, g if first else _normalised(f, g)),
        update=lambda f, rule, name, w, g, *at, first=False: f.update(
            rule, name, w, _normalised(f, g) if first else g, *at))
mistake("gradient_in_float16", "Gradients pass through float16.", "Scale the loss.",
        sgd=lambda f, w, g, buf, **s: f.sgd(w, f.n.through(g, np.float16), buf, **s),
        adam=lambda f, w, g, *at, **s: f.adam(w, f.n.through(f.n.array(g), np.float16), *at, **s))


def _normalised(f: Any, g: Any) -> Any:
    """Return the gradient, no longer than 1."""
    return g / f.n.maximum(f.n.sqrt(f.n.nonnegative(f.n.sum(g * g))), 1)


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
        adam_root=lambda f, v, correction, eps: f.n.sqrt(v * (1 / correction) + eps),
        rmsprop_root=lambda f, spread, eps: f.n.sqrt(spread + eps))
mistake("eps_before_the_correction", "eps is corrected too, as in Kingma and Ba's shortcut.",
        "Correct v, then add eps.",
        adam_root=lambda f, v, correction, eps: f.adam_root(v, f.n.number(1), eps) / f.n.sqrt(
            correction))
mistake("no_eps", "eps is forgotten.", "sqrt(v_hat) + eps.",
        adam_root=lambda f, v, correction, eps, instead=1e-30: f.adam_root(
            v, correction, f.n.number(instead)))
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
        adam_update=lambda f, m, lr, correction, root, g, state=False: f.n.where(
            f.n.is_zero(g), g * 0, f.adam_update(m, lr, correction, root, g)),
        update=lambda f, rule, name, w, g, kept, *at, state=False: _lazily(
            f, rule, name, w, g, kept, *at) if state else f.update(rule, name, w, g, kept, *at))
mistake("nadam", "The step looks ahead, as Nadam does.", "Divide m by the root.",
        adam=lambda f, w, g, m, v, t, *, form="", **s: _adam(f, w, g, m, v, t, ahead=(
            (lambda m, g, beta1: f.average(m, g, beta1)) if not form else
            lambda m, g, beta1: _ahead(f, m, g, beta1, t, form)), **s))
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


def _lazily(f: Any, rule: str, name: str, w: Any, g: Any, kept: Any, *at: Any) -> Any:
    """Take a step whose moments keep to entries with a gradient, too."""
    old = {key: kept.get(f"{key}/{name}", f.n.array(np.zeros(w.shape))) for key in "mv"}
    after = f.update(rule, name, w, g, kept, *at)
    for key, moment in old.items():
        kept[f"{key}/{name}"] = f.n.where(f.n.is_zero(g), moment, kept[f"{key}/{name}"])
    return after


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


def _ahead(f: Any, m: Any, g: Any, beta1: Any, t: int, form: str) -> Any:
    """Return Nadam's moment, times 1 - beta1**t: with constant momenta, or with torch's."""
    here, beta = f.correction(beta1, t), beta1.value if hasattr(beta1, "value") else beta1
    if form == "constant":
        return (beta1 * (here / f.correction(beta1, t + 1))) * m + (1 - beta1) * g
    momenta = [beta * (1 - 0.5 * 0.96 ** (step * 0.004)) for step in range(1, t + 2)]
    now, after = 1 - np.prod(momenta[:-1]), 1 - np.prod(momenta)
    return here * f.n.number((1 - momenta[-2]) / now) * g + (
        here * f.n.number(momenta[-1] / after)) * m
