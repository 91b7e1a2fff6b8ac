"""Adam and AdamW written by hand, with a mistake in the step or in the decay."""

import math

import torch
from torch.optim import Optimizer

from compare.crosscheck.programs.configured import ADAM, ADAM_L2, ADAMW
from compare.crosscheck.programs.entering import wrong_rule


class HandAdam(Optimizer):
    """Moments and step count; programs say what a parameter's update is."""

    def __init__(self, params, lr, betas, eps, weight_decay=0.0):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["t"] = 0
                    state["m"] = torch.zeros_like(p)
                    state["v"] = torch.zeros_like(p)
                state["t"] += 1
                self.update(p, p.grad, state, group["lr"], b1, b2, group["eps"], group)

    def average(self, grad, state, b1, b2):
        state["m"].mul_(b1).add_(grad, alpha=1 - b1)
        state["v"].mul_(b2).addcmul_(grad, grad, value=1 - b2)

    def direction(self, state, b1, b2, eps):
        m_hat = state["m"] / (1 - b1 ** state["t"])
        v_hat = state["v"] / (1 - b2 ** state["t"])
        return m_hat / (v_hat.sqrt() + eps)

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        self.average(grad, state, b1, b2)
        p.sub_(lr * self.direction(state, b1, b2, eps))


def adam(*right, intended=ADAM, **options):
    """Enter a subclass, made with what was meant."""
    return wrong_rule(*right, intended=intended, **options)


@adam("no_bias_correction")
class Uncorrected(HandAdam):
    """m / (sqrt(v) + eps)."""

    def direction(self, state, b1, b2, eps):
        return state["m"] / (state["v"].sqrt() + eps)


@adam("first_moment_not_corrected")
class FirstUncorrected(HandAdam):
    """Only v is corrected."""

    def direction(self, state, b1, b2, eps):
        return state["m"] / ((state["v"] / (1 - b2 ** state["t"])).sqrt() + eps)


@adam("second_moment_not_corrected")
class SecondUncorrected(HandAdam):
    """Only m is corrected."""

    def direction(self, state, b1, b2, eps):
        return state["m"] / (1 - b1 ** state["t"]) / (state["v"].sqrt() + eps)


@adam("eps_inside_the_root", intended=ADAM | {"eps": 1e-3})
class EpsInsideRoot(HandAdam):
    """sqrt(v + eps), as in other rules."""

    def direction(self, state, b1, b2, eps):
        m_hat, v_hat = state["m"] / (1 - b1 ** state["t"]), state["v"] / (1 - b2 ** state["t"])
        return m_hat * torch.rsqrt(v_hat + eps)


@adam("eps_before_the_correction", intended=ADAM | {"eps": 1e-3})
class EpsBeforeCorrection(HandAdam):
    """The paper's shortcut: lr * sqrt(1 - b2^t) / (1 - b1^t), and eps beside sqrt(v)."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        self.average(grad, state, b1, b2)
        rate = lr * math.sqrt(1 - b2 ** state["t"]) / (1 - b1 ** state["t"])
        p.addcdiv_(state["m"], state["v"].sqrt().add_(eps), value=-rate)


@adam("no_eps", intended=ADAM | {"eps": 1e-3}, stage="step")
class WithoutEps(HandAdam):
    """eps is taken and not used; rows without gradient become 0 / 0."""

    def direction(self, state, b1, b2, eps):
        return super().direction(state, b1, b2, 0.0)


@adam("no_root")
class WithoutRoot(HandAdam):
    """m_hat / (v_hat + eps)."""

    def direction(self, state, b1, b2, eps):
        return state["m"] / (1 - b1 ** state["t"]) / (state["v"] / (1 - b2 ** state["t"]) + eps)


@adam("adam_climbs", "maximized")
class AdamAdds(HandAdam):
    """add_ for sub_."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        self.average(grad, state, b1, b2)
        p.add_(self.direction(state, b1, b2, eps), alpha=lr)


@adam("nadam", needs="two steps")
class LookingAhead(HandAdam):
    """Dozat's look ahead, in the simple form."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        self.average(grad, state, b1, b2)
        t = state["t"]
        ahead = b1 * state["m"] / (1 - b1 ** (t + 1)) + (1 - b1) * grad / (1 - b1**t)
        p.sub_(lr * ahead / ((state["v"] / (1 - b2**t)).sqrt() + eps))


@adam("beta1_zero", "adam_without_momentum", needs="two steps")
class GradientForMoment(HandAdam):
    """The gradient itself over the root: RMSProp with a correction."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        self.average(grad, state, b1, b2)
        p.sub_(lr * grad / ((state["v"] / (1 - b2 ** state["t"])).sqrt() + eps))


@adam("adam_skips_zero_gradients", needs="a row touched, then absent")
class LazyAdam(HandAdam):
    """Entries whose gradient is zero are left alone."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        there = grad != 0
        state["m"] = torch.where(there, b1 * state["m"] + (1 - b1) * grad, state["m"])
        state["v"] = torch.where(there, b2 * state["v"] + (1 - b2) * grad**2, state["v"])
        p.sub_(lr * self.direction(state, b1, b2, eps) * there)


# ---- decay ---------------------------------------------------------------------------------------


@adam("decay_never_decoupled", "decay_coupling_swapped", intended=ADAMW, real=(15,))
class DecayInTheGradient(HandAdam):
    """An L2 penalty in the place of decoupled decay."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        super().update(p, grad + group["weight_decay"] * p, state, lr, b1, b2, eps, group)


@adam("decay_always_decoupled", "decay_coupling_swapped", intended=ADAM_L2)
class DecayBesideTheMoments(HandAdam):
    """Decoupled decay where the penalty was meant."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        p.mul_(1 - lr * group["weight_decay"])
        super().update(p, grad, state, lr, b1, b2, eps, group)


@adam("decay_after_the_step", intended=ADAMW, real=(16,))
class DecayLast(HandAdam):
    """The weights shrink after the step, and the step with them."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        super().update(p, grad, state, lr, b1, b2, eps, group)
        p.mul_(1 - lr * group["weight_decay"])


@adam("decoupled_decay_without_lr", intended=ADAMW, real=(17,))
class DecayWithoutRate(HandAdam):
    """p -= decay * p, as Loshchilov and Hutter's schedule multiplier would have it."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        p.mul_(1 - group["weight_decay"])
        super().update(p, grad, state, lr, b1, b2, eps, group)


@adam("decay_grows", intended=ADAMW)
class DecayGrows(HandAdam):
    """1 + lr * decay."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        p.mul_(1 + lr * group["weight_decay"])
        super().update(p, grad, state, lr, b1, b2, eps, group)


@adam("decays_twice", intended=ADAMW)
class DecaysTwice(HandAdam):
    """Decoupled, and in the gradient too."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        penalised = grad + group["weight_decay"] * p
        p.mul_(1 - lr * group["weight_decay"])
        super().update(p, penalised, state, lr, b1, b2, eps, group)


@adam("decay_of_touched_rows", intended=ADAMW, real=(18,))
class DecayWhereTouched(HandAdam):
    """Only entries with a gradient decay."""

    def update(self, p, grad, state, lr, b1, b2, eps, group):
        p.mul_(1 - lr * group["weight_decay"] * (grad != 0).to(p.dtype))
        super().update(p, grad, state, lr, b1, b2, eps, group)
