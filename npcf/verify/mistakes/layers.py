"""Mistakes in the layers of networks."""
# fmt: off

from functools import partial

import numpy as np

from npcf.verify.mistakes.catalogue import mistake, patched

LAYERS = partial(patched, file="layers")

# -- linear ----------------------------------------------------------------------------------------

mistake("linear_without_bias", "A linear layer's bias is not added.", "x @ weight.T + bias.",
        affine=lambda f, x, w, b: f.affine(x, w, b * 0))
mistake("linear_bias_gradient_averaged", "The bias gradient is a mean over the batch.",
        "Sum it: the loss has divided by the batch size already.",
        affine_gradients=lambda f, d, x, w: (lambda d_x, d_w, d_b: (
            d_x, d_w, d_b / max(len(d), 1)))(*f.affine_gradients(d, x, w)))
mistake("linear_bias_gradient_of_the_last_row", "The bias gets the gradient of one row only.",
        "d_out.sum(axis=0).",
        affine_gradients=lambda f, d, x, w: (
            *f.affine_gradients(d, x, w)[:2],
            f.n.sum(f.n.take(d, np.arange(len(d))[-1:]), axis=0)))
mistake("linear_weight_gradient_of_ones", "The weight gradient leaves out the input.",
        "d_weight = d_out.T @ x.",
        affine_gradients=lambda f, d, x, w: (lambda d_x, d_w, d_b: (
            d_x, d_w * 0 + f.n.column(d_b), d_b))(*f.affine_gradients(d, x, w)))
mistake("linear_input_detached", "No gradient goes through the layer to what is below it.",
        "d_x = d_out @ weight.",
        affine_gradients=lambda f, d, x, w: (lambda d_x, *rest: (d_x * 0, *rest))(
            *f.affine_gradients(d, x, w)))
mistake("linear_weight_gradient_subtracted", "The weight gradient has the wrong sign.",
        "d_weight = d_out.T @ x.",
        affine_gradients=lambda f, d, x, w: (lambda d_x, d_w, d_b: (
            d_x, d_w * -1, d_b))(*f.affine_gradients(d, x, w)))

# -- relu, concatenate, dropout --------------------------------------------------------------------

mistake("relu_leaks", "What is negative is not zero but small.", "max(x, 0).",
        relu=lambda f, x: f.n.where_above(x, f.n.number(0), x, x * 0.0625),
        relu_gradient=lambda f, d, x: f.n.where_above(x, f.n.number(0), d, d * 0.0625))
mistake("relu_gradient_everywhere", "The gradient passes where the unit is off.",
        "d_out where x > 0, else 0.", relu_gradient=lambda f, d, x: d * 1)
mistake("relu_gradient_at_zero", "The gradient passes at 0: x >= 0 for x > 0.",
        "torch has 0 there.",
        relu_gradient=lambda f, d, x: f.n.where(f.n.is_zero(x), d, f.relu_gradient(d, x)))
mistake("relu_gradient_of_its_sign", "The sign of the gradient from above decides, not that of x.",
        "Save where x > 0.", relu_gradient=lambda f, d, x: f.relu_gradient(d, d))
mistake("concatenated_in_another_order", "The parts change places.", "Keep their order.",
        concatenate=lambda f, parts: f.concatenate(parts[::-1]),
        parts_of=lambda f, d, widths: f.parts_of(d, widths[::-1])[::-1])
mistake("cut_in_another_order", "Each part gets another part's gradient columns.",
        "Cut in the order of the forward.",
        parts_of=lambda f, d, widths: f.parts_of(d, widths[::-1])[::-1])
mistake("dropout_unscaled", "What is kept is not divided by 1 - p.", "x / (1 - p).",
        kept=lambda f, x, p, keep: f.kept(x, p * 0, keep))
mistake("dropout_scaled_by_p", "What is kept is divided by p.", "Divide by 1 - p.",
        kept=lambda f, x, p, keep: f.kept(x, 1 - p if p > 0 else p, keep))
mistake("dropout_inverted", "What should be kept is dropped, and the other way round.",
        "keep says what stays.", kept=lambda f, x, p, keep: f.kept(x, p, ~keep))
mistake("dropout_of_nothing", "Nothing is dropped.", "Multiply by the mask.",
        kept=lambda f, x, p, keep: f.kept(x, p, keep | True))

# -- batch normalisation ---------------------------------------------------------------------------

mistake("batch_norm_by_the_unbiased_variance", "A batch is divided by B - 1.",
        "Divide by B here; B - 1 is for the running variance.",
        variance_of=lambda f, c: f.variance_of(c) * (len(c) / (len(c) - 1)))
mistake("batch_norm_not_centred", "The variance is the mean of squares, about zero.",
        "Subtract the mean first.",
        batch_norm=lambda f, x, w, b, mean, var, eps: f.batch_norm(
            x, w, b, *((f.mean_of(x), f.variance_of(x)) if mean is None else (mean, var)), eps))
mistake("batch_norm_eps_outside_the_root", "eps is added to the root.", "sqrt(var + eps).",
        inverse_root=lambda f, var, eps: 1 / (f.n.sqrt(f.n.nonnegative(var)) + eps))
