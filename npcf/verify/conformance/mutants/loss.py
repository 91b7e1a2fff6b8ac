"""Mistakes in sigmoid_range and in the mean squared error."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="operations")
S = "        s = 1 / (1 + np.exp(-x))\n"
SCALED = "return s * (high - low) + low, (s,"
D_X = "d_x: Array = d_out * height * (1 - s) * s"
ERROR = "error = pred - rating.astype(pred.dtype)"
LOSS = "return np.mean(error * error), error"
D_PRED = "d_pred: Array = 2 / error.size * error * float(d_loss)"

SIGMOID_RANGE = [
    M("sig_2x", old=S, new=S.replace("-x", "-2 * x"), why="twice as steep, as tanh is"),
    M("hard_sig", old=S, new="        s = np.clip(x / 4 + 0.5, 0, 1)\n",
      why="the hard sigmoid of mobile models"),
    M("sig_clip_eps", old=S, new=S + "        s = np.clip(s, 1e-7, 1 - 1e-7)\n",
      why="the sigmoid is kept away from 0 and 1, as for a logarithm"),
    M("exp_clip30", old=S, new=S.replace("-x", "-np.clip(x, -5, 5)"),
      why="the exponent is clipped against overflow, far too early"),
    M("sigmoid_overflows", old=S,
      new='        with np.errstate(invalid="ignore"):\n'
          "            s = np.exp(x) / (1 + np.exp(x))\n",
      why="exp(x) / (1 + exp(x)) is inf / inf for large x"),
    M("sigmoid_float32", old=S,
      new="        s = (1 / (1 + np.exp(-x.astype(np.float32)))).astype(x.dtype)\n",
      why="exp is computed in float32 whatever the dtype"),
    M("sigmoid_of_tanh", old=S, new="        s = np.tanh(x) / 2 + x.dtype.type(0.5)\n",
      why="tanh(x) for tanh(x / 2)"),
    M("range_hi", old=SCALED, new="return s * high + low, (s,", why="high for high - low"),
    M("range_nolo", old=SCALED, new="return s * (high - low), (s,", why="low is not added"),
    M("range_clipped", old=SCALED, new="return np.clip(x, low, high), (s,",
      why="clips where it should squash"),
    M("range_in_float64", old=SCALED,
      new="return s * np.float64(high - low) + low, (s,",
      why="a float64 scalar promotes float32"),
    M("no_R", old=D_X, new="d_x: Array = d_out * (1 - s) * s", why="high - low is forgotten"),
    M("no_1ms", old=D_X, new="d_x: Array = d_out * height * s", why="1 - s is forgotten"),
    M("no_sig_grad", old=D_X, new="d_x: Array = d_out * height",
      why="the sigmoid's derivative is forgotten"),
    M("y1my", old=D_X, new="d_x: Array = d_out * height * (s * height) * (1 - s * height)",
      why="s (1 - s) of the scaled output and not of s"),
    M("sig_grad_abs", old=D_X, new="d_x: Array = d_out * height * np.abs(s * (1 - s) - 1e-6)",
      why="a small constant in the gradient that is not in the forward"),
    M("sig_grad_floor", old=D_X, new="d_x: Array = d_out * height * np.maximum(s * (1 - s), 1e-4)",
      why="saturated entries are given a gradient, to keep them learning"),
    M("range_low_above_high", old="    if not low <= high:\n", new="    if False:\n",
      why="an interval upside down is accepted"),
]  # fmt: skip

MSE = [
    M("target_f16", old=ERROR,
      new="error = pred - rating.astype(np.float16).astype(pred.dtype)",
      why="ratings pass through float16"),
    M("target_round", old=ERROR, new="error = pred - np.round(rating.astype(pred.dtype))",
      why="ratings become whole stars"),
    M("bcast_BB", old=ERROR,
      new="error = (pred[:, None] - rating.astype(pred.dtype)).mean(1)",
      why="(B, 1) against (B,): each prediction meets every rating"),
    M("loss_sum", old=LOSS, new="return np.sum(error * error), error", why="sum for mean"),
    M("loss_half", old=LOSS, new="return np.mean(error * error) / 2, error",
      why="half the square, whose gradient has no 2"),
    M("loss_abs", old=LOSS, new="return np.mean(np.abs(error)), error",
      why="absolute for squared error"),
    M("loss_nanmean", old=LOSS,
      new="return np.sum(error * error) / max(error.size - 1, 1), error",
      why="divides by B - 1, as an unbiased variance does"),
    M("loss_rmse", old=LOSS, new="return np.sqrt(np.mean(error * error)), error",
      why="the root is taken"),
    M("loss_float32", old=LOSS,
      new="return pred.dtype.type(np.mean(error * error, dtype=np.float32)), error",
      why="squares are added in float32 whatever the dtype"),
    M("loss_in_float64", old=LOSS, new="return np.mean(error * error, dtype=float), error",
      why="a float32 loss becomes float64"),
    M("loss_skips_nan", old=LOSS, new="return np.nanmean(error * error), error",
      why="a NaN is skipped and not passed on"),
    M("loss_keepdim", old=LOSS, new="return np.mean(error * error, keepdims=True), error",
      why="(1,) for a number"),
    M("loss_of_nothing", old='raise ValueError("an empty batch has no mean")',
      new="return pred.dtype.type(0), pred", why="an empty batch has loss 0"),
    M("loss_broadcasts", old="    check_shapes(pred, rating)\n", new="",
      why="(B,) against (B, 1) is averaged over B * B wrong pairs"),
    M("no2", old=D_PRED, new=D_PRED.replace("2 /", "1 /"), why="the 2 is forgotten"),
    M("noB", old=D_PRED, new=D_PRED.replace("2 / error.size", "2"),
      why="the mean is forgotten"),
    M("sign", old=D_PRED, new=D_PRED.replace("2 /", "-2 /"), why="rating - pred"),
    M("B_minus1", old=D_PRED, new=D_PRED.replace("error.size", "max(error.size - 1, 1)"),
      why="divides by B - 1"),
    M("grad_clip1", old=D_PRED,
      new=D_PRED.replace("2 / error.size * error", "np.clip(2 / error.size * error, -1, 1)"),
      why="the gradient is clipped to 1"),
    M("grad_clip_.1", old=D_PRED,
      new=D_PRED.replace("2 / error.size * error", "np.clip(2 / error.size * error, -0.1, 0.1)"),
      why="the gradient is clipped to 0.1"),
    M("d_loss_ignored", old=D_PRED, new=D_PRED.replace(" * float(d_loss)", ""),
      why="the upstream gradient is taken to be 1"),
]  # fmt: skip

MUTANTS = [*SIGMOID_RANGE, *MSE]
