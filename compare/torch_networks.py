"""The oracle of networks: the sources' modules in plain PyTorch, gradients by autograd."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from compare.torch_models import sigmoid_range


class SigmoidRange(nn.Module):
    """fastai's layer."""

    def __init__(self, low, high):
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x):
        return sigmoid_range(x, self.low, self.high)


class LinBnDrop(nn.Sequential):
    """fastai's block, its layers in fastai's order."""

    def __init__(self, n_in, n_out, bn=True, p=0.0, act=None, lin_first=False):
        layers = [nn.BatchNorm1d(n_out if lin_first else n_in)] if bn else []
        if p != 0:
            layers.append(nn.Dropout(p))
        lin = [nn.Linear(n_in, n_out, bias=not bn)]
        if act is not None:
            lin.append(act)
        super().__init__(*(lin + layers if lin_first else layers + lin))


class TabularModel(nn.Module):
    """fastai's model of a table; without continuous columns it is `EmbeddingNN`."""

    def __init__(self, emb_szs, layers, n_cont=0, ps=None, embed_p=0.0, y_range=None, use_bn=True,
                 bn_final=False, bn_cont=True, lin_first=True):  # fmt: skip
        super().__init__()
        ps = [0] * len(layers) if ps is None else ps
        ps = ps if isinstance(ps, list) else [ps] * len(layers)
        self.embeds = nn.ModuleList([nn.Embedding(ni, nf) for ni, nf in emb_szs])
        self.emb_drop = nn.Dropout(embed_p)
        self.bn_cont = nn.BatchNorm1d(n_cont) if bn_cont else None
        self.n_cont = n_cont
        sizes = [sum(e.embedding_dim for e in self.embeds) + n_cont, *layers, 1]
        actns = [nn.ReLU() for _ in range(len(sizes) - 2)] + [None]
        blocks = [
            LinBnDrop(sizes[i], sizes[i + 1], bn=use_bn and (i != len(actns) - 1 or bn_final),
                      p=p, act=a, lin_first=lin_first)
            for i, (p, a) in enumerate(zip([*ps, 0.0], actns, strict=True))
        ]  # fmt: skip
        if y_range is not None:
            blocks.append(SigmoidRange(*y_range))
        self.layers = nn.Sequential(*blocks)

    def forward(self, x_cat, x_cont=None):
        x = torch.cat([e(x_cat[:, i]) for i, e in enumerate(self.embeds)], 1)
        x = self.emb_drop(x)
        if self.n_cont != 0:
            if self.bn_cont is not None:
                x_cont = self.bn_cont(x_cont)
            x = torch.cat([x, x_cont], 1)
        return self.layers(x)


class CollabNN(nn.Module):
    """The book's."""

    def __init__(self, user_sz, item_sz, y_range=(0, 5.5), n_act=100):
        super().__init__()
        self.user_factors = nn.Embedding(*user_sz)
        self.item_factors = nn.Embedding(*item_sz)
        self.layers = nn.Sequential(
            nn.Linear(user_sz[1] + item_sz[1], n_act), nn.ReLU(), nn.Linear(n_act, 1)
        )
        self.y_range = y_range

    def forward(self, x):
        embs = self.user_factors(x[:, 0]), self.item_factors(x[:, 1])
        x = self.layers(torch.cat(embs, dim=1))
        return sigmoid_range(x, *self.y_range)


class EmbeddingNet(nn.Module):
    """The lesson's, of fastai 0.7; its ratings are from 0.5 to 5."""

    def __init__(self, n_users, n_movies, nh=10, p1=0.05, p2=0.5, n_factors=50):
        super().__init__()
        self.u, self.m = (nn.Embedding(n, n_factors) for n in (n_users, n_movies))
        self.lin1 = nn.Linear(n_factors * 2, nh)
        self.lin2 = nn.Linear(nh, 1)
        self.drop1, self.drop2 = nn.Dropout(p1), nn.Dropout(p2)

    def forward(self, cats, conts=None):
        users, movies = cats[:, 0], cats[:, 1]
        x = self.drop1(torch.cat([self.u(users), self.m(movies)], dim=1))
        x = self.drop2(F.relu(self.lin1(x)))
        return torch.sigmoid(self.lin2(x)) * (5.0 - 0.5 + 1) + 0.5 - 0.5


def state_of(model):
    """Return a state dict as arrays."""
    return {name: value.detach().numpy().copy() for name, value in model.state_dict().items()}


def gradients(model, pred, d_pred):
    """Return {name: gradient} of <d_pred, pred>, as arrays; zero where nothing is made of it."""
    model.zero_grad(set_to_none=True)
    pred.backward(torch.from_numpy(d_pred))
    return {name: (torch.zeros_like(p) if p.grad is None else p.grad).numpy().copy()
            for name, p in model.named_parameters()}  # fmt: skip
