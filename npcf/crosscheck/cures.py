"""What to write instead, as a line of torch or fastai; and what tells mistakes apart."""

from collections.abc import Sequence
from typing import Any

from npcf.crosscheck.evidence import Evidence
from npcf.verify.mistakes import Wrong

CURES = {  # {...}: the mistake's options, the intended settings, the subject's own names of tables
    "users_and_items_swapped": "users, items = x[:, 0], x[:, 1]",
    "users_counted_from_1": "users, items = x[:, 0], x[:, 1]  # as they are: do not subtract 1",
    "lookup_off_by_one": "users, items = x[:, 0], x[:, 1]  # as they are: do not subtract 1",
    "items_shifted_by_an_unknown": "users, items = x[:, 0], x[:, 1]  # as they are",
    "ids_one_too_low": "users, items = x[:, 0], x[:, 1]  # as they are: do not subtract 1",
    "ids_one_too_high": "users, items = x[:, 0], x[:, 1]  # as they are: do not add 1",
    "columns_viewed_not_transposed": "users, items = x[:, 0], x[:, 1]  # not x.view(2, -1)",
    "same_ids_for_both": "users, items = x[:, 0], x[:, 1]",
    "user_bias_by_item": "{user_bias}(users), {item_bias}(items)",
    "item_bias_by_user": "{user_bias}(users), {item_bias}(items)",
    "bias_tables_swapped": "{user_bias}(users), {item_bias}(items)",
    "user_bias_left_out": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "item_bias_left_out": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "biases_left_out": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "user_bias_subtracted": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "item_bias_subtracted": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "biases_subtracted": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "user_bias_for_the_items": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "item_bias_for_the_users": "out = dot + {user_bias}(users) + {item_bias}(items)",
    "bias_broadcast_to_a_matrix": "dot = (p * q).sum(dim=1, keepdim=True)",
    "dot_is_a_mean": "dot = (p * q).sum(dim=1, keepdim=True)  # not .mean",
    "dot_divided_by_root_k": "dot = (p * q).sum(dim=1, keepdim=True)  # not divided by sqrt(K)",
    "cosine": "dot = (p * q).sum(dim=1, keepdim=True)  # not F.cosine_similarity",
    "last_factor_left_out": "dot = (p * q).sum(dim=1, keepdim=True)  # all K factors",
    "dot_left_out": "out = (p * q).sum(dim=1, keepdim=True) + biases",
    "bias_squeezed": "out = out.squeeze(-1)  # not squeeze()",
    "range_ignored": "return sigmoid_range(out, {low}, {high})",
    "range_clipped": "return sigmoid_range(out, {low}, {high})  # not clamp",
    "range_without_low": "return torch.sigmoid(out) * ({high} - {low}) + {low}",
    "range_of_height_high": "return torch.sigmoid(out) * ({high} - {low}) + {low}",
    "range_from_zero": "return sigmoid_range(out, {low}, {high})",
    "another_range": "y_range=({low}, {high})",
    "sigmoid_twice": "return sigmoid_range(out, {low}, {high})  # it has the sigmoid in it",
    "sigmoid_twice_as_steep": "return sigmoid_range(out, {low}, {high})  # not tanh",
    "hard_sigmoid": "torch.sigmoid(out)  # not F.hardsigmoid",
    "logit_clipped": "torch.sigmoid(out)  # without clamp: it does not overflow",
    "biases_outside_the_range": "return sigmoid_range(dot + biases, {low}, {high})",
    "row_0_looked_up_as_zeros": "nn.Embedding(n, k)  # without padding_idx",
    "row_0_without_gradient": "nn.Embedding(n, k)  # without padding_idx",
    "max_norm_in_place": "nn.Embedding(n, k)  # without max_norm",
    "repeated_rows_averaged": "nn.Embedding(n, k)  # scale_grad_by_freq=False",
    "repeated_rows_keep_last": "grad.index_add_(0, ids, d)  # not grad[ids] += d",
    "repeated_rows_keep_first": "grad.index_add_(0, ids, d)",
    "gradient_detached": "# use {table} itself: no .detach(), no .data, requires_grad=True",
    "table_reshaped_not_transposed": "table.T.contiguous()  # not table.reshape(n, k)",
    "loss_is_the_sum": "F.mse_loss(pred, rating)  # reduction='mean'",
    "loss_half_sum": "F.mse_loss(pred, rating)",
    "loss_halved": "F.mse_loss(pred, rating)  # without the factor 1/2",
    "loss_not_reduced": "F.mse_loss(pred, rating)  # reduction='mean'",
    "loss_of_all_pairs": "F.mse_loss(pred.squeeze(-1), rating)  # or MSELossFlat()",
    "loss_is_the_root": "F.mse_loss(pred, rating)  # report the root, train on the mean",
    "loss_absolute": "F.mse_loss(pred, rating)  # not F.l1_loss",
    "loss_huber": "F.mse_loss(pred, rating)  # not F.huber_loss or F.smooth_l1_loss",
    "loss_smooth_l1": "F.mse_loss(pred, rating)  # not F.smooth_l1_loss",
    "loss_detached": "loss = F.mse_loss(pred, rating)  # pred itself, not pred.detach()",
    "ratings_truncated": "rating.float()  # not .long() or .int()",
    "ratings_rounded": "rating.float()  # without round()",
    "ratings_in_float16": "rating.to(pred.dtype)  # not .half()",
    "no_weight_decay": "weight_decay={weight_decay}",
    "decay_coupling_swapped": "torch.optim.{optimiser}(model.parameters(), lr={lr}, "
    "weight_decay={weight_decay})",
    "biases_do_not_decay": "opt = torch.optim.{optimiser}(model.parameters(), ...)  # one group; "
    "fastai: wd_bn_bias=True",
    "table_left_out": "opt = torch.optim.{optimiser}(model.parameters(), lr={lr})  # all of them",
    "sgd_for_adam": "torch.optim.{optimiser}(model.parameters(), lr={lr})",
    "adam_for_sgd": "torch.optim.SGD(model.parameters(), lr={lr})",
    "rmsprop_for_adam": "torch.optim.{optimiser}(model.parameters(), lr={lr})",
    "sparse_adam_for_adam": "torch.optim.{optimiser}(model.parameters(), lr={lr})",
    "another_rate": "lr={lr}",
    "another_weight_decay": "weight_decay={weight_decay}",
    "another_momentum": "momentum={momentum}",
    "another_beta1": "betas={betas}",
    "another_beta2": "betas={betas}",
    "betas_swapped": "betas={betas}",
    "betas_default": "betas={betas}",
    "beta2_default": "betas={betas}",
    "beta1_zero": "betas={betas}",
    "another_eps": "eps={eps}",
    "eps_default": "eps={eps}",
    "amsgrad": "amsgrad=False",
    "maximized": "maximize=False",
    "nesterov_ignored": "nesterov=True",
    "nesterov_always": "nesterov=False",
    "dampening_ignored": "dampening={dampening}",
    "momentum_left_out": "momentum={momentum}",
    "gradients_not_cleared": "opt.zero_grad()  # before each loss.backward()",
    "step_taken_twice": "opt.step()  # once",
    "step_not_taken": "opt.step()  # after loss.backward()",
    "backward_twice": "loss.backward()  # once",
    "step_before_backward": "loss.backward(); opt.step()",
    "micro_batches_not_averaged": "(loss / {parts}).backward()  # for each of {parts} parts",
    "optimiser_made_anew": "opt = torch.optim.{optimiser}(...)  # once, before the loop",
    "gradient_norm_clipped": "# leave out clip_grad_norm_(model.parameters(), {limit}); if "
    "it is meant: npcf.crosscheck(..., intended=dict(max_grad_norm={limit}))",
    "clipped_before_unscaling": "scaler.unscale_(opt)  # before clip_grad_norm_; then "
    "scaler.step(opt)",
    "gradient_values_clipped": "# leave out clip_grad_value_(model.parameters(), {limit}); if "
    "it is meant: npcf.crosscheck(..., intended=dict(max_grad_value={limit}))",
    "rate_decays_each_step": "scheduler.step()  # once an epoch, not after each batch",
    "scheduler_stepped_twice": "scheduler.step()  # once a step",
    "next_rate": "opt.step(); scheduler.step()  # in this order",
    "l2_in_the_loss": "loss = F.mse_loss(pred, rating)  # without the L2 term",
}

