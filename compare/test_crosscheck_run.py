"""`npcf.crosscheck` on live torch models: the verdict, the reduced example, what is left behind."""

import inspect

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

import npcf
from compare import torch_models
from npcf.crosscheck import CrosscheckCallback, Report
from npcf.verify import assert_crosscheck

CLASSES = (torch_models.DotProductBiasEmb, torch_models.DotProductBiasCP)
Y_RANGE = (0, 5.5)
N_USERS, N_ITEMS = 23, 31
RNG = np.random.default_rng(5)
USERS, ITEMS = RNG.integers(0, N_USERS, 16), RNG.integers(0, N_ITEMS, 16)
RATING = RNG.integers(1, 11, 16) / 2
ADAM = {"lr": 0.01, "weight_decay": 0.1}


def build(cls=torch_models.DotProductBiasEmb, y_range=Y_RANGE, dtype=np.float32):
    params = npcf.models.init_params(N_USERS, N_ITEMS, 6, np.random.default_rng(0), dtype)
    return torch_models.build(cls, params, y_range)


def flat(pred, rating):
    return F.mse_loss(pred.view(-1), rating)


def check(model, **options):
    return npcf.crosscheck(model, USERS, ITEMS, RATING, **options)


class KeepdimLeftOut(torch_models.DotProductBiasEmb):
    """A dot (B,) beside biases (B, 1)."""

    def forward(self, x):
        res = (self.user_factors(x[:, 0]) * self.movie_factors(x[:, 1])).sum(dim=1)
        res = res + self.user_bias(x[:, 0]) + self.movie_bias(x[:, 1])
        return torch_models.sigmoid_range(res, *self.y_range)


class ColumnsSwapped(torch_models.DotProductBiasCP):
    """Items are looked up as users."""

    def forward(self, x):
        return super().forward(x.flip(1))


class ItemsDetached(torch_models.DotProductBiasCP):
    """Item factors get no gradient."""

    def forward(self, x):
        dot = (self.user_factors[x[:, 0]] * self.movie_factors[x[:, 1]].detach()).sum(dim=1)
        res = dot + self.user_bias[x[:, 0]] + self.movie_bias[x[:, 1]]
        return torch_models.sigmoid_range(res, *self.y_range)


def summed(pred, rating):
    return ((pred.view(-1) - rating) ** 2).sum()


def mistakes():
    """Return {name: (model, options, first wrong stage, name in the catalogue)}."""
    adam = build()
    optimizer = torch.optim.Adam(adam.parameters(), **ADAM)
    intended = {"optimizer": "adamw", **ADAM}
    return {
        "keepdim": (build(KeepdimLeftOut), {}, "output", "bias_broadcast_to_a_matrix"),
        "sum for mean": (build(), {"loss": summed}, "loss", "loss_is_the_sum"),
        "all pairs": (build(), {"loss": F.mse_loss}, "loss", "loss_of_all_pairs"),
        "Adam for AdamW": (
            adam,
            {"optimizer": optimizer, "intended": intended},
            "step",
            "decay_coupling_swapped",
        ),
        "swapped columns": (build(ColumnsSwapped), {}, "output", "users_and_items_swapped"),
        "y_range": (build(y_range=(0.5, 5)), {}, "output", "another_range"),
        "items detached": (build(ItemsDetached), {}, "gradient", "gradient_detached"),
    }


MISTAKES = tuple(mistakes())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cls", CLASSES)
def test_the_lessons_classes_are_right(cls, dtype):
    model = build(cls, dtype=dtype)
    optimizer = torch.optim.AdamW(model.parameters(), **ADAM)
    report = assert_crosscheck(
        model, USERS, ITEMS, RATING, y_range=Y_RANGE, loss=flat, optimizer=optimizer
    )
    assert isinstance(report, Report)
    judged = {stage.name for stage in report.stages if stage.n_compared}
    assert judged == {"output", "loss", "gradient", "step"}
    assert report.exit_code == 0
    assert report.reduced is None


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("name", MISTAKES)
def test_the_reduced_example_prints_the_wrong_number_and_the_right_one(name, capsys):
    model, options, stage, mistake = mistakes()[name]
    report = check(model, **options)
    assert report.failed_stage == stage
    assert report.diagnosis[0].name == mistake
    assert report.diagnosis[0].confident
    assert mistake in str(report)
    small = report.reduced
    assert small.stage == stage
    assert len(small.rating) <= 2
    names = {"model": model, "loss": options.get("loss"), "optimizer": options.get("optimizer")}
    try:
        exec(small.code, names)
    except IndexError as error:
        assert name == "swapped columns"
        assert f"# raises IndexError: {error}" in small.code
        return
    yours, right = capsys.readouterr().out.splitlines()
    assert yours.startswith("yours: ")
    assert right.startswith("right: ")
    values = [np.array(eval(line[7:]), np.float32) for line in (yours, right)]
    assert np.array_equal(values[1].ravel(), np.ravel(small.expected))
    if "None" not in yours:
        assert np.array_equal(values[0].ravel(), np.ravel(small.seen).astype(np.float32))
        assert not np.array_equal(values[0].ravel(), values[1].ravel())


