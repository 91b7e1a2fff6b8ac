"""Files of tensors: every bit is read; damage gives one line, and nothing is executed."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import DataError
from npcf.interop import read_tensors
from npcf.interop.tensor_files import parse_safetensors
from npcf.training import safetensors_io
from npcf.verify import assert_same_bits

ARRAYS = {
    "double": np.array([[0.1, -0.0, np.nan], [np.inf, 5e-324, 1.0]]),
    "single": np.array([0.1, 3.4e38], np.float32),
    "whole": np.arange(6).reshape(3, 2),
    "small": np.array([200, 1], np.uint8),
    "truth": np.array([True, False]),
    "number": np.array(2.5),
    "none": np.zeros((0, 3)),
}


def safetensors(arrays, **metadata):
    """Write the format by hand, as the specification has it."""
    names = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "u1": "U8", "b1": "BOOL"}
    header, body = {"__metadata__": metadata}, b""
    for name, array in arrays.items():
        raw = array.astype(array.dtype.newbyteorder("<")).tobytes()
        kind = names[array.dtype.str[1:]]
        place = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": place}
        body += raw
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def npz(arrays, save=np.savez):
    content = io.BytesIO()
    save(content, **arrays)
    return content.getvalue()


GOOD = {
    "safetensors": safetensors(ARRAYS, note="one"),
    "npz": npz(ARRAYS),
    "packed npz": npz(ARRAYS, np.savez_compressed),
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_bit_is_read(kind, tmp_path):
    path = tmp_path / "w"  # by content, not by name
    path.write_bytes(GOOD[kind])
    found = read_tensors(path)
    assert found.tensors.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert_same_bits(found.tensors[name], array, name)
        assert found.tensors[name].dtype == array.dtype
        assert found.tensors[name].flags.writeable
    assert found.narrow == ""
    assert found.text == ({"note": "one"} if kind == "safetensors" else {})


def test_what_the_library_writes_is_read(tmp_path):
    pytest.importorskip("safetensors")
    safetensors_io.write(tmp_path / "w", {"some": "text"}, ARRAYS)
    found = read_tensors(tmp_path / "w")
    assert all(found.tensors[name].tobytes() == array.tobytes() for name, array in ARRAYS.items())


def test_narrow_numbers_are_widened_to_the_same(tmp_path):
    half = np.array([0.1, 65504, 6e-8], np.float16)
    (tmp_path / "half").write_bytes(safetensors({"w": half}))
    found = read_tensors(tmp_path / "half")
    assert found.narrow == "float16"
    assert_same_bits(found.tensors["w"], half.astype(np.float32))
    upper = np.array([1.0, -2.5, np.inf], np.float32)  # bfloat16 holds these
    bits = (upper.view(np.uint32) >> 16).astype(np.uint16).astype("<u2").tobytes()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}).encode()
    (tmp_path / "b").write_bytes(len(header).to_bytes(8, "little") + header + bits)
    found = read_tensors(tmp_path / "b")
    assert found.narrow == "bfloat16"
    assert_same_bits(found.tensors["w"], upper)


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def torch_file(payload):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("w/data.pkl", payload)
    return content.getvalue()


def header(text, length=None, body=b""):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
HOSTILE = {
    "empty": (b"", "is empty"),
    "a header of 10 GB": (header(b"{}", 10 * 2**30), "claims 10737418240 bytes"),
    "a header of all bytes": (header(b"{}", 2**64 - 1), "claims"),
    "no JSON": (header(b"{nothing"), "damaged"),
    "deep JSON": (header(b'{"a":' + b"[" * 200_000), "damaged"),
    "a strange dtype": (header({"w": ENTRY | {"dtype": "F7"}}, body=bytes(8)), "damaged"),
    "no shape": (header({"w": {"dtype": "F32", "data_offsets": [0, 8]}}), "damaged"),
    "a negative shape": (header({"w": ENTRY | {"shape": [-2]}}, body=bytes(8)), "damaged"),
    "a shape of truth": (header({"w": ENTRY | {"shape": [True, 2]}}, body=bytes(8)), "damaged"),
    "a huge shape": (header({"w": ENTRY | {"shape": [2**62, 2**62]}}, body=bytes(8)), "damaged"),
    "too few numbers": (header({"w": ENTRY}, body=bytes(7)), "does not lie"),
    "too many numbers": (header({"w": ENTRY}, body=bytes(9)), "belong to no tensor"),
    "overlapping": (header({"v": ENTRY, "w": ENTRY}, body=bytes(8)), "does not lie"),
    "metadata of numbers": (header({"__metadata__": {"a": 1}}), "metadata"),
    "a pickle": (pickle.dumps(Bomb()), "pickle"),
    "a pickle in npz": (npz({"w": np.array([Bomb()], object)}), "damaged"),
    "a pickle in torch's": (torch_file(pickle.dumps(Bomb(), 2)), "torch|numbers"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "no file of tensors"),
    "a csv": (b"user,item,rating\n1,2,3\n", "table of text"),
    "a zip of others": (torch_file(b"")[:40], "damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused_in_one_line(kind, tmp_path):
    data, words = HOSTILE[kind]
    (tmp_path / "w.safetensors").write_bytes(data)
    with pytest.raises(DataError, match=words) as raised:
        read_tensors(tmp_path / "w.safetensors")
    assert "\n" not in str(raised.value)


def test_a_folder_and_nothing_are_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_tensors(tmp_path)
    with pytest.raises(DataError, match="there is no file"):
        read_tensors(tmp_path / "w")


def test_what_would_unpack_to_too_much_is_refused_before(tmp_path):
    (tmp_path / "w").write_bytes(npz({"w": np.zeros(10**6)}, np.savez_compressed))
    with pytest.raises(DataError, match="would unpack to 8000128 bytes"):
        read_tensors(tmp_path / "w", largest=2**20)


@given(
    kind=st.sampled_from(sorted(GOOD)), cut=st.floats(0, 1), place=st.floats(0, 1),
    byte=st.integers(1, 255), flips=st.booleans(),
)  # fmt: skip
def test_damage_is_an_error_or_changes_numbers_only(
    tmp_path_factory, kind, cut, place, byte, flips
):
    """Cut anywhere or with a byte changed: a DataError, or arrays of numbers as before."""
    data = bytearray(GOOD[kind])
    if flips:
        data[int(place * (len(data) - 1))] ^= byte
    else:
        del data[int(cut * (len(data) - 1)) :]
    path = tmp_path_factory.mktemp("w") / "w"
    path.write_bytes(data)
    try:
        found = read_tensors(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert flips
        assert all(isinstance(array, np.ndarray) for array in found.tensors.values())


def test_a_file_of_torch_needs_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)  # an import then fails
    (tmp_path / "w.pt").write_bytes(torch_file(b"\x80\x02}q\x00."))
    with pytest.raises(DataError, match=r"not installed here. Install torch; or, .*save_file"):
        read_tensors(tmp_path / "w.pt")


def test_a_header_is_read_in_any_order():
    data = bytes(8) + np.float32([1, 2]).tobytes()
    entries = {"w": ENTRY | {"data_offsets": [8, 16]}, "v": ENTRY}
    found = parse_safetensors(header(entries, body=data))[0]
    assert list(found) == ["w", "v"]
    assert found["w"].tolist() == [1, 2]
