"""Records steps of a training loop in PyTorch or fastai, for `npcf crosscheck run.safetensors`.

Copy this file to where you train; it needs the standard library and your torch, and only reads.

    record = Recorder("run", model, optimizer, y_range=(0, 5.5))
    ...
            loss.backward()
            with record.step(x, rating, output, loss):
                optimizer.step()

`x`, (B, 2) or (users, items), is what the model was given, `output` what it returned, `loss` what
`backward` was called on.  A scheduler steps before the `with` or after it, not inside.  `intended`
says which optimiser was meant: dict(optimizer="adamw", lr=1e-3); default: as it is set.
"""

import contextlib
import ctypes
import json
import os
import sys

DTYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
    "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


class Recorder:
    """Writes `steps` steps, after the first `skip`, to `path`.safetensors."""

    def __init__(
        self, path, model, optimizer=None, *, y_range=None, intended=None, steps=3, skip=0
    ):
        self.path, self.skip = str(path).removesuffix(".safetensors") + ".safetensors", skip
        self.steps = steps
        self.model, self.optimizer, self.tensors = model, getattr(optimizer, "opt", optimizer), {}
        y_range = getattr(model, "y_range", None) if y_range is None else y_range
        self.about = {
            "version": 1, "torch": getattr(sys.modules.get("torch"), "__version__", ""),
            "model": type(model).__name__, "optimizer": type(self.optimizer).__name__,
            "callbacks": [_name(part) for part in getattr(self.optimizer, "cbs", ())],  # fastai's
            "y_range": None if y_range is None else [float(end) for end in y_range],
            "intended": intended, "steps": [],
        }  # fmt: skip

    @contextlib.contextmanager
    def step(self, x, rating, output, loss):
        """Record what the lines inside the `with` do."""
        found, k = {}, len(self.about["steps"])
        if k >= self.steps or self.skip:
            self.skip = max(self.skip - 1, 0)
            yield
            return
        parts = enumerate(x) if isinstance(x, (tuple, list)) else [(0, x)]
        given = {f"x/{i}": part for i, part in parts}
        for name, tensor in (given | dict(rating=rating, output=output, loss=loss)).items():
            found[f"{k}/{name}"] = _copy(tensor)
        before = self._look(found, f"{k}/before/")
        yield
        self.about["steps"].append({"before": before, "after": self._look(found, f"{k}/after/")})
        self.tensors |= found
        self._write()

    def _look(self, found, at):
        """Copy parameters, gradients and optimiser state; return what is no tensor."""
        parameters, states = (
            dict(self.model.named_parameters()),
            getattr(self.optimizer, "state", {}),
        )
        names, numbers = {id(p): name for name, p in parameters.items()}, {}
        for name, p in parameters.items():
            found[f"{at}parameters/{name}"] = _copy(p)
            if p.grad is not None:
                found[f"{at}gradients/{name}"] = _copy(p.grad)
            for key, value in (states[p] if p in states else {}).items():
                if hasattr(value, "detach"):
                    found[f"{at}state/{name}/{key}"] = _copy(value)
                elif isinstance(value, (int, float)):
                    numbers.setdefault(name, {})[key] = value
        groups = [
            {key: _plain(value) for key, value in group.items() if key != "params"}
            | {"params": [names.get(id(p), "?") for p in group["params"]]}
            for group in getattr(self.optimizer, "param_groups", ())
        ]
        sparse = [n for n, p in parameters.items() if p.grad is not None and p.grad.is_sparse]
        frozen = [n for n, p in parameters.items() if not p.requires_grad]
        return {"groups": groups, "state": numbers, "sparse": sparse, "frozen": frozen,
                "training": self.model.training}  # fmt: skip

    def _write(self):
        """Write the format safetensors: length of the header, header, numbers without gaps."""
        header, end = {"__metadata__": {"recording": json.dumps(self.about)}}, 0
        for name, t in self.tensors.items():
            first, end = end, end + t.numel() * t.element_size()
            header[name] = {"dtype": DTYPES[str(t.dtype).partition(".")[2]],
                            "shape": list(t.shape), "data_offsets": [first, end]}  # fmt: skip
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(self.path + ".part", "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for t in self.tensors.values():  # as they lie in memory, little-endian
                file.write(ctypes.string_at(t.data_ptr(), t.numel() * t.element_size()))
        os.replace(self.path + ".part", self.path)


def _copy(t):
    t = t.detach().to_dense() if t.is_sparse else t.detach()
    return t.to(device="cpu", copy=True).contiguous()


def _name(part):
    """Return the name of a function, with the arguments that a partial gives it."""
    given = "".join(f" {key}={value}" for key, value in getattr(part, "keywords", {}).items())
    return getattr(part, "func", part).__name__ + given


def _plain(value):
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, (int, float, str, type(None))) else str(value)
