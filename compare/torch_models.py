"""The oracle: every model, loss, optimiser and schedule once more, in plain PyTorch.

Written from the sources and not from npcf: autograd for gradients, torch.optim for steps, the
lessons' own `forward` bodies.  This is the only file of the project that imports torch.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")


def single_thread_and_warm() -> None:
    """Make the oracle repeatable: one thread, and no operation in its first call.

    PyTorch's vector maths may return badly rounded sqrt and exp while threads race for its first
    dispatch (pytorch issue 188792).
    """
    torch.set_num_threads(1)
    for dtype in (torch.float32, torch.float64):
        x = torch.linspace(0.1, 9, 1000, dtype=dtype)
        for f in (torch.sqrt, torch.exp, torch.sigmoid):
            f(x)


def to_torch(array) -> torch.Tensor:
    """Copy an array into a tensor of the same dtype; ids become int64."""
    array = np.array(array)
    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iu" else array)


# ---- models: the forward bodies of the sources ------------------------------------------------


class DotProduct(nn.Module):
    """Lesson 5, without parameters."""

    def forward(self, u, m):
        return (u * m).sum(1)


class EmbeddingDot(nn.Module):
    """Lesson 5 notebook; `column` as in the post's `ret.view(ret.size()[0], 1)`."""

    def __init__(self, user_factors, item_factors, y_range=None, column=False):
        super().__init__()
        self.u = nn.Embedding.from_pretrained(user_factors, freeze=False)
        self.m = nn.Embedding.from_pretrained(item_factors, freeze=False)
        self.column = column

    def forward(self, cats, conts=None):
        users, movies = cats[:, 0], cats[:, 1]
        u, m = self.u(users), self.m(movies)
        ret = (u * m).sum(1)
        return ret.view(ret.size()[0], 1) if self.column else ret

    def tables(self):
        return dict(zip(NAMES, (self.u.weight, self.m.weight), strict=False))


class TwoTableDotProduct(nn.Module):
    """The book's `DotProduct(Module)`, the second one where `y_range` is given."""

    def __init__(self, user_factors, item_factors, y_range=None):
        super().__init__()
        self.y_range = y_range
        self.user_factors = nn.Embedding.from_pretrained(user_factors, freeze=False)
        self.movie_factors = nn.Embedding.from_pretrained(item_factors, freeze=False)

    def forward(self, x):
        users = self.user_factors(x[:, 0])
        movies = self.movie_factors(x[:, 1])
        dot = (users * movies).sum(dim=1)
        return dot if self.y_range is None else sigmoid_range(dot, *self.y_range)

    def tables(self):
        tables = (self.user_factors.weight, self.movie_factors.weight)
        return dict(zip(NAMES, tables, strict=False))


def sigmoid_range(x, low, high):
    return torch.sigmoid(x) * (high - low) + low


class EmbeddingDotBias(nn.Module):
    """Lesson 5 notebook: bias columns, squeezed."""

    def __init__(self, user_factors, item_factors, user_bias, item_bias, y_range=None):
        super().__init__()
        columns = user_bias[:, None].clone(), item_bias[:, None].clone()
        self.u, self.m, self.ub, self.mb = (
            nn.Embedding.from_pretrained(w, freeze=False)
            for w in (user_factors, item_factors, *columns)
        )
        self.y_range = y_range

    def forward(self, cats, conts=None):
        users, movies = cats[:, 0], cats[:, 1]
        um = (self.u(users) * self.m(movies)).sum(1)
        res = um + self.ub(users).squeeze(1) + self.mb(movies).squeeze(1)
        return res if self.y_range is None else sigmoid_range(res, *self.y_range)

    def tables(self):
        return dict(zip(NAMES, (e.weight for e in (self.u, self.m, self.ub, self.mb)), strict=True))


