"""Which mistakes are tried at which stage, at which sites, with which options.

A line is (name, sites, options, cost).  The cost orders explanations of the same things: a mistake
that people make before one that only hand-written gradients have; fits (`fits`) come last.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from npcf.crosscheck.evidence import TABLES, Intended
from npcf.verify.mistakes import MISTAKES, Wrong

COMMON, RARE, CONTRIVED, FAR = 1.0, 1.05, 1.1, 1.2
UF, IF, UB, IB = ((name,) for name in TABLES)
FACTORS, BIASES = UF + IF, UB + IB
ONE_SIDE = (UF, IF, UF + UB, IF + IB)
SITES = (FACTORS, UF, IF, UB, IB, BIASES, UF + UB, IF + IB, TABLES)
ANYWHERE = ((),)
SIDES = tuple({"sides": sides} for sides in (("users",), ("items",), ("users", "items")))
STRICT = ({"strict": True},)
NONE = ({"absent": True},)
NARROWER = ({"dtype": np.float32}, {"dtype": np.float16})
EITHER = ({"strict": True}, {"strict": False})
OFF = tuple(SIDES[1] | one for one in EITHER)


WHOLE = {  # rows that are left out matter to them
    "table_reshaped_not_transposed", "gradient_normalised",
}  # fmt: skip


class Candidate(NamedTuple):
    """A mistake as it may have been made, and how far-fetched it is."""

    wrong: Wrong
    cost: float

    @property
    def name(self) -> str:
        """The mistake's name."""
        return self.wrong.mistake.name


def plain(names: str, cost: float = COMMON) -> Iterator[tuple[str, Any, Any, float]]:
    """Mistakes with one form."""
    for name in names.split():
        yield name, ANYWHERE, ({},), cost


