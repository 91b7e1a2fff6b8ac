"""One probe through the subject: output, writes in place, gradients, loss."""

from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Array, Fact, Probe, Raised, Seen
from npcf.crosscheck.subject import Subject, attempt
from npcf.crosscheck.torch_objects import is_tensor, to_array, to_tensor, torch_module
from npcf.foreign import kind_of
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas

REFERENCE = Formulas(Floats(np.float64))


def run_probe(
    subject: Subject, probe: Probe, y_range: tuple[float, float] | None, mean: float
) -> tuple[Seen, list[Fact]]:
    """Return what the subject does with a probe whose tables are in place, and facts about it."""
    torch: Any = torch_module()
    facts: list[Fact] = []
    subject.clear_gradients()
    with torch.enable_grad():
        torch.manual_seed(1)
        output = attempt(lambda: subject.forward(probe.users, probe.items))
        writes = _writes(subject, probe)
        if writes:
            subject.put(probe.tables)
        if isinstance(output, Raised):
            seen = Seen(probe, output, output, writes=writes)
        else:
            torch.manual_seed(2)
            again = attempt(lambda: subject.forward(probe.users, probe.items))
            if _differs(output, again):
                facts.append(RANDOM)
            if writes:
                subject.put(probe.tables)
            seen = Seen(probe, to_array(output).astype(np.float64), writes=writes)
            seen.gradients = attempt(lambda: _gradients(subject, output, probe))
            seen.sparse = subject.sparse()
        like = subject.like if isinstance(output, Raised) else output
        pred = reference_prediction(probe, y_range, mean)
        seen.prediction = to_array(to_tensor(pred, like))  # rounded once
        seen.loss_upstream = 1.0 if probe.name == "yours" else 2.0
        seen.loss = _loss_in_shape(subject, seen, like)
    return seen, facts


RANDOM = Fact(
    "output",
    "random-output",
    "Two forward passes with the same ids give different outputs: something draws random numbers.",
    "model.eval() switches dropout off; or leave it out.",
    True,
)


def _differs(output: Any, again: Any) -> bool:
    torch: Any = torch_module()
    if isinstance(again, Raised) or output.shape != again.shape:
        return True
    return not torch.equal(output.detach().nan_to_num(), again.detach().nan_to_num())


def _writes(subject: Subject, probe: Probe) -> tuple[str, ...]:
    """Return the tables whose bits are not the probe's."""
    now = subject.get()
    return tuple(name for name in now if now[name].tobytes() != probe.tables[name].tobytes())


def _gradients(subject: Subject, output: Any, probe: Probe) -> dict[str, Array | None]:
    """Return the gradients of the tables; the planted upstream is repeated to its shape."""
    frozen = not any(table.requires_grad for table in subject.tables.values())
    if probe.upstream is None or (frozen and not output.requires_grad):
        return {}
    upstream = np.resize(probe.upstream, tuple(output.shape))
    # d(sum) = 1, so the output gets `upstream` to the bit; backward(upstream) would load sympy
    (output * to_tensor(upstream, output)).sum().backward()
    return subject.gradients()


def reference_prediction(probe: Probe, y_range: tuple[float, float] | None, mean: float) -> Array:
    """Return the reference's prediction, computed in double."""
    tables = {name: np.asarray(w, np.float64) for name, w in probe.tables.items()}
    try:
        with np.errstate(all="ignore"):
            pred, _ = REFERENCE.forward(tables, probe.users, probe.items, y_range, mean)
    except IndexError:  # ids beyond the tables: the loss is judged by itself on any prediction
        low, high = y_range or (0.0, 5.0)
        pred = np.linspace(low, high, len(probe.users) + 2)[1:-1]
    return np.asarray(pred)


def _loss_in_shape(subject: Subject, seen: Seen, like: Any) -> tuple[Array, Array] | Raised:
    """Return what the loss does with a prediction in the shape of the output.

    Where the output has none that fits, a loss that refuses (B,) may take (B, 1).
    """
    n = len(seen.probe.users)
    fits = like is not subject.like and like.numel() == n
    shapes = [tuple(like.shape)] if fits else [(n,), (n, 1)]
    first: tuple[Array, Array] | Raised = attempt(lambda: _loss(subject, seen, like, shapes[0]))
    if len(shapes) == 1 or not isinstance(first, Raised):
        return first
    second: tuple[Array, Array] | Raised = attempt(lambda: _loss(subject, seen, like, shapes[1]))
    return first if isinstance(second, Raised) else second


def _loss(subject: Subject, seen: Seen, like: Any, shape: Any) -> tuple[Array, Array]:
    """Return the loss's value and its gradient by the prediction (B,)."""
    torch: Any = torch_module()
    prediction = seen.prediction
    assert prediction is not None
    n = len(prediction)
    leaf = to_tensor(prediction, like).reshape(shape).requires_grad_()
    rating = to_tensor(seen.probe.rating, like).to(subject.rating_dtype or like.dtype)
    function = subject.loss or (lambda a, b: torch.nn.functional.mse_loss(a.flatten(), b.flatten()))
    value = function(leaf, rating)
    if not is_tensor(value):
        raise TypeError(f"the loss returned {kind_of(value)}, not a tensor")
    (value * torch.full_like(value, seen.loss_upstream)).sum().backward()  # as in `_gradients`
    gradient = np.zeros(n) if leaf.grad is None else to_array(leaf.grad).reshape(-1)
    return to_array(value).astype(np.float64), gradient.astype(np.float64)
