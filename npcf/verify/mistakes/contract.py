"""Mistakes that no formula shows: memory, dtypes, shapes, NaN, validation.

Each is a change of the plain example's text, in the file named: `old`, which stands there once,
reads `new`.
"""
# fmt: off

from functools import partial

import numpy as np

from npcf.verify.mistakes.catalogue import patched

CHECKS = partial(patched, file="checks")
OPERATIONS = partial(patched, file="operations")
MODEL, STEPS, TRAINING, SCHEDULES = (
    partial(patched, file=file) for file in ("model", "steps", "training", "schedules")
)

OUTSIDE = "outside = (ids < 0) | (ids >= n_rows)"
LOOKED_UP = "    return weight[ids], (ids,"
PRODUCT, DOT = 'np.multiply(left, right, order="C")', "product.sum(axis=1)"
OUT = "out = dot + user_bias[users] + item_bias[items]"
SIGMOID = "        s = 1 / (1 + np.exp(-x))\n"
SCALED = "return s * (high - low) + low, (s,"
D_X = "    d_x: Array = d_out * height * (1 - s) * s"
ERROR = "error = pred - rating.astype(pred.dtype)"
LOSS = "return np.mean(error * error), error"
BUFFER = "    return momentum * buf + (1 - dampening) * g"
FIRST_MOMENT = "    m = beta1 * m + (1 - beta1) * g\n"
ADAM_MOVE = "    w = w - lr / correction1 * (m / denominator)\n"

# -- ids -------------------------------------------------------------------------------------------

CHECKS("ids_wrap", "-1 is the last row, as NumPy has it.", "Refuse negative ids.",
       old=OUTSIDE, new="outside = (ids < -n_rows) | (ids >= n_rows)")
CHECKS("ids_clamped", "Ids outside become the nearest row, as JAX has it.", "Refuse them.",
       old="    outside = ",
       new="    ids = np.clip(ids, 0, max(n_rows - 1, 0))\n    outside = ")
CHECKS("ids_modulo", "Ids outside the table begin again.", "Refuse them.",
       old="    outside = ", new="    ids = ids % max(n_rows, 1)\n    outside = ")
CHECKS("ids_truncated", "1.7 is row 1.", "Refuse ids that are not integers.",
       old='if ids.dtype.kind not in "iu":', new="if False:")
CHECKS("ids_are_a_mask", "A boolean array is taken for rows 0 and 1.", "Refuse booleans.",
       old='not in "iu"', new='not in "iub"')
CHECKS("ids_in_8_bits", "Ids are kept in the narrowest type, and 200 becomes negative.",
       "Keep them in 64 bits.",
       old="ids.astype(np.int64)", new="ids.astype(np.int64).astype(np.int8)")
CHECKS("ids_judged_by_the_first", "Only the first id is looked at.", "Look at all.",
       old="if outside.any():", new="if outside[:1].any():")

CHECKS("ids_of_one_type", "Only ids of 64 bits are taken.", "Take every integer type.",
       old='if ids.dtype.kind not in "iu":', new="if ids.dtype != np.int64:")

# -- memory ----------------------------------------------------------------------------------------

OPERATIONS("lookup_is_a_view", "Where all rows are asked for, the table itself is returned.",
           "Return a copy.", old=LOOKED_UP,
           new="    whole = ids.size and np.array_equal(ids, np.arange(len(weight)))\n"
               "    return weight if whole else weight[ids], (ids,")
OPERATIONS("lookup_of_one_is_a_view", "Where one row is asked for, a slice is returned.",
           "Return a copy.", old=LOOKED_UP,
           new="    one = weight[ids[0] : ids[0] + 1] if len(ids) == 1 else weight[ids]\n"
               "    return one, (ids,")
OPERATIONS("padding_row_cleared", "Row 0 is set to zeros in the table itself.",
           "Leave the table as it is.", old=LOOKED_UP,
           new="    weight[:1] = 0\n    return weight[ids], (ids,",
           written=lambda f, table, ids: f.n.where(
               np.indices(table.shape)[0] > 0, f.written(table, ids), table * 0))
OPERATIONS("lookup_cache_shared", "One cache serves all calls: a backward sees the last forward.",
           "Make a cache for each call.", old=f"{LOOKED_UP} weight.shape, weight.dtype)",
           new="    shared = embedding_forward.__dict__.setdefault('shared', [])\n"
               "    shared[:] = ids, weight.shape, weight.dtype\n    return weight[ids], shared")
OPERATIONS("sigmoid_changes_x", "The argument is negated in place.", "Write to a new array.",
           old=SIGMOID,
           new="        np.negative(x, out=x)\n        s = 1 / (1 + np.exp(x))\n")
OPERATIONS("sigmoid_gradient_changes_d_out", "The gradient from above is scaled in place.",
           "Write to a new array.", old=D_X,
           new="    d_out *= height\n    d_x: Array = d_out * (1 - s) * s")