class DotProductBiasEmb(nn.Module):
    """The book on Embedding tables, `keepdim=True`."""

    def __init__(self, user_factors, item_factors, user_bias, item_bias, y_range=(0, 5.5)):
        super().__init__()
        self.user_factors = nn.Embedding.from_pretrained(user_factors, freeze=False)
        self.user_bias = nn.Embedding.from_pretrained(user_bias[:, None].clone(), freeze=False)
        self.movie_factors = nn.Embedding.from_pretrained(item_factors, freeze=False)
        self.movie_bias = nn.Embedding.from_pretrained(item_bias[:, None].clone(), freeze=False)
        self.y_range = y_range

    def forward(self, x):
        users = self.user_factors(x[:, 0])
        movies = self.movie_factors(x[:, 1])
        res = (users * movies).sum(dim=1, keepdim=True)
        res += self.user_bias(x[:, 0]) + self.movie_bias(x[:, 1])
        return res if self.y_range is None else sigmoid_range(res, *self.y_range)

    def tables(self):
        layers = (self.user_factors, self.movie_factors, self.user_bias, self.movie_bias)
        return dict(zip(NAMES, (layer.weight for layer in layers), strict=True))


class DotProductBiasCP(nn.Module):
    """The book on `create_params` arrays."""

    def __init__(self, user_factors, item_factors, user_bias, item_bias, y_range=(0, 5.5)):
        super().__init__()
        self.user_factors, self.movie_factors = map(nn.Parameter, (user_factors, item_factors))
        self.user_bias, self.movie_bias = map(nn.Parameter, (user_bias, item_bias))
        self.y_range = y_range

    def forward(self, x):
        users = self.user_factors[x[:, 0]]
        movies = self.movie_factors[x[:, 1]]
        res = (users * movies).sum(dim=1)
        res += self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]]
        return res if self.y_range is None else sigmoid_range(res, *self.y_range)

    def tables(self):
        tables = (self.user_factors, self.movie_factors, self.user_bias, self.movie_bias)
        return dict(zip(NAMES, tables, strict=True))


class WithMean(DotProductBiasCP):
    """Koren's baseline: a constant mean beside the two biases, here inside the range."""

    def __init__(self, *tables, mean=0.0, **options):
        super().__init__(*tables, **options)
        self.mean = mean

    def forward(self, x):
        users = self.user_factors[x[:, 0]]
        movies = self.movie_factors[x[:, 1]]
        res = (users * movies).sum(dim=1)
        res += self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]]
        res += self.mean
        return res if self.y_range is None else sigmoid_range(res, *self.y_range)


def build(cls, params, y_range, **options):
    """Return an oracle model holding copies of npcf's `params`, biases (n,) or (n, 1)."""
    tables = {name: to_torch(w) for name, w in params.items()}
    tables = {n: t.flatten() if n.endswith("bias") else t for n, t in tables.items()}
    return cls(**tables, y_range=y_range, **options)


def loss_and_gradients(model, x, rating):
    """Return (pred, loss, {name: gradient}) as arrays; the loss flattens as MSELossFlat does."""
    pred = model(x)
    loss = F.mse_loss(pred.view(-1), rating)
    tables = model.tables()
    for table in tables.values():
        table.grad = None
    loss.backward()
    grads = {name: table.grad.numpy().copy() for name, table in tables.items()}
    return pred.detach().numpy(), loss.detach().numpy(), grads


# ---- optimisers -------------------------------------------------------------------------------


class DecoupledSGD(torch.optim.SGD):
    """torch.optim.SGD after fastai's `weight_decay` step callback: p *= 1 - lr * wd."""

    def __init__(self, params, decoupled_decay, **options):
        super().__init__(params, **options)
        self.decoupled_decay = decoupled_decay

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * self.decoupled_decay)
        return super().step(closure)


def sgd(tables, setting):
    options = {k: v for k, v in setting.items() if k not in ("decoupled", "weight_decay")}
    decay = setting["weight_decay"]
    if setting["decoupled"]:
        return DecoupledSGD(tables, decay, **options)
    return torch.optim.SGD(tables, weight_decay=decay, **options)