def test_nothing_is_left_behind_by_a_check_that_reduces():
    model = build(KeepdimLeftOut)
    model(torch.tensor([[0, 1]])).sum().backward()
    tensors = [*model.parameters(), *(p.grad for p in model.parameters())]
    before = [t.detach().numpy().tobytes() for t in tensors], torch.get_rng_state().tolist()
    assert check(model).reduced is not None
    assert before == ([t.detach().numpy().tobytes() for t in tensors],
                      torch.get_rng_state().tolist())  # fmt: skip


def test_what_is_wrong_fails_an_assertion_with_its_report(crosscheck):
    with pytest.raises(AssertionError, match="WRONG.*loss"):
        crosscheck(build(), USERS, ITEMS, RATING, loss=summed)
    assert crosscheck(build(), USERS, ITEMS, RATING, loss=flat).ok


@pytest.mark.parametrize(
    ("users", "items", "name"),
    [
        (USERS - 1, ITEMS, "ids-beyond-table"),
        (ITEMS, USERS, "swapped-columns"),
        (USERS, ITEMS + 10**6, "ids-beyond-table"),
    ],
)
def test_a_batch_outside_its_tables_fails_in_data_alone(users, items, name):
    report = npcf.crosscheck(build(), users, items, RATING)
    assert [stage.name for stage in report.stages if stage.verdict == "wrong"] == ["data"]
    assert [found.name for found in report.diagnosis] == [name]


def test_a_range_upside_down_is_refused():
    with pytest.raises(npcf.errors.SettingError, match="lower end first"):
        check(build(), y_range=(5, 0))


def test_sizes_that_were_said_are_compared_with_the_tables():
    report = check(build(), n_users=N_USERS, n_items=N_ITEMS)
    assert report.ok
    assert report.stage("data").verdict == "right"


def test_the_module_is_the_function():
    assert inspect.isfunction(npcf.crosscheck.run.crosscheck)
    assert inspect.signature(npcf.crosscheck) == inspect.signature(npcf.crosscheck.run.crosscheck)
    assert npcf.crosscheck.Report is Report


class Learner:
    """What the callback asks of fastai's."""

    def __init__(self, model, loss_func):
        self.model, self.loss_func, self.training = model, loss_func, True
        x = torch.from_numpy(np.stack([USERS, ITEMS], 1))
        self.xb, self.yb = (x,), (torch.from_numpy(RATING.astype(np.float32))[:, None],)
        self.recorder = self
        self.metric_names, self.values = ("epoch", "valid_loss", "_rmse", "time"), []

    def fit(self, callback, n_batches=5):
        callback.learn = self
        callback("before_fit")
        for self.training in (True, False):
            callback("before_train" if self.training else "before_validate")
            for _ in range(n_batches):
                callback("before_batch")
                self.pred = self.model(self.xb[0])
                callback("after_pred")
        callback("after_epoch")


@pytest.mark.parametrize(("loss", "told"), [(flat, 0), (summed, 1)])
def test_a_callback_checks_every_nth_training_batch(loss, told):
    said = []
    callback = CrosscheckCallback(every=2, tell=said.append)
    Learner(build(), loss).fit(callback)
    assert [report.ok for report in callback.reports] == [not told] * 3
    assert len(said) == told
    assert all("before training batch 1:\nWRONG." in text for text in said)


def test_a_callback_holds_the_metrics_against_the_predictions():
    learner = Learner(build(), flat)
    error = learner.model(learner.xb[0]).detach().numpy().ravel() - RATING
    for name, reported in (("", np.sqrt(np.mean(error**2))), ("root-left-out", np.mean(error**2))):
        learner.values = [[1.0, float(reported)]]
        callback = CrosscheckCallback(every=100, tell=lambda text: None)
        learner.fit(callback, 2)
        assert [fact.name for fact in callback.facts] == ([name] if name else [])
