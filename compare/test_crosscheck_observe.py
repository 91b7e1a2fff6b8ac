"""What is seen of live torch models: every number is the model's own, and nothing is changed."""

import numpy as np
import pytest
import torch

from compare import torch_models
from npcf import models
from npcf.crosscheck.observe import observe

Y_RANGE = (0.5, 5.5)
CLASSES = (
    torch_models.DotProductBiasEmb, torch_models.DotProductBiasCP, torch_models.EmbeddingDotBias
)  # fmt: skip


def build(cls=torch_models.DotProductBiasCP, n_users=9, n_items=7, k=3, dtype=np.float64):
    params = models.init_params(n_users, n_items, k, np.random.default_rng(0), dtype)
    return torch_models.build(cls, params, Y_RANGE)


def batch(n_users=9, n_items=7, n=8):
    rng = np.random.default_rng(1)
    return rng.integers(0, n_users, n), rng.integers(0, n_items, n), rng.uniform(1, 5, n)


def bits(model, optimizer=None):
    """Everything that must stay, as bytes."""
    tensors = [*model.state_dict().values(), torch.get_rng_state()]
    tensors += [p.grad for p in model.parameters() if p.grad is not None]
    if optimizer is not None:
        held = [v for state in optimizer.state.values() for v in state.values()]
        tensors += [v for v in held if torch.is_tensor(v)]
    return [t.detach().numpy().tobytes() for t in tensors], np.random.get_state()[1].tobytes()  # noqa: NPY002


@pytest.mark.parametrize("cls", CLASSES)
def test_seen_is_what_torch_computes(cls):
    model = build(cls)
    evidence = observe(model, *batch(), y_range=Y_RANGE)
    assert (evidence.n_users, evidence.n_items, evidence.n_factors) == (9, 7, 3)
    names = [seen.probe.name for seen in evidence.seen]
    assert names == ["yours", "designed", "saturated", "one", "square", "low", "large"]
    for seen in evidence.seen:
        probe = seen.probe
        twin = torch_models.build(cls, probe.tables, Y_RANGE)
        output = twin(torch.from_numpy(np.stack([probe.users, probe.items], 1)))
        assert np.array_equal(seen.output, output.detach().numpy())
        output.backward(torch.from_numpy(probe.upstream).reshape(output.shape))
        for name, table in twin.tables().items():
            assert np.array_equal(
                seen.gradients[name], table.grad.numpy().reshape(probe.tables[name].shape)
            )
        pred = torch.from_numpy(seen.prediction).reshape(-1).requires_grad_()
        loss = torch.nn.functional.mse_loss(pred, torch.from_numpy(probe.rating))
        loss.backward(torch.full_like(loss, seen.loss_upstream))
        assert seen.loss[0] == loss.item()
        assert np.array_equal(seen.loss[1], pred.grad.numpy())


def test_steps_and_state_are_left_as_they_were():
    model = build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.3)

    def step(x, rating):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), rating)
        loss.backward()
        optimizer.step()
        return loss

    users, items, rating = batch()
    step(torch.from_numpy(np.stack([users, items], 1)), torch.from_numpy(rating))
    before = bits(model, optimizer)
    evidence = observe(model, users, items, rating, y_range=Y_RANGE, optimizer=optimizer, step=step)
    assert bits(model, optimizer) == before
    assert evidence.intended.rule == "adam"
    assert evidence.intended.settings["weight_decay"] == 0.3
    stepped = evidence.stepped[0]
    twin = [torch.nn.Parameter(torch.from_numpy(w.copy())) for w in stepped.tables[0].values()]
    other = torch.optim.AdamW(twin, lr=0.1, weight_decay=0.3)
    for gradients, after in zip(stepped.gradients, stepped.tables[1:], strict=True):
        for p, g in zip(twin, gradients.values(), strict=True):
            p.grad = torch.from_numpy(g.copy())
        other.step()
        for p, w in zip(twin, after.values(), strict=True):
            assert np.array_equal(p.detach().numpy(), w)
    assert len(evidence.trained.losses) == 4
    assert np.isfinite(evidence.trained.losses).all()
