"""Model files of others: known by their content; the code that the error prints converts them.

Those of PyTorch are in `compare/test_other_files.py`.
"""

import gzip
import pathlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import npcf
from npcf.cli import main
from npcf.errors import DataError
from npcf.training import load

safetensors = pytest.importorskip("safetensors")
from safetensors.numpy import save_file  # noqa: E402

FRAME = pd.DataFrame({"user": [1, 1, 2] * 3, "item": [5, 6, 5] * 3, "rating": [4.0, 1.0, 5.0] * 3})
ROWS = np.random.default_rng(0).integers(-9, 9, (3, 2)).astype(np.float32) / 4  # in bfloat16 too
STATE = {"u_weight.weight": ROWS, "i_weight.weight": ROWS, "u_bias.weight": ROWS[:, :1],
         "i_bias.weight": ROWS[:, :1]}  # fmt: skip
CONVERTED = {
    "tables.npz": ("np.savez", lambda path: np.savez(path, **STATE)),
    "packed.npz": ("np.savez", lambda path: np.savez_compressed(path, **STATE)),
    "tables.safetensors": ("safetensors", lambda path: save_file(STATE, path)),
    "tables.pkl": ("pickle, which runs code", lambda path: Path(path).write_bytes(
        pickle.dumps(STATE))),
}  # fmt: skip


def code_of(cure):
    return cure.partition("trained on: ")[2]


def assert_converted(name, words, names, capsys):
    """Assert that the file `name`, here, is refused by `words`, and that its cure converts it."""
    FRAME.to_csv("ratings.csv", index=False)
    FRAME.iloc[:1, :2].to_csv("pairs.csv", index=False)
    assert main(["predict", name, "pairs.csv"]) == 1
    said = capsys.readouterr().err
    assert words in said
    with pytest.raises(DataError, match="path: ") as raised:
        load(name)
    assert raised.value.cure in said
    exec(code_of(raised.value.cure), names)
    np.testing.assert_array_equal(load("model.npcf").model.params["user_factors"], ROWS)
    assert main(["predict", "model.npcf", "pairs.csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("name", CONVERTED)
def test_the_cure_converts_the_file(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words, write = CONVERTED[name]
    write(name)
    names = {"npcf": npcf, "pathlib": pathlib, "np": np, "pickle": pickle}
    assert_converted(name, words, names | {"safetensors": safetensors}, capsys)


OTHERS = {
    "array.npy": ("a NumPy array", lambda path: np.save(path, ROWS)),
    "model.npcf.gz": ("compressed with gzip", lambda path: Path(path).write_bytes(
        gzip.compress(b"x"))),
    "pairs.csv": ("a table of text.*a file of npcf train --save", lambda path: FRAME.to_csv(path)),
    "page.npcf": ("a web page", lambda path: Path(path).write_text("<!DOCTYPE html><html>")),
    "pointer.npcf": ("Git LFS", lambda path: Path(path).write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n")),
    "keras.h5": ("HDF5", lambda path: Path(path).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90))),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_named(name, tmp_path):
    words, write = OTHERS[name]
    write(str(tmp_path / name))
    with pytest.raises(DataError, match=words):
        load(tmp_path / name)


NONE_OF_THESE = [
    b"", b"PK\x03\x04", b"\x80", b"\x80\x02", bytes(99), b"{}", b"PK\x03\x04" + bytes(99),
    b"\x10" + bytes(7) + b"{" * 16,
]  # fmt: skip


@pytest.mark.parametrize("content", NONE_OF_THESE)
def test_what_is_none_of_these_is_damaged(content, tmp_path):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(DataError, match=r"damaged or was not written by npcf"):
        load(tmp_path / "model")


def test_a_damaged_file_of_npcf_is_not_taken_for_another_s(tmp_path):
    dls = npcf.data.CollabDataLoaders.from_df(FRAME, seed=0)
    npcf.Learner(dls, npcf.models.DotProductBiasEmb(3, 3, 2)).save(tmp_path / "model")
    whole = (tmp_path / "model").read_bytes()
    for cut in (len(whole) - 1, len(whole) // 2, 100, 9):
        (tmp_path / "model").write_bytes(whole[:cut])
        with pytest.raises(DataError, match="damaged or was not written by npcf"):
            load(tmp_path / "model")
