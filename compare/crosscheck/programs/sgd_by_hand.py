"""SGD written by hand, as a subclass of torch's Optimizer, with a mistake."""

import torch
from torch.optim import Optimizer

from compare.crosscheck.programs.configured import MOMENTUM, NESTEROV, SGD, SGD_L2
from compare.crosscheck.programs.entering import wrong_optimizer

MOMENTUM_L2 = MOMENTUM | {"weight_decay": 0.1}


class HandSGD(Optimizer):
    """A loop over groups and parameters; programs say what a parameter's update is."""

    def __init__(self, params, lr, weight_decay=0.0, momentum=0.0):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p, p.grad, self.state[p], **{k: group[k] for k in self.defaults})

    def update(self, p, grad, state, lr, weight_decay, momentum):
        raise NotImplementedError


def entered(*right, intended, **options):
    """Enter a subclass, made with what was meant."""

    def enter(rule):
        def make(model):
            meant = {k: v for k, v in intended.items() if k not in ("optimizer", "nesterov")}
            return rule(model.parameters(), **meant)

        make.__name__ = rule.__name__
        wrong_optimizer(*right, intended=intended, **options)(make)
        return rule

    return enter


@entered(
    "first_gradient_dampened", "momentum_is_an_average", intended=MOMENTUM | {"dampening": 0.9}
)
class BufferFromZero(HandSGD):
    """The buffer starts at zeros, so that the first gradient is dampened too."""

    def __init__(self, params, lr, momentum, dampening):
        super().__init__(params, lr, 0.0, momentum)
        self.dampening = dampening

    def update(self, p, grad, state, lr, weight_decay, momentum):
        buffer = state.setdefault("buffer", torch.zeros_like(p))
        buffer.mul_(momentum).add_(grad, alpha=1 - self.dampening)
        p.sub_(lr * buffer)


@entered("momentum_is_an_average", intended=MOMENTUM)
class AverageOfGradients(HandSGD):
    """v = beta v + (1 - beta) g."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        v = state.get("v")
        state["v"] = v = (
            (1 - momentum) * grad if v is None else momentum * v + (1 - momentum) * grad
        )
        p -= lr * v


@entered("buffer_without_momentum", intended=MOMENTUM, needs="two steps")
class SumOfGradients(HandSGD):
    """The buffer adds up without being multiplied."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        state["sum"] = state.get("sum", 0) + grad
        p.add_(state["sum"], alpha=-lr)


@entered("nesterov_without_momentum", intended=NESTEROV)
class WholeBufferAhead(HandSGD):
    """grad + buffer where grad + momentum * buffer was meant."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        buffer = state.get("buffer")
        state["buffer"] = grad.clone() if buffer is None else buffer.mul_(momentum).add_(grad)
        p.add_(grad + state["buffer"], alpha=-lr)


@entered("sgd_climbs", "maximized", intended=SGD)
class PlusForMinus(HandSGD):
    """p += lr * grad."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p += lr * grad


@entered("coupled_decay_times_lr", intended=SGD_L2)
class DecayTimesRateTwice(HandSGD):
    """grad + lr * decay * p, and times lr again."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p -= lr * (grad + lr * weight_decay * p)


@entered("decay_of_touched_rows", intended=SGD_L2, real=(18,))
class DecayOfTouchedRows(HandSGD):
    """Only rows that the batch has touched decay."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        rows = grad != 0 if grad.dim() == 1 else (grad != 0).any(1, keepdim=True)
        p -= lr * (grad + weight_decay * p * rows)


@entered("decay_doubled", intended=MOMENTUM_L2)
class DerivativeOfTheSquare(HandSGD):
    """2 * decay * p: the derivative of decay * p**2."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        grad = grad + 2 * weight_decay * p
        state["b"] = grad if "b" not in state else momentum * state["b"] + grad
        p -= lr * state["b"]


@entered("decay_always_decoupled", intended=MOMENTUM_L2, needs="two steps")
class DecayBesideTheBuffer(HandSGD):
    """Decay is applied to the weights, and does not enter the buffer."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p.mul_(1 - lr * weight_decay)
        state["b"] = grad.clone() if "b" not in state else state["b"].mul_(momentum).add_(grad)
        p.sub_(state["b"], alpha=lr)


@entered("gradient_normalised", intended=SGD, needs="a gradient whose norm is above 1")
class EachTableClipped(HandSGD):
    """The norm of each table's gradient is clipped to 1."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p -= lr * grad / max(1.0, float(grad.norm()))


@entered("gradient_in_float16", intended=SGD)
class GradientInHalf(HandSGD):
    """Gradients are kept in half precision."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p -= lr * grad.half().to(p.dtype)


@entered("buffer_in_float32", intended=MOMENTUM, dtypes=(torch.float64,))
class BufferInFloat(HandSGD):
    """The buffer is float32, whatever the weights are."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        if "buffer" not in state:
            state["buffer"] = torch.zeros(p.shape, dtype=torch.float32)
        state["buffer"].mul_(momentum).add_(grad.float())
        p.add_(state["buffer"].to(p.dtype), alpha=-lr)


@entered("decay_grows", intended=SGD_L2)
class DecaySubtracted(HandSGD):
    """The decay has the wrong sign."""

    def update(self, p, grad, state, lr, weight_decay, momentum):
        p -= lr * (grad - weight_decay * p)
