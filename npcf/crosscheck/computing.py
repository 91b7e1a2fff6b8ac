"""In which precision a model computes: that of its tables, or what autocast makes of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from npcf.crosscheck.subject import Subject, attempt
from npcf.crosscheck.torch_objects import NARROW, dtype_name, is_tensor, torch_module
from npcf.verify.libraries import ANY, TORCH, Library

PRODUCTS = ("MmBackward0", "BmmBackward0", "AddmmBackward0", "MvBackward0", "DotBackward0")


def computes_in(subject: Subject) -> str:
    """Return "float32", "float64", "bfloat16", "float16" or "tf32".

    A narrower dtype counts only where autocast asks for it: a cast by hand is a mistake to be
    found.  Autocast inside the model shows where an operation keeps a tensor for its backward.
    """
    torch: Any = torch_module()
    like, own = subject.like, dtype_name(subject.like)
    if own in NARROW:
        return own
    asked: set[str] = set()

    def pack(tensor: Any) -> Any:
        kind = like.device.type
        if torch.is_autocast_enabled(kind):
            asked.add(str(torch.get_autocast_dtype(kind)).partition(".")[2])
        return tensor

    with (
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        output = attempt(lambda: subject.eager().forward(np.zeros(1, int), np.zeros(1, int)))
    if not is_tensor(output):
        return own
    nodes = list(_nodes(output.grad_fn))
    made = {dtype for node in nodes for dtype in _dtypes(node)} | {dtype_name(output)}
    narrow = sorted(asked & made & set(NARROW))
    if narrow:
        return narrow[0]
    products = any(type(node).__name__ in PRODUCTS for node in nodes)
    fast = (
        torch.get_float32_matmul_precision() != "highest" or torch.backends.cuda.matmul.allow_tf32
    )
    return "tf32" if products and fast and like.device.type == "cuda" else own


def _nodes(root: Any) -> Iterator[Any]:
    """Go through the graph that the backward pass would take."""
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [following for following, _ in node.next_functions]
            yield node


def _dtypes(node: Any) -> set[str]:
    """Return the dtypes of what a forward operation returned."""
    return {str(data.dtype).partition(".")[2] for data in getattr(node, "_input_metadata", ())}


def library_of_subject(subject: Subject) -> Library:
    """Return whose exp and square root it uses: compiled code and other devices have their own."""
    compiled = subject.eager() is not subject
    return TORCH if subject.like.device.type == "cpu" and not compiled else ANY
