"""Networks against PyTorch: names, bits of states, predictions, gradients, statistics."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given
from hypothesis import strategies as st

from compare import torch_networks as oracle
from compare.limits import NETWORK
from compare.network_bounds import tolerances
from compare.recorded import fixture
from npcf import models, ops
from npcf.optim import fastai_adam
from npcf.verify import assert_same_bits, assert_within
from tests.backends import both_backends, every_backend

dtypes = st.sampled_from([np.float32, np.float64])


@st.composite
def tabular(draw):
    """Settings of fastai's model: one to four fields, columns or none, any order of the layers."""
    sizes = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=4))
    return {
        "emb_szs": sizes,
        "layers": draw(st.lists(st.integers(1, 4), max_size=2)),
        "n_cont": draw(st.sampled_from([0, 0, 2])),
        "y_range": draw(st.sampled_from([None, (0, 5.5)])),
        "use_bn": draw(st.booleans()),
        "bn_final": draw(st.booleans()),
        "bn_cont": draw(st.booleans()),
        "lin_first": draw(st.booleans()),
    }


def twins(settings, dtype, seed):
    """Return torch's model with drawn weights and statistics, and npcf's of its state."""
    torch.manual_seed(seed)
    theirs = oracle.TabularModel(**settings).to(torch.from_numpy(np.zeros(1, dtype)).dtype)
    with torch.no_grad():
        for name, value in theirs.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.normal_()
    ours = models.EmbeddingNN.from_state(theirs.state_dict(), y_range=settings["y_range"])
    return theirs, ours


def batch(rng, theirs, settings, dtype, size):
    """Return ids with duplicates, columns or None, and an upstream gradient."""
    x = np.stack([rng.integers(0, n, size) for n, _ in settings["emb_szs"]], axis=1)
    conts = rng.normal(size=(size, settings["n_cont"])).astype(dtype)
    return x, conts if settings["n_cont"] else None, rng.normal(size=(size, 1)).astype(dtype)


@given(settings=tabular(), dtype=dtypes, seed=st.integers(0, 2**16), size=st.integers(2, 6),
       training=st.booleans())  # fmt: skip
@both_backends
def test_fastais_model_in_training_and_in_evaluation(
    backend, settings, dtype, seed, size, training
):
    theirs, ours = twins(settings, dtype, seed)
    assert [*ours.state()] == [*theirs.state_dict()]
    rng, names = np.random.default_rng(seed), ours.state_names()
    for _ in range(2):  # the second step from the statistics that the first has moved
        x, conts, d_pred = batch(rng, theirs, settings, dtype, size)
        theirs.train(training)
        want = theirs(torch.from_numpy(x), None if conts is None else torch.from_numpy(conts))
        d_want = oracle.gradients(theirs, want, d_pred)
        allowed = tolerances(ours, x, conts, d_pred, training)
        pred, cache = ours.forward(x, conts, training=training, backend=backend)
        grads = ours.backward(d_pred, cache)
        assert_within(pred, want.detach().numpy(), allowed.pred, "pred")
        assert grads.keys() == ours.params.keys()
        for name, grad in grads.items():
            assert_within(grad, d_want[names[name]], allowed.grads[name], name)
        state = oracle.state_of(theirs)
        for name, room in allowed.running.items():
            assert_within(ours.buffers[name], state[names[name]], room, name)
        if not training:
            break
        ours = models.EmbeddingNN.from_state(state, y_range=settings["y_range"])


@given(settings=tabular(), dtype=dtypes, seed=st.integers(0, 2**16))
def test_a_state_goes_both_ways_to_the_bit(settings, dtype, seed):
    theirs, ours = twins(settings, dtype, seed)
    state, want = ours.state(), oracle.state_of(theirs)
    assert [*state] == [*want]
    for name, array in state.items():
        assert array.dtype == want[name].dtype
        assert_same_bits(array, want[name], name)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    held = {n for n, p in theirs.named_parameters() if "bn" in n or n.endswith(".bias")
            or p.ndim == 1}  # fmt: skip
    assert {ours.state_names()[name] for name in ours.undecayed} == held


