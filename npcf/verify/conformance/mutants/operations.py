"""Mistakes in the lookup, the row-wise dot product and the biases."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="operations")
SCATTER = "    np.add.at(d_weight, ids, d_out)\n"
DOT = "product.sum(axis=1)"
OUT = "out = dot + user_bias[users] + item_bias[items]"

LOOKUP = [
    M("dup_last", old=SCATTER, new="    d_weight[ids] = d_out\n",
      why="assigns: of several equal ids the last one stays"),
    M("dup_fancy_iadd", old=SCATTER, new="    d_weight[ids] += d_out\n",
      why="+= on an indexed array counts equal ids once"),
    M("dup_first", old=SCATTER, new="    d_weight[ids[::-1]] = d_out[::-1]\n",
      why="of several equal ids the first one stays"),
    M("dup_mean", old=SCATTER,
      new=SCATTER + "    counts = np.bincount(ids, minlength=shape[0]).clip(1)\n"
                    "    d_weight = (d_weight / counts[:, None]).astype(dtype)\n",
      why="averages over equal ids, as scale_grad_by_freq does"),
    M("pad0", old=SCATTER, new=SCATTER + "    d_weight[:1] = 0\n",
      why="takes row 0 for padding: it gets no gradient"),
    M("lookup_pad0", old="return weight[ids], (ids,",
      new="return weight[ids] * (ids > 0)[:, None].astype(weight.dtype), (ids,",
      why="takes row 0 for padding: it is looked up as zeros"),
    M("lookup_off_by_one", old="return weight[ids], (ids,", new="return weight[ids - 1], (ids,",
      why="ids counted from 1 on the way in, from 0 on the way back"),
    M("scatter_skips_last", old=SCATTER, new="    np.add.at(d_weight, ids[:-1], d_out[:-1])\n",
      why="the loop over the batch ends one too early"),
    M("scatter_float32", old=SCATTER,
      new="    d_single = np.zeros(shape, np.float32)\n"
          "    np.add.at(d_single, ids, d_out)\n"
          "    d_weight = d_single.astype(dtype)\n",
      why="gradients of a row are added in float32 whatever the dtype"),
    M("scatter_float16", old=SCATTER,
      new="    np.add.at(d_weight, ids, d_out.astype(np.float16))\n",
      why="gradients pass through float16, as under mixed precision"),
    M("scatter_subtracts", old=SCATTER, new="    np.subtract.at(d_weight, ids, d_out)\n",
      why="the sign is turned at the scatter"),
]  # fmt: skip

ROW_DOT = [
    M("dot_mean", old=DOT, new="product.mean(axis=1)", why="mean over factors for their sum"),
    M("drop_last_factor", old=DOT, new="product[:, :-1].sum(axis=1)",
      why="the loop over factors ends one too early"),
    M("f16_acc", old=DOT, new="product.astype(np.float16).sum(axis=1).astype(left.dtype)",
      why="products are added in float16"),
    M("f32_in_f64", old=DOT,
      new="product.astype(np.float32).sum(axis=1).astype(left.dtype)",
      why="products are added in float32 whatever the dtype"),
    M("dot_keepdim", old=DOT, new="product.sum(axis=1, keepdims=True)",
      why="(B, 1) for (B,), as with the book's keepdim=True"),
    M("dot_over_batch", old=DOT,
      new="np.resize(product.sum(axis=0), len(product)).astype(left.dtype)",
      why="adds along the other axis"),
    M("dot_of_the_neighbour", old="    product = np.multiply(left, right, order=\"C\")\n",
      new="    product = left * np.roll(right, 1, axis=0)\n",
      why="pairs each row with another row's partner"),
    M("dot_by_layout", old="np.multiply(left, right, order=\"C\")", new="left * right",
      why="the order of the additions follows the memory layout: equal numbers, other bits"),
    M("dot_at_random", old=DOT,
      new="product[:, np.random.permutation(product.shape[1])].sum(axis=1)",
      why="the order of the additions is another at each call, as of threads that race"),
    M("dot_nan_is_zero", old=DOT, new="np.nansum(product, axis=1)",
      why="a NaN is skipped and not passed on"),
    M("gp_uses_p", old="d_left = d_out[:, None] * right", new="d_left = d_out[:, None] * left",
      why="the gradient of a side is made of that side"),
    M("swap_gp_gq", old="return d_left, d_right", new="return d_right, d_left",
      why="the two gradients change places"),
    M("dot_gradient_without_upstream", old="d_right = d_out[:, None] * left",
      new="d_right = np.sign(d_out)[:, None] * left", why="only the upstream's sign is used"),
]  # fmt: skip

BIAS = [
    M("no_ubias", old=OUT, new="out = dot + item_bias[items]", why="no user bias"),
    M("no_ibias", old=OUT, new="out = dot + user_bias[users]", why="no item bias"),
    M("ubias_item_id", old=OUT,
      new="out = dot + user_bias[items % len(user_bias)] + item_bias[items]",
      why="the user's bias is looked up by the item's id"),
    M("bias_minus", old=OUT, new="out = dot + user_bias[users] - item_bias[items]",
      why="the item's bias is subtracted"),
    M("bias_squeezed", old=OUT, new=OUT.replace("= ", "= np.squeeze(") + ")",
      why=".squeeze() of a batch of one rating has no axis left"),
    M("bias_column", old=OUT,
      new="out = dot[:, None] + user_bias[users] + item_bias[items]",
      why="(B, 1) + (B,) broadcasts to (B, B)"),
    M("ubias_grad_item", old="np.add.at(d_user_bias, users, d_out)",
      new="np.add.at(d_user_bias, items % n_users, d_out)",
      why="the user's gradient is scattered by the item's id"),
    M("bias_grad_ones", old="np.add.at(d_user_bias, users, d_out)",
      new="np.add.at(d_user_bias, users, np.ones_like(d_out))",
      why="counts ratings and does not add their gradients"),
    M("no_ibias_grad", old="    np.add.at(d_item_bias, items, d_out)\n", new="",
      why="the item bias has no gradient"),
    M("bias_dup_last", old="np.add.at(d_item_bias, items, d_out)",
      new="d_item_bias[items] = d_out", why="assigns: of several equal ids the last one stays"),
    M("bias_pad0", old="np.add.at(d_user_bias, users, d_out)",
      new="np.add.at(d_user_bias, users, d_out * (users > 0))",
      why="takes row 0 for padding: its bias gets no gradient"),
    M("bias_float32", old="np.add.at(d_user_bias, users, d_out)",
      new="np.add.at(d_user_bias, users, d_out.astype(np.float32))",
      why="gradients of a bias pass through float32"),
    M("bias_gradient_shared_out", old="return d_out.copy(), d_user_bias",
      new="return d_out / 3, d_user_bias", why="the gradient is shared out over the three terms"),
]  # fmt: skip

MUTANTS = [*LOOKUP, *ROW_DOT, *BIAS]