OUTPUT = (
    ("users_and_items_swapped", ANYWHERE, STRICT, COMMON),
    ("users_counted_from_1", ANYWHERE, EITHER, COMMON),
    ("lookup_off_by_one", ANYWHERE, EITHER, COMMON),
    ("ids_one_too_low", ANYWHERE, OFF, COMMON),
    ("items_shifted_by_an_unknown", ANYWHERE, EITHER, COMMON),
    ("ids_one_too_high", ANYWHERE, SIDES[::2], COMMON),
    ("user_bias_by_item", ANYWHERE, STRICT, COMMON),
    ("bias_tables_swapped", ANYWHERE, STRICT, COMMON),
    ("user_bias_left_out", ANYWHERE, NONE, COMMON),
    ("item_bias_left_out", ANYWHERE, NONE, COMMON),
    ("biases_left_out", ANYWHERE, NONE, COMMON),
    *plain(
        "columns_viewed_not_transposed item_bias_by_user range_ignored range_without_low "
        "range_of_height_high range_from_zero range_clipped sigmoid_twice sigmoid_twice_as_steep "
        "biases_outside_the_range bias_broadcast_to_a_matrix bias_squeezed dot_is_a_mean "
        "dot_divided_by_root_k cosine dot_left_out sigmoid_without_a_range mean_forgotten"
    ),
    ("same_ids_for_both", ANYWHERE, ({"column": "users"}, {"column": "items"}), COMMON),
    ("hard_sigmoid", ANYWHERE, ({"slope": 1 / 6}, {"slope": 0.2}, {"slope": 0.25}), COMMON),
    ("table_reshaped_not_transposed", (UF, IF, FACTORS), ({},), COMMON),
    ("row_0_looked_up_as_zeros", (UF, IF, FACTORS), ({},), COMMON),
    ("logit_clipped", ANYWHERE,
     tuple({"limit": x} for x in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)), COMMON),
    *plain("item_bias_subtracted user_bias_subtracted biases_subtracted last_factor_left_out "
           "user_bias_for_the_items item_bias_for_the_users prediction_rounded mean_subtracted "
           "dot_with_the_neighbour rest_of_four_factors", RARE),
    ("dot_rounded", ANYWHERE, NARROWER, FAR),
    *plain("sigmoid_in_float32", FAR),
    ("sigmoid_kept_from_its_ends", ANYWHERE,
     tuple({"end": x} for x in (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)), RARE),
    ("max_norm_in_place", (UF, IF, FACTORS),
     tuple({"limit": x} for x in (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)), RARE),
)  # fmt: skip
LOSS = (
    *plain("loss_is_the_sum loss_of_all_pairs loss_is_the_root loss_absolute loss_halved "
           "loss_huber loss_negated loss_detached loss_not_reduced loss_half_sum "
           "ratings_rounded ratings_truncated ratings_in_float16 loss_divided_by_b_minus_1"),
    ("ratings_in_another_order", ANYWHERE,
     tuple({"order": x} for x in ("reversed", "next", "previous", "sorted")), COMMON),
    *plain("loss_logcosh ratings_in_float32", RARE),
    ("loss_smooth_l1", ANYWHERE, tuple({"delta": x} for x in (0.1, 0.25, 0.5, 2.0)), FAR),
    ("loss_huber", ANYWHERE, tuple({"delta": x} for x in (0.1, 0.25, 0.5, 2.0, 5.0)), FAR),
    *plain("loss_gradient_without_2 loss_gradient_of_the_sum loss_gradient_sign "
           "loss_gradient_by_b_minus_1", CONTRIVED),
    *plain("loss_added_in_float32", FAR),
    ("loss_gradient_clipped", ANYWHERE, ({"limit": 1.0}, {"limit": 0.1}), CONTRIVED),
)  # fmt: skip
GRADIENT = (
    ("gradient_detached", SITES, NONE, COMMON),
    ("row_0_without_gradient", SITES, ({},), COMMON),
    ("repeated_rows_averaged", SITES, ({},), COMMON),
    ("repeated_rows_keep_last", SITES, ({},), COMMON),
    ("repeated_rows_keep_first", SITES, ({},), RARE),
    ("gradient_detached", (UF, IF, UB, IB, FACTORS, BIASES), ({},), RARE),
    ("gradients_subtracted", (UF, IF, FACTORS), ({},), RARE),
    *plain("range_without_gradient range_gradient_without_1_minus_s range_gradient_without_height "
           "sigmoid_gradient_forgotten range_gradient_of_the_output dot_gradients_swapped "
           "gradient_of_its_own_side bias_gradients_swapped item_gradient_by_user "
           "user_bias_gradient_by_item", RARE),
    ("range_gradient_floored", ANYWHERE,
     tuple({"floor": x} for x in (1e-5, 1e-4, 1e-3, 1e-2, 0.1)), RARE),
    *plain("bias_gradient_shared_out dot_gradient_twice "
           "last_rating_without_gradient", CONTRIVED),
    ("gradients_counted", (UB,), ({},), CONTRIVED),
    ("gradients_rounded", (FACTORS, TABLES, BIASES), NARROWER, FAR),
)  # fmt: skip
DECAY = ("no_weight_decay decay_doubled decay_of_touched_rows decay_coupling_swapped "
         "decay_after_the_step decays_twice decay_grows decoupled_decay_without_lr "
         "coupled_decay_times_lr")  # fmt: skip
