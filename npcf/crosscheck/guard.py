"""Leave everything bit-identical: what a check touches is put back, whatever happens meanwhile.

    parameters, buffers    bits, identity, requires_grad
    gradients              identity and bits
    modules                attributes, training flags, hooks: the dicts that hold them
    optimizers             state, parameter groups
    random numbers         torch's (also of each CUDA device in use), NumPy's and Python's

Numbers are written through `.data`, so that not even torch's version counters move.
"""

import contextlib
import random
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from npcf.crosscheck.torch_objects import is_module, is_tensor, torch_module


@contextlib.contextmanager
def guarded(objects: Iterable[Any]) -> Iterator[None]:
    """Put modules and optimizers, and all random states, back at the end; also after exceptions."""
    memory = Memory(objects)
    try:
        yield
    finally:
        memory.restore()


class Memory:
    """How modules, optimizers and random numbers stood when this was made."""

    def __init__(self, objects: Iterable[Any]):
        self.bits: list[tuple[Any, Any, Any]] = []
        self.gradients: list[tuple[Any, Any, bool]] = []
        self.attributes: list[tuple[Any, dict[Any, Any]]] = []
        self.contents: list[tuple[Any, Any]] = []
        self._known: set[int] = set()
        for thing in objects:
            parts = thing.modules() if is_module(thing) else (thing,)
            for part in parts:
                self._remember_attributes(part)
                self._remember(part)
        self.random = _random_states()

    def _remember_attributes(self, thing: Any) -> None:
        attributes = getattr(thing, "__dict__", None)
        if attributes is None or id(thing) in self._known:
            return
        self._known.add(id(thing))
        self.attributes.append((attributes, dict(attributes)))
        for value in attributes.values():
            self._remember(value)

    def _remember(self, value: Any, depth: int = 3) -> None:
        """Remember tensors, and what dicts and lists hold, to some depth: state[p]["exp_avg"]."""
        if type(value).__name__ == "L" and hasattr(value, "items"):  # fastai's list
            value = value.items
        if is_tensor(value):
            self._remember_tensor(value)
        elif isinstance(value, dict | list) and depth:
            if id(value) in self._known:
                return
            self._known.add(id(value))
            self.contents.append((value, value.copy()))
            members = [*value, *value.values()] if isinstance(value, dict) else value
            for member in members:
                self._remember(member, depth - 1)

    def _remember_tensor(self, tensor: Any) -> None:
        if id(tensor) in self._known:
            return
        self._known.add(id(tensor))
        self.bits.append((tensor, tensor.data, tensor.detach().clone()))
        if tensor.is_leaf:
            self.gradients.append((tensor, tensor.grad, tensor.requires_grad))
            if tensor.grad is not None:
                self._remember_tensor(tensor.grad)

    def restore(self) -> None:
        """Put all of it back."""
        for attributes, old in self.attributes:
            _refill(attributes, old)
        for container, old in self.contents:
            _refill(container, old)
        torch = torch_module()
        if torch is not None:
            for tensor, memory, old in self.bits:
                if tensor.is_sparse:  # a gradient, which nobody writes to once it is taken away
                    continue
                if tensor.shape != old.shape or tensor.data_ptr() != memory.data_ptr():
                    tensor.data = memory  # somebody has put another array in its place
                if not _same_bits(tensor, old):
                    tensor.data.copy_(old)
            for tensor, gradient, requires_grad in self.gradients:
                tensor.grad = gradient
                tensor.requires_grad_(requires_grad)
        _set_random_states(self.random)


def _refill(container: Any, old: Any) -> None:
    """Give a dict or list the members that it had, in their order."""
    if isinstance(container, list):
        container[:] = old
        return
    now, before = ([(id(k), id(v)) for k, v in held.items()] for held in (container, old))
    if now != before:  # by identity: keys are tensors, for which == is no yes or no
        container.clear()
        container.update(old)


def _same_bits(tensor: Any, old: Any) -> bool:
    """Whether two dense tensors hold the same bits: NaN equals itself, 0 and -0 differ."""
    torch: Any = torch_module()
    a, b = (x.detach().contiguous().reshape(-1).view(torch.uint8) for x in (tensor, old))
    return bool(torch.equal(a, b))


def _random_states() -> dict[str, Any]:
    states: dict[str, Any] = {"python": random.getstate(), "numpy": np.random.get_state()}  # noqa: NPY002
    torch = torch_module()
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_initialized():
            states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])  # noqa: NPY002
    torch = torch_module()
    if torch is not None:
        torch.set_rng_state(states["torch"])
        if "cuda" in states:
            torch.cuda.set_rng_state_all(states["cuda"])
