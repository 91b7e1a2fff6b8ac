"""The mistakes that are tried at the optimiser's steps, by its rule, and at training steps."""

from collections.abc import Mapping
from typing import Any

from npcf.crosscheck.evidence import TABLES
from npcf.verify.mistakes.forms import (
    ANYWHERE,
    BIASES,
    COMMON,
    CONTRIVED,
    FACTORS,
    FAR,
    IB,
    IF,
    RARE,
    UB,
    UF,
    plain,
)  # fmt: skip

DECAY = ("no_weight_decay decay_doubled decay_of_touched_rows decay_coupling_swapped "
         "decay_after_the_step decays_twice decay_grows decoupled_decay_without_lr "
         "coupled_decay_times_lr")  # fmt: skip
EVERY_RULE = (
    *((name, (("RULE",),), ({},), COMMON) for name in DECAY.split()),
    ("decays_twice", (("RULE",),), ({"of_the_old": True},), COMMON),
    *plain("biases_do_not_decay biases_at_twice_the_rate decay_once"),
    ("table_left_out", ANYWHERE,
     tuple({"left": x} for x in (UB, IB, UF, IF, BIASES, FACTORS, UF + UB, IF + IB, TABLES)),
     COMMON),
    *plain("maximized users_do_not_decay absent_rows_stay row_0_stays", RARE),
    *plain("weights_clipped", CONTRIVED),
    *plain("weights_in_float32 moments_kept_in_float32", FAR),
)  # fmt: skip
BY_RULE: Mapping[str, Any] = {
    "sgd": (
        *plain("momentum_left_out nesterov_ignored nesterov_always dampening_ignored sgd_climbs"),
        ("momentum_is_an_average", ANYWHERE, (
            {}, lambda settings: {"mu": settings.get("momentum", 0.0)}), COMMON),
        ("adam_for_sgd", ANYWHERE,
         tuple({"decay": x} for x in ("none", "coupled", "decoupled")), COMMON),
        *plain("first_gradient_dampened nesterov_without_momentum nesterov_with_the_old_buffer "
               "lr_inside_the_buffer buffer_without_momentum", RARE),
        ("gradient_normalised", (("sgd",),), ({},), RARE),
        *plain("gradient_in_float16", FAR),
        ("buffer_in_float32", ANYWHERE, ({"first": True}, {}), FAR),
        ("decay_always_decoupled", (("sgd",),), ({},), COMMON),
    ),
    "adam": (
        *(("no_bias_correction", (("adam",),), ({},), COMMON),),
        *plain("betas_swapped beta2_default betas_default eps_default eps_inside_the_root amsgrad "
               "eps_before_the_correction adam_without_momentum second_moment_not_corrected "
               "first_moment_not_corrected no_root adam_climbs beta1_zero "
               "correction_a_step_behind sparse_adam_for_adam"),
        ("no_eps", ANYWHERE, ({"instead": 0.0}, {"instead": 1e-30}), COMMON),
        ("nadam", ANYWHERE, ({"form": "torch"}, {"form": "constant"}, {"form": ""}), COMMON),
        ("adam_skips_zero_gradients", ANYWHERE, ({"state": True}, {"state": False}), COMMON),
        ("correction_a_step_ahead", (("adam",),), ({},), COMMON),
        ("second_moment_of_abs", (("adam",),), ({},), RARE),
        ("second_moment_halved", (("adam",),), ({},), CONTRIVED),
        *plain("second_moment_centered step_count_for_each_table step_count_stays", RARE),
        ("second_moment_in_float16", (("adam",),), ({},), FAR),
        ("moment_in_float32", (("adam",),), ({},), FAR),
        *plain("gradient_in_float16", FAR),
        ("gradient_normalised", ANYWHERE, ({"first": True},), RARE),
        *(
            (name, ANYWHERE, tuple({"decay": x} for x in ("none", "coupled", "decoupled")), COMMON)
            for name in ("sgd_for_adam", "rmsprop_for_adam")
        ),
        ("state_lost", ANYWHERE, ({"part": "m"}, {"part": "v"}), RARE),
        *plain("corrected_moment_returned second_moment_starts_at_one", RARE),
    ),
    "rmsprop": (
        *plain("alpha_default rmsprop_climbs rmsprop_momentum_ignored always_centered "
               "never_centered momentum_left_out"),
        ("squares_summed", (("rmsprop",),), ({"kept_whole": True}, {}), RARE),
        ("centering_summed", (("rmsprop",),), ({"least": False}, {}), RARE),
        *plain("eps_inside_the_root second_moment_starts_at_one"),
        ("second_moment_of_abs", (("rmsprop",),), ({},), RARE),
        *plain("rmsprop_lr_inside_twice", RARE),
    ),
    "sparse_adam": (
        ("no_bias_correction", (("sparse_adam",),), ({},), COMMON),
        ("correction_a_step_ahead", (("sparse_adam",),), ({},), COMMON),
        *plain("betas_swapped sparse_lr_default sparse_eps_corrected"),
        *plain("sparse_second_moment_of_abs", RARE),
    ),
}  # fmt: skip
TRAINED = (
    *plain("gradients_not_cleared step_taken_twice backward_twice step_before_backward "
           "optimiser_made_anew last_of_the_batch_dropped step_not_taken"),
    ("micro_batches_not_averaged", ANYWHERE, ({"parts": 2}, {"parts": 4}), COMMON),
    ("training_ratings_in_another_order", ANYWHERE, tuple({"by": x} for x in (0, 1, -1)), COMMON),
    *plain("next_rate first_rate scheduler_stepped_twice first_batch_again"),
    ("gradients_after_other_tables_moved", ANYWHERE,
     ({"last_loss": True}, {"last_loss": False}), RARE),
    ("gradients_at_the_first_parameters", ANYWHERE, ({"copied": "given"}, {}), RARE),
    *plain("loss_after_the_step decay_divided_by_the_batch steps_on_the_sum", RARE),
    ("loss_smoothed", ANYWHERE, tuple({"beta": x} for x in (0.98, 0.9, 0.99, 0.5)), RARE),
)  # fmt: skip
