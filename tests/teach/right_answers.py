"""What is right, from `npcf.ops`, `npcf.models` and `npcf.optim`, which do not know the formulas.

Each takes what an exercise hands to a function, in any dtype, and answers in it.
"""

import numpy as np

from npcf import models, ops, optim
from npcf._tables import NAMES


def row_dot_forward(left, right):
    return ops.row_dot_forward(left, right)[0]


def embedding_backward(d_out, ids, n_rows):
    table = np.zeros((n_rows, d_out.shape[1]), d_out.dtype)
    return ops.embedding_backward(d_out, ops.embedding_forward(table, ids)[1])


def bias(dot, user_bias, item_bias, users, items, d_out):
    out, cache = ops.bias_forward(dot, user_bias, item_bias, users, items)
    return (out, *ops.bias_backward(d_out, cache)[1:])


def sigmoid_range_forward(x, low, high):
    return ops.sigmoid_range_forward(x, low, high)[0]


def sigmoid_range_backward(d_out, x, low, high):
    return ops.sigmoid_range_backward(d_out, ops.sigmoid_range_forward(x, low, high)[1])


def mse_forward(pred, rating):
    return ops.mse_forward(pred, rating)[0]


def mse_backward(pred, rating, d_loss):
    return ops.mse_backward(d_loss, ops.mse_forward(pred, rating)[1])


def model_backward(
    user_factors, item_factors, user_bias, item_bias, users, items, rating, low, high
):
    params = dict(zip(NAMES, (user_factors, item_factors, user_bias, item_bias), strict=True))
    pred, cache = models.dot_product_bias_forward(params, users, items, (low, high))
    d_pred = ops.mse_backward(1.0, ops.mse_forward(pred, rating)[1])
    grads = models.dot_product_bias_backward(d_pred, cache)
    return {f"d_{name}": grads[name] for name in NAMES}


def sgd_step(w, g, buf, lr, momentum, dampening, weight_decay):
    opt = optim.SGD({"w": w}, lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
    if buf is not None:
        opt.buffers["w"] = buf
    opt.step({"w": g})
    return w, opt.buffers["w"]


def adam_step(w, g, m, v, t, lr, beta1, beta2, eps, weight_decay, decoupled=False):
    opt = optim.Adam({"w": w}, lr, (beta1, beta2), eps, weight_decay, decoupled=decoupled)
    opt.t, opt.m["w"], opt.v["w"] = t - 1, m, v
    opt.step({"w": g})
    return w, opt.m["w"], opt.v["w"]


def adamw_step(*args):
    return adam_step(*args, decoupled=True)


def one_cycle(n_steps, lr_max, div, div_final, pct_start, moms, n_epochs):
    return optim.one_cycle_fastai(
        n_steps, lr_max, div, div_final, pct_start, moms, n_epochs=n_epochs
    )