NEEDS = (  # (beginnings of names, what a batch or a run must have to tell such mistakes apart)
    (("repeated_", "row_0_without"), "a batch in which users and items are named more than once"),
    (("loss_is_the_sum", "loss_by", "loss_scaled", "loss_half", "steps_on"), "another batch size"),
    (
        ("another_rate", "gradients_scaled", "backward_twice", "step_taken_twice", "step_scaled"),
        "the gradients that the step leaves behind, or its second step",
    ),
    (("ids_", "users_and", "same_ids"), "ids that are not below the smaller table's size"),
    (("hard_", "logit_", "sigmoid_"), "predictions near the ends of the range"),
    (("ratings_",), "ratings that are no halves"),
    (("absent_", "adam_skips", "sparse_", "decay_of"), "a row that was in a batch before"),
    (("decay", "no_weight", "biases_do", "another_weight"), "weight_decay that is not 0"),
    (
        ("beta", "amsgrad", "correction", "no_bias", "another_", "state_", "step_count"),
        "several steps, from a state in the middle of training",
    ),
)


def cure_of(wrong: Wrong, evidence: Evidence) -> str:
    """Return what to write instead in the subject's own framework."""
    line = CURES.get(wrong.mistake.name)
    return line.format_map(_Words(_words(wrong, evidence))) if line else wrong.mistake.cure


class _Words(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "..."


def _words(wrong: Wrong, evidence: Evidence) -> dict[str, Any]:
    """Return the numbers and names that a line may have."""
    tables = {name: path.removesuffix(".weight") for name, path in evidence.paths.items()}
    words: dict[str, Any] = {"user_bias": "user_bias", "item_bias": "item_bias", **tables}
    words |= {"table": ", ".join(tables.get(site, site) for site in wrong.sites) or "the table"}
    if evidence.y_range is not None:
        words["low"], words["high"] = evidence.y_range
    if evidence.intended is not None:
        settings = evidence.intended.settings
        names = {"sgd": "SGD", "rmsprop": "RMSprop", "sparse_adam": "SparseAdam"}
        adam = "AdamW" if settings.get("decoupled") else "Adam"
        words |= {"optimiser": names.get(evidence.intended.rule, adam), **settings}
    return {**wrong.options, **words}


def split_of(classes: Sequence[tuple[str, ...]]) -> str:
    """Return what would tell the mistakes apart, "" if that is not known."""
    apart = {name for names in classes for name in names}
    for beginnings, what in NEEDS:
        if any(name.startswith(beginnings) for name in apart):
            return what
    return ""