mistake("batch_norm_without_weight", "Columns are not scaled.", "h * weight + bias.",
        scaled=lambda f, x, mean, root, w, b: f.scaled(x, mean, root, f.n.constant(1, w), b))
mistake("batch_norm_without_bias", "Columns are not shifted.", "h * weight + bias.",
        scaled=lambda f, x, mean, root, w, b: f.scaled(x, mean, root, w, b * 0))
mistake("batch_norm_of_the_batch_always", "Given statistics are ignored: the batch's are used.",
        "Use them in evaluation.",
        batch_norm=lambda f, x, w, b, mean, var, eps: f.batch_norm(
            x, w, b, *((None, None) if len(x) > 1 else (mean, var)), eps))
mistake("batch_norm_statistics_constant", "Mean and variance are taken for constants.",
        "They are functions of x: their gradients belong to d_x.",
        batch_norm_slope=lambda f, d, c, r, w, own: f.batch_norm_slope(d, c, r, w, False))
mistake("batch_norm_mean_constant", "The mean is taken for a constant.", "Subtract mean(d_out).",
        batch_norm_slope=lambda f, d, c, r, w, own: (
            f.batch_norm_slope(d, c, r, w, own) + (f.mean_of(d) * r * w if own else w * 0)))
mistake("batch_norm_variance_constant", "The variance is taken for a constant.",
        "Subtract h mean(d_out h).",
        batch_norm_slope=lambda f, d, c, r, w, own: (
            (d - f.mean_of(d)) * r * w if own else f.batch_norm_slope(d, c, r, w, own)))
mistake("batch_norm_gradient_without_weight", "d_x leaves out the scale of the column.",
        "d_h = d_out * weight.",
        batch_norm_slope=lambda f, d, c, r, w, own: f.batch_norm_slope(
            d, c, r, f.n.constant(1, w), own))
mistake("batch_norm_weight_gradient_of_x", "The gradient of the scale is made of deviations.",
        "d_weight = sum d_out h.",
        batch_norm_gradients=lambda f, d, of: (lambda d_x, _, d_b: (
            d_x, f.n.sum(d * of.c, axis=0), d_b))(*f.batch_norm_gradients(d, of)))
mistake("running_variance_biased", "The running variance takes in the variance of the batch, / B.",
        "Multiply by B / (B - 1).", unbiased=lambda f, var, rows: var * 1)
mistake("running_momentum_swapped", "Momentum weighs the old statistics and not the new ones.",
        "(1 - momentum) old + momentum new.",
        running=lambda f, old, new, momentum: f.running(new, old, momentum))

# -- memory, dtypes, shapes ------------------------------------------------------------------------

LAYERS("relu_in_place", "What is negative is set to zero in the argument itself.",
       "Write to a new array.",
       old="    return np.maximum(x, 0), x.copy()",
       new="    return np.maximum(x, 0, out=x), x.copy()")
LAYERS("relu_skips_nan", "A NaN becomes zero.", "np.maximum, not np.fmax.",
       old="    return np.maximum(x, 0), x.copy()", new="    return np.fmax(x, 0), x.copy()")
LAYERS("cut_is_a_view", "The gradients of the parts are views of d_out.", "Return copies.",
       old="d_out[:, start : start + width].copy()", new="d_out[:, start : start + width]")
LAYERS("linear_in_float64", "float32 is promoted on the way.", "Keep the dtype.",
       old="    return x @ weight.T + bias,", new="    return x @ weight.T.astype(float) + bias,")
LAYERS("linear_takes_more", "Numbers past the end of a row of weight are left out.",
       "Refuse other shapes.",
       old="    if x.ndim != 2 or (len(bias), x.shape[1]) != weight.shape or bias.ndim != 1:\n",
       new="    x = x[:, : weight.shape[1]]\n"
           "    if bias.shape != weight.shape[:1] or weight.ndim != 2:\n")
LAYERS("linear_gradient_broadcasts", "A gradient of one row is given to all.",
       "Refuse other shapes.",
       old="    check_gradient(d_out, (len(x), len(weight)), x.dtype)\n",
       new="    d_out = np.broadcast_to(d_out, (len(x), len(weight)))\n")
LAYERS("parts_broadcast", "A part of one row is given to all rows.", "Refuse other batches.",
       old="    check_shapes(*(part[:, :0] for part in parts))\n",
       new="    parts = [np.resize(part, (len(parts[0]), part.shape[-1])) for part in parts]\n")
LAYERS("batch_norm_of_one_row", "A batch of one row becomes zeros.",
       "Refuse it: it has no variance.", old="        if len(x) < 2:\n",
       new="        if not len(x):\n")
LAYERS("batch_norm_cache_shared", "One cache serves all calls: a backward sees the last forward.",
       "Make a cache for each call.",
       old="    return h * weight + bias, (h, root * weight, own)",
       new="    shared = batch_norm_forward.__dict__.setdefault('shared', [])\n"
           "    shared[:] = h, root * weight, own\n    return h * weight + bias, shared")
LAYERS("dropout_mask_of_any_kind", "Numbers are taken for a mask.", "Refuse all but booleans.",
       old="    check_shapes(x, keep)\n", new="    keep = np.resize(keep, x.shape)\n")
