"""The protocol: plain functions over arrays.

Write any of them; the rest is skipped by name.  An implementation is a module.
Its functions have the names below and take NumPy arrays; what they return may
be NumPy arrays, Python numbers, or anything with `__array__` or DLPack.
`cache` is yours: whatever the backward wants to know.  Letters: B batch,
U users, I items, K factors.

    embedding_forward(weight (N, K), ids (B,)) -> out (B, K), cache
    embedding_backward(d_out (B, K), cache) -> d_weight (N, K)

    row_dot_forward(left (B, K), right (B, K)) -> out (B,), cache
    row_dot_backward(d_out (B,), cache) -> d_left, d_right

    bias_forward(dot (B,), user_bias (U,), item_bias (I,), users (B,),
                 items (B,)) -> out (B,), cache
    bias_backward(d_out (B,), cache) -> d_dot, d_user_bias, d_item_bias

    sigmoid_range_forward(x (B,), low, high) -> out (B,), cache
    sigmoid_range_backward(d_out (B,), cache) -> d_x (B,)

    mse_forward(pred (B,), rating (B,)) -> loss, cache
    mse_backward(d_loss, cache) -> d_pred (B,)

    dot_product_bias_forward(params, users (B,), items (B,), y_range)
        -> pred (B,), cache
    dot_product_bias_backward(d_pred (B,), cache)
        -> gradients, a dict like params

    linear_forward(x (B, I), weight (O, I), bias (O,)) -> out (B, O), cache
    linear_backward(d_out (B, O), cache) -> d_x, d_weight, d_bias

    relu_forward(x (B,)) -> out (B,), cache
    relu_backward(d_out (B,), cache) -> d_x (B,)

    concatenate_forward(parts, a list of (B, J), (B, K), ...)
        -> out (B, J + K + ...), cache
    concatenate_backward(d_out, cache) -> the gradient of each part

    dropout_forward(x (B,), p, keep (B,) of bool) -> out (B,), cache
    dropout_backward(d_out (B,), cache) -> d_x (B,)

    batch_norm_forward(x (B, K), weight (K,), bias (K,), mean, var, eps)
        -> out (B, K), cache
    batch_norm_backward(d_out (B, K), cache) -> d_x, d_weight, d_bias

    sgd_step(w, g, buf, *, lr, momentum, dampening, nesterov, weight_decay,
             decoupled) -> w, buf
    adam_step(w, g, m, v, t, *, lr, betas, eps, weight_decay, decoupled)
        -> w, m, v

    train(params, batches, y_range, rule, settings, lrs, state)
        -> params, losses, state
    save(params, state) -> bytes
    load(bytes) -> params, state

    epoch_batches(n, bs, seed, epoch, drop_last)
        -> list of arrays of row numbers

    linear(n_steps, start, end), exponential(n_steps, start, end),
    cosine(n_steps, lr_max, lr_min),
    cosine_restarts(n_steps, lr_max, cycle_len, cycle_mult, lr_min),
    step_decay(n_steps, lr, step_size, gamma) -> lr (n_steps,)
    one_cycle_fastai(n_steps, lr_max, div, div_final, pct_start, moms, n_epochs)
        -> lr, mom
    one_cycle_torch(n_steps, max_lr, pct_start, div_factor, final_div_factor)
        -> lr, mom

What each computes is the docstring of its namesake in `npcf.ops`,
`npcf.models`, `npcf.optim`:

    params    {"user_factors" (U, K), "item_factors" (I, K),
              "user_bias" (U,), "item_bias" (I,)}
    y_range   (low, high), or None: no sigmoid
    sigmoid_range  s = 1 / (1 + exp(-x)); the backward is made of the saved s,
              so exactly 0 where s rounds to 1
    linear    torch's layout: out = x @ weight.T + bias
    relu      the gradient at 0 is 0, as torch has it
    dropout   what is kept is divided by 1 - p
    batch_norm  mean and var None: the batch's own, the variance divided by B,
              and a batch of one row raises; given (K,), they are constants
    sgd_step  torch.optim.SGD on one array; buf is None before the first step,
              and is returned as None without momentum.  decoupled:
              w <- w (1 - lr weight_decay) first, as fastai
    adam_step torch.optim.Adam or, decoupled, AdamW; t counts steps from 1
    train     one step for each of `batches`, a list of (users, items, rating),
              on the mean squared error, with the rates `lrs`; `rule` is "sgd"
              or "adam", `settings` the keywords of its step but lr.  Every row
              moves: decay, momentum and Adam reach rows that are in no batch.
              state None starts afresh; the state returned goes on where the
              run stopped.  losses (one a batch) are those before each step
    schedules float64; one_cycle_fastai raises where n_steps are not n_epochs
              equal epochs
    epoch_batches  row numbers 0 … n - 1, each once, in an order that `seed`
              and `epoch` decide

Results.  Output dtype is input dtype (float32 or float64).  No argument is
changed, and results are new arrays: writing to them changes neither an argument
nor a later result.  The same input gives the same bits.

Ids may be of any integer type; floats and booleans raise.  Ids outside a table,
negative ones too, raise before anything is written; so do shapes that do not
belong together (biases are (U,), not (U, 1)), a table that `params` lacks, an
empty batch in the loss, and low > high.  Otherwise an empty batch and arrays
without entries are lawful.  Without momentum `buf` is not read.

Memory.  Arrays are in C order, but for the laws `*_takes_any_layout`, which try
Fortran order, strides, negative strides and read-only memory, and
`row_dot_of_long_rows_in_any_layout`.

Sizes.  Laws draw small inputs, in which every number can be looked at.  The
laws `*_is_right_at_every_size` sweep ratings, factors, rows and mentions of one
row around every power of two up to 2,048.

A module may say more of itself, and the laws follow:

    DTYPES = ("float32",)          it has no other
    LIBRARY = "torch"              a key of `npcf.verify.bounds.LIBRARIES`, for
                                   the error of its exp and sqrt
    TILES = (100, 6000)            sizes to try around, as with --sizes
    PROTOCOL = ("mse_forward", …)  other functions of its only happen to have
                                   a name from here
"""

