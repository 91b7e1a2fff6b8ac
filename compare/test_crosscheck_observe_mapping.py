"""Which parameter is which table: by name, by shape, by probing, by hand; or said plainly."""

import numpy as np
import pytest
import torch
from torch import nn

from npcf.crosscheck.judge import judge
from npcf.crosscheck.observe import observe
from npcf.errors import NpcfError, UsageError

USERS, ITEMS, RATING = np.array([0, 3, 2]), np.array([1, 0, 3]), np.array([3.0, 4.0, 2.0])


class Named(nn.Module):
    """The right model, its tables under any names: user's first."""

    def __init__(self, names, n_users=6, n_items=9, k=3, swapped=False, column=True):
        super().__init__()
        torch.manual_seed(0)
        self.names = names
        wide = (n_users, k), (n_items, k), (n_users, 1), (n_items, 1)
        order = reversed(range(len(names))) if swapped else range(len(names))
        for j in order:  # in which they are registered must not matter
            size = wide[j] if column or j < 2 else wide[j][:1]
            setattr(self, names[j], nn.Parameter(torch.randn(size)))

    def forward(self, x):
        rows = [getattr(self, name)[x[:, j % 2]] for j, name in enumerate(self.names)]
        out = (rows[0] * rows[1]).sum(1)
        return out + sum(row.reshape(len(x)) for row in rows[2:])


def paths(model, **more):
    evidence = observe(model, USERS, ITEMS, RATING, y_range=None, **more)
    return evidence, list(evidence.paths.values())


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("sizes", [(6, 9), (7, 7), (9, 6)])
@pytest.mark.parametrize("column", [True, False])
@pytest.mark.parametrize(
    "names", [("a", "c", "d", "e"), ("user_emb", "movie_emb", "user_b", "movie_b"),
              ("P", "Q", "bu", "bi"), ("x1", "x2")]
)  # fmt: skip
def test_every_table_is_found(names, sizes, column, swapped):
    evidence, found = paths(Named(names, *sizes, swapped=swapped, column=column))
    assert found == list(names)
    assert evidence.mapped_by == ("name" if names[0] in ("user_emb", "P") else "probing")
    square = sizes[0] == sizes[1] and evidence.mapped_by == "probing"
    assert any("taken to be column 0" in note for note in evidence.notes) == square


def test_sizes_decide():
    evidence, found = paths(Named(("a", "c", "d", "e")), n_users=6, n_items=9)
    assert (evidence.mapped_by, found) == ("shape", ["a", "c", "d", "e"])


def test_names_are_believed_where_the_model_mixes_its_tables_up():
    model = Named(("item_factors", "user_factors"), 7, 7)
    evidence, _ = paths(model)
    assert evidence.paths["user_factors"] == "user_factors"


def test_by_hand():
    model = Named(("user_b", "movie_b", "a", "c"), 6, 6)
    said = {"user_factors": "user_b", "item_factors": "movie_b", "user_bias": "a", "item_bias": "c"}
    evidence = observe((model, said), USERS, ITEMS, RATING, y_range=None)
    assert evidence.paths == said
    assert evidence.mapped_by == "hand"
    for wrong in (
        {"user_factors": "none", "item_factors": "a"},
        {"users": "a"},
        {"user_bias": "a"},
    ):
        with pytest.raises(UsageError):
            observe((model, wrong), USERS, ITEMS, RATING, y_range=None)


class Functions:
    """Ways to hand a model over."""

    model = Named(("P", "Q", "bu", "bi"))

    def method(self, x):
        return self.model(x)


WAYS = {
    "dict": {"model": Functions.model, "epoch": 3},
    "parallel": nn.DataParallel(Functions.model),
    "averaged": torch.optim.swa_utils.AveragedModel(Functions.model),
    "function": lambda x, model=Functions.model: model(x),
    "columns": lambda users, items, m=Functions.model: m(torch.stack([users, items], 1)),
}


@pytest.mark.parametrize("way", WAYS)
def test_wrapped(way):
    evidence = observe(WAYS[way], USERS, ITEMS, RATING, y_range=None)
    assert [path.rpartition(".")[2] for path in evidence.paths.values()] == ["P", "Q", "bu", "bi"]
    plain = observe(Functions.model, USERS, ITEMS, RATING, y_range=None)
    for seen, other in zip(evidence.seen, plain.seen, strict=True):
        assert np.array_equal(seen.output, other.output)
        assert np.array_equal(seen.gradients["item_bias"], other.gradients["item_bias"])


def test_functional_tensors():
    """A function of tensors that are named by hand; gradients, too."""
    tables = {
        name: torch.randn(5, 2, requires_grad=True) for name in ("user_factors", "item_factors")
    }
    f = lambda u, i: (tables["user_factors"][u] * tables["item_factors"][i]).sum(1)  # noqa: E731
    before = {name: table.detach().clone() for name, table in tables.items()}
    evidence = observe((f, tables), USERS, ITEMS, RATING, y_range=None)
    assert evidence.seen[1].gradients["user_factors"].any()
    assert all(torch.equal(before[name], table) for name, table in tables.items())
    assert all(table.grad is None for table in tables.values())


@pytest.mark.parametrize("model", [
    3, Named, {}, {"a": Functions.model, "b": Functions.model}, nn.Linear(2, 3), abs, nn.ReLU(),
    Named(("user_a", "user_b", "c", "d", "e")[:1]),
], ids=repr)  # fmt: skip
def test_what_cannot_be_mapped_is_refused_with_a_cure(model):
    with pytest.raises(NpcfError, match="model"):
        observe(model, USERS, ITEMS, RATING, y_range=None)


@pytest.mark.parametrize("batch", [
    (USERS, ITEMS, RATING[:2]), (USERS[:2], ITEMS, RATING), (USERS + 0.5, ITEMS, RATING),
    (USERS[None], ITEMS, RATING), ([], [], []), (USERS, ITEMS, ["a", "b", "c"]),
], ids=repr)  # fmt: skip
def test_a_batch_that_is_none_is_refused(batch):
    with pytest.raises(NpcfError):
        observe(Functions.model, *batch, y_range=None)


class WithMean(Named):
    """Adds a mean that is held in one of three ways."""

    def __init__(self, way):
        super().__init__(("P", "Q", "bu", "bi"))
        if way == "buffer":
            self.register_buffer("global_mean", torch.tensor(0.37))
        else:
            self.global_mean = nn.Parameter(torch.tensor([0.37])) if way == "parameter" else 0.37

    def forward(self, x):
        return super().forward(x) + self.global_mean


@pytest.mark.parametrize("way", ["parameter", "buffer", "attribute"])
def test_a_mean_is_known_by_its_name(way):
    evidence = observe(WithMean(way), USERS, ITEMS, RATING, y_range=None)
    assert evidence.mean == (0.37 if way == "attribute" else np.float32(0.37))
    assert not evidence.facts
    assert [stage.verdict for stage in judge(evidence) if stage.name == "output"] == ["right"]
