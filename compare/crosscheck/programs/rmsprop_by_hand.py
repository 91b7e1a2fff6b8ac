"""RMSProp written by hand, with a mistake."""

import torch

from compare.crosscheck.programs.configured import RMSPROP
from compare.crosscheck.programs.entering import wrong_rule
from compare.crosscheck.programs.sgd_by_hand import HandSGD


class HandRMSProp(HandSGD):
    """Squares averaged; programs say how the step divides."""

    def __init__(self, params, lr, alpha, eps, momentum=0.0, centered=False):
        super().__init__(params, lr, 0.0, momentum)
        self.alpha, self.eps, self.centered = alpha, eps, centered

    def square(self, state, grad):
        state["sq"] = (
            self.alpha * state.get("sq", torch.zeros_like(grad)) + (1 - self.alpha) * grad**2
        )
        return state["sq"]

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p -= lr * grad / (self.square(state, grad).sqrt() + self.eps)


def rmsprop(*right, intended=RMSPROP, **options):
    """Enter a subclass, made with what was meant."""
    return wrong_rule(*right, intended=intended, **options)


@rmsprop("squares_summed")
class Summed(HandRMSProp):
    """Adagrad's sum in the place of an average."""

    def square(self, state, grad):
        state["sq"] = self.alpha * state.get("sq", torch.zeros_like(grad)) + grad**2
        return state["sq"]


@rmsprop("rmsprop_climbs", "maximized")
class Ascending(HandRMSProp):
    """The sign of the step."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        super().update(p, grad, state, -lr, weight_decay, momentum)


@rmsprop("eps_inside_the_root", intended=RMSPROP | {"eps": 1e-3})
class EpsUnderTheRoot(HandRMSProp):
    """sqrt(square + eps), as TensorFlow has it."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p -= lr * grad / (self.square(state, grad) + self.eps).sqrt()


@rmsprop("second_moment_starts_at_one")
class FromOne(HandRMSProp):
    """TensorFlow's accumulator starts at one."""

    def square(self, state, grad):
        state.setdefault("sq", torch.ones_like(grad))
        return super().square(state, grad)


@rmsprop("rmsprop_lr_inside_twice", intended=RMSPROP | {"momentum": 0.9})
class RateTwice(HandRMSProp):
    """The rate is in the buffer, and before it."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        step = lr * grad / (self.square(state, grad).sqrt() + self.eps)
        state["buf"] = momentum * state.get("buf", torch.zeros_like(p)) + step
        p -= lr * state["buf"]


@rmsprop("centering_summed", intended=RMSPROP | {"centered": True}, stage="step",
         needs="a root that stays real")  # fmt: skip
class MeanSummed(HandRMSProp):
    """The mean that is subtracted is a sum."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        state["mean"] = self.alpha * state.get("mean", torch.zeros_like(p)) + grad
        spread = self.square(state, grad) - state["mean"] ** 2
        p -= lr * grad / (spread.clamp(min=0).sqrt() + self.eps)
