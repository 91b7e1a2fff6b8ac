"""Adam written by hand, with a mistake in what its moments are or how they are kept."""

import torch

from compare.crosscheck.programs.adam_by_hand import HandAdam, adam


@adam("second_moment_of_abs")
class AverageOfAbs(HandAdam):
    """v averages |g|, not its square."""

    def average(self, grad, state, b1, b2):
        state["m"].mul_(b1).add_(grad, alpha=1 - b1)
        state["v"].mul_(b2).add_(grad.abs(), alpha=1 - b2)


@adam("second_moment_centered", needs="two steps")
class Belief(HandAdam):
    """(g - m)**2, as AdaBelief has it."""

    def average(self, grad, state, b1, b2):
        state["m"].mul_(b1).add_(grad, alpha=1 - b1)
        surprise = grad - state["m"]
        state["v"].mul_(b2).addcmul_(surprise, surprise, value=1 - b2)


@adam("second_moment_halved")
class HalfOfTheSquare(HandAdam):
    """g**2 / 2."""

    def average(self, grad, state, b1, b2):
        state["m"].mul_(b1).add_(grad, alpha=1 - b1)
        state["v"].mul_(b2).add_(0.5 * grad * grad, alpha=1 - b2)


@adam("corrected_moment_returned", needs="two steps")
class CorrectedInPlace(HandAdam):
    """m is corrected in place, and corrected again at the next step."""

    def direction(self, state, b1, b2, eps):
        state["m"].div_(1 - b1 ** state["t"])
        return state["m"] / ((state["v"] / (1 - b2 ** state["t"])).sqrt() + eps)


@adam("second_moment_in_float16")
class SquaresInHalf(HandAdam):
    """v is kept in half precision."""

    def average(self, grad, state, b1, b2):
        super().average(grad, state, b1, b2)
        state["v"] = state["v"].half().to(grad.dtype)


@adam("moment_in_float32", "moments_kept_in_float32", dtypes=(torch.float64,), needs="two steps")
class MomentInFloat(HandAdam):
    """m is float32, whatever the weights are."""

    def average(self, grad, state, b1, b2):
        super().average(grad, state, b1, b2)
        state["m"] = state["m"].float().double()


@adam("betas_swapped", needs="two steps")
class BetasUnpackedBackwards(HandAdam):
    """b2, b1 = betas."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        super().update(p, grad, state, lr, b2, b1, eps, group)


@adam("amsgrad", needs="a gradient that becomes smaller")
class LargestSquare(HandAdam):
    """The largest v so far is divided by."""

    def direction(self, state, b1, b2, eps):
        state["max"] = torch.maximum(state.get("max", state["v"]), state["v"]).clone()
        root = (state["max"] / (1 - b2 ** state["t"])).sqrt()
        return state["m"] / (1 - b1 ** state["t"]) / (root + eps)


@adam("gradient_normalised", needs="a gradient whose norm is above 1")
class ClippedAlone(HandAdam):
    """Each table's gradient is clipped to norm 1 before it is averaged."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        grad = grad / grad.norm().clamp(min=1)
        super().update(p, grad, state, lr, b1, b2, eps, group)


@adam("gradient_in_float16")
class HalfGradients(HandAdam):
    """Gradients pass through half precision."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        super().update(p, grad.half().to(p.dtype), state, lr, b1, b2, eps, group)


@adam("second_moment_starts_at_one")
class SquaresFromOne(HandAdam):
    """v starts at ones, so that nothing is divided by zero."""

    def average(self, grad, state, b1, b2):
        if state["t"] == 1:
            state["v"] = torch.ones_like(state["v"])
        super().average(grad, state, b1, b2)