def adam(tables, setting):
    options = {k: v for k, v in setting.items() if k != "decoupled"}
    cls = torch.optim.AdamW if setting["decoupled"] else torch.optim.Adam
    return cls(tables, foreach=False, **options)


class DecoupledRMSprop(torch.optim.RMSprop):
    """torch.optim.RMSprop after a decoupled decay, p *= 1 - lr * wd."""

    def __init__(self, params, decoupled_decay, **options):
        super().__init__(params, **options)
        self.decoupled_decay = decoupled_decay

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * self.decoupled_decay)
        return super().step(closure)


def rmsprop(tables, setting):
    options = {k: v for k, v in setting.items() if k not in ("decoupled", "weight_decay")}
    decay = setting["weight_decay"]
    if setting["decoupled"]:
        return DecoupledRMSprop(tables, decay, foreach=False, **options)
    return torch.optim.RMSprop(tables, weight_decay=decay, foreach=False, **options)


def grouped(cls, tables, settings, common):
    """Return a torch optimiser with a parameter group for each table and its own settings."""
    groups = [{"params": [table]} | settings[name] for name, table in tables.items()]
    return cls(groups, **common)


def sparse_run(cls, setting, params, touched, d_outs):
    """Return the tables after steps on the gradients of nn.Embedding(sparse=True)."""
    layers = {
        name: nn.Embedding.from_pretrained(to_torch(table), freeze=False, sparse=True)
        for name, table in params.items()
    }
    optimizer = cls([layer.weight for layer in layers.values()], **setting)
    for ids, d_out in zip(touched, d_outs, strict=True):
        optimizer.zero_grad()
        for name, layer in layers.items():
            layer(to_torch(ids[name])).backward(to_torch(d_out[name]))
        optimizer.step()
    return {name: layer.weight.detach().numpy() for name, layer in layers.items()}


class FastaiAdam(torch.optim.Optimizer):
    """The steps of fastai 2.8's Adam: weight_decay or l2_reg, average_grad(dampening=True)."""

    def __init__(self, tables, lr, mom, sqr_mom, eps, wd, decouple_wd):
        settings = {"mom": mom, "sqr_mom": sqr_mom, "eps": eps, "wd": wd, "decouple": decouple_wd}
        super().__init__(tables, {"lr": lr} | settings)

    @torch.no_grad()
    def step(self, closure=None):
        for h in self.param_groups:
            for p in h["params"]:
                state = self.state[p]
                if h["decouple"] and h["wd"] != 0:
                    p.mul_(1 - h["lr"] * h["wd"])
                elif h["wd"] != 0:
                    p.grad.add_(p, alpha=h["wd"])
                average = state.setdefault("grad_avg", torch.zeros_like(p))
                average.mul_(h["mom"]).add_(p.grad, alpha=1 - h["mom"])
                square = state.setdefault("sqr_avg", torch.zeros_like(p))
                square.mul_(h["sqr_mom"]).addcmul_(p.grad, p.grad, value=1 - h["sqr_mom"])
                state["step"] = state.get("step", 0) + 1
                debias1 = debias(h["mom"], 1 - h["mom"], state["step"])
                debias2 = debias(h["sqr_mom"], 1 - h["sqr_mom"], state["step"])
                denominator = (square / debias2).sqrt() + h["eps"]
                p.addcdiv_(average, denominator, value=-h["lr"] / debias1)


def debias(mom, damp, step):
    return damp * (1 - mom**step) / (1 - mom)


def step_with(optimizer, tables, grads):
    """Take one step with given gradients."""
    for name, table in tables.items():
        table.grad = to_torch(grads[name]).view(table.shape)
    optimizer.step()


def parameters(arrays):
    """Return {name: Parameter} with copies of `arrays`."""
    return {name: nn.Parameter(to_torch(array)) for name, array in arrays.items()}


