"""Which mistakes are tried at which stage, at which sites, with which options.

The lines are in `npcf.verify.mistakes.forms` and `lines_of_steps`; fits (`fits`) come last.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import product
from typing import Any, NamedTuple

from npcf.crosscheck.evidence import Intended
from npcf.crosscheck.lines_of_steps import BY_RULE, EVERY_RULE, TRAINED
from npcf.verify.mistakes import MISTAKES, Wrong
from npcf.verify.mistakes.forms import GRADIENT, LOSS, OUTPUT

WHOLE = {  # rows that are left out matter to them
    "table_reshaped_not_transposed", "gradient_normalised", "item_gradient_by_user",
    "user_bias_gradient_by_item", "row_modulo_256",
}  # fmt: skip


ROUNDINGS = {  # explain anything near: their own float evaluation must give what is seen
    "dot_rounded", "prediction_rounded", "sigmoid_in_float32", "ratings_in_float16",
    "ratings_in_float32", "loss_added_in_float32", "gradients_rounded", "weights_in_float32",
    "moments_kept_in_float32", "gradient_in_float16", "buffer_in_float32",
    "second_moment_in_float16", "moment_in_float32",
}  # fmt: skip


class Candidate(NamedTuple):
    """A mistake as it may have been made, and how far-fetched it is."""

    wrong: Wrong
    cost: float

    @property
    def name(self) -> str:
        """The mistake's name."""
        return self.wrong.mistake.name


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
        Candidate(made(name, (rule,) if place == ("RULE",) else place,
                       options(settings) if callable(options) else options), cost)
        for name, places, forms, cost in lines if name in catalogue and name not in same
        for place, options in product(places, forms)
    ]  # fmt: skip


def decays(settings: Mapping[str, Any], decoupled: bool) -> bool:
    """Whether there is weight decay, of this kind."""
    wd = settings.get("weight_decay", 0.0)
    return bool(wd) and bool(settings.get("decoupled", False)) == decoupled


SAME_UNLESS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "maximized": lambda s: (
        decays(s, False) or bool({"betas", "momentum", "centered"} & s.keys())
    ),  # as a step that climbs
    "decays_twice": lambda s: decays(s, True),  # as decay that is doubled
    "step_scaled": lambda s: decays(s, True),  # as another rate
    "decay_always_decoupled": lambda s: decays(s, False),
    "nesterov_with_the_old_buffer": lambda s: bool(s.get("dampening")),  # as none
}


def made(name: str, sites: tuple[str, ...] = (), options: Mapping[str, Any] = {}) -> Wrong:  # noqa: B006
    """Return a mistake at some sites; one that writes to tables is told which."""
    return Wrong(MISTAKES[name], sites, options)
