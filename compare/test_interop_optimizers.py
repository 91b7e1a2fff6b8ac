"""State of torch's and fastai's optimisers, in and out: training goes on to the bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from npcf.errors import UsageError
from npcf.interop import convert, optimizer_from_state, optimizer_to_state
from npcf.verify import assert_same_bits

N_USERS, N_ITEMS, K = 5, 4, 3


class Net(torch.nn.Module):
    """fastai's layers; none of the four sizes is another's."""

    def __init__(self, sparse=False, dtype=torch.float32):
        super().__init__()
        for name, n, k in (
            ("u_weight", N_USERS, K),
            ("i_weight", N_ITEMS, K),
            ("u_bias", N_USERS, 1),
            ("i_bias", N_ITEMS, 1),
        ):
            setattr(self, name, torch.nn.Embedding(n, k, sparse=sparse, dtype=dtype))

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        dot = (self.u_weight(users) * self.i_weight(items)).sum(1)
        return dot + self.u_bias(users)[:, 0] + self.i_bias(items)[:, 0]


OPTIM = torch.optim
MAKERS = {
    "SGD": lambda p: OPTIM.SGD(p, lr=0.1),
    "SGD with momentum": lambda p: OPTIM.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "SGD dampened": lambda p: OPTIM.SGD(p, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "Adam": lambda p: OPTIM.Adam(p, lr=0.1, weight_decay=0.1, betas=(0.8, 0.99)),
    "AdamW": lambda p: OPTIM.AdamW(p, lr=0.1, weight_decay=0.1),
    "SparseAdam": lambda p: OPTIM.SparseAdam(p, lr=0.1, eps=1e-6),
    "RMSprop": lambda p: OPTIM.RMSprop(p, lr=0.1, alpha=0.9),
    "RMSprop centred": lambda p: OPTIM.RMSprop(p, lr=0.1, centered=True, momentum=0.9),
    "groups": lambda p: OPTIM.AdamW(
        [{"params": p[:2], "lr": 0.2}, {"params": p[2:], "weight_decay": 0.0}], lr=0.1
    ),
}


def fastai_makers():
    fast = pytest.importorskip("fastai.optimizer")
    return {
        "fastai SGD": lambda p: fast.SGD(p, lr=0.1, mom=0.9, wd=0.1),
        "fastai SGD coupled": lambda p: fast.SGD(p, lr=0.1, wd=0.1, decouple_wd=False),
        "fastai Adam": lambda p: fast.Adam(p, lr=0.1),
        "fastai Adam in groups": lambda p: fast.Adam([p[:2], p[2:]], lr=0.1),
        "fastai RMSProp": lambda p: fast.RMSProp(p, lr=0.1, wd=0.1),
    }


def trained(make, n, seed, sparse, dtype):
    net = Net(sparse, dtype)
    generator = torch.Generator().manual_seed(seed)
    for p in net.parameters():
        p.data.normal_(generator=generator)
    opt = make(list(net.parameters()))
    train(net, opt, n, generator)
    return net, opt, generator


def train(net, opt, n, generator):
    for _ in range(n):
        x = torch.stack(
            [torch.randint(0, size, (6,), generator=generator) for size in (N_USERS, N_ITEMS)], 1
        )
        opt.zero_grad()
        ((net(x) - 3) ** 2).mean().backward()
        opt.step()


def goes_on(make, n, seed, sparse=False, dtype=torch.float32):
    """Hand the state to npcf and back to a fresh optimiser; train on with both; return npcf's."""
    net, opt, generator = trained(make, n, seed, sparse, dtype)
    names = [name for name, _ in net.named_parameters()]
    held = optimizer_from_state(opt, convert(net, "npcf"), names)
    twin = Net(sparse, dtype)
    twin.load_state_dict(net.state_dict())
    fresh = make(list(twin.parameters()))
    for groups in (getattr(fresh, "hypers", None) or fresh.param_groups,):
        for group in groups:
            group["lr"] = 7.0  # comes back with the state
    fresh.load_state_dict(optimizer_to_state(held, fresh, names))
    same = torch.Generator().set_state(generator.get_state())
    train(net, opt, 2, generator)
    train(twin, fresh, 2, same)
    for (name, ours), (_, theirs) in zip(
        twin.named_parameters(), net.named_parameters(), strict=True
    ):
        assert_same_bits(ours.detach().numpy(), theirs.detach().numpy(), name)
    return held


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=5)
@given(n=st.integers(0, 3), seed=st.integers(0, 2**32), double=st.booleans())
def test_training_goes_on_as_if_nothing_had_happened(name, n, seed, double):
    goes_on(MAKERS[name], n, seed, name == "SparseAdam", (torch.float32, torch.float64)[double])


@pytest.mark.parametrize("n", [0, 3])
def test_training_with_fastai_goes_on(n):
    for make in fastai_makers().values():
        if n:
            goes_on(make, n, 0)


def test_what_is_held_is_the_state_itself():
    net, opt, _ = trained(MAKERS["Adam"], 3, 0, False, torch.float32)
    names = list(net.state_dict())
    held = optimizer_from_state(opt.state_dict(), convert(net, "npcf"), names)
    assert (held.t, held.betas, held.weight_decay, held.decoupled) == (3, (0.8, 0.99), 0.1, False)
    own = opt.state[net.u_bias.weight]
    assert_same_bits(held.m["user_bias"], own["exp_avg"].numpy()[:, 0])
    assert_same_bits(held.v["user_bias"], own["exp_avg_sq"].numpy()[:, 0])
    held.m["user_bias"][...] = np.inf  # a copy
    assert torch.isfinite(own["exp_avg"]).all()


def test_groups_become_mappings():
    net, opt, _ = trained(MAKERS["groups"], 1, 0, False, torch.float32)
    held = optimizer_from_state(opt, convert(net, "npcf"), list(net.state_dict()))
    assert held.lr == {"user_factors": 0.2, "item_factors": 0.2, "user_bias": 0.1, "item_bias": 0.1}
    assert held.weight_decay["user_bias"] == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: OPTIM.Adam(p, amsgrad=True), "amsgrad=True"),
        (lambda p: OPTIM.SGD(p, maximize=True), "maximize=True"),
        (lambda p: OPTIM.NAdam(p), "momentum_decay"),
        (lambda p: OPTIM.RAdam(p), "no rule that npcf has"),
    ],
)
def test_rules_that_npcf_has_not_are_named(make, words):
    net, opt, _ = trained(make, 1, 0, False, torch.float32)
    with pytest.raises(UsageError, match=words):
        optimizer_from_state(opt, convert(net, "npcf"), list(net.state_dict()))


def test_names_in_another_order_are_seen_by_their_sizes():
    net, opt, _ = trained(MAKERS["Adam"], 1, 0, False, torch.float32)
    with pytest.raises(UsageError, match="in the order of the optimiser"):
        optimizer_from_state(opt, convert(net, "npcf"), list(net.state_dict())[::-1])


def test_an_adam_does_not_become_an_adamw():
    net, opt, _ = trained(MAKERS["Adam"], 1, 0, False, torch.float32)
    names = list(net.state_dict())
    held = optimizer_from_state(opt, convert(net, "npcf"), names)
    with pytest.raises(UsageError, match="decouple"):
        optimizer_to_state(held, MAKERS["AdamW"](list(net.parameters())), names)
    with pytest.raises(UsageError, match="is Adam, and the target SGD"):
        optimizer_to_state(held, MAKERS["SGD"](list(net.parameters())), names)