def one_step(optimizer, table, g, state):
    """Take one step from the given state; return the table and the state, all as arrays."""
    optimizer.state[table].update(
        {name: to_torch(x) if isinstance(x, np.ndarray) else x for name, x in state.items()}
    )
    table.grad = to_torch(g)
    optimizer.step()
    after = optimizer.state[table]
    return table.detach().numpy(), {n: x.numpy() for n, x in after.items() if x is not None}


def one_sgd_step(w, g, buf, setting):
    """Return (w, buf) after one step; a buffer of None is torch's before the first."""
    table = nn.Parameter(to_torch(w))
    state = {} if buf is None else {"momentum_buffer": buf}
    w, after = one_step(sgd([table], setting), table, g, state)
    return w, after.get("momentum_buffer")


def one_adam_step(w, g, m, v, t, setting):
    """Return (w, m, v) after step t."""
    table = nn.Parameter(to_torch(w))
    state = {"step": torch.tensor(float(t - 1)), "exp_avg": m, "exp_avg_sq": v}
    w, after = one_step(adam([table], setting), table, g, state)
    return w, after["exp_avg"], after["exp_avg_sq"]


def one_sparse_adam_step(w, g, m, v, t, setting):
    """Return (w, m, v) after step t, every entry a touched row."""
    table = nn.Parameter(to_torch(w)[:, None])
    optimizer = torch.optim.SparseAdam([table], **setting)
    optimizer.state[table].update(
        {"step": t - 1, "exp_avg": to_torch(m)[:, None], "exp_avg_sq": to_torch(v)[:, None]}
    )
    rows = torch.arange(len(w))[None, :]
    table.grad = torch.sparse_coo_tensor(
        rows, to_torch(g)[:, None], table.shape, check_invariants=True
    )
    optimizer.step()
    after = optimizer.state[table]
    moments = (after["exp_avg"].numpy()[:, 0], after["exp_avg_sq"].numpy()[:, 0])
    return (table.detach().numpy()[:, 0], *moments)


def one_rmsprop_step(w, g, v, a, buf, setting):
    """Return (w, v, a, buf) after one step; what the setting does not use is returned as it was."""
    table = nn.Parameter(to_torch(w))
    state = {"step": torch.tensor(1.0), "square_avg": v, "grad_avg": a, "momentum_buffer": buf}
    w, after = one_step(rmsprop([table], setting), table, g, state)
    return w, after["square_avg"], after["grad_avg"], after["momentum_buffer"]


# ---- schedules and permutations ---------------------------------------------------------------


def fastai_one_cycle(n_epochs, per_epoch, lr_max, div, div_final, pct_start, moms):
    """Return (lr, mom) of fastai's fit_one_cycle, from its combine_scheds on a float32 tensor."""
    limits = torch.cumsum(torch.tensor([0, pct_start, 1 - pct_start]), 0)

    def anneal(points, position):
        phase = min((position >= limits).nonzero().max(), len(limits) - 2)
        place = (position - limits[phase]) / (limits[phase + 1] - limits[phase])
        start, end = points[phase], points[phase + 1]
        return start + (1 + math.cos(math.pi * (1 - place.item()))) * (end - start) / 2

    lr, mom = [], []
    for epoch in range(n_epochs):
        position = epoch / n_epochs
        for _ in range(per_epoch):
            lr.append(anneal((lr_max / div, lr_max, lr_max / div_final), position))
            mom.append(anneal(moms, position))
            position += 1.0 / (per_epoch * n_epochs)
    return np.array(lr), np.array(mom)


def cosine_annealing(n_steps, lr_max, lr_min):
    """Return the learning rates of torch's CosineAnnealingLR(T_max=n_steps)."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr_max)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps, eta_min=lr_min)
    values = []
    for _ in range(n_steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return np.array(values)


def scheduled(name, n_steps, lr, **options):
    """Return (lr, momentum) at each step of a schedule of torch.optim.lr_scheduler."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    schedule = getattr(torch.optim.lr_scheduler, name)(optimizer, **options)
    values = []
    for _ in range(n_steps):
        group = optimizer.param_groups[0]
        values.append((group["lr"], group["momentum"]))
        optimizer.step()
        if len(values) < n_steps:
            schedule.step()
    lrs, moms = np.array(values).T
    return lrs, moms


