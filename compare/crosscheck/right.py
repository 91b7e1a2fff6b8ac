"""Right models in the styles that people write them in; wrong programs take their tables."""

from collections.abc import Callable

import torch
from torch import nn

Range = tuple[float, float] | None


def squash(x: torch.Tensor, y_range: Range) -> torch.Tensor:
    """sigmoid_range, or x where there is no range."""
    if y_range is None:
        return x
    low, high = y_range
    return torch.sigmoid(x) * (high - low) + low


class Embeddings(nn.Module):
    """Four `nn.Embedding` layers, biases squeezed: (B,)."""

    def __init__(self, n_users, n_items, n_factors, y_range, **options):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors, **options)
        self.item_factors = nn.Embedding(n_items, n_factors, **options)
        self.user_bias = nn.Embedding(n_users, 1, **options)
        self.item_bias = nn.Embedding(n_items, 1, **options)
        self.y_range = y_range
        for layer in (self.user_factors, self.item_factors, self.user_bias, self.item_bias):
            nn.init.normal_(layer.weight, 0, 0.3)

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        dot = (self.user_factors(users) * self.item_factors(items)).sum(1)
        bias = self.user_bias(users).squeeze(1) + self.item_bias(items).squeeze(1)
        return squash(dot + bias, self.y_range)


def create_params(size):
    return nn.Parameter(torch.zeros(*size).normal_(0, 0.01))


class BookParams(nn.Module):
    """The book's `create_params`: plain parameters that are indexed: (B,)."""

    def __init__(self, n_users, n_movies, n_factors, y_range=(0, 5.5)):
        super().__init__()
        self.user_factors = create_params([n_users, n_factors])
        self.user_bias = create_params([n_users])
        self.movie_factors = create_params([n_movies, n_factors])
        self.movie_bias = create_params([n_movies])
        self.y_range = y_range

    def forward(self, x):
        users = self.user_factors[x[:, 0]]
        movies = self.movie_factors[x[:, 1]]
        res = (users * movies).sum(dim=1)
        res += self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]]
        return squash(res, self.y_range)


class BookColumn(nn.Module):
    """The book's `DotProductBias` with `keepdim=True`: (B, 1)."""

    def __init__(self, n_users, n_movies, n_factors, y_range=(0, 5.5)):
        super().__init__()
        self.user_factors = nn.Embedding(n_users, n_factors)
        self.user_bias = nn.Embedding(n_users, 1)
        self.movie_factors = nn.Embedding(n_movies, n_factors)
        self.movie_bias = nn.Embedding(n_movies, 1)
        self.y_range = y_range

    def forward(self, x):
        users = self.user_factors(x[:, 0])
        movies = self.movie_factors(x[:, 1])
        res = (users * movies).sum(dim=1, keepdim=True)
        res = res + self.user_bias(x[:, 0]) + self.movie_bias(x[:, 1])
        return squash(res, self.y_range)


class TwoColumns(nn.Module):
    """Users and items as two arguments, single letters: (B,)."""

    def __init__(self, m, n, k, y_range):
        super().__init__()
        self.P = nn.Parameter(torch.randn(m, k) / k**0.5)
        self.Q = nn.Parameter(torch.randn(n, k) / k**0.5)
        self.bu = nn.Parameter(torch.zeros(m))
        self.bi = nn.Parameter(torch.zeros(n))
        self.y_range = y_range

    def forward(self, users, items):
        logit = torch.einsum("bk,bk->b", self.P[users], self.Q[items])
        return squash(logit + self.bu[users] + self.bi[items], self.y_range)


class NoBias(nn.Module):
    """The lesson's first model: two tables of factors."""

    def __init__(self, n_users, n_items, n_factors, y_range):
        super().__init__()
        self.u = nn.Embedding(n_users, n_factors)
        self.m = nn.Embedding(n_items, n_factors)
        self.u.weight.data.uniform_(-0.05, 0.05)
        self.m.weight.data.uniform_(-0.05, 0.05)
        self.y_range = y_range

    def forward(self, x):
        u, m = self.u(x[:, 0]), self.m(x[:, 1])
        return squash((u * m).sum(1), self.y_range)


STYLES: tuple[Callable[..., nn.Module], ...] = (Embeddings, BookParams, TwoColumns, BookColumn)


def call(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return predictions (B,), whatever style the model is in."""
    if isinstance(model, TwoColumns):
        return model(x[:, 0], x[:, 1])
    return model(x).reshape(len(x))
