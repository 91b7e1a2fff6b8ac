"""Objects of other kinds and other libraries, each with the ndarray of the same numbers.

Where there is no such array (something is missing, masked, or is no number) it is None: whoever
takes the object must refuse it.
"""

import datetime
import decimal
import fractions
import types

import numpy as np
import pandas as pd
import torch


def of_floats(a):
    """Go through (name, object, equivalent) made of a float32 array of 1 or 2 dimensions."""
    yield from _of_any(a)
    t = torch.tensor(a)
    yield "tensor that requires grad", t.clone().requires_grad_(), a
    yield "parameter", torch.nn.Parameter(t.clone()), a
    yield "result of a graph", t.clone().requires_grad_() * 1, a
    yield "bfloat16 tensor", t.bfloat16(), t.bfloat16().float().numpy()
    yield "half tensor", t.half(), t.half().float().numpy()
    yield "sparse tensor", t.to_sparse(), None
    yield "tensor without numbers", t.to("meta"), None
    yield "complex tensor", t.to(torch.complex64), a.astype(np.complex64)
    yield "conjugated tensor", t.to(torch.complex64).conj(), a.astype(np.complex64)
    yield "quantized tensor", torch.quantize_per_tensor(t, 0.5, 0, torch.qint8), None
    yield "nullable floats", nullable(a, "Float32"), a
    yield "complex", a.astype(complex), a.astype(complex)
    yield "decimals", np.array([decimal.Decimal(str(x)) for x in a.flat]).reshape(a.shape), None
    yield "fractions", [fractions.Fraction(1, 2)] * len(a), None
    yield "long doubles", a.astype(np.longdouble), a.astype(np.longdouble)
    yield "other byte order", a.astype(">f4"), a.astype(">f4")
    missing = pd.Series([1.5, None, 2.5], dtype="Float64")
    yield "nullable with a missing one", missing, None


def of_ids(a):
    """Go through (name, object, equivalent) made of an int64 array of 1 or 2 dimensions."""
    yield from _of_any(a)
    yield "whole floats", a.astype(float), None
    yield "fractions of floats", a + 0.5, None
    yield "whole float tensor", torch.tensor(a).float(), None
    yield "bool ids", a > 0, None
    yield "bool tensor", torch.tensor(a > 0), None
    yield "bool among ids", [True, *[1] * (len(a) - 1)], None
    yield "int32 tensor", torch.tensor(a, dtype=torch.int32), a.astype(np.int32)
    yield "unsigned", a.astype(np.uint64), a.astype(np.uint64)
    yield "nullable ids", nullable(a, "Int64"), a
    yield "nullable with a missing one", pd.Series([1, None, 1], dtype="Int64"), None
    yield "no ids", [], np.zeros(0)
    if a.ndim == 1:
        yield "categorical", pd.Series(a).astype("category"), a


def _of_any(a):
    yield "list", a.tolist(), np.array(a.tolist())
    yield "tuple", tuple(a.tolist()), np.array(a.tolist())
    yield "tensor", torch.tensor(a), a
    yield "strided tensor", torch.tensor(np.ascontiguousarray(a.T)).T, a
    yield "matrix", np.asmatrix(a), np.asarray(np.asmatrix(a))
    yield "pandas", pandas(a), a
    yield "read-only", _frozen(a), a
    yield "memory view", memoryview(np.ascontiguousarray(a)), a
    yield "masked", np.ma.array(a, mask=_one(a)), None
    yield "nothing masked", np.ma.array(a), a
    yield "None", None, None
    yield "0-d", a.flat[0], np.asarray(a.flat[0])
    yield "number", a.flat[0].item(), np.asarray(a.flat[0].item())
    yield "generator", (x for x in a.tolist()), None
    yield "iterator", iter(a.tolist()), None
    yield "map", map(int, a.ravel().tolist()), None
    yield "dict", dict(enumerate(a.tolist())), None
    yield "set", {1, 2}, None
    yield "text", "12", None
    yield "bytes", b"12", None
    yield "array of text", a.astype(str), None
    yield "array of objects", np.array([None, *a.ravel().tolist()], object), None
    yield "dates", a.astype("M8[s]"), None
    yield "durations", a.astype("m8[s]"), None
    yield "structured", np.rec.fromarrays([a], names="x"), None
    yield "ragged", [a.tolist(), [a.tolist()]], None
    yield "an object", types.SimpleNamespace(x=1), None
    yield "a function", len, None
    yield "a class", np.ndarray, None
    yield "a module", np, None
    yield "a date", datetime.date(2020, 1, 1), None
    yield "hostile", Hostile(), None
    yield "layer of torch", torch.nn.Embedding(3, 2), None
    yield "dtype of torch", torch.float32, None
    yield "index of tuples", pd.MultiIndex.from_arrays([[1, 0, 2], [0, 1, 2]]), None
    try:
        import polars
    except ImportError:
        return
    if a.ndim == 1:
        yield "polars", polars.Series(a), a
        yield "polars with a missing one", polars.Series([1, None, 1]), None
    else:
        yield "polars", polars.DataFrame(a), None
        yield "lazy polars", polars.DataFrame(a).lazy(), None


