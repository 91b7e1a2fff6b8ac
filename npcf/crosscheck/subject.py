"""The subject of a crosscheck: a torch module, or a function, with its live tables.

`subject_of` takes what the caller has: a module (also wrapped, or in {"model": ...}), a fastai
Learner, a function of ids, or one of them with the tables named by hand, (model, {name: path}).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from npcf.crosscheck.calling import PAIRS, arguments, call_forms, working_form
from npcf.crosscheck.evidence import Array, Raised
from npcf.crosscheck.reachable import DEPTH, reachable
from npcf.crosscheck.torch_objects import (
    is_learner,
    is_module,
    is_tensor,
    to_array,
    to_tensor,
    torch_module,
)
from npcf.errors import UsageError
from npcf.foreign import kind_of


@dataclass
class Subject:
    """What is checked, and how to call it.

    Attributes
    ----------
    call : callable
        Module or function, as it was given.
    model : module or None
        That holds the parameters.
    loss, optimizer, step : optional
        As they were given, or the Learner's.
    by_hand : mapping
        The tables that the caller named.
    forms : tuple of str
        Ways to call it, `npcf.crosscheck.calling`; the first is taken.
    tables : dict
        The live tensor of each table.
    rating_dtype : torch dtype or None
        That of the caller's ratings, if it is wider than the model's: what the loss is given.
    """

    call: Any
    model: Any = None
    loss: Any = None
    optimizer: Any = None
    step: Any = None
    by_hand: Mapping[str, Any] = field(default_factory=dict)
    forms: tuple[str, ...] = ("x",)
    tables: dict[str, Any] = field(default_factory=dict)
    rating_dtype: Any = None

    @property
    def form(self) -> str:
        """How it is called."""
        return self.forms[0]

    @property
    def like(self) -> Any:
        """A tensor that has the dtype and device of the tables."""
        return next(iter(self.tables.values()))

    def touched(self) -> list[Any]:
        """Return the modules and optimizers that a check may change."""
        held = [*reachable(self.call), *reachable(self.step), *reachable(self.loss)]
        given = [self.model, self.loss, self.optimizer, unwrapped(self.optimizer), *held]
        return [x for x in given if is_module(x) or _keeps_state(x)] + [self.by_hand]

    def optimizers(self) -> list[Any]:
        """Return the optimizers that a step of the caller's own may use."""
        found = {
            id(x): x
            for x in map(unwrapped, (self.optimizer, *reachable(self.step)))
            if hasattr(x, "param_groups") and hasattr(x, "state")
        }
        return list(found.values())

    def optimizer_of_step(self) -> Any:
        """Return the optimizer that the caller's step holds, if it is one and moves a table."""
        tables = {id(table) for table in self.tables.values()}
        moving = [
            optimizer
            for optimizer in self.optimizers()
            if any(id(p) in tables for group in optimizer.param_groups for p in group["params"])
        ]
        return moving[0] if len(moving) == 1 else None

    def eager(self) -> "Subject":
        """Return the subject that torch.compile was given, or itself."""
        inner = getattr(self.call, "_orig_mod", None)
        return self if inner is None else replace(self, call=inner)

    def parameters(self) -> dict[str, Any]:
        """Return the model's parameters by their paths, a tied one once."""
        return dict(self.model.named_parameters()) if self.model is not None else {}

    def ids(self, users: Any, items: Any) -> tuple[Any, ...]:
        """Return the arguments of a call, int64 on the device of the model."""
        torch: Any = torch_module()
        device = next((p.device for p in self.parameters().values()), "cpu")
        columns = [
            x if is_tensor(x) else torch.from_numpy(np.asarray(x, np.int64)) for x in (users, items)
        ]
        users, items = (column.to(device) for column in columns)
        return arguments(self.form, users, items, lambda: torch.stack([users, items], dim=1))

    def forward(self, users: Any, items: Any) -> Any:
        """Return the output, a tensor, or raise whatever the model raises."""
        output = self.call(*self.ids(users, items))
        if not is_tensor(output):
            raise TypeError(f"the model returned {kind_of(output)}, not a tensor")
        return output

    def choose_form(self) -> None:
        """Take the first way to call the model that gives a number for each pair of ids."""
        torch: Any = torch_module()
        device = next((p.device for p in self.parameters().values()), "cpu")
        zeros = torch.zeros(PAIRS, dtype=torch.int64, device=device)
        stack = partial(torch.stack, [zeros, zeros], dim=1)
        if len(self.forms) > 1:
            with torch.no_grad():
                self.forms = (working_form(self.eager().call, self.forms, zeros, stack),)

    def put(self, tables: Mapping[str, Array]) -> None:
        """Write numbers into the live tables."""
        for name, table in self.tables.items():
            table.data.copy_(to_tensor(tables[name], table).reshape(table.shape))

    def get(self) -> dict[str, Array]:
        """Return copies of the live tables, biases (n,)."""
        return {name: _flat(name, to_array(table)) for name, table in self.tables.items()}

    def clear_gradients(self) -> None:
        """Take the gradients of all parameters away."""
        for tensor in (*self.parameters().values(), *self.tables.values()):
            tensor.grad = None

    def sparse(self) -> tuple[str, ...]:
        """Return the tables that hold a sparse gradient."""
        held = {name: table.grad for name, table in self.tables.items()}
        return tuple(name for name, g in held.items() if g is not None and g.is_sparse)

    def gradients(self) -> dict[str, Array | None]:
        """Return copies of the gradients that the tables hold; a frozen one has none to judge."""
        return {
            name: None if table.grad is None else _flat(name, to_array(table.grad))
            for name, table in self.tables.items()
            if table.requires_grad or table.grad is not None
        }


