"""Networks of the sources: sizes, first weights, dropouts, columns, the complex step, refusals."""

import numpy as np
import pytest

import npcf
from compare.limits import COMPLEX_STEP
from npcf import data, models, ops
from npcf.errors import SettingError, ShapeError, UsageError
from npcf.verify import assert_same_bits

SIZES = {"user": (4, 2), "item": (5, 3), "genre": (3, 2)}
X = np.array([[0, 4, 1], [3, 0, 2], [0, 1, 1], [2, 4, 0]])
CONTS = np.random.default_rng(5).normal(size=(4, 2))


def network(seed=0, dtype=np.float64, **settings):
    rng = np.random.default_rng(seed)
    m = models.EmbeddingNN(SIZES, [4, 3], n_cont=2, rng=rng, dtype=dtype, **settings)
    for table in m.params.values():
        table += rng.normal(size=table.shape).astype(dtype) / 2
    return m


def test_the_rule_of_widths_is_fastais():
    assert [models.emb_sz_rule(n) for n in (944, 1665, 2, 10**6)] == [74, 102, 2, 600]
    classes = {"user": range(944), "item": range(1665)}
    assert models.get_emb_sz(classes) == [(944, 74), (1665, 102)]
    assert models.get_emb_sz(classes, {"item": 7}) == [(944, 74), (1665, 7)]


@pytest.mark.parametrize(
    "settings",
    [{}, {"use_bn": False}, {"lin_first": False, "bn_final": True},
     {"bn_cont": False, "y_range": (0, 5.5)}], ids=str,
)  # fmt: skip
@pytest.mark.parametrize("training", [True, False])
def test_every_gradient_agrees_with_the_complex_step(settings, training):
    m, step = network(**settings), 2.0**-400
    state = m.buffers
    d_pred = np.random.default_rng(1).normal(size=(4, 1))
    grads = m.backward(d_pred, m.forward(X, CONTS, training=training)[1])
    m.buffers = {n: b.astype(complex) if b.dtype.kind == "f" else b for n, b in state.items()}
    tables = {name: table.astype(complex) for name, table in m.params.items()}
    for name, table in tables.items():
        want = np.empty(table.shape)
        for place in np.ndindex(table.shape):
            m.params = tables | {name: table.copy()}
            m.params[name][place] += 1j * step
            pred, _ = m.forward(X, CONTS.astype(complex), training=training)
            m.buffers = {n: b.real.astype(complex) if b.dtype.kind == "c" else b
                         for n, b in m.buffers.items()}  # fmt: skip
            if not training:
                m.buffers = {n: b.astype(complex) if b.dtype.kind != "i" else b
                             for n, b in state.items()}  # fmt: skip
            want[place] = np.sum(pred.imag / step * d_pred)
        largest = max(np.abs(want).max(), np.abs(d_pred).max())
        assert np.abs(grads[name] - want).max() <= COMPLEX_STEP.limit * largest, name


def test_running_statistics_move_in_training_alone():
    m = network()
    before = {name: array.copy() for name, array in m.buffers.items()}
    m(X, CONTS)
    assert all((m.buffers[name] == array).all() for name, array in before.items())
    m.forward(X, CONTS, training=True)
    moved = [name for name, array in before.items() if (m.buffers[name] != array).any()]
    assert sorted(moved) == sorted(before)
    assert m.buffers["norm_cont_num_batches_tracked"] == 1


def test_a_state_makes_the_same_model():
    m = network(y_range=(0, 5.5))
    m.forward(X, CONTS, training=True)
    again = models.EmbeddingNN.from_state(m.state(), y_range=(0, 5.5))
    assert [*again.params] == [*m.params]
    assert again.state_names() == m.state_names()
    assert_same_bits(again(X, CONTS), m(X, CONTS))
    assert repr(again) == repr(m)
    again.params["embeds_0"][0, 0] += 1
    assert m.params["embeds_0"][0, 0] != again.params["embeds_0"][0, 0]