def randperm(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(n, generator=generator).numpy()


# ---- single operations ------------------------------------------------------------------------


def embedding(weight, ids, d_out, padding_idx=None, scale_grad_by_freq=False):
    """Return (looked-up rows, gradient of the table) of nn.functional.embedding."""
    table = to_torch(weight).requires_grad_()
    out = F.embedding(
        to_torch(ids), table, padding_idx=padding_idx, scale_grad_by_freq=scale_grad_by_freq
    )
    out.backward(to_torch(d_out))
    return out.detach().numpy(), table.grad.numpy()


def renormalised(weight, ids, max_norm):
    """Return the table after nn.functional.embedding(max_norm=...) has looked up `ids`."""
    table = to_torch(weight)
    F.embedding(to_torch(ids), table, max_norm=max_norm)
    return table.numpy()


def indexed(weight, ids, d_out):
    """Return (rows, gradient) of `weight[ids]`, what create_params tables do."""
    table = to_torch(weight).requires_grad_()
    out = table[to_torch(ids)]
    out.backward(to_torch(d_out))
    return out.detach().numpy(), table.grad.numpy()


def exp(x):
    """Return torch's exp."""
    return torch.exp(to_torch(x)).numpy()


def sqrt(x):
    """Return torch's square root."""
    return torch.sqrt(to_torch(x)).numpy()


def row_dot(left, right, d_out):
    """Return (out, d_left, d_right) of the lesson's DotProduct."""
    left, right = (to_torch(x).requires_grad_() for x in (left, right))
    out = DotProduct()(left, right)
    out.backward(to_torch(d_out))
    return out.detach().numpy(), left.grad.numpy(), right.grad.numpy()


def bias(dot, user_bias, item_bias, users, items, d_out):
    """Return (out, d_dot, d_user_bias, d_item_bias) of two biases added by nn.Embedding."""
    leaves = [to_torch(x).requires_grad_() for x in (dot, user_bias[:, None], item_bias[:, None])]
    dot, *tables = leaves
    looked_up = [
        F.embedding(to_torch(ids), table).squeeze(1)
        for ids, table in zip((users, items), tables, strict=True)
    ]
    out = dot + looked_up[0] + looked_up[1]
    out.backward(to_torch(d_out))
    grads = [leaf.grad.numpy() for leaf in leaves]
    return (out.detach().numpy(), grads[0], *(grad[:, 0] for grad in grads[1:]))


def mse(pred, rating, d_loss):
    """Return (loss, gradient of pred)."""
    pred = to_torch(pred).requires_grad_()
    loss = F.mse_loss(pred, to_torch(rating))
    loss.backward(torch.tensor(d_loss, dtype=loss.dtype))
    return loss.detach().numpy(), pred.grad.numpy()


def range_of(x, low, high, d_out):
    """Return (s, output, gradient of x) of sigmoid_range."""
    x = to_torch(x).requires_grad_()
    s = torch.sigmoid(x)
    out = s * (high - low) + low
    out.backward(to_torch(d_out))
    return s.detach().numpy(), out.detach().numpy(), x.grad.numpy()


def linear(x, weight):
    """Return nn.functional.linear(x, weight) = x @ weight.T."""
    return F.linear(to_torch(x), to_torch(weight)).numpy()


def refuses(ids, n_rows):
    """Return whether nn.Embedding refuses `ids` (as they are, without a cast)."""
    try:
        F.embedding(torch.from_numpy(np.array(ids)), torch.zeros(n_rows, 2))
    except (IndexError, RuntimeError):
        return True
    return False


def broadcast_mse(pred, rating):
    """Return torch's MSE of two shapes that broadcast; it warns."""
    return float(F.mse_loss(to_torch(pred), to_torch(rating)))