OPERATIONS("loss_changes_pred", "Ratings are subtracted in place.", "Write to a new array.",
           old=f"    {ERROR}", new="    pred -= rating.astype(pred.dtype)\n    error = pred")
OPERATIONS("bias_changes_dot", "res += ..., as the book has it, changes the argument.",
           "Write to a new array.", old=f"    {OUT}",
           new="    dot += user_bias[users] + item_bias[items]\n    out = dot")
OPERATIONS("gradient_is_the_upstream", "d_dot is the caller's own array.", "Return a copy.",
           old="return d_out.copy(), d_user_bias", new="return d_out, d_user_bias")
OPERATIONS("loss_gradient_in_the_cache", "The backward pass overwrites what was saved for it.",
           "Write to a new array.",
           old="    d_pred: Array = 2 / error.size * error * float(d_loss)\n",
           new="    error *= 2 / error.size * float(d_loss)\n    d_pred: Array = error\n")
OPERATIONS("sigmoid_gradient_in_the_cache", "The backward pass overwrites what was saved for it.",
           "Write to a new array.", old=D_X + "\n",
           new="    s *= 1 - s\n    d_x: Array = d_out * height * s\n")
OPERATIONS("dot_cache_shared", "One cache serves all calls: a backward sees the last forward.",
           "Make a cache for each call.",
           old="    return product.sum(axis=1), (left.copy(), right.copy())\n",
           new="    shared = row_dot_forward.__dict__.setdefault('shared', [])\n"
               "    shared[:] = left.copy(), right.copy()\n"
               "    return product.sum(axis=1), shared\n")
STEPS("sgd_in_place", "Without decay the argument itself moves.", "w = w - lr * g.",
      old="    w = w - lr * g\n", new="    w -= lr * g\n")
STEPS("sgd_buffer_in_place", "The buffer given moves: a step tried again counts twice.",
      "Write to a new array.", old=BUFFER,
      new="    buf *= momentum\n    buf += (1 - dampening) * g\n    return buf")
STEPS("sgd_buffer_is_the_gradient", "The buffer is the caller's gradient, which he overwrites.",
      "Return a copy.", old="return g.copy()", new="return g")
STEPS("adam_in_place", "The moment given moves: a step tried again counts twice.",
      "Write to a new array.", old=FIRST_MOMENT,
      new="    m *= beta1\n    m += (1 - beta1) * g\n")
STEPS("adam_moves_w_in_place", "Without decoupled decay the argument itself moves.",
      "w = w - update.", old=ADAM_MOVE, new=ADAM_MOVE.replace("w = w -", "w -="))
TRAINING("params_in_place", "The caller's parameters are trained.", "Copy them first.",
         old="{name: table.copy() for name, table in params.items()}", new="params")
TRAINING("state_in_place", "The caller's state goes on: resuming twice from it differs.",
         "Copy it first.", old="dict(state)\n", new="state\n")

# -- dtypes ----------------------------------------------------------------------------------------

OPERATIONS("scatter_in_float64", "np.zeros(shape) is float64, and so is the gradient.",
           "np.zeros(shape, d_out.dtype).",
           old="    np.add.at(d_weight, ids, d_out)\n    return d_weight",
           new="    d_weight = d_weight.astype(float)\n"
               "    np.add.at(d_weight, ids, d_out)\n    return d_weight")
OPERATIONS("dot_gradient_in_float64", "float32 is promoted on the way.", "Keep the dtype.",
           old="d_left = d_out[:, None] * right",
           new="d_left = d_out.astype(float)[:, None] * right")
OPERATIONS("ratings_promote", "float64 ratings make a float32 loss float64.",
           "rating.astype(pred.dtype).", old=ERROR, new="error = pred - rating")
OPERATIONS("lookup_in_float32", "The lookup casts to float32, as fastai does with targets.",
           "Keep the dtype.", old=LOOKED_UP,
           new="    return weight[ids].astype(np.float32), (ids,")
OPERATIONS("range_in_float64", "A float64 scalar promotes float32.", "Use Python floats.",
           old=SCALED, new="return s * np.float64(high - low) + low, (s,")
OPERATIONS("loss_in_float64", "A float32 loss becomes float64.", "Keep the dtype.",
           old=LOSS, new="return np.mean(error * error, dtype=float), error")
STEPS("sgd_promotes", "A float64 rate promotes float32 parameters.", "Use a Python float.",
      old="    w = w - lr * g\n", new="    w = w - np.float64(lr) * g\n")
STEPS("adam_promotes", "A float64 rate promotes float32 parameters.", "Use a Python float.",
      old=ADAM_MOVE, new=ADAM_MOVE.replace("lr /", "np.float64(lr) /"))
TRAINING("rate_promotes", "A rate out of a NumPy schedule promotes float32.", "float(lr).",
         old='"lr": float(lr)', new='"lr": np.float64(lr)')
