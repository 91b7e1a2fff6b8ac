"""In which forms mistakes of output, loss and gradient are tried: (name, sites, options, cost).

The cost orders explanations of the same things: a mistake that people make before one that only
hand-written gradients have.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npcf._tables import NAMES as TABLES
from npcf.verify.precision import BFLOAT16

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
NARROW = tuple({"dtype": dtype, "first": True} for dtype in (np.float32, np.float16, BFLOAT16))
EITHER = ({"strict": True}, {"strict": False})
OFF = tuple(SIDES[1] | one for one in EITHER)


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
    ("ids_one_too_high", ANYWHERE, tuple(
        side | wrap for side in SIDES for wrap in ({}, {"strict": None})), COMMON),
    ("row_modulo_256", ANYWHERE, ({"of_all": True},), COMMON),
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
    *(("row_0_looked_up_as_zeros", (sites,), ({"biases": sites},), COMMON)
      for sites in (UF + UB, IF + IB, TABLES)),
    ("logit_clipped", ANYWHERE,
     tuple({"limit": x} for x in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)), COMMON),
    *plain("item_bias_subtracted user_bias_subtracted biases_subtracted last_factor_left_out "
           "user_bias_for_the_items item_bias_for_the_users prediction_rounded mean_subtracted "
           "rest_of_four_factors", RARE),
    ("dot_with_the_neighbour", ANYWHERE, ({"by": -1}, {"by": 1}), RARE),
    ("dot_over_the_batch", ANYWHERE, ({"whole": True}, {}), RARE),
    ("padding_row_cleared", (UF, IF, FACTORS, TABLES), ({},), RARE),
    ("dot_rounded", ANYWHERE, (*NARROW, *NARROWER), FAR),
    *plain("sigmoid_in_float32", FAR),
    ("sigmoid_kept_from_its_ends", ANYWHERE,
     tuple({"end": x} for x in (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2)), RARE),
    ("max_norm_in_place", (UF, IF, FACTORS, UF + UB, IF + IB, TABLES),
     tuple({"limit": x} for x in (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)), RARE),
)  # fmt: skip
LOSS = (
    *plain("loss_is_the_sum loss_of_all_pairs loss_is_the_root loss_absolute loss_halved "
           "loss_huber loss_negated loss_detached loss_not_reduced loss_half_sum "
           "ratings_rounded ratings_truncated ratings_in_float16"),
    ("loss_divided_by_b_minus_1", ANYWHERE, ({"least": 0}, {"least": 1}), COMMON),
    ("ratings_in_another_order", ANYWHERE,
     tuple({"order": x} for x in ("reversed", "next", "previous", "sorted")), COMMON),
    *plain("loss_logcosh ratings_in_float32", RARE),
    ("loss_smooth_l1", ANYWHERE, tuple({"delta": x} for x in (0.1, 0.25, 0.5, 2.0)), FAR),
    ("loss_huber", ANYWHERE, tuple({"delta": x} for x in (0.1, 0.25, 0.5, 2.0, 5.0)), FAR),
    *plain("loss_gradient_without_2 loss_gradient_of_the_sum loss_gradient_sign "
           "upstream_of_the_loss_ignored", CONTRIVED),
    ("loss_gradient_by_b_minus_1", ANYWHERE, ({"least": 0}, {"least": 1}), CONTRIVED),
    ("loss_added_in_float32", ANYWHERE, ({"first": True}, {}), FAR),
    ("loss_gradient_clipped", ANYWHERE, ({"limit": 1.0}, {"limit": 0.1}, {
        "limit": 1.0, "before": True}, {"limit": 2.0, "before": True}), CONTRIVED),
)  # fmt: skip
GRADIENT = (
    ("gradient_detached", SITES, NONE, COMMON),
    ("row_0_without_gradient", SITES, ({},), COMMON),
    ("repeated_rows_averaged", SITES, ({},), COMMON),
    ("repeated_rows_keep_last", SITES, ({},), COMMON),
    ("repeated_rows_keep_first", SITES, ({},), RARE),
    ("gradient_detached", (UF, IF, UB, IB, FACTORS, BIASES), ({},), RARE),
    ("gradients_subtracted", SITES, ({},), RARE),
    *plain("range_without_gradient range_gradient_without_1_minus_s range_gradient_without_height "
           "sigmoid_gradient_forgotten dot_gradients_swapped bias_gradients_swapped "
           "item_gradient_by_user user_bias_gradient_by_item", RARE),
    ("range_gradient_of_the_output", ANYWHERE,
     tuple({"added": a, "height": b} for a in (True, False) for b in (True, False)), RARE),
    ("gradient_of_its_own_side", ANYWHERE, ({"side": 0}, {"side": 1}), RARE),
    ("dot_gradient_of_the_sign", ANYWHERE, ({"both": True}, {"both": False}), RARE),
    ("range_gradient_floored", ANYWHERE,
     tuple({"floor": x} for x in (1e-5, 1e-4, 1e-3, 1e-2, 0.1)), RARE),
    ("bias_gradient_shared_out", ANYWHERE,
     tuple({"parts": x} for x in ((False, True), (True, False), (True, True))), CONTRIVED),
    *plain("dot_gradient_twice last_rating_without_gradient", CONTRIVED),
    ("gradients_counted", SITES, ({},), CONTRIVED),
    ("gradients_rounded", (FACTORS, TABLES, BIASES), (*NARROWER, {"dtype": BFLOAT16}), FAR),
)  # fmt: skip