def test_dropouts_draw_from_the_models_generator():
    """The same seed gives the same masks; in evaluation none is drawn."""
    runs = []
    for _ in range(2):
        m = network(ps=0.5, embed_p=0.25)
        runs.append([m.forward(X, CONTS, training=True)[0] for _ in range(2)])
    assert_same_bits(*(run[0] for run in runs))
    assert_same_bits(*(run[1] for run in runs))
    assert (runs[0][0] != runs[0][1]).any()
    assert_same_bits(m(X, CONTS), m(X, CONTS))


def test_columns_are_ignored_by_networks_without_any():
    m = models.CollabNN((4, 2), (5, 3), n_act=4, rng=np.random.default_rng(0))
    assert_same_bits(m(X[:, :2]), m(X[:, :2], CONTS))
    net = models.EmbeddingNet(4, 5, nh=3, n_factors=2, rng=np.random.default_rng(0))
    assert [*net.state()] == ["u.weight", "m.weight", "lin1.weight", "lin1.bias", "lin2.weight",
                              "lin2.bias"]  # fmt: skip
    pred, cache = net.forward(X[:, :2], training=True)
    assert pred.shape == (4, 1) and ((pred > 0) & (pred < 5.5)).all()
    flat = net.backward(np.ones(4, np.float32), cache)
    for name, grad in net.backward(np.ones((4, 1), np.float32), cache).items():
        assert_same_bits(grad, flat[name])
        assert grad.shape == net.params[name].shape


def test_fastais_exemption_from_decay():
    m = network()
    assert {n for n, wd in m.decay(0.1).items() if wd} == {
        "embeds_0", "embeds_1", "embeds_2", "linear_0_weight", "linear_1_weight", "linear_2_weight",
    }  # fmt: skip


def test_a_batch_of_one_is_for_evaluation():
    m = network()
    assert m(X[:1], CONTS[:1]).shape == (1, 1)
    with pytest.raises(ShapeError, match="one row"):
        m.forward(X[:1], CONTS[:1], training=True)


def test_what_is_refused():
    m, state = network(), network().state()
    with pytest.raises(ShapeError, match=r"x: must be \(B, 3\)"):
        m(X[:, :2], CONTS)
    with pytest.raises(UsageError, match="conts: is missing"):
        m(X)
    with pytest.raises(ShapeError, match=r"conts: must be \(4, 2\)"):
        m(X, CONTS[:, :1])
    with pytest.raises(UsageError, match="cache"):
        m.backward(np.ones((4, 1)), ops.relu_forward(CONTS)[1])
    with pytest.raises(SettingError, match="emb_szs"):
        models.EmbeddingNN(3, [4])
    with pytest.raises(SettingError, match="layers"):
        models.EmbeddingNN([(3, 2)], 4)
    with pytest.raises(ShapeError, match="ps"):
        models.EmbeddingNN([(3, 2)], [4], ps=[0.1, 0.2])
    with pytest.raises(UsageError, match="no layer has"):
        models.EmbeddingNN.from_state(state | {"head.weight": CONTS})
    with pytest.raises(UsageError, match="lacks"):
        models.EmbeddingNN.from_state({n: a for n, a in state.items() if "running_mean" not in n})
    with pytest.raises(UsageError, match=r"embeds\.0\.weight"):
        models.EmbeddingNN.from_state({"u.weight": CONTS})
    with pytest.raises(UsageError, match="takes fewer"):
        models.EmbeddingNN.from_state(state | {"embeds.0.weight": np.ones((4, 20))})
    with pytest.raises(UsageError, match="no matrix"):
        models.EmbeddingNN.from_state(state | {"layers.0.0.weight": np.ones(4)})


def test_a_learner_says_that_a_network_is_trained_step_by_step():
    truth = data.planted(4, 5, 20, n_factors=2, seed=0)
    dls = data.CollabDataLoaders.from_ratings(truth.ratings, rng=np.random.default_rng(0))
    with pytest.raises(UsageError, match="model: is .*EmbeddingNN, no model of pairs"):
        npcf.Learner(dls, models.EmbeddingNN([(4, 2), (5, 2)], [3]))
