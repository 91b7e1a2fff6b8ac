"""Exercises of `npcf.teach`: PyTorch's answers are right, and no foreign object breaks a check."""

import pytest
import torch

from npcf.errors import NpcfError
from npcf.teach import exercise

from .foreign_objects import ANYTHING

TABLES = ("user_factors", "item_factors", "user_bias", "item_bias")


def leaf(x, dtype):
    return torch.tensor(x, dtype=dtype, requires_grad=True)


def gradients(out, upstream, *leaves):
    return torch.autograd.grad(out, leaves, torch.as_tensor(upstream, dtype=out.dtype))


def row_dot_forward(dtype, left, right):
    return (leaf(left, dtype) * leaf(right, dtype)).sum(dim=1)


def embedding_backward(dtype, d_out, ids, n_rows):
    weight = torch.zeros(n_rows, d_out.shape[1], dtype=dtype, requires_grad=True)
    return gradients(torch.nn.functional.embedding(torch.tensor(ids), weight), d_out, weight)[0]


def bias(dtype, dot, user_bias, item_bias, users, items, d_out):
    b, c = leaf(user_bias, dtype), leaf(item_bias, dtype)
    out = leaf(dot, dtype) + b[users] + c[items]
    return (out, *gradients(out, d_out, b, c))


def sigmoid_range_forward(dtype, x, low, high):
    return torch.sigmoid(leaf(x, dtype)) * (high - low) + low


def sigmoid_range_backward(dtype, d_out, x, low, high):
    x = leaf(x, dtype)
    return gradients(torch.sigmoid(x) * (high - low) + low, d_out, x)[0]


def mse_forward(dtype, pred, rating):
    return torch.nn.functional.mse_loss(leaf(pred, dtype), torch.tensor(rating, dtype=dtype))


def mse_backward(dtype, pred, rating, d_loss):
    pred = leaf(pred, dtype)
    loss = torch.nn.functional.mse_loss(pred, torch.tensor(rating, dtype=dtype))
    return gradients(loss, d_loss, pred)[0]


def model_backward(dtype, p, q, b, c, users, items, rating, low, high):
    p, q, b, c = leaves = [leaf(table, dtype) for table in (p, q, b, c)]
    x = (p[users] * q[items]).sum(dim=1) + b[users] + c[items]
    loss = torch.nn.functional.mse_loss(
        torch.sigmoid(x) * (high - low) + low, torch.tensor(rating, dtype=dtype)
    )
    found = gradients(loss, 1.0, *leaves)
    return {f"d_{name}": grad for name, grad in zip(TABLES, found, strict=True)}


def stepped(make, dtype, w, g, state):
    """Return the weight after a step, and what the optimiser keeps of it."""
    w = torch.nn.Parameter(torch.tensor(w, dtype=dtype))
    w.grad = torch.tensor(g, dtype=dtype)
    opt = make([w])
    opt.state[w].update({
        name: torch.tensor(x, dtype=torch.float32 if name == "step" else dtype)
        for name, x in state.items()
    })  # fmt: skip
    opt.step()
    return w, opt.state[w]


def sgd_step(dtype, w, g, buf, lr, momentum, dampening, weight_decay):
    def make(params):
        return torch.optim.SGD(params, lr, momentum, dampening, weight_decay)

    w, kept = stepped(make, dtype, w, g, {} if buf is None else {"momentum_buffer": buf})
    return w, kept["momentum_buffer"]


def adam_step(dtype, w, g, m, v, t, lr, *rest, rule=torch.optim.Adam):
    *betas, eps, weight_decay = rest
    state = {"step": t - 1.0, "exp_avg": m, "exp_avg_sq": v}
    w, kept = stepped(lambda ws: rule(ws, lr, tuple(betas), eps, weight_decay), dtype, w, g, state)
    return w, kept["exp_avg"], kept["exp_avg_sq"]


def adamw_step(*args):
    return adam_step(*args, rule=torch.optim.AdamW)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(
    "function",
    [row_dot_forward, embedding_backward, bias, sigmoid_range_forward, sigmoid_range_backward,
     mse_forward, mse_backward, model_backward, sgd_step, adam_step, adamw_step],
)  # fmt: skip
def test_torch_s_answers_are_right(function, dtype):
    for seed in range(10):
        task = exercise(function.__name__, seed)
        verdict = task.check(lambda *x: function(dtype, *x))
        assert verdict, f"seed {seed}: {verdict}"
        assert task.check(function(dtype, *task.inputs.values()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["mse_backward", "adam_step"])
def test_no_foreign_object_breaks_a_check(name):
    """It is an answer, a function, or refused with an error of npcf's."""
    for kind, make in ANYTHING.items():
        task = exercise(name, 0)
        try:
            verdict = task.check(make())
        except NpcfError:
            continue
        assert not verdict and verdict.message, kind
