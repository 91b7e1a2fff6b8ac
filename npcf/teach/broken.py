"""The "break it" switches: mistakes of the catalogue, as the formulas that they put in place.

Sentence and cure are the catalogue's (`npcf.verify.mistakes`), and the tests hold what a page with
the switch computes against what the catalogue's mistake computes, its first variant.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Broken(NamedTuple):
    """A mistake of the catalogue: by the name of a quantity, or Rule.line, the wrong formula.

    `coupling` says with which decay it is one, "coupled" or "decoupled"; `target` what the wrong
    decay changes, "w" or "g".
    """

    name: str
    formulas: Mapping[str, str]
    coupling: str = ""
    target: str = ""


DECAY_OF_W, DECAY_OF_G = "{w} * (1 - {lr} * {weight_decay})", "{g} + {weight_decay} * {w}"


def _decay(numbers: str) -> dict[str, str]:
    return {f"{rule}.decay": numbers for rule in ("SGD", "Adam", "RMSProp")}


BROKEN = (
    Broken("user_bias_left_out", {"x": "{dot} + {c}", "d_user_bias": "0 * ({d_x:rows})"}),
    Broken("dot_is_a_mean", {"dot": "({pq:sum}) / {K}", "d_p": "{d_dot} / {K} * {q}",
                             "d_q": "{d_dot} / {K} * {p}"}),
    Broken("range_of_height_high", {"y": "{s} * {high} + {low}",
                                    "d_x": "{d_y} * {high} * (1 - {s}) * {s}"}),
    Broken("loss_is_the_sum", {"loss": "{e:squares}", "d_y": "2 * {e}"}),
    Broken("loss_gradient_without_2", {"d_y": "1 / {B} * {e}"}),
    Broken("loss_gradient_sign", {"d_y": "2 / {B} * (-{e})"}),
    Broken("range_gradient_without_height", {"d_x": "{d_y} * (1 - {s}) * {s}"}),
    Broken("range_gradient_without_1_minus_s", {"d_x": "{d_y} * {height} * {s}"}),
    Broken("sigmoid_gradient_forgotten", {"d_x": "{d_y} * {height}"}),
    Broken("gradient_of_its_own_side", {"d_p": "{d_dot} * {p}"}),
    Broken("repeated_rows_keep_last", {"d_user_factors": "{d_p:last}",
                                       "d_item_factors": "{d_q:last}"}),
    Broken("repeated_rows_averaged", {"d_user_factors": "({d_p:rows}) / {count}",
                                      "d_item_factors": "({d_q:rows}) / {count}"}),
    Broken("gradients_subtracted", {"d_user_factors": "-({d_p:rows})",
                                    "d_item_factors": "-({d_q:rows})"}),
    Broken("decay_always_decoupled", _decay(DECAY_OF_W), "coupled", "w"),
    Broken("decay_never_decoupled", _decay(DECAY_OF_G), "decoupled", "g"),
    Broken("decoupled_decay_without_lr", _decay("{w} * (1 - {weight_decay})"), "decoupled"),
    Broken("sgd_climbs", {"SGD.new": "{w} + {lr} * {g}"}),
    Broken("no_bias_correction", {"Adam.m_hat": "{m}", "Adam.v_hat": "{v}"}),
    Broken("eps_inside_the_root", {"Adam.new": "{w} - {lr} * {m_hat} / sqrt({v_hat} + {eps})"}),
    Broken("no_root", {"Adam.new": "{w} - {lr} * {m_hat} / ({v_hat} + {eps})"}),
    Broken("adam_climbs", {"Adam.new": "{w} + {lr} * {m_hat} / (sqrt({v_hat}) + {eps})"}),
)  # fmt: skip