def _keeps_state(x: Any) -> bool:
    """Whether `x` is an optimizer, a schedule, a scaler, or a dict or list that holds counters."""
    torchs = type(x).__module__.startswith(("torch.optim", "torch.amp", "torch.cuda.amp"))
    return type(x) in (dict, list) or hasattr(x, "param_groups") or torchs


def unwrapped(optimizer: Any) -> Any:
    """Return the torch optimizer inside fastai's OptimWrapper."""
    return optimizer.opt if hasattr(optimizer, "fwd_map") else optimizer


def _flat(name: str, array: Array) -> Array:
    return array.reshape(-1) if name.endswith("bias") else array


def subject_of(model: Any, loss: Any, optimizer: Any, step: Any) -> Subject:
    """Return the subject that the caller means, its tables not mapped yet.

    Raises
    ------
    UsageError
        If `model` is nothing that can be called, or several models.
    """
    by_hand: Mapping[str, Any] = {}
    if isinstance(model, tuple) and len(model) == 2 and isinstance(model[1], Mapping):
        model, by_hand = model
    if isinstance(model, Mapping):
        model = _one_of(model)
    if is_learner(model):
        loss = model.loss_func if loss is None else loss
        optimizer = learner_optimizer(model) if optimizer is None else optimizer
        model = model.model
    if not callable(model) or isinstance(model, type):
        cure = "Pass the model itself: a torch.nn.Module, a fastai Learner, or a function of ids."
        raise UsageError("model", f"is {kind_of(model)}, which cannot be called", cure)
    module = model if is_module(model) else _module_behind(model)
    return Subject(model, module, loss, optimizer, step, by_hand, call_forms(model))


def learner_optimizer(learner: Any) -> Any:
    """Return a Learner's optimizer, or one as it would make it; the learner is left without."""
    if learner.opt is not None:
        return learner.opt
    optimizer = learner.opt_func(learner.splitter(learner.model), lr=learner.lr)
    if learner.wd is not None and hasattr(optimizer, "set_hypers"):
        optimizer.set_hypers(wd=learner.wd)
    return optimizer


def _one_of(models: Mapping[Any, Any]) -> Any:
    found = {key: value for key, value in models.items() if is_module(value)}
    if len(found) != 1:
        problem = f"is a dict with {len(found)} models in it"
        raise UsageError("model", problem, "Pass one of its values: model=models['model'].")
    return next(iter(found.values()))


def _module_behind(function: Callable[..., Any]) -> Any:
    """Return the one module that a function closes over, or whose method it is, else None."""
    for depth in (1, DEPTH):
        held = [thing for thing in reachable(function, depth) if is_module(thing)]
        models = [module for module in held if next(module.parameters(), None) is not None]
        if models:
            return models[0] if len(models) == 1 else None
    return None


def attempt(function: Callable[[], Any]) -> Any:
    """Return what the function returns, or what it raised."""
    try:
        return function()
    except Exception as error:  # whatever the subject raises is an observation
        message = str(error).strip().partition("\n")[0]
        return Raised(type(error).__name__, message)
