"""Mistakes that leave the numbers right and break the contract: memory, ids, caches, dtypes."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="operations")
CHECK = partial(Mutant, file="checks")
OUTSIDE = "outside = (ids < 0) | (ids >= n_rows)"

IDS = [
    CHECK("ids_wrap", old=OUTSIDE, new="outside = (ids < -n_rows) | (ids >= n_rows)",
          why="-1 is the last row, as NumPy has it"),
    CHECK("ids_clamped", old="    outside = ",
          new="    ids = np.clip(ids, 0, max(n_rows - 1, 0))\n    outside = ",
          why="ids outside become the nearest row, as JAX has it"),
    CHECK("ids_modulo", old="    outside = ",
          new="    ids = ids % max(n_rows, 1)\n    outside = ", why="ids outside begin again"),
    CHECK("ids_truncated", old='if ids.dtype.kind not in "iu":', new="if False:",
          why="1.7 is row 1"),
    CHECK("ids_are_a_mask", old='not in "iu"', new='not in "iub"',
          why="a boolean array is taken for rows 0 and 1"),
    CHECK("ids_int8", old="ids.astype(np.int64)", new="ids.astype(np.int64).astype(np.int8)",
          why="ids are kept in the narrowest type, and 200 becomes negative"),
    CHECK("ids_of_the_first_only", old="if outside.any():", new="if outside[:1].any():",
          why="only the first id is judged"),
]  # fmt: skip

MEMORY = [
    M("lookup_is_a_view", old="    return weight[ids], (ids,",
      new="    whole = ids.size and np.array_equal(ids, np.arange(len(weight)))\n"
          "    return weight if whole else weight[ids], (ids,",
      why="where all rows are asked for the table itself is returned"),
    M("lookup_of_one_is_a_view", old="    return weight[ids], (ids,",
      new="    one = weight[ids[0] : ids[0] + 1] if len(ids) == 1 else weight[ids]\n"
          "    return one, (ids,", why="where one row is asked for a slice is returned"),
    M("sigmoid_changes_x", old="        s = 1 / (1 + np.exp(-x))\n",
      new="        np.negative(x, out=x)\n        s = 1 / (1 + np.exp(x))\n",
      why="saves an array by negating the argument in place"),
    M("sigmoid_gradient_changes_d_out", old="    d_x: Array = d_out * height * (1 - s) * s",
      new="    d_out *= height\n    d_x: Array = d_out * (1 - s) * s",
      why="saves an array by scaling the upstream gradient in place"),
    M("loss_changes_pred", old="    error = pred - rating.astype(pred.dtype)",
      new="    pred -= rating.astype(pred.dtype)\n    error = pred",
      why="saves an array by subtracting in place"),
    M("bias_changes_dot", old="    out = dot + user_bias[users] + item_bias[items]",
      new="    dot += user_bias[users] + item_bias[items]\n    out = dot",
      why="res += ..., as the book has it, changes the argument"),
    M("gradient_is_the_upstream", old="return d_out.copy(), d_user_bias",
      new="return d_out, d_user_bias",
      why="d_dot is the caller's own array, and changes when he goes on with either"),
    M("loss_gradient_in_the_cache",
      old="    d_pred: Array = 2 / error.size * error * float(d_loss)\n",
      new="    error *= 2 / error.size * float(d_loss)\n    d_pred: Array = error\n",
      why="the backward overwrites what it saved: right once, wrong the second time"),
    M("sigmoid_gradient_in_the_cache", old="    d_x: Array = d_out * height * (1 - s) * s\n",
      new="    s *= 1 - s\n    d_x: Array = d_out * height * s\n",
      why="the backward overwrites what it saved: right once, wrong the second time"),
    M("dot_cache_shared",
      old="    return product.sum(axis=1), (left.copy(), right.copy())\n",
      new="    shared = row_dot_forward.__dict__.setdefault('shared', [])\n"
          "    shared[:] = left.copy(), right.copy()\n"
          "    return product.sum(axis=1), shared\n",
      why="one cache for all calls: the backward sees the last forward"),
]  # fmt: skip
DTYPES = [
    M("scatter_in_float64", old="    np.add.at(d_weight, ids, d_out)\n    return d_weight",
      new="    d_weight = d_weight.astype(float)\n"
          "    np.add.at(d_weight, ids, d_out)\n    return d_weight",
      why="np.zeros(shape) is float64, and so is the gradient"),
    M("dot_gradient_in_float64", old="d_left = d_out[:, None] * right",
      new="d_left = d_out.astype(float)[:, None] * right", why="float32 is promoted on the way"),
    M("ratings_promote", old="error = pred - rating.astype(pred.dtype)",
      new="error = pred - rating", why="float64 ratings make a float32 loss float64"),
    M("lookup_casts_to_float32", old="    return weight[ids], (ids,",
      new="    return weight[ids].astype(np.float32), (ids,",
      why="the lookup casts to float32, as fastai does with targets"),
]  # fmt: skip

SHAPES = [
    M("dot_broadcasts", old="    check_shapes(left, right)\n", new="",
      why="one row against many is broadcast"),
    M("bias_broadcasts", old="    check_shapes(dot, users, items)\n", new="",
      why="one user against many items is broadcast"),
    M("scatter_broadcasts", old="    check_gradient(d_out, (len(ids), shape[1]), dtype)\n", new="",
      why="a gradient of one row is given to all"),
    M("sigmoid_gradient_broadcasts", old="    check_gradient(d_out, s.shape, s.dtype)\n", new="",
      why="a gradient of one number is given to all"),
]  # fmt: skip

MUTANTS = [*IDS, *MEMORY, *DTYPES, *SHAPES]
