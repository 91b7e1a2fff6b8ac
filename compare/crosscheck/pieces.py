"""Small mistakes that can be put together: of a model, a loss, or AdamW, one a slot."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812

from compare.crosscheck.programs import functions
from compare.crosscheck.programs.adam_by_hand import (
    DecayGrows,
    DecayInTheGradient,
    DecayLast,
    DecayWithoutRate,
    EpsInsideRoot,
    FirstUncorrected,
    HandAdam,
    SecondUncorrected,
    Uncorrected,
)
from compare.crosscheck.programs.moments_by_hand import AverageOfAbs, HalfOfTheSquare
from compare.crosscheck.right import TwoColumns


class Piece(NamedTuple):
    """One mistake: where it goes, at which stage it shows, what it is."""

    names: frozenset[str]
    stage: str
    slot: str
    made: Any


def piece(names: str, stage: str, slot: str, made: Any) -> Piece:
    """Return the piece; several names are separated by blanks."""
    return Piece(frozenset(names.split()), stage, slot, made)


class AdamW(HandAdam):
    """Right: decoupled decay, then the step."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        p.mul_(1 - lr * group["weight_decay"])
        super().update(p, grad, state, lr, b1, b2, eps, group)


def user_and_item_bias(model: Any, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Return what is right."""
    return model.bu[users] + model.bi[items]


RIGHT: dict[str, Callable[..., Any]] = {
    "ids": lambda users, items: (users, items),
    "dot": lambda u, v: (u * v).sum(1),
    "bias": user_and_item_bias,
    "range": lambda x, low, high: torch.sigmoid(x) * (high - low) + low,
}


class Composed(TwoColumns):
    """A model in four slots; `wrong` says which of them are not right."""

    wrong: dict[str, Callable[..., Any]] = {}

    def forward(self, users, items):
        slots = RIGHT | self.wrong
        users, items = slots["ids"](users, items)
        logit = slots["dot"](self.P[users], self.Q[items]) + slots["bias"](self, users, items)
        return slots["range"](logit, *self.y_range)


PIECES = [
    piece("users_counted_from_1 ids_one_too_low", "output", "ids",
          lambda users, items: (users - 1, items)),
    piece("lookup_off_by_one ids_one_too_low", "output", "ids",
          lambda users, items: (users - 1, items - 1)),
    piece("dot_is_a_mean", "output", "dot", lambda u, v: (u * v).mean(1)),
    piece("last_factor_left_out", "output", "dot", lambda u, v: (u * v)[:, :-1].sum(1)),
    piece("user_bias_left_out", "output", "bias", lambda m, users, items: m.bi[items]),
    piece("item_bias_left_out", "output", "bias", lambda m, users, items: m.bu[users]),
    piece("item_bias_subtracted", "output", "bias",
          lambda m, users, items: m.bu[users] - m.bi[items]),
    piece("range_from_zero", "output", "range", lambda x, low, high: torch.sigmoid(x) * high),
    piece("range_of_height_high", "output", "range",
          lambda x, low, high: torch.sigmoid(x) * high + low),
    piece("range_without_low", "output", "range",
          lambda x, low, high: torch.sigmoid(x) * (high - low)),
    piece("sigmoid_twice_as_steep", "output", "range",
          lambda x, low, high: (torch.tanh(x) + 1) / 2 * (high - low) + low),
    piece("hard_sigmoid", "output", "range",
          lambda x, low, high: F.hardsigmoid(x) * (high - low) + low),
    piece("range_ignored", "output", "range", lambda x, low, high: x),
    piece("dot_gradient_twice", "gradient", "dot", functions.Dot.of(functions.twice_as_much)),
    piece("gradient_of_its_own_side dot_gradients_swapped", "gradient", "dot",
          functions.Dot.of(functions.sides_swapped)),
    piece("range_gradient_without_1_minus_s", "gradient", "range",
          functions.Squash.of(functions.without_1_minus_s)),
    piece("range_gradient_without_height range_without_gradient", "gradient", "range",
          functions.Squash.of(functions.without_height)),
    piece("sigmoid_gradient_forgotten", "gradient", "range",
          functions.Squash.of(functions.height_only)),
    piece("gradient_detached", "gradient", "bias",
          lambda m, users, items: m.bu[users].detach() + m.bi[items]),
    piece("ratings_in_float16", "loss", "ratings", lambda r: r.half().to(r.dtype)),
    piece("ratings_rounded", "loss", "ratings", lambda r: r.round()),
    piece("loss_is_the_sum", "loss", "reduction", lambda p, r: ((p - r) ** 2).sum()),
    piece("loss_halved", "loss", "reduction", lambda p, r: ((p - r) ** 2).mean() / 2),
    piece("loss_absolute", "loss", "reduction", lambda p, r: (p - r).abs().mean()),
    piece("loss_is_the_root", "loss", "reduction", lambda p, r: F.mse_loss(p, r).sqrt()),
    piece("loss_divided_by_b_minus_1", "loss", "reduction",
          lambda p, r: ((p - r) ** 2).sum() / (len(r) - 1)),
    piece("loss_of_all_pairs", "loss", "reduction", lambda p, r: F.mse_loss(p, r[:, None])),
    piece("decay_never_decoupled decay_coupling_swapped", "step", "update", DecayInTheGradient),
    piece("decay_after_the_step", "step", "update", DecayLast),
    piece("decoupled_decay_without_lr", "step", "update", DecayWithoutRate),
    piece("decay_grows", "step", "update", DecayGrows),
    piece("no_bias_correction", "step", "direction", Uncorrected),
    piece("first_moment_not_corrected", "step", "direction", FirstUncorrected),
    piece("second_moment_not_corrected", "step", "direction", SecondUncorrected),
    piece("eps_inside_the_root", "step", "direction", EpsInsideRoot),
    piece("second_moment_of_abs", "step", "average", AverageOfAbs),
    piece("second_moment_halved", "step", "average", HalfOfTheSquare),
]  # fmt: skip

MODEL, LOSS, STEP = ("ids", "dot", "bias", "range"), ("ratings", "reduction"), (
    "update", "direction", "average",
)  # fmt: skip


def model_of(pieces: list[Piece]) -> type[Composed]:
    """Return the model with these mistakes."""
    wrong = {piece.slot: piece.made for piece in pieces if piece.slot in MODEL}
    return type("Composed", (Composed,), {"wrong": wrong})


def loss_of(pieces: list[Piece]) -> Callable[..., torch.Tensor]:
    """Return the loss with these mistakes."""
    slots = {"ratings": lambda r: r, "reduction": F.mse_loss}
    slots |= {piece.slot: piece.made for piece in pieces if piece.slot in LOSS}
    return lambda pred, rating: slots["reduction"](pred, slots["ratings"](rating))


def optimizer_of(pieces: list[Piece]) -> type[HandAdam]:
    """Return the optimiser with these mistakes, and with decay where that is not one of them."""
    bases = tuple(piece.made for piece in pieces if piece.slot in STEP)
    if not any(piece.slot == "update" for piece in pieces):
        bases += (AdamW,)
    return type("Composed", bases, {})