EVERY_RULE = (
    *((name, (("RULE",),), ({},), COMMON) for name in DECAY.split()),
    *plain("biases_do_not_decay biases_at_twice_the_rate decay_once"),
    ("table_left_out", ANYWHERE,
     tuple({"left": x} for x in (UB, IB, UF, IF, BIASES, FACTORS, UF + UB, IF + IB)), COMMON),
    *plain("maximized users_do_not_decay absent_rows_stay row_0_stays", RARE),
    *plain("weights_clipped", CONTRIVED),
    *plain("weights_in_float32 moments_kept_in_float32", FAR),
)  # fmt: skip
BY_RULE: Mapping[str, Any] = {
    "sgd": (
        *plain("momentum_left_out nesterov_ignored nesterov_always momentum_is_an_average "
               "dampening_ignored sgd_climbs"),
        ("adam_for_sgd", ANYWHERE,
         tuple({"decay": x} for x in ("none", "coupled", "decoupled")), COMMON),
        *plain("first_gradient_dampened nesterov_without_momentum nesterov_with_the_old_buffer "
               "lr_inside_the_buffer buffer_without_momentum", RARE),
        ("gradient_normalised", (("sgd",),), ({},), RARE),
        *plain("gradient_in_float16 buffer_in_float32", FAR),
        ("decay_always_decoupled", (("sgd",),), ({},), COMMON),
    ),
    "adam": (
        *(("no_bias_correction", (("adam",),), ({},), COMMON),),
        *plain("betas_swapped beta2_default betas_default eps_default eps_inside_the_root amsgrad "
               "eps_before_the_correction adam_without_momentum adam_skips_zero_gradients "
               "second_moment_not_corrected first_moment_not_corrected no_root no_eps nadam "
               "adam_climbs beta1_zero correction_a_step_behind sparse_adam_for_adam"),
        ("correction_a_step_ahead", (("adam",),), ({},), COMMON),
        ("second_moment_of_abs", (("adam",),), ({},), RARE),
        ("second_moment_halved", (("adam",),), ({},), CONTRIVED),
        *plain("second_moment_centered step_count_for_each_table step_count_stays", RARE),
        ("second_moment_in_float16", (("adam",),), ({},), FAR),
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
        ("squares_summed", (("rmsprop",),), ({},), RARE),
        ("centering_summed", (("rmsprop",),), ({},), RARE),
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
    *plain("gradients_after_other_tables_moved gradients_at_the_first_parameters "
           "loss_after_the_step decay_divided_by_the_batch steps_on_the_sum loss_smoothed", RARE),
)  # fmt: skip


def tried(
    stage: str, intended: Intended | None = None, catalogue: Collection[str] = MISTAKES
) -> list[Candidate]:
    """Return the candidates of a stage that are in the catalogue, for a rule that was meant."""
    rule, settings = (intended.rule, intended.settings) if intended else ("", {})
    lines: Any = {"output": OUTPUT, "loss": LOSS, "gradient": GRADIENT, "trained": TRAINED,
                  "step": (*EVERY_RULE, *BY_RULE.get(rule, ()))}[stage]  # fmt: skip
    same = {name for name, differs in SAME_UNLESS.items() if not differs(settings)}
    if rule == "sgd" and decays(settings, False):
        same.add("decay_coupling_swapped")  # as decay that is always decoupled
    return [
        Candidate(made(name, (rule,) if place == ("RULE",) else place, options), cost)
        for name, places, forms, cost in lines if name in catalogue and name not in same
        for place, options in product(places, forms)
    ]  # fmt: skip


def decays(settings: Mapping[str, Any], decoupled: bool) -> bool:
    """Whether there is weight decay, of this kind."""
    wd = settings.get("weight_decay", 0.0)
    return bool(wd) and bool(settings.get("decoupled", False)) == decoupled


SAME_UNLESS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "maximized": lambda s: decays(s, False),  # as a step that climbs
    "step_scaled": lambda s: decays(s, True),  # as another rate
    "decay_always_decoupled": lambda s: decays(s, False),
    "nesterov_with_the_old_buffer": lambda s: bool(s.get("dampening")),  # as none
}


def made(name: str, sites: tuple[str, ...] = (), options: Mapping[str, Any] = {}) -> Wrong:  # noqa: B006
    """Return a mistake at some sites; one that writes to tables is told which."""
    mistake = MISTAKES[name]
    return Wrong(mistake, sites, {**options, "tables": sites} if mistake.in_place else options)