class Hostile:
    """Says no to everything that NumPy asks."""

    def __array__(self, *args, **kwargs):
        raise RuntimeError("no array\nfor you")

    def __float__(self):
        raise RuntimeError("no number")

    def __len__(self):
        raise RuntimeError("no length")

    def __iter__(self):
        raise RuntimeError("no items")

    def __getitem__(self, key):
        raise RuntimeError("no item")

    def __bool__(self):
        raise RuntimeError("no truth")

    def __eq__(self, other):
        raise RuntimeError("no likeness")

    def __repr__(self):
        raise RuntimeError("no words")

    __hash__ = None


# name: a function that makes one anew, for some are used up
ANYTHING = {
    "None": lambda: None, "NaN": lambda: float("nan"), "text": lambda: "x", "empty text": str,
    "bytes": lambda: b"x", "list": lambda: [1], "dict": dict, "set": lambda: {1},
    "list of lists": lambda: [[1], []], "tuple": lambda: (0,), "text in pairs": lambda: ("a", "b"),
    "array": lambda: np.ones(3), "0-d": lambda: np.array(1.0), 
    "masked": lambda: np.ma.masked_all(3),
    "tensor": lambda: torch.ones(3), "number of torch": lambda: torch.tensor(0.5),
    "with a gradient": lambda: torch.ones(3, requires_grad=True), "True": lambda: True,
    "NumPy's True": lambda: np.bool_(True), "negative": lambda: -1, "zero": lambda: 0,
    "one": lambda: np.int64(1), "huge": lambda: 10**400, "infinite": lambda: float("inf"),
    "half": lambda: np.float32(0.5), "imaginary": lambda: 1j,
    "decimal": lambda: decimal.Decimal("0.5"),
    "fraction": lambda: fractions.Fraction(1, 2), "function": lambda: len, "class": lambda: object,
    "module": lambda: np, "date": lambda: datetime.date(2020, 1, 1), "NA": lambda: pd.NA,
    "column": lambda: pd.Series([1.0]), "frame": lambda: pd.DataFrame({"a": [1]}),
    "index of tuples": lambda: pd.MultiIndex.from_arrays([[1], [2]]),
    "generator": lambda: (i for i in [1]), "layer": lambda: torch.nn.Embedding(3, 2),
    "dtype of torch": lambda: torch.float32, "...": lambda: ..., "hostile": Hostile,
    "an object": types.SimpleNamespace, "list of hostile": lambda: [Hostile()],
    "dict of arrays": lambda: {"a": np.ones(3)}, "memory": lambda: memoryview(b"abc"),
}  # fmt: skip


def nullable(a, dtype):
    return pandas(a).astype(dtype)


def pandas(a):
    return pd.Series(a) if a.ndim == 1 else pd.DataFrame(a)


def _one(a):
    mask = np.zeros(a.shape, bool)
    mask.flat[0] = True
    return mask


def _frozen(a):
    frozen = a.copy()
    frozen.flags.writeable = False
    return frozen
