"""Mistakes that show at some sizes only: past a tile, in the rest of a vector, at a wide id."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="operations")
STEP = partial(Mutant, file="steps")
SCATTER = "    np.add.at(d_weight, ids, d_out)\n"
DOT = "product.sum(axis=1)"
SIGMOID = "        s = 1 / (1 + np.exp(-x))\n"
MEAN = "    return np.mean(error * error), error"

MUTANTS = [
    M("ratings_past_8", old=SCATTER, new="    np.add.at(d_weight, ids[:8], d_out[:8])\n",
      why="a vector of 8 ratings, and no loop over the vectors"),
    M("ratings_past_64", old=SCATTER, new="    np.add.at(d_weight, ids[:64], d_out[:64])\n",
      why="what lies past a tile of 64 ratings is lost"),
    M("ratings_past_100", old=SCATTER, new="    np.add.at(d_weight, ids[:100], d_out[:100])\n",
      why="what lies past a buffer of 100 ratings is lost"),
    M("ratings_past_1000", old=SCATTER, new="    np.add.at(d_weight, ids[:1000], d_out[:1000])\n",
      why="what lies past a buffer of 1,000 ratings is lost"),
    M("mentions_past_40", old=SCATTER,
      new="    order = np.argsort(ids, kind='stable')\n"
          "    first = np.searchsorted(ids[order], ids[order])\n"
          "    order = order[np.arange(len(ids)) - first < 40]\n"
          "    np.add.at(d_weight, ids[order], d_out[order])\n",
      why="a segment holds 40 mentions of a row, and the rest is lost"),
    M("row_256", old="return weight[ids], (ids,", new="return weight[ids % 256], (ids,",
      why="row numbers pass through 8 bits"),
    M("gradient_of_row_1024", old=SCATTER, new="    np.add.at(d_weight, ids % 1024, d_out)\n",
      why="rows are numbered within a page of 1,024"),
    M("factors_past_32", old=DOT, new="product[:, :32].sum(axis=1)",
      why="four vectors of eight, and no loop over the rest"),
    M("factors_past_48", old=DOT, new="product[:, :48].sum(axis=1)",
      why="a row buffer of 48 factors"),
    M("rest_of_three", old=DOT, new="product[:, : max(product.shape[1] // 4 * 4, 4)].sum(axis=1)",
      why="factors past the last whole vector of four are lost"),
    M("sigmoid_past_128", old=SIGMOID, new=SIGMOID + "        s[128:] = 0.5\n",
      why="a thread block of 128, and no grid"),
    M("sigmoid_rest_of_8", old=SIGMOID,
      new=SIGMOID + "        s[max(len(s) // 8 * 8, 8) :] = 0\n",
      why="what lies past the last whole vector of eight stays zero"),
    M("loss_past_512", old=MEAN, new="    return np.mean((error * error)[:512]), error",
      why="partial sums of 512 numbers, of which the first is returned"),
    M("bias_past_255", old="    out = dot + user_bias[users] + item_bias[items]\n",
      new="    out = dot + user_bias[users] + item_bias[items]\n    out[255:] = dot[255:]\n",
      why="the loop over a batch counts in 8 bits"),
    STEP("sgd_past_1024", old="    w = w - lr * g\n",
         new="    w = np.where(np.arange(w.size).reshape(w.shape) < 1024, w - lr * g, w)\n",
         why="a step takes the first 1,024 entries"),
    STEP("adam_past_2047", old="    w = w - lr / correction1 * (m / denominator)\n",
         new="    moved = w - lr / correction1 * (m / denominator)\n"
             "    w = np.where(np.arange(w.size).reshape(w.shape) < 2047, moved, w)\n",
         why="the last entry of a tile of 2,048 is not stepped"),
]  # fmt: skip