from typing import NamedTuple


class Function(NamedTuple):
    """What a function of the protocol returns, one word for each part of its result.

    array: one array or number; arrays: a mapping of names to arrays; list: a list of arrays;
    opaque: the implementation's own; maybe: an array or None.
    """

    returns: tuple[str, ...]


PAIR = Function(("array", "opaque"))
ARRAY = Function(("array",))
TWO = Function(("array", "array"))
THREE = Function(("array", "array", "array"))

LAYERS: dict[str, Function] = {
    "linear_forward": PAIR,
    "linear_backward": THREE,
    "relu_forward": PAIR,
    "relu_backward": ARRAY,
    "concatenate_forward": PAIR,
    "concatenate_backward": Function(("list",)),
    "dropout_forward": PAIR,
    "dropout_backward": ARRAY,
    "batch_norm_forward": PAIR,
    "batch_norm_backward": THREE,
}
FUNCTIONS: dict[str, Function] = {
    "embedding_forward": PAIR,
    "embedding_backward": ARRAY,
    "row_dot_forward": PAIR,
    "row_dot_backward": TWO,
    "bias_forward": PAIR,
    "bias_backward": THREE,
    "sigmoid_range_forward": PAIR,
    "sigmoid_range_backward": ARRAY,
    "mse_forward": PAIR,
    "mse_backward": ARRAY,
    "dot_product_bias_forward": PAIR,
    "dot_product_bias_backward": Function(("arrays",)),
    **LAYERS,
    "sgd_step": Function(("array", "maybe")),
    "adam_step": THREE,
    "train": Function(("arrays", "array", "opaque")),
    "save": Function(("opaque",)),
    "load": Function(("arrays", "opaque")),
    "epoch_batches": Function(("list",)),
    "linear": ARRAY,
    "exponential": ARRAY,
    "cosine": ARRAY,
    "cosine_restarts": ARRAY,
    "step_decay": ARRAY,
    "one_cycle_fastai": TWO,
    "one_cycle_torch": TWO,
}
