"""Twenty mistakes of kinds that no catalogue has: a right answer is the stage, and no name."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import optim

from compare.crosscheck.program import OUTSIDERS
from compare.crosscheck.programs.adam_by_hand import HandAdam
from compare.crosscheck.programs.configured import ADAM, SGD
from compare.crosscheck.programs.entering import (
    settings,
    wrong_loss,
    wrong_model,
    wrong_optimizer,
    wrong_step,
)
from compare.crosscheck.right import BookParams, Embeddings, NoBias, TwoColumns, call, squash

model = {"to": OUTSIDERS}  # and any other subject


@wrong_model(**model)
class FactorsSquashed(NoBias):
    """tanh on the users' factors before they meet the items'."""

    def forward(self, x):
        return squash((torch.tanh(self.u(x[:, 0])) * self.m(x[:, 1])).sum(1), self.y_range)


@wrong_model(**model)
class ProductOfSums(TwoColumns):
    """einsum with a letter too many: each side is added up by itself."""

    def forward(self, users, items):
        dot = torch.einsum("bi,bj->b", self.P[users], self.Q[items])
        return squash(dot + self.bu[users] + self.bi[items], self.y_range)


@wrong_model(**model)
class DistanceForProduct(BookParams):
    """The negative squared distance, as in metric learning."""

    def forward(self, x):
        apart = (self.user_factors[x[:, 0]] - self.movie_factors[x[:, 1]]).pow(2).sum(1)
        return squash(self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]] - apart, self.y_range)


@wrong_model(**model)
class RangeBeforeSigmoid(NoBias):
    """Scaled first, squashed afterwards."""

    def forward(self, x):
        low, high = self.y_range
        return torch.sigmoid((self.u(x[:, 0]) * self.m(x[:, 1])).sum(1) * (high - low) + low)


@wrong_model(**model)
class ReluAtTheEnd(Embeddings):
    """Predictions below the middle are cut off."""

    def forward(self, x):
        low, high = self.y_range
        middle = (low + high) / 2
        return torch.relu(super().forward(x) - middle) + middle


@wrong_model(**model)
class BiasesMultiplied(TwoColumns):
    """user bias * item bias."""

    def forward(self, users, items):
        dot = (self.P[users] * self.Q[items]).sum(1)
        return squash(dot + self.bu[users] * self.bi[items], self.y_range)


@wrong_model(**model)
class FactorsReversed(NoBias):
    """flip: the first factor meets the last."""

    def forward(self, x):
        return squash((self.u(x[:, 0]).flip(1) * self.m(x[:, 1])).sum(1), self.y_range)


@wrong_model(stage="gradient", **model)
class GradientCentralised(NoBias):
    """A hook subtracts each row's mean gradient."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.m.weight.register_hook(lambda g: g - g.mean(1, keepdim=True))


@wrong_model(**model)
class LayerNormed(TwoColumns):
    """Factors are normalised over K before they meet."""

    def forward(self, users, items):
        p, q = (F.layer_norm(t, t.shape[1:]) for t in (self.P[users], self.Q[items]))
        return squash((p * q).sum(1) + self.bu[users] + self.bi[items], self.y_range)


@wrong_model(stage="gradient", **model)
class GradientOfTheRowBelow(NoBias):
    """A hook rolls the gradient by a row."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.u.weight.register_hook(lambda g: g.roll(1, 0))


@wrong_loss(**model)
def too_high_counts_twice(pred, rating):
    error = pred - rating
    return (torch.where(error > 0, 2.0, 1.0) * error**2).mean()


@wrong_loss(**model)
def median_of_squares(pred, rating):
    return ((pred - rating) ** 2).median()


@wrong_loss(**model)
def weighted_by_rating(pred, rating):
    return (rating * (pred - rating) ** 2).mean()


@wrong_loss(**model)
def mean_of_fourth_powers(pred, rating):
    return ((pred - rating) ** 4).mean()


@wrong_optimizer(intended=ADAM, **model)
def adamax(net):
    return optim.Adamax(net.parameters(), lr=5e-3, betas=(0.9, 0.99), eps=1e-5)


@wrong_optimizer(intended=SGD, **model)
def sign_descent(net):
    return optim.Rprop(net.parameters(), lr=0.1)


@wrong_optimizer(intended=ADAM, **model)
def cube_root_of_squares(net):
    class CubeRoot(HandAdam):
        def direction(self, state, b1, b2, eps):
            v_hat = state["v"] / (1 - b2 ** state["t"])
            return state["m"] / (1 - b1 ** state["t"]) / (v_hat ** (1 / 3) + eps)

    return CubeRoot(net.parameters(), **settings(ADAM))


@wrong_step(intended=SGD, stage=("step", "contract"), **model)
def noise_added_to_gradients(net):
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(net, x), rating)
        loss.backward()
        for p in net.parameters():
            p.grad += 0.01 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
        optimizer.step()
        return loss

    return step


@wrong_step(intended=SGD, stage=("step", "loss"), **model)
def half_of_the_batch(net):
    optimizer = optim.SGD(net.parameters(), lr=0.1)

    def step(x, rating):
        optimizer.zero_grad()
        half = len(x) // 2
        loss = F.mse_loss(call(net, x[:half]), rating[:half])
        loss.backward()
        optimizer.step()
        return loss

    return step


@wrong_step(intended=SGD, stage="step", **model)
def averaged_weights_put_back(net):
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    shadow = [p.detach().clone() for p in net.parameters()]

    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(call(net, x), rating)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for kept, p in zip(shadow, net.parameters(), strict=True):
                kept.lerp_(p, 0.1)
                p.copy_(kept)
        return loss

    return step
