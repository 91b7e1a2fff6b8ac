"""Recordings and files of live torch models: the recorder changes nothing, right ones are right."""

import importlib.util
import json
import sys

import pytest
import torch
from torch.nn.functional import mse_loss

from npcf.cli import main
from npcf.crosscheck.from_files import report_of
from npcf.crosscheck.recorder import recorder
from npcf.crosscheck.recordings import evidence_of_recording
from npcf.interop import model_from_state, read_tensors

N_USERS, N_ITEMS, K, BATCH = 20, 15, 4, 16
OPTIM = torch.optim


@pytest.fixture(scope="module")
def make_recorder(tmp_path_factory):
    """The recorder, from the text that is printed, in a file of its own."""
    path = tmp_path_factory.mktemp("elsewhere") / "record.py"
    path.write_text(recorder())
    spec = importlib.util.spec_from_file_location("record", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Recorder


class Book(torch.nn.Module):
    """The book's second form."""

    def __init__(self, dtype=torch.float32, sparse=False, y_range=(0, 5.5)):
        super().__init__()
        sizes = {"user_factors": (N_USERS, K), "user_bias": (N_USERS, 1),
                 "movie_factors": (N_ITEMS, K), "movie_bias": (N_ITEMS, 1)}  # fmt: skip
        for name, size in sizes.items():
            setattr(self, name, torch.nn.Embedding(*size, dtype=dtype, sparse=sparse))
        self.y_range = y_range

    def forward(self, x):
        users, items = x[:, 0], x[:, 1]
        dot = (self.user_factors(users) * self.movie_factors(items)).sum(1, keepdim=True)
        low, high = self.y_range
        return (
            torch.sigmoid(dot + self.user_bias(users) + self.movie_bias(items)) * (high - low) + low
        )


def right_loss(output, rating):
    return mse_loss(output.view(-1), rating)


def train(model, opt, record=None, *, loss=right_loss, clear=True, amp=False, schedule=1.0, n=5):
    generator = torch.Generator().manual_seed(1)
    dtype = next(model.parameters()).dtype
    for _ in range(n):
        sides = [
            torch.randint(0, size, (BATCH,), generator=generator) for size in (N_USERS, N_ITEMS)
        ]
        x, rating = torch.stack(sides, 1), torch.randint(1, 11, (BATCH,), generator=generator) / 2
        rating = rating.to(dtype)
        if clear:
            opt.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            output = model(x)
        value = loss(output, rating)
        value.backward()
        if record is None:
            opt.step()
        else:
            with record.step(x, rating, output, value):
                opt.step()
        for group in opt.param_groups:
            group["lr"] *= schedule


def made(seed=0, make=lambda p: OPTIM.Adam(p, lr=0.01), **options):
    torch.manual_seed(seed)
    model = Book(**options)
    for p in model.parameters():
        p.data.mul_(0.3)
    return model, make(list(model.parameters()))


MAKERS = {
    "SGD": lambda p: OPTIM.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "SGD Nesterov foreach": lambda p: OPTIM.SGD(
        p, lr=0.1, momentum=0.9, nesterov=True, foreach=True
    ),
    "Adam fused": lambda p: OPTIM.Adam(p, lr=0.01, weight_decay=0.1, fused=True),
    "AMSGrad": lambda p: OPTIM.Adam(p, lr=0.01, amsgrad=True),
    "AdamW": lambda p: OPTIM.AdamW(p, lr=0.01),
    "AdamW in groups": lambda p: OPTIM.AdamW(
        [{"params": p[:2], "lr": 0.02}, {"params": p[2:], "weight_decay": 0.0}]
    ),
    "SparseAdam": lambda p: OPTIM.SparseAdam(p, lr=0.01),
    "RMSprop": lambda p: OPTIM.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
}


def bits(model, opt):
    held = [p.detach().numpy().tobytes() for p in model.parameters()]
    grads = [p.grad.to_dense().numpy().tobytes() for p in model.parameters()]
    state = [str(opt.state_dict()["param_groups"])] + [
        (key, value.numpy().tobytes() if torch.is_tensor(value) else value)
        for own in opt.state_dict()["state"].values()
        for key, value in own.items()
    ]
    return held, grads, state, torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("name", MAKERS)
def test_training_that_is_recorded_has_the_same_bits_and_is_right(name, make_recorder, tmp_path):
    runs = []
    for recorded in (False, True):
        model, opt = made(make=MAKERS[name], sparse=name == "SparseAdam")
        record = make_recorder(tmp_path / "run", model, opt, skip=1) if recorded else None
        train(model, opt, record, schedule=0.5 if name == "AdamW" else 1.0)
        runs.append(bits(model, opt))
    assert runs[0] == runs[1]
    report = report_of(evidence_of_recording(read_tensors(tmp_path / "run.safetensors")))
    assert report.ok, str(report)
    assert report.stage("step").n_compared > 3 * K * (N_USERS + N_ITEMS)


@pytest.mark.parametrize("options", [{"dtype": torch.float64}, {}], ids=["float64", "bfloat16"])
def test_other_precisions_are_right(options, make_recorder, tmp_path):
    model, opt = made(**options)
    train(model, opt, make_recorder(tmp_path / "run", model, opt), amp=not options)
    report = report_of(evidence_of_recording(read_tensors(tmp_path / "run.safetensors")))
    assert report.ok, str(report)


def test_what_was_left_out_and_planted_is_found(make_recorder, tmp_path, capsys):
    model, opt = made()
    train(model, opt, make_recorder(tmp_path / "run", model, opt), clear=False)
    assert main(["crosscheck", f"{tmp_path}/run.safetensors", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["failed_stage"] == "step"
    assert "ccumulate" in found["diagnosis"][0]["sentence"]

    def pairs(output, rating):
        return ((output - rating) ** 2).mean()

    model, opt = made()
    train(model, opt, make_recorder(tmp_path / "run", model, opt), loss=pairs)
    assert main(["crosscheck", f"{tmp_path}/run.safetensors", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["failed_stage"], found["diagnosis"][0]["name"]) == ("loss", "loss_of_all_pairs")


def test_adam_where_adamw_was_meant(make_recorder, tmp_path, capsys):
    model, opt = made(make=lambda p: OPTIM.Adam(p, lr=0.01, weight_decay=0.1))
    meant = {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1}
    train(model, opt, make_recorder(tmp_path / "run", model, opt, intended=meant))
    assert main(["crosscheck", f"{tmp_path}/run.safetensors", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["failed_stage"] == "step"
    assert "L2" in str(found["diagnosis"]) or "coupled" in str(found["diagnosis"])


def test_a_parameter_outside_the_optimizer_is_a_broken_contract(make_recorder, tmp_path):
    model, _ = made()
    opt = OPTIM.Adam(list(model.parameters())[:3], lr=0.01)
    train(model, opt, make_recorder(tmp_path / "run", model, opt))
    report = report_of(evidence_of_recording(read_tensors(tmp_path / "run.safetensors")))
    assert report.failed_stage == "contract"


@pytest.mark.parametrize("kind", ["state", "wrapped", "old"])
def test_files_of_torch(kind, tmp_path, capsys):
    model, opt = made()
    state = model.state_dict()
    torch.save(
        {"model": state, "opt": opt.state_dict()} if kind == "wrapped" else state,
        tmp_path / "w.pt", _use_new_zipfile_serialization=kind != "old",
    )  # fmt: skip
    (tmp_path / "r.csv").write_text("user,item,rating\n0,0,3\n19,14,1.5\n0,7,4\n")
    x, rating = torch.tensor([[0, 0], [19, 14], [0, 7]]), torch.tensor([3, 1.5, 4])
    output = model(x)
    right_loss(output, rating).backward()
    torch.save(output.detach(), tmp_path / "o.pt")
    torch.save({name: p.grad for name, p in model.named_parameters()}, tmp_path / "g.pt")
    opt.step()
    torch.save(model.state_dict(), tmp_path / "after.pt")
    line = (f"crosscheck {tmp_path}/w.pt --ratings {tmp_path}/r.csv --outputs {tmp_path}/o.pt "
            f"--gradients {tmp_path}/g.pt --after {tmp_path}/after.pt --y-range 0 5.5 "
            "--optimizer adam --lr")  # fmt: skip
    assert main([*line.split(), "0.01"]) == 0, capsys.readouterr()
    assert main([*line.split(), "0.02"]) == 1


def test_a_factory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "book_of_models", sys.modules[__name__])
    (tmp_path / "r.csv").write_text("user,item,rating\n0,0,3\n19,14,1.5\n0,7,4\n")
    words = ["crosscheck", "book_of_models:made", "--ratings", "r.csv", "--y-range"]
    assert main([*words, "0", "5.5"]) == 0, capsys.readouterr()
    assert main([*words, "0", "6"]) == 1
    assert '"output"' in capsys.readouterr().out


def test_a_model_comes_from_a_state_to_the_bit():
    model, _ = made()
    held = model_from_state(torch.nn.DataParallel(model).state_dict(), (0, 5.5))
    tables = {name: table.detach().numpy() for name, table in model.named_parameters()}
    assert len(tables) == len(held.params) and held.y_range == (0, 5.5)
    for table in held.params.values():
        assert any(table.tobytes() == other.tobytes() for other in tables.values())