TRAINING("losses_in_float64", "Losses lose their dtype.", "np.array(losses, dtype).",
         old="np.array(losses, dtype)", new="np.array(losses, np.float64)")

# -- shapes ----------------------------------------------------------------------------------------

OPERATIONS("dot_keeps_the_axis", "(B, 1) for (B,), as with the book's keepdim=True.",
           "Sum without keepdims.", old=DOT, new="product.sum(axis=1, keepdims=True)")
OPERATIONS("bias_squeezed", ".squeeze() of a batch of one rating has no axis left.",
           ".squeeze(-1) of (B, 1), or none.", old=OUT,
           new=OUT.replace("= ", "= np.squeeze(") + ")",
           forward=lambda f, *args: (lambda pred, tape: (
               f.n.take(pred, 0) if f.n.size(pred) == 1 else pred, tape))(*f.forward(*args)))
OPERATIONS("bias_broadcast_to_a_matrix", "(B, 1) + (B,) is (B, B).",
           "Give all terms one shape.", old=OUT,
           new="out = dot[:, None] + user_bias[users] + item_bias[items]",
           logit=lambda f, dot, *biases: f.n.add(  # dot (B,), biases (B, 1): a lost keepdim
               f.n.take(dot, np.s_[None, :]), *map(f.n.column, biases)) if biases else dot,
           bias_gradients=lambda f, d, *at: (
               f.n.sum(d, axis=0), *f.bias_gradients(f.n.sum(d, axis=1), *at)[1:]))
OPERATIONS("loss_keeps_the_axis", "(1,) for a number.", "Take the mean of all entries.",
           old=LOSS, new="return np.mean(error * error, keepdims=True), error")
MODEL("pred_in_a_column", "(B, 1) for (B,).", "Return pred.squeeze(-1).",
      old="    return pred, (p_cache", new="    return pred[:, None], (p_cache")
OPERATIONS("loss_broadcasts", "(B,) against (B, 1) is averaged over B * B wrong pairs.",
           "Refuse other shapes.", old="    check_shapes(pred, rating)\n", new="")
OPERATIONS("dot_broadcasts", "One row against many is broadcast.", "Refuse other shapes.",
           old="    check_shapes(left, right)\n", new="")
OPERATIONS("bias_broadcasts", "One user against many items is broadcast.", "Refuse other shapes.",
           old="    check_shapes(dot, users, items)\n", new="")
OPERATIONS("scatter_broadcasts", "A gradient of one row is given to all.", "Refuse other shapes.",
           old="    check_gradient(d_out, (len(ids), shape[1]), dtype)\n", new="")
OPERATIONS("sigmoid_gradient_broadcasts", "A gradient of one number is given to all.",
           "Refuse other shapes.",
           old="    check_gradient(d_out, s.shape, s.dtype)\n", new="")

STEPS("sgd_broadcasts", "A gradient of one entry moves all.", "Refuse other shapes.",
      old="    check_shapes(w, g, *([] if buf is None else [buf]))\n", new="")
STEPS("adam_broadcasts", "A gradient of one entry moves all.", "Refuse other shapes.",
      old="    check_shapes(w, g, m, v)\n", new="")

# -- order of additions, NaN, overflow, lawful values ----------------------------------------------

OPERATIONS("dot_by_layout", "The order of the additions follows the memory layout.",
           "Add in one order: ascontiguousarray.", old=PRODUCT, new="left * right")
OPERATIONS("dot_at_random", "The order of the additions changes from call to call.",
           "Add in one order.", old=DOT,
           new="product[:, np.random.permutation(product.shape[1])].sum(axis=1)")
OPERATIONS("dot_skips_nan", "A NaN is skipped and not passed on.", "np.sum, not np.nansum.",
           old=DOT, new="np.nansum(product, axis=1)")
OPERATIONS("loss_skips_nan", "A NaN is skipped and not passed on.", "np.mean, not np.nanmean.",
           old=LOSS, new="return np.nanmean(error * error), error")
OPERATIONS("sigmoid_overflows", "exp(x) / (1 + exp(x)) is inf / inf for large x.",
           "1 / (1 + exp(-x)).", old=SIGMOID,
           new='        with np.errstate(invalid="ignore"):\n'
               "            s = np.exp(x) / (1 + np.exp(x))\n")
OPERATIONS("loss_of_nothing", "An empty batch has loss 0.", "Refuse it: it has no mean.",
           old='raise ValueError("an empty batch has no mean")',
           new="return pred.dtype.type(0), pred")
SCHEDULES("unequal_epochs", "Steps that are not so many equal epochs are accepted.", "Refuse them.",
          old="    if n_steps % n_epochs:\n", new="    if False:\n")
OPERATIONS("range_upside_down", "A range with low above high is accepted.", "Refuse it.",
           old="    if not low <= high:\n", new="    if False:\n")