@pytest.mark.parametrize("name", ["CollabNN", "EmbeddingNet"])
@given(dtype=dtypes, seed=st.integers(0, 2**16), size=st.integers(1, 6))
def test_the_books_and_the_lessons_network(name, dtype, seed, size):
    torch.manual_seed(seed)
    sizes = ((4, 2), (7, 3)) if name == "CollabNN" else (4, 7)
    options = {"n_act": 5} if name == "CollabNN" else {"nh": 5, "n_factors": 3}
    theirs = getattr(oracle, name)(*sizes, **options).to(torch.from_numpy(np.zeros(1, dtype)).dtype)
    ours = getattr(models, name).from_state(theirs.state_dict())
    assert [*ours.state()] == [*theirs.state_dict()]
    rng = np.random.default_rng(seed)
    x = np.stack([rng.integers(0, n, size) for n in (4, 7)], axis=1)
    d_pred = rng.normal(size=(size, 1)).astype(dtype)
    want = theirs.eval()(torch.from_numpy(x))
    allowed = tolerances(ours, x, None, d_pred, False)
    pred, cache = ours.forward(x)
    assert_within(pred, want.detach().numpy(), allowed.pred, "pred")
    d_want = oracle.gradients(theirs, want, d_pred)
    for ours_name, grad in ours.backward(d_pred, cache).items():
        want_grad = d_want[ours.state_names()[ours_name]]
        assert_within(grad, want_grad, allowed.grads[ours_name], ours_name)
    fresh = getattr(models, name)(*sizes, **options)
    assert {n: a.shape for n, a in fresh.state().items()} == {
        n: tuple(a.shape) for n, a in theirs.state_dict().items()
    }


@given(seed=st.integers(0, 2**16), p=st.sampled_from([0.25, 0.5]))
def test_dropouts_with_torchs_masks(seed, p):
    """Masks are drawn as torch's dropouts draw them, and given by the names of these."""
    settings = {"emb_szs": [(3, 2), (4, 3)], "layers": [4, 3], "ps": [p, p], "embed_p": p}
    torch.manual_seed(seed)
    theirs, seen = oracle.TabularModel(**settings).double(), {}

    def masked(name):
        def forward(x):
            noise = F.dropout(torch.ones_like(x), p)  # as torch draws it: 0 or 1 / (1 - p)
            seen[name] = (noise != 0).numpy()
            return x * noise

        return forward

    for name, module in theirs.named_modules():
        if isinstance(module, torch.nn.Dropout):
            module.forward = masked(name)
    ours = models.EmbeddingNN.from_state(theirs.state_dict(), ps=[p, p], embed_p=p)
    rng = np.random.default_rng(seed)
    x = np.stack([rng.integers(0, n, 6) for n in (3, 4)], axis=1)
    want = theirs(torch.from_numpy(x))
    pred, cache = ours.forward(x, training=True, keep=seen)
    assert {*seen} == {"emb_drop", "layers.0.3", "layers.1.3"}
    d_want = oracle.gradients(theirs, want, np.ones((6, 1)))
    largest = max(float(np.abs(grad).max(initial=1.0)) for grad in d_want.values())
    assert np.abs(pred - want.detach().numpy()).max() <= NETWORK.limit
    for name, grad in ours.backward(np.ones((6, 1)), cache).items():
        difference = np.abs(grad - d_want[ours.state_names()[name]]).max(initial=0.0)
        assert difference <= NETWORK.limit * largest, name


@every_backend
def test_the_recorded_run_of_fastai(backend):
    """200 steps of the real fastai's: its decay spares biases and normalisations."""
    with np.load(fixture("nn_emb_f64_200"), allow_pickle=False) as recording:
        run = {key: recording[key] for key in recording.files}
    keys, do_wd = json.loads(str(run["keys"])), json.loads(str(run["do_wd"]))
    m = models.EmbeddingNN.from_state({k: run[f"init/{k}"] for k in keys}, y_range=(0, 5.5))
    assert [*m.state()] == keys
    names = m.state_names()
    assert {names[name] for name in m.undecayed} == {k for k in do_wd if not do_wd[k]}
    opt = fastai_adam(m.params)
    for i in range(200 if backend is ops else 10):
        opt.lr, opt.momentum = float(run["lr"][i]), float(run["mom"][i])
        opt.weight_decay = m.decay(float(run["wd"][i]))
        x = np.stack([run["user"][i], run["item"][i]], axis=1)
        pred, cache = m.forward(x, training=True, backend=backend)
        loss, loss_cache = backend.mse_forward(pred[:, 0], run["rating"][i])
        opt.step(m.backward(backend.mse_backward(1.0, loss_cache), cache))
        assert abs(loss - run["step_loss"][i]) <= NETWORK.limit, i
        state = m.state()
        for name in keys if f"step{i + 1}/{keys[0]}" in run else ():
            want = run[f"step{i + 1}/{name}"]
            assert np.abs(state[name] - want).max(initial=0.0) <= NETWORK.limit, (i, name)
