"""Training with the four update rules, over the formulas; every method is a piece.

`Loop(Formulas(numbers)).train(...)` takes what `train` of the conformance protocol takes.  Over
`Floats` it trains; over running errors it returns parameters and losses with their bounds.  Like
`Formulas` it is written in small methods, so that a mistake replaces one of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from npcf.verify.formulas import Formulas

Arrays = dict[str, Any]  # tables, gradients or state, in the arithmetic's numbers
Batch = tuple[Any, Any, Any]  # users, items, rating


class Loop:
    """The right training loop."""

    def __init__(self, formulas: Formulas):
        self.formulas, self.n = formulas, formulas.n

    def train(
        self, params: Arrays, batches: Sequence[Batch], y_range: Any, rule: str,
        settings: Arrays, lrs: Sequence[float], state: Arrays | None,
    ) -> tuple[Arrays, list[Any], Arrays]:  # fmt: skip
        """Take one step for each batch; return (params, losses, state)."""
        params, losses = dict(params), list[Any]()
        state = {"t": np.array(0)} if state is None else dict(state)
        for batch, lr in self.order(batches, lrs):
            loss = self.step(params, batch, y_range, rule, {**settings, "lr": float(lr)}, state)
            self.record(losses, loss)
        return params, losses, state

    def order(self, batches: Sequence[Batch], lrs: Sequence[float]) -> list[tuple[Batch, float]]:
        """Return the batches in the order in which they come, each with its rate."""
        return list(zip(batches, lrs, strict=True))

    def step(
        self, params: Arrays, batch: Batch, y_range: Any, rule: str, settings: Arrays, state: Arrays
    ) -> Any:
        """Move every table once, along gradients taken before any moved; return the loss."""
        loss, gradients = self.gradients(params, batch, y_range, state)
        self.apply(params, gradients, batch, rule, settings, state)
        return loss

    def apply(
        self, params: Arrays, gradients: Arrays, batch: Batch, rule: str, settings: Arrays,
        state: Arrays,
    ) -> None:  # fmt: skip
        """Move every table once along its gradient: what an optimiser's `step()` does."""
        self.advance(state)
        for name in self.tables(params):
            if gradients[name] is None:  # the backward pass does not reach it: it is skipped
                continue
            t = self.time(state)
            options = self.settings(settings, name, t, batch)
            after = self.update(rule, name, params[name], gradients[name], state, t, options)
            params[name] = self.moved(params[name], after, gradients[name])

    def gradients(
        self, params: Arrays, batch: Batch, y_range: Any, state: Arrays
    ) -> tuple[Any, Arrays]:
        """Return the loss of a batch and its gradients."""
        users, items, rating = batch
        rating = self.n.array(rating)
        _, loss, gradients = self.formulas.loss_and_gradients(params, users, items, rating, y_range)
        return loss, gradients

    def advance(self, state: Arrays) -> None:
        """Count the step."""
        state["t"] = state["t"] + 1

    def time(self, state: Arrays) -> int:
        """Return the number of the step, from 1."""
        return int(state["t"])

    def tables(self, params: Arrays) -> list[str]:
        """Return the tables that the optimiser was given."""
        return list(params)

    def settings(self, settings: Arrays, name: str, t: int, batch: Batch) -> Arrays:
        """Return the settings for one table: the same for all."""
        return settings

    def update(
        self, rule: str, name: str, w: Any, g: Any, state: Arrays, t: int, settings: Arrays
    ) -> Any:
        """Return a table after its step; what the rule keeps of it goes to `state`."""
        settings = dict(settings)
        if settings.pop("maximize", False):
            g = g * -1
        rules = {
            "sgd": self.table_by_sgd, "adam": self.table_by_adam,
            "sparse_adam": self.table_by_sparse_adam, "rmsprop": self.table_by_rmsprop,
        }  # fmt: skip
        after: Any = rules[rule](name, w, g, state, t, settings)
        return after

    def table_by_sgd(
        self, name: str, w: Any, g: Any, state: Arrays, t: int, settings: Arrays
    ) -> Any:
        """Return a table after a step of SGD, which keeps its buffer."""
        w, buf = self.formulas.sgd(w, g, self.recall(state, f"buf/{name}", None), **settings)
        if buf is not None:
            self.remember(state, f"buf/{name}", buf)
        return w

    def table_by_adam(
        self, name: str, w: Any, g: Any, state: Arrays, t: int, settings: Arrays
    ) -> Any:
        """Return a table after a step of Adam, which keeps two moments, and AMSGrad a maximum."""
        zero = self.n.array(np.zeros(w.shape))
        m, v = (self.recall(state, f"{key}/{name}", zero) for key in "mv")
        if settings.pop("amsgrad", False):
            settings["v_max"] = self.recall(state, f"vmax/{name}", zero)
        w, m, v = self.formulas.adam(w, g, m, v, t, **settings)
        self.remember(state, f"m/{name}", m)
        self.remember(state, f"v/{name}", v)
        if "v_max" in settings:
            self.remember(state, f"vmax/{name}", self.n.largest(settings["v_max"], v))
        return w

    def table_by_sparse_adam(
        self, name: str, w: Any, g: Any, state: Arrays, t: int, settings: Arrays
    ) -> Any:
        """Return a table after a step of SparseAdam, which leaves rows without a gradient."""
        zero = self.n.array(np.zeros(w.shape))
        m, v = (self.recall(state, f"{key}/{name}", zero) for key in "mv")
        old, new = (w, m, v), self.formulas.sparse_adam(w, g, m, v, t, **settings)
        absent = self.n.is_zero(g).reshape(len(g), -1).all(axis=1)
        absent = absent.reshape(-1, *[1] * (len(w.shape) - 1))
        w, m, v = (self.n.where(absent, x, y) for x, y in zip(old, new, strict=True))
        self.remember(state, f"m/{name}", m)
        self.remember(state, f"v/{name}", v)
        return w

    def table_by_rmsprop(
        self, name: str, w: Any, g: Any, state: Arrays, t: int, settings: Arrays
    ) -> Any:
        """Return a table after a step of RMSProp, which keeps two averages and a buffer."""
        zero, keys = self.n.array(np.zeros(w.shape)), ("v", "a", "buf")
        w, *kept = self.formulas.rmsprop(
            w, g, *(self.recall(state, f"{key}/{name}", zero) for key in keys), **settings
        )
        for key, array in zip(keys, kept, strict=True):
            self.remember(state, f"{key}/{name}", array)
        return w

    def recall(self, state: Arrays, key: str, start: Any) -> Any:
        """Return what was kept under `key`, at first `start`."""
        return state.get(key, start)

    def remember(self, state: Arrays, key: str, array: Any) -> None:
        """Keep `array` for the next step."""
        state[key] = array

    def moved(self, before: Any, after: Any, g: Any) -> Any:
        """Return the table that takes the place of `before`."""
        return after

    def record(self, losses: list[Any], loss: Any) -> None:
        """Add a loss to those that are returned."""
        losses.append(loss)
