"""Models as people write them: right ones are found right, wrong ones wrong, however called."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import npcf
from npcf.cli import main
from npcf.errors import UsageError

N_USERS, N_ITEMS, K = 11, 14, 3
RNG = np.random.default_rng(2)
USERS, ITEMS = RNG.integers(1, N_USERS, 20), RNG.integers(1, N_ITEMS, 20)
RATING = (RNG.integers(1, 11, 20) / 2).astype(np.float32)


class Model(nn.Module):
    """Dot product with the biases of some sides; `wrong` subtracts what should be added."""

    def __init__(self, sides=("user", "item"), wrong=False, **options):
        super().__init__()
        self.user_factors = nn.Embedding(N_USERS, K, **options)
        self.item_factors = nn.Embedding(N_ITEMS, K, **options)
        self.sides, self.wrong = sides, wrong
        for side in sides:
            n = N_USERS if side == "user" else N_ITEMS
            setattr(self, f"{side}_bias", nn.Embedding(n, 1, **options))

    def of(self, users, items):
        res = (self.user_factors(users) * self.item_factors(items)).sum(1)
        for side in self.sides:
            bias = getattr(self, f"{side}_bias")(users if side == "user" else items).squeeze(1)
            res = res - bias if self.wrong else res + bias
        return torch.sigmoid(res) * 5.5

    def forward(self, x):
        return self.of(x[:, 0], x[:, 1])


class OfPair(Model):
    """Called with a tuple of two columns."""

    def forward(self, batch):
        users, items = batch
        return self.of(users, items)


class OfDict(Model):
    """Called with a batch as loaders make it."""

    def forward(self, batch):
        return self.of(batch["userId"], batch["movie"])


class OfMore(Model):
    """Needs more than ids."""

    def forward(self, users, items, rating):
        return self.of(users, items)


class WithHidden(Model):
    """Returns more than predictions."""

    def forward(self, x):
        return super().forward(x), x


def check(model, **options):
    return npcf.crosscheck(model, USERS, ITEMS, RATING, **options)


@pytest.mark.parametrize("cls", [Model, OfPair, OfDict])
def test_a_model_is_called_as_it_takes_its_ids(cls):
    assert check(cls()).ok
    report = check(cls(wrong=True))
    assert report.failed_stage == "output"
    assert report.diagnosis[0].name == "biases_subtracted"
    shown = {}  # the reduced example is called in the same way
    exec(report.reduced.code, {"model": cls(wrong=True), "print": shown.__setitem__})
    assert np.array_equal(np.float32(shown["yours:"]), np.float32(report.reduced.seen))


def test_a_partial_has_its_model_found():
    assert check(partial(Model())).ok


@pytest.mark.parametrize(("model", "problem", "cured"), [
    (OfMore(), "takes users, items, rating", lambda model, x: model(x[:, 0], x[:, 1], None)),
    (WithHidden(), "returns a tuple", lambda model, x: model(x)[0]),
])  # fmt: skip
def test_what_is_no_function_of_ids_is_refused_with_a_way(model, problem, cured):
    with pytest.raises(UsageError, match=problem):
        check(model)
    assert check(lambda x: cured(model, x)).ok


@pytest.mark.parametrize("side", ["user", "item"])
def test_a_bias_of_one_side_alone(side):
    report = check(Model([side]), optimizer=None)
    assert report.ok
    assert any(f"{side}_bias is the only bias" in note for note in report.notes)
    assert check(Model([side], wrong=True)).failed_stage == "output"
    model = Model([side])
    adam = torch.optim.AdamW(model.parameters(), lr=0.1)
    assert check(model, optimizer=adam, step=training_step(model, adam)).ok


def training_step(model, optimizer):
    def step(x, rating):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), rating)
        loss.backward()
        optimizer.step()
        return loss

    return step


@pytest.mark.parametrize("names", [("user_factors",), ("user_bias", "item_bias"), None])
def test_frozen_tables_have_no_gradient_and_are_right(names):
    model = Model()
    for name in names or ("user_factors", "item_factors", "user_bias", "item_bias"):
        getattr(model, name).requires_grad_(False)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    report = check(model, optimizer=sgd, step=names and training_step(model, sgd))
    assert report.ok, report
    assert report.stage("contract").verdict == "suspicious"  # it is said, all the same


def test_a_frozen_table_that_moves_is_wrong():
    model = Model()
    model.user_bias.requires_grad_(False)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    step = training_step(model, sgd)

    def decays(x, rating):
        model.user_bias.weight.data *= 0.9
        return step(x, rating)

    assert check(model, optimizer=sgd, step=decays).failed_stage == "step"


@pytest.mark.parametrize("make", [
    partial(torch.optim.SGD, lr=0.1, weight_decay=0.1), torch.optim.Adam
])  # fmt: skip
def test_an_optimizer_that_refuses_sparse_gradients_is_an_observation(make):
    model = Model(sparse=True)
    report = check(model, optimizer=make(model.parameters()))
    assert report.failed_stage == "step"
    assert "step 1 along planted gradients, from a fresh state: RuntimeError" in str(
        report.stage("step").message
    )


def test_a_padding_row_that_no_id_names_is_left_out_and_said():
    model = Model(padding_idx=0)
    report = check(model, optimizer=torch.optim.AdamW(model.parameters()))
    assert report.ok
    assert "Row 0 of the user tables is padding" in report.stage("contract").message
    users = np.r_[0, USERS[1:]]  # here row 0 is somebody, who is never trained
    report = npcf.crosscheck(model, users, ITEMS, RATING)
    assert report.failed_stage == "gradient"
    assert report.stage("gradient").worst.where.endswith(("user 0", "user 0, factor 0"))


def arrays(dtype):
    rng = np.random.default_rng(7)
    shapes = {"user_factors": (N_USERS, K), "item_factors": (N_ITEMS, K), "user_bias": (N_USERS,),
              "item_bias": (N_ITEMS, 1)}  # fmt: skip
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("sign", "found"), [(1, None), (-1, "output")])
def test_a_function_of_arrays(dtype, sign, found):
    w = arrays(dtype)
    before = {name: table.tobytes() for name, table in w.items()}

    def predict(users, items):
        dot = (w["user_factors"][users] * w["item_factors"][items]).sum(1)
        logit = dot + w["user_bias"][users] + sign * w["item_bias"][items, 0]
        return dtype(5.5) / (1 + np.exp(-logit))

    report = check((predict, w), loss=lambda pred, rating: ((pred - rating) ** 2).mean())
    assert report.failed_stage == found
    assert report.stage("loss").verdict == "right"
    assert report.stage("gradient").verdict == "not seen"
    assert any("a function of arrays" in note for note in report.notes)
    assert {name: table.tobytes() for name, table in w.items()} == before
    if found:
        assert report.diagnosis[0].name == "item_bias_subtracted"
    with pytest.raises(UsageError, match="cannot be written to"):
        check((predict, {name: table.astype(int) for name, table in w.items()}))


def test_a_pair_model_of_npcf_is_one():
    flat = {name: w.reshape(-1) if "bias" in name else w for name, w in arrays(np.float32).items()}
    assert check(npcf.models.PairModel(flat, (0, 5.5))).ok


def test_a_check_loads_no_compiler_and_no_algebra():
    code = (
        "import sys, torch, npcf\n"
        "class M(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.user, self.item = torch.nn.Embedding(5, 2), torch.nn.Embedding(6, 2)\n"
        "    def forward(self, x):\n"
        "        return (self.user(x[:, 0]) * self.item(x[:, 1])).sum(1)\n"
        "assert npcf.crosscheck(M(), [0, 1], [1, 5], [1.0, 2.0], y_range=None).ok\n"
        "print({'sympy', 'torch._dynamo'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_a_factory_that_exits_is_no_verdict(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaves.py").write_text("def make():\n    raise SystemExit('bye')\n")
    (tmp_path / "b.csv").write_text("user,item,rating\n0,1,3\n")
    assert main(["crosscheck", "leaves:make", "--ratings", "b.csv"]) == 2
    assert "SystemExit: bye" in capsys.readouterr().err
