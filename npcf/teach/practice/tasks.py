"""The twelve exercises: what is asked, the numbers, three hints, and what is right."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from npcf.teach.practice import draws
from npcf.teach.practice.draws import Inputs


class Task(NamedTuple):
    """An exercise: `draw` gives its numbers, `cases` are sizes on which functions are tried too.

    `how` names what computes it (`npcf.teach.practice.programs`), `results` what is asked for, and
    `never` mistakes of the catalogue that have no meaning here, though they have numbers.
    """

    name: str
    title: str
    text: str
    results: tuple[str, ...]
    how: str
    draw: Callable[..., Inputs]
    cases: Mapping[str, Mapping[str, Any]]
    hints: tuple[str, str, str]
    never: tuple[str, ...] = ()


ROWS = {"one rating": {"size": 1}, "other numbers": {"size": 6}, "many ratings": {"size": 70}}
ADAM_CASES = {"the first step": {"t": 1}, "a late step": {"t": 1000}, "many entries": {"size": 40}}

TASKS = {task.name: task for task in (
    Task(
        "row_dot_forward", "the dot product of rows with rows",
        "Row b of left holds the factors of a user, row b of right those of an item.\n"
        "Wanted: out, for each b the dot product of the two rows.",
        ("out",), "row_dot_forward", draws.pairs_of_rows,
        ROWS | {"many factors": {"size": 3, "n_factors": 50}, "one factor": {"n_factors": 1}},
        ("Rows meet rows: how many numbers come out for B rows of either side?",
         "Multiply entry by entry first; that has the shape of left. Over which axis is the sum?",
         "out[b] is the sum over k of left[b, k] * right[b, k]: no mean, no other row."),
    ),
    Task(
        "embedding_backward", "the gradient of a lookup",
        "Forward, out[b] = weight[ids[b]]; weight has n_rows rows.  The gradient of out is d_out.\n"
        "Wanted: d_weight, the gradient of the whole table.",
        ("d_weight",), "embedding_backward", draws.scattered,
        ROWS | {"many rows": {"n_rows": 30}, "one row again and again": {"n_rows": 2}},
        ("A gradient has the shape of its variable: that of the table, not that of the batch.",
         "A row that is looked up twice takes part twice. What happens to the two gradients?",
         "Begin with zeros and add d_out[b] to row ids[b], for every b: what is named twice is a "
         "sum, what is not named stays zero. (grad[ids] += d_out adds only once.)"),
    ),
    Task(
        "bias", "biases, forward and backward",
        "Forward, out = dot + user_bias[users] + item_bias[items].  The gradient of out is d_out.\n"
        "Wanted: out, and d_user_bias and d_item_bias, the gradients of the two tables.",
        ("out", "d_user_bias", "d_item_bias"), "bias", draws.biased,
        ROWS | {"many rows": {"n_users": 30, "n_items": 20}},
        ("A sum hands its gradient to each of its terms. To all of it, or to a share?",
         "The bias of a user stands in several ratings: in which, and what becomes of their "
         "gradients?",
         "Each term receives d_out whole; user_bias[u] is the sum of d_out over the b with "
         "users[b] == u, and item_bias[i] that over the b with items[b] == i."),
        never=("biases_outside_the_range",),
    ),
    Task(
        "sigmoid_range_forward", "a logit, squashed into a range",
        "Wanted: out, the logits x squashed into the range from low to high by a sigmoid.",
        ("out",), "sigmoid_range_forward", draws.logits,
        ROWS | {"saturated logits": {"most": 60.0}, "logits that overflow exp": {"most": 900.0}},
        ("Far below zero a prediction tends to low, far above to high. Where is it for x = 0?",
         "The sigmoid lies between 0 and 1: stretch it by the height of the range, then shift it.",
         "s = 1 / (1 + exp(-x)), and out goes from low to high as s goes from 0 to 1: "
         "s * (high - low) + low."),
    ),
    Task(
        "sigmoid_range_backward", "the gradient through the range",
        "Forward, out = low + (high - low) * sigmoid(x).  The gradient of out is d_out.\n"
        "Wanted: d_x, the gradient of x.",
        ("d_x",), "sigmoid_range_backward", draws.logits_with_gradient,
        ROWS | {"saturated logits": {"most": 60.0}, "logits that overflow exp": {"most": 900.0}},
        ("Where the sigmoid is flat, little comes through. Where is it steepest?",
         "The derivative of the sigmoid s is made of s alone. low has no part in it.",
         "Chain rule: what comes from above, times the height of the range, times s (1 - s)."),
    ),
    Task(
        "mse_forward", "the mean squared error",
        "Wanted: loss, the mean squared error of the predictions pred for the ratings rating.",
        ("loss",), "mse_forward", draws.predictions,
        ROWS | {"errors far from 1": {"most": 30.0}},
        ("One number for the whole batch. What is averaged?",
         "Square each error, add the squares, divide. By what?",
         "The sum of (pred[b] - rating[b])**2 over b, divided by the number of ratings; no root, "
         "no half."),
    ),
    Task(
        "mse_backward", "the gradient of the loss",
        "Forward, loss is the mean of (pred - rating)**2.  The gradient of loss is d_loss.\n"
        "Wanted: d_pred, the gradient of pred.",
        ("d_pred",), "mse_backward", draws.predictions_with_gradient,
        ROWS | {"errors far from 1": {"most": 30.0}},
        ("A prediction that is too high has a positive gradient: the loss grows with it.",
         "The derivative of a square, and then the mean: how much of the loss is one rating's?",
         "Differentiate (pred[b] - rating[b])**2 / B, and multiply by what comes from above."),
    ),
    Task(
        "model_backward", "every gradient of the model",
        "Forward, for rating b of user u and item i\n"
        "    pred = low + (high - low) * sigmoid(user_factors[u] . item_factors[i]\n"
        "                                        + user_bias[u] + item_bias[i])\n"
        "and the loss is the mean of (pred - rating)**2 over the batch.\n"
        "Wanted: the gradients of the loss by the four tables.",
        ("d_user_factors", "d_item_factors", "d_user_bias", "d_item_bias"), "model",
        draws.tables,
        ROWS | {"many rows": {"size": 20, "n_users": 12, "n_items": 9, "n_factors": 5},
                "saturated biases": {"most": 12.0}},
        ("Go back as you came: loss, range, sum of terms, dot product, lookup; a gradient each.",
         "The logit's gradient goes whole to either bias and to the dot product; a product hands "
         "each side the other.",
         "d_logit = 2 / B * (pred - rating) * (high - low) * s * (1 - s). Biases: add it up by "
         "row. Factors: add up d_logit[b] times the other side's row, by row."),
        never=("columns_viewed_not_transposed",),
    ),
    Task(
        "sgd_step", "a step of SGD with momentum and decay",
        "w are weights, g their gradient, buf the momentum's buffer before the step.  As torch's\n"
        "SGD: coupled weight decay, momentum, dampening, no Nesterov.  (Before the first step buf\n"
        "is None, and the buffer starts as the gradient.)\n"
        "Wanted: w and buf after the step.",
        ("w", "buf"), "sgd", draws.momentum_step,
        {"the first step": {"first": True}, "one entry": {"size": 1}, "many": {"size": 40}},
        ("Three lines: decay, buffer, step. The last one uses the buffer in the gradient's place.",
         "Coupled decay is the gradient of weight_decay / 2 * w**2: it joins g before the momentum "
         "does anything.",
         "g + weight_decay * w; momentum * buf + (1 - dampening) * that; w minus lr times the new "
         "buffer. The first buffer is not dampened."),
        never=("sgd_for_adam", "rmsprop_for_adam", "sparse_adam_for_adam"),
    ),
    Task(
        "adam_step", "a step of Adam",
        "w are weights, g their gradient, m and v the moments before the step, t the number of\n"
        "the step, from 1.  As torch's Adam, with weight_decay coupled.\n"
        "Wanted: w, m and v after the step.",
        ("w", "m", "v"), "adam", draws.adam_step, ADAM_CASES,
        ("Two averages: of the gradient, and of its square. Both start from zero, and so are too "
         "small at first.",
         "m and v are kept as they are; only copies are divided by 1 - beta1**t, 1 - beta2**t. "
         "An entry whose gradient is 0 moves too.",
         "g + weight_decay * w first; then w minus lr * m_hat / (sqrt(v_hat) + eps), eps outside "
         "of the root."),
        never=("adam_for_sgd",),
    ),
    Task(
        "adamw_step", "decoupled weight decay",
        "As in adam_step, but weight_decay is decoupled, as in torch's AdamW and in fastai.\n"
        "Wanted: w, m and v after the step.",
        ("w", "m", "v"), "adamw", draws.adam_step, ADAM_CASES,
        ("Decoupled: the moments know nothing of the decay.",
         "The weights shrink by a share, and only then does Adam's step move them.",
         "w * (1 - lr * weight_decay), then Adam's step with the gradient as it came."),
        never=("adam_for_sgd",),
    ),
    Task(
        "one_cycle", "the one-cycle schedule",
        "fastai's fit_one_cycle, without the optimiser: step t of n_steps stands at t / n_steps,\n"
        "over all n_epochs.  In the first pct_start of it the rate goes from lr_max / div to\n"
        "lr_max and the momentum from moms[0] to moms[1], then the rate goes to\n"
        "lr_max / div_final and the momentum to moms[2]; always along half a cosine.\n"
        "Wanted: lr and mom, one of each for every step.",
        ("lr", "mom"), "one_cycle", draws.cycle,
        {"one epoch": {"n_epochs": 1}, "a longer run": {"n_epochs": 3, "steps": 20}},
        ("Two phases. Step 0 is the start of the first; the end of the second is never reached.",
         "Half a cosine from a to b, where p goes from 0 to 1: b + (a - b) * (1 + cos(pi p)) / 2.",
         "p is (t / n_steps) / pct_start in the first phase, (t / n_steps - pct_start) / "
         "(1 - pct_start) in the second; rate and momentum share it."),
    ),
)}  # fmt: skip
