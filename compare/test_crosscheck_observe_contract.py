"""Facts of the contract, the optimizer that was meant, precision, fastai's Learner."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from npcf.crosscheck.judge import judge
from npcf.crosscheck.observe import observe
from npcf.crosscheck.verdict import WRONG
from npcf.errors import SettingError, UsageError

USERS, ITEMS = np.array([0, 3, 2, 2]), np.array([1, 0, 4, 3])
RATING = torch.tensor([3.0, 4.0, 2.0, 5.0])
Y_RANGE = (0.0, 5.5)
HAS_FASTAI = importlib.util.find_spec("fastai") is not None
needs_fastai = pytest.mark.skipif(not HAS_FASTAI, reason="fastai is not installed: make peers")


class Model(nn.Module):
    """Four tables."""

    def __init__(self, dtype=torch.float32, **options):
        super().__init__()
        torch.manual_seed(0)
        options["dtype"] = dtype
        self.u, self.m = nn.Embedding(6, 3, **options), nn.Embedding(9, 3, **options)
        self.ub, self.mb = nn.Embedding(6, 1, **options), nn.Embedding(9, 1, **options)
        self.drop = nn.Dropout(0.0)

    def forward(self, x):
        dot = torch.einsum("bk,bk->b", self.drop(self.u(x[:, 0])), self.m(x[:, 1]))
        logit = dot + self.ub(x[:, 0]).squeeze(1) + self.mb(x[:, 1]).squeeze(1)
        return torch.sigmoid(logit) * 5.5


def seen_of(model, **more):
    return observe(model, USERS, ITEMS, RATING, y_range=Y_RANGE, **more)


def facts(model, **more):
    return {fact.name: fact.wrong for fact in seen_of(model, **more).facts}


def wrong_stages(evidence):
    return [stage.name for stage in judge(evidence) if stage.verdict == WRONG]


def tied(model):
    model.m = nn.Embedding(6, 3)
    model.m.weight = nn.Parameter(model.u.weight.data)
    model.mb = nn.Embedding(6, 1)
    return model


def with_dropout(model):
    model.drop.p = 0.5
    return model


def frozen(model):
    model.ub.weight.requires_grad_(False)
    return model


def mixed(model):
    model.ub.double()
    return model


def with_more(model):
    model.more = nn.Linear(3, 3)
    return model


@pytest.mark.parametrize(("change", "found"), [
    (lambda model: model, {}),
    (tied, {"tied-tables": True}),
    (with_dropout, {"training-mode": False, "random-output": True}),
    (lambda model: with_dropout(model).eval(), {}),
    (frozen, {"frozen": False}),
    (mixed, {"mixed-dtypes": False}),
    (with_more, {"extra-parameters": False}),
])  # fmt: skip
def test_facts_of_a_model(change, found):
    assert facts(change(Model())) == found


def test_facts_of_an_optimizer():
    model = Model()
    ps = list(model.parameters())
    sgd = torch.optim.SGD
    assert facts(model, optimizer=sgd(ps, lr=0.1)) == {}
    assert facts(model, optimizer=sgd(ps[:3], lr=0.1)) == {"in-no-group": True}
    other = sgd(Model().parameters(), lr=0.1)
    assert facts(model, optimizer=other) == {"optimizer-of-another-model": True}
    twice = sgd(ps, lr=0.1)
    twice.param_groups[0]["params"].append(ps[0])
    assert facts(model, optimizer=twice)["in-two-groups"]
    more = sgd([*ps, nn.Parameter(torch.zeros(3))], lr=0.1)
    assert facts(model, optimizer=more) == {"strange-parameters": False}
    meant = {"optimizer": "sgd", "lr": 0.2}
    assert facts(model, optimizer=sgd(ps, lr=0.1), intended=meant) == {"another-rate": False}


def test_a_live_optimizer_alone_cannot_show_its_own_mistakes():
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    evidence = seen_of(model, optimizer=optimizer)
    assert evidence.intended.live
    assert any("intended=dict(" in note for note in evidence.notes)
    meant = {"optimizer": "adam", "lr": 0.1}
    other = seen_of(model, optimizer=optimizer, intended=meant)
    assert (evidence.intended.settings["decoupled"], other.intended.settings["decoupled"]) == (
        True, False,
    )  # fmt: skip
    assert (wrong_stages(evidence), wrong_stages(other)) == ([], ["step"])


def test_groups_are_settings_of_tables():
    model = Model()
    groups = [{"params": [model.u.weight, model.m.weight]},
              {"params": [model.ub.weight, model.mb.weight], "weight_decay": 0.0}]  # fmt: skip
    evidence = seen_of(model, optimizer=torch.optim.AdamW(groups, lr=0.1, weight_decay=0.3))
    assert evidence.intended.settings_of("user_factors")["weight_decay"] == 0.3
    assert evidence.intended.settings_of("item_bias")["weight_decay"] == 0.0
    assert wrong_stages(evidence) == []


@pytest.mark.parametrize(("said", "error"), [
    ({"lr": 1}, UsageError), ({"optimizer": "adm"}, SettingError), (3, UsageError),
    ({"optimizer": "sgd", "wd": 1}, SettingError), ({"optimizer": "sgd", "lr": "x"}, SettingError),
    ({"optimizer": "adam", "betas": 0.9}, UsageError),
])  # fmt: skip
def test_what_is_meant_is_checked(said, error):
    with pytest.raises(error, match="intended"):
        seen_of(Model(), intended=said)


@pytest.mark.parametrize(("sparse", "make"), [
    (True, torch.optim.SparseAdam), (True, torch.optim.SGD), (False, torch.optim.SGD),
])  # fmt: skip
def test_steps_are_given_gradients_as_the_model_makes_them(sparse, make):
    model = Model(sparse=sparse)
    evidence = seen_of(model, optimizer=make(list(model.parameters()), lr=0.1))
    assert bool(evidence.seen[1].sparse) == sparse
    assert wrong_stages(evidence) == []


def test_an_optimizer_that_refuses_sparse_gradients_is_an_observation():
    model = Model(sparse=True)
    evidence = seen_of(model, optimizer=torch.optim.AdamW(model.parameters(), lr=0.1))
    assert evidence.stepped[0].tables[-1].kind == "RuntimeError"
    assert wrong_stages(evidence) == ["step"]


def test_state_in_the_middle_of_training_is_the_one_said():
    model = Model(torch.float64)
    make = {"lr": 0.1, "amsgrad": True}
    evidence = seen_of(model, optimizer=torch.optim.Adam(model.parameters(), **make))
    fresh, middle = evidence.stepped
    assert fresh.state is None
    assert middle.state["t"] == 7
    twin = {name: nn.Parameter(torch.from_numpy(w.copy())) for name, w in middle.tables[0].items()}
    other = torch.optim.Adam(twin.values(), **make)
    keys = {"m": "exp_avg", "v": "exp_avg_sq", "vmax": "max_exp_avg_sq"}
    for name, p in twin.items():
        other.state[p] = {"step": torch.tensor(7.0)} | {
            theirs: torch.from_numpy(middle.state[f"{ours}/{name}"].copy())
            for ours, theirs in keys.items()
        }
        p.grad = torch.from_numpy(middle.gradients[0][name].copy())
    other.step()
    for name, p in twin.items():
        assert np.array_equal(p.detach().numpy(), middle.tables[1][name])


class Cast(Model):
    """Computes the dot in bfloat16 by hand: a mistake, and not a precision that was asked for."""

    def forward(self, x):
        return super().forward(x).bfloat16().float()


class Inner(Model):
    """Autocast inside."""

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(x)


@pytest.mark.parametrize(("model", "name"), [
    (Model(), "float32"), (Model(torch.float64), "float64"), (Model(torch.bfloat16), "bfloat16"),
    (Inner(), "bfloat16"), (Cast(), "float32"),
], ids=["float32", "float64", "bfloat16", "autocast", "cast"])  # fmt: skip
def test_the_precision_is_told(model, name):
    evidence = seen_of(model)
    assert evidence.computes_in == name
    assert wrong_stages(evidence)[:1] == (["output"] if type(model) is Cast else [])


def test_autocast_around_the_check():
    with torch.autocast("cpu", torch.bfloat16):
        evidence = seen_of(Model())
    assert evidence.computes_in == "bfloat16"


@needs_fastai
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("decouple", [True, False])
@pytest.mark.parametrize("kind", ["Adam", "SGD", "RMSProp"])
def test_fastai_optimizers(kind, decouple):
    from fastai import optimizer

    model = Model()
    options = {"mom": 0.9} if kind == "SGD" else {}
    made = getattr(optimizer, kind)(list(model.parameters()), lr=0.1, wd=0.2, decouple_wd=decouple,
                                    **options)  # fmt: skip
    evidence = seen_of(model, optimizer=made)
    assert evidence.intended.settings["weight_decay"] == 0.2
    assert len(evidence.stepped) == 2
    assert wrong_stages(evidence) == []


@needs_fastai
@pytest.mark.filterwarnings("ignore")
def test_fastai_learner():
    import pandas as pd
    from fastai.collab import CollabDataLoaders, collab_learner

    frame = pd.DataFrame({"u": USERS.repeat(20), "i": ITEMS.repeat(20), "r": RATING.repeat(20)})
    dls = CollabDataLoaders.from_df(frame, bs=16, seed=0)
    learner = collab_learner(dls, n_factors=4, y_range=(0, 5.5))
    evidence = observe(learner, USERS, ITEMS % 4, RATING.double()[:, None], y_range=(0, 5.5))
    assert learner.opt is None
    assert evidence.mapped_by == "name"
    assert evidence.intended.settings["betas"] == (0.9, 0.99)
    assert wrong_stages(evidence) == []
