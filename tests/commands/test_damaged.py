"""Damaged, empty, foreign and future files, given to every verb that reads one: one line."""

import gzip
import io
import os
import zipfile

import numpy as np
import pytest

from npcf.cli import main
from npcf.training import load, safetensors_io

HEADER = "user,item,rating\n"


def packed(content):
    """Return a zip of one csv."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("u.csv", content)
    return buffer.getvalue()


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]


CSV = HEADER + "".join(f"{n % 7},{n % 5},{n % 4 + 1}\n" for n in range(3000))
ZIP, GZIP = packed(CSV), gzip.compress(CSV.encode())
NOISE = np.random.default_rng(0).bytes(3000)
RATINGS = {
    "empty.csv": b"",
    "empty.zip": b"",
    "empty.csv.gz": b"",
    "noise.csv": NOISE,
    "noise.zip": NOISE,
    "noise.csv.gz": NOISE,
    "cut.zip": ZIP[: len(ZIP) // 2],
    "no end.zip": ZIP[:-10],
    "inside.zip": flipped(ZIP, 60),
    "sum.zip": flipped(ZIP, ZIP.index(b"PK\1\2") + 16),  # the checksum that is read
    "cut.csv.gz": GZIP[: len(GZIP) // 2],
    "end.csv.gz": GZIP[:-4],
    "inside.csv.gz": flipped(GZIP, len(GZIP) // 2),
    "sum.csv.gz": flipped(GZIP, len(GZIP) - 6),
    "named.zip": GZIP,
    "nothing inside.zip": b"PK\5\6" + bytes(18),
}
READERS = {
    "train": "train --epochs 1 --factors 2 --data {path}",
    "show": "data show {path}",
    "evaluate": "evaluate {w}/model {path}",
    "seen": "recommend {w}/model 1 --seen {path}",
    "predict": "predict {w}/model {path}",
}


def assert_one_line(line, capsys, codes=(1,)):
    capsys.readouterr()
    assert main(line) in codes
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("npcf: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", RATINGS)
@pytest.mark.parametrize("reader", READERS)
def test_damaged_ratings(reader, name, work, capsys):
    path = work / name
    path.write_bytes(RATINGS[name])
    words = READERS[reader].split()
    assert_one_line([word.format(w=work, path=path) for word in words], capsys)


def models(work):
    """Yield the name of each damaged model, and what it holds."""
    whole = (work / "model").read_bytes()
    text, arrays = safetensors_io.read(work / "model")
    yield "empty", b""
    yield "cut", whole[: len(whole) // 2]
    yield "longer", whole + b"\0"
    yield "weight", flipped(whole, len(whole) - 3)
    yield "header", flipped(whole, 40)
    yield "length", b"\xff" * 8 + whole[8:]
    yield "noise", NOISE
    yield "zip", ZIP
    yield "csv", CSV.encode()
    changes = {
        "future": {"version": 2}, "text version": {"version": "1"},
        "foreign": {"format": "another"}, "nameless": {"format": None},
    }  # fmt: skip
    for name, change in changes.items():
        safetensors_io.write(work / "changed", text | change, arrays)
        yield name, (work / "changed").read_bytes()


MODELS = ["empty", "cut", "longer", "weight", "header", "length", "noise", "zip", "csv", "future",
          "text version", "foreign", "nameless"]  # fmt: skip
ASKERS = {
    "predict": "predict {path} {w}/u.csv",
    "recommend": "recommend {path} 1",
    "similar": "similar {path} 1",
    "evaluate": "evaluate {path} {w}/u.csv",
    "resume": "train --checkpoint {path} --resume --data {w}/u.csv",
}


@pytest.mark.parametrize("asker", ASKERS)
def test_damaged_models(asker, work, capsys):
    contents = dict(models(work))
    assert list(contents) == MODELS
    path = work / "damaged model"
    for content in contents.values():
        path.write_bytes(content)
        line = [word.format(w=work, path=path) for word in ASKERS[asker].split()]
        assert_one_line(line, capsys)


@pytest.mark.parametrize("asker", ASKERS)
def test_what_is_no_file_in_the_place_of_a_model(asker, work, capsys):
    if not (work / "pipe").exists():
        os.mkfifo(work / "pipe")
    for path in (work, work / "none", work / "pipe", "", "a\0b", "n" * 300, work / "u.csv" / "m"):
        line = [word.format(w=work, path=path) for word in ASKERS[asker].split()]
        assert_one_line(line, capsys, (1, 2))


def test_a_whole_model_is_read(work):
    """So that the tests above fail for their reason."""
    assert len(load(work / "model").user_vocab) > 40
