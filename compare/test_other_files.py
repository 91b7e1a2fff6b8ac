"""Model files written by PyTorch: known by their content; the code of the cure converts them."""

import pathlib

import numpy as np
import pytest
import torch

import npcf
from npcf.errors import DataError
from npcf.training import load
from tests.training.test_other_files import STATE, assert_converted


class Net(torch.nn.Module):
    """fastai's layers."""

    def __init__(self):
        super().__init__()
        self.u_weight, self.i_weight = torch.nn.Embedding(3, 2), torch.nn.Embedding(3, 2)
        self.u_bias, self.i_bias = torch.nn.Embedding(3, 1), torch.nn.Embedding(3, 1)
        self.load_state_dict({key: torch.tensor(table) for key, table in STATE.items()})


def tensors():
    return {key: torch.tensor(table) for key, table in STATE.items()}


def parameters():
    return dict(Net().named_parameters())


CONVERTED = {
    "state.pth": lambda path: torch.save(tensors(), path),
    "state of OrderedDict.pth": lambda path: torch.save(Net().state_dict(), path),
    "it's a model.pt": lambda path: torch.save(parameters(), path),
    "learner.pth": lambda path: torch.save({"model": tensors(), "opt": {}}, path),
    "parallel.pth": lambda path: torch.save(torch.nn.DataParallel(Net()).state_dict(), path),
    "old.pth": lambda path: torch.save(tensors(), path, _use_new_zipfile_serialization=False),
    "half.pth": lambda path: torch.save(
        {key: value.bfloat16() for key, value in tensors().items()}, path
    ),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_the_cure_converts_the_file(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    CONVERTED[name](name)
    names = {"npcf": npcf, "pathlib": pathlib, "torch": torch, "np": np}
    assert_converted(name, "torch.save", names, capsys)


def test_a_whole_pickled_module_is_never_loaded_and_its_cure_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = Net()
    torch.save(model, "whole.pth")
    with pytest.raises(DataError, match=r"whole object .*class is in .*test_other_files") as raised:
        load("whole.pth")
    code = raised.value.cure.removeprefix("Save its numbers alone, ").partition(", and")[0]
    exec(code, {"torch": torch, "model": model, "path": "state.pth"})
    with pytest.raises(DataError, match="state.pth was written by torch.save"):
        load("state.pth")
