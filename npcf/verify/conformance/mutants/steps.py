"""Mistakes in one step of SGD or Adam."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="steps")
LATER = "momentum * buf + (1 - dampening) * g"
NESTEROV = "        g = g + momentum * buf if nesterov else buf\n"
BUFFER = "        buf = sgd_buffer(g, buf, momentum, dampening)\n"
L2 = "        g = g + weight_decay * w\n    if momentum:\n"
SHRINK = "        w = w * (1 - lr * weight_decay)\n    else:\n        g = g + weight_decay * w\n"
SGD_DECAY = "    if decoupled:\n" + SHRINK + "    if momentum:\n"
ADAM_DECAY = "    if decoupled:\n" + SHRINK + "    m = "
FIRST_MOMENT = "    m = beta1 * m + (1 - beta1) * g\n"
SECOND_MOMENT = "v = beta2 * v + (1 - beta2) * g * g"
ROOT = "np.sqrt(v) / math.sqrt(correction2) + eps"
ADAM_MOVE = "    w = w - lr / correction1 * (m / denominator)\n"
SGD_MOVE = "    w = w - lr * g\n"
SGD_STEP = "    if momentum:\n" + BUFFER + NESTEROV + "    else:\n        buf = None\n" + SGD_MOVE
ADAM_MOMENTS = (
    f"{FIRST_MOMENT}    {SECOND_MOMENT}\n"
    "    correction1 = 1 - beta1 ** int(t)\n    correction2 = 1 - beta2 ** int(t)\n"
    f"    denominator = {ROOT}\n"
)
IF_COUPLED = "    if not decoupled:\n        g = g + weight_decay * w\n"
IF_DECOUPLED = "    if decoupled:\n        w = w * (1 - lr * weight_decay)\n"

SGD = [
    M("no_wd", old=L2, new="        pass\n    if momentum:\n", why="no coupled decay"),
    M("wd_touched_only", old=L2, new=L2.replace("* w", "* w * (g != 0)"),
      why="only rows with a gradient decay"),
    M("wd2x", old=L2, new=L2.replace("weight_decay", "2 * weight_decay"),
      why="the gradient of decay * w**2"),
    M("wd_decoupled", old=L2, new="        w = w * (1 - lr * weight_decay)\n    if momentum:\n",
      why="the decay bypasses the momentum, as fastai's does"),
    M("wd_nolr", old=SGD_DECAY, new=SGD_DECAY.replace("1 - lr * weight", "1 - weight"),
      why="decoupled decay without the rate"),
    M("wd_after_mom", old=L2 + BUFFER + NESTEROV,
      new="        g = g if momentum else g + weight_decay * w\n    if momentum:\n"
          + BUFFER + NESTEROV + "        g = g if decoupled else g + weight_decay * w\n",
      why="coupled decay is added after the momentum"),
    M("sgd_decays_twice", old="    else:\n" + L2, new="    if True:\n" + L2,
      why="decoupled decay, and coupled too"),
    M("sgd_decay_grows", old=SGD_DECAY, new=SGD_DECAY.replace("(1 - lr", "(1 + lr"),
      why="decay of the wrong sign"),
    M("sgd_decay_after", old="    if decoupled:\n" + SHRINK + SGD_STEP,
      new=IF_COUPLED + SGD_STEP + IF_DECOUPLED,
      why="decoupled decay after the step, which shrinks the step too"),
    M("buf_zero_damp", old="return g.copy()", new="return (1 - dampening) * g",
      why="the first gradient is dampened: the buffer is taken to start at zero"),
    M("mom_ema", old=LATER, new="momentum * buf + (1 - momentum) * g",
      why="an exponential average, as in the lesson"),
    M("no_damp", old=LATER, new="momentum * buf + g", why="dampening is ignored"),
    M("mom_lr_inside", old=BUFFER + NESTEROV + "    else:\n        buf = None\n" + SGD_MOVE,
      new=BUFFER.replace("(g,", "(lr * g,")
          + "        g = lr * g + momentum * buf if nesterov else buf\n"
            "        w = w - g\n    else:\n        buf = None\n        w = w - lr * g\n",
      why="the rate is inside the buffer, as in Sutskever's form"),
    M("nest_off", old=NESTEROV, new="        g = buf\n", why="nesterov is ignored"),
    M("nest_oldbuf", old=BUFFER + NESTEROV,
      new="        old = np.zeros_like(g) if buf is None else buf\n" + BUFFER
          + "        g = g + momentum * old if nesterov else buf\n",
      why="looks ahead with the buffer of the step before"),
    M("nest_always", old=NESTEROV, new="        g = g + momentum * buf\n",
      why="looks ahead without being told"),
    M("sgd_uphill", old=SGD_MOVE, new="    w = w + lr * g\n", why="climbs"),
    M("sgd_normalised", old=SGD_MOVE, new="    w = w - lr * g / max(np.sqrt(np.sum(g * g)), 1)\n",
      why="the gradient's norm is clipped to 1"),
    M("sgd_in_place", old=SGD_MOVE, new="    w -= lr * g\n",
      why="without decay the argument itself moves"),
    M("sgd_buffer_in_place", old="    return " + LATER,
      new="    buf *= momentum\n    buf += (1 - dampening) * g\n    return buf",
      why="the argument's buffer moves: a retried step counts twice"),
    M("sgd_buffer_is_the_gradient", old="return g.copy()", new="return g",
      why="the buffer is the caller's gradient, which he overwrites at the next step"),
    M("sgd_buffer_float32", old="    return " + LATER,
      new=f"    return ({LATER}).astype(np.float32).astype(g.dtype)",
      why="the buffer is kept in float32"),
    M("sgd_half_precision_gradient", old="    if decoupled:\n" + SHRINK + "    if momentum:\n",
      new="    g = g.astype(np.float16).astype(w.dtype)\n" + SGD_DECAY,
      why="gradients pass through float16"),
    M("sgd_dtype", old=SGD_MOVE, new="    w = w - np.float64(lr) * g\n",
      why="a float64 rate promotes float32 parameters"),
]  # fmt: skip

ADAM = [
    M("betas_swapped", old="beta1, beta2 = betas", new="beta2, beta1 = betas",
      why="beta1 and beta2 change places"),
    M("beta2_default", old="beta1, beta2 = betas", new="beta1, beta2 = betas[0], 0.999",
      why="beta2 is always torch's default"),
    M("eps_default", old=ROOT, new=ROOT.replace("eps", "1e-8"), why="eps is always the default"),
    M("eps_inside", old=ROOT, new="np.sqrt(v / correction2 + eps)", why="eps under the root"),
    M("eps_before_bc", old=ROOT, new="(np.sqrt(v) + eps) / math.sqrt(correction2)",
      why="eps is corrected too, as in Kingma and Ba's shortcut"),
    M("no_eps", old=ROOT, new=ROOT.replace("eps", "1e-30"), why="eps is forgotten"),
    M("no_sqrt", old=ROOT, new="v / correction2 + eps", why="the root is forgotten"),
    M("no_bc", old="    correction2 = 1 - beta2 ** int(t)\n",
      new="    correction1 = correction2 = 1.0\n", why="no bias correction"),
    M("no_bc2", old="correction2 = 1 - beta2 ** int(t)", new="correction2 = 1.0",
      why="no bias correction of the second moment"),
    M("bc_off1", old="    correction1 = ", new="    t = t + 1\n    correction1 = ",
      why="t is advanced twice"),
    M("bc_t0", old="    correction1 = ", new="    t = max(t - 1, 1)\n    correction1 = ",
      why="t is advanced after the correction"),
    M("v_abs", old=SECOND_MOMENT, new="v = beta2 * v + (1 - beta2) * np.abs(g)",
      why="the absolute gradient for its square"),
    M("v_dedup_sq", old=SECOND_MOMENT, new=SECOND_MOMENT.replace("g * g", "g * g / 2"),
      why="squares of halves: duplicates were averaged before"),
    M("v_centered", old=SECOND_MOMENT, new=SECOND_MOMENT.replace("g * g", "(g - m) ** 2"),
      why="the variance for the second moment, as AdaBelief has it"),
    M("adam_lazy", old=ADAM_MOVE,
      new="    w = np.where(g == 0, w, w - lr / correction1 * (m / denominator))\n",
      why="entries without a gradient stay, as in SparseAdam"),
    M("adam_coupling_swapped", old=ADAM_DECAY,
      new=ADAM_DECAY.replace("if decoupled", "if not decoupled"), why="Adam for AdamW"),
    M("adamw_decay_after", old="    if decoupled:\n" + SHRINK + ADAM_MOMENTS + ADAM_MOVE,
      new=IF_COUPLED + ADAM_MOMENTS + ADAM_MOVE + IF_DECOUPLED,
      why="decoupled decay after the step, which shrinks the step too"),
    M("wd_after_moments", old="    if decoupled:\n" + SHRINK + ADAM_MOMENTS,
      new=IF_DECOUPLED + ADAM_MOMENTS
          + "    if not decoupled:\n        w = w * (1 - lr * weight_decay)\n",
      why="coupled decay bypasses the moments, as AdamW's does"),
    M("adam_no_wd", old="        g = g + weight_decay * w\n    m = ", new="        pass\n    m = ",
      why="no coupled decay in Adam"),
    M("adam_decays_twice", old="    else:\n        g = g + weight_decay * w\n    m = ",
      new="    if True:\n        g = g + weight_decay * w\n    m = ",
      why="decoupled decay, and coupled too"),
    M("adam_wd_nolr", old=ADAM_DECAY, new=ADAM_DECAY.replace("1 - lr * weight", "1 - weight"),
      why="decoupled decay without the rate"),
    M("adam_amsgrad", old=SECOND_MOMENT, new=f"v = np.maximum(v, {SECOND_MOMENT[4:]})",
      why="the largest second moment is kept, as in AMSGrad"),
    M("adam_nesterov", old=ADAM_MOVE,
      new="    ahead = beta1 * m + (1 - beta1) * g\n" + ADAM_MOVE.replace("(m /", "(ahead /"),
      why="looks ahead, as Nadam does"),
    M("adam_without_momentum", old=ADAM_MOVE, new=ADAM_MOVE.replace("(m /", "(g /"),
      why="RMSProp: the first moment is kept and not used"),
    M("adam_returns_corrected", old="    return w, m, v", new="    return w, m / correction1, v",
      why="the corrected moment is stored, and corrected again at the next step"),
    M("adam_returns_swapped", old="    return w, m, v", new="    return w, v, m",
      why="the moments change places on the way out"),
    M("adam_uphill", old=ADAM_MOVE, new=ADAM_MOVE.replace("w - lr", "w + lr"), why="climbs"),
    M("adam_moments_float32", old=FIRST_MOMENT,
      new=FIRST_MOMENT + "    m = m.astype(np.float32).astype(w.dtype)\n",
      why="the first moment is kept in float32"),
    M("adam_second_moment_float16", old="    correction1 = ",
      new="    v = v.astype(np.float16).astype(w.dtype)\n    correction1 = ",
      why="the second moment is kept in float16, where small squares vanish"),
    M("adam_in_place", old=FIRST_MOMENT, new="    m *= beta1\n    m += (1 - beta1) * g\n",
      why="the argument's moment moves: a retried step counts twice"),
    M("adam_moves_w_in_place", old=ADAM_MOVE,
      new="    w -= lr / correction1 * (m / denominator)\n",
      why="without decoupled decay the argument itself moves"),
    M("adam_dtype", old=ADAM_MOVE, new=ADAM_MOVE.replace("lr /", "np.float64(lr) /"),
      why="a float64 rate promotes float32 parameters"),
]  # fmt: skip

MUTANTS = [*SGD, *ADAM]
