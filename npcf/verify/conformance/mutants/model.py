"""Mistakes in how the model puts its operations together."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="model")
LOOK_UP = '    p, p_cache = embedding_forward(params["user_factors"], users)\n'
ADD = 'bias_forward(dot, params["user_bias"], params["item_bias"], users, items)'
N_USERS, N_ITEMS = 'len(params["user_factors"])', 'len(params["item_factors"])'

MUTANTS = [
    M("swap_ids", old=LOOK_UP,
      new=f"    users, items = items % {N_USERS}, users % {N_ITEMS}\n{LOOK_UP}",
      why="users and items change places; modulo, as tables of equal size would allow"),
    M("off1_user", old=LOOK_UP, new=f"    users = (users - 1) % {N_USERS}\n{LOOK_UP}",
      why="users counted from 1"),
    M("off1_item", old=LOOK_UP,
      new=f"    items = np.minimum(items + 1, {N_ITEMS} - 1)\n{LOOK_UP}",
      why="an unknown-item row is expected in front"),
    M("swap_tables_bias", old=ADD,
      new='bias_forward(dot, np.resize(params["item_bias"], params["user_bias"].shape), '
          'np.resize(params["user_bias"], params["item_bias"].shape), users, items)',
      why="the two bias tables change places"),
    M("reshape_T", old=LOOK_UP,
      new='    table = params["user_factors"]\n'
          "    p, p_cache = embedding_forward(table.T.reshape(table.shape), users)\n",
      why="weights stored transposed are reshaped and not transposed back"),
    M("dup_user_only", old="    d_item_factors = embedding_backward(d_q, q_cache)\n",
      new="    d_item_factors = np.zeros(q_cache[1], q_cache[2])\n"
          "    d_item_factors[q_cache[0]] += d_q\n",
      why="equal ids are summed on the side that was tested"),
    M("model_ids_share_a_cache", old="embedding_backward(d_q, q_cache)",
      new="embedding_backward(d_q, (p_cache[0], *q_cache[1:]))",
      why="the item gradient is scattered by the user's ids"),
    M("model_swaps_gradients", old='"user_bias": d_user_bias,\n',
      new='"user_bias": np.resize(d_item_bias, d_user_bias.shape),\n',
      why="the item's bias gradient under the user's name"),
    M("model_no_range_is_sigmoid", old="    if y_range is None:\n        return x, ",
      new="    if y_range is None:\n        return 1 / (1 + np.exp(-x)), ",
      why="without a range the sigmoid stays"),
    M("model_range_from_zero", old="sigmoid_range_forward(x, low, high)",
      new="sigmoid_range_forward(x, min(0.0, high), high)",
      why="the range is taken to begin at 0, as it does in the lesson"),
    M("model_range_ignored", old="    if y_range is None:\n", new="    if True:\n",
      why="logits are returned where a range was given"),
    M("model_skips_sigmoid_gradient",
      old="d_pred if range_cache is None else sigmoid_range_backward(d_pred, range_cache)",
      new="d_pred", why="the backward forgets the last step of the forward"),
    M("model_columns", old="    return pred, (p_cache", new="    return pred[:, None], (p_cache",
      why="(B, 1) for (B,)"),
    M("model_counts_the_dot_twice", old="row_dot_backward(d_dot, dot_cache)",
      new="row_dot_backward(d_dot * 2, dot_cache)",
      why="the gradient of the affinity is added to itself"),
    M("model_detached_items", old="    d_item_factors = embedding_backward(d_q, q_cache)\n",
      new="    d_item_factors = 0 * embedding_backward(d_q, q_cache)\n",
      why="one side of the dot product is taken for a constant"),
    M("model_pad0", old=LOOK_UP,
      new=LOOK_UP + "    p = p * (users > 0)[:, None].astype(p.dtype)\n",
      why="user 0 is taken for the unknown user"),
    M("model_adds_the_mean", old=ADD, new=ADD.replace("dot,", "dot + dot.mean(),"),
      why="a mean is added that is nobody's parameter"),
]  # fmt: skip
