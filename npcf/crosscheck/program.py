"""Programs: the right formulas and the right loop, or these with mistakes of the catalogue."""

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, cast

import numpy as np

from npcf.crosscheck.evidence import Evidence
from npcf.verify.formulas import PIECES, Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes import Wrong
from npcf.verify.mistakes.catalogue import clip
from npcf.verify.mistakes.training import within_norm
from npcf.verify.precision import precision_of
from npcf.verify.running_error import RunningError

OPTIMISER = {  # pieces that an optimiser has; the others of a loop are its caller's
    "advance", "time", "tables", "settings", "update", "recall", "remember", "moved",
    *PIECES,
}  # fmt: skip
NARROW = {"bfloat16": (2.0**-8, 2.0**-126, 3.38e38), "float16": (2.0**-11, 2.0**-14, 65504.0),
          "tf32": (2.0**-11, 2.0**-126, 3.4e38)}  # fmt: skip


class Replay(Loop):
    """The loop with the settings that were meant, along gradients that were planted if any were."""

    def __init__(self, formulas: Formulas, evidence: Evidence):
        super().__init__(formulas)
        self.mean = evidence.mean
        self.planted: Any = None
        self.meant: Any = evidence.intended  # at the step that is taken
        meant: Any = evidence.intended
        self.max_grad_norm: float | None = meant and meant.max_grad_norm
        self.max_grad_value: float | None = meant and meant.max_grad_value
        self.frozen = evidence.frozen  # no gradient reaches them: None
        self.own_order = evidence.order_of_tables
        self.used: dict[str, Any] = {}  # gradients of the last step, for who looks at .grad

    def gradients(self, params: Any, batch: Any, y_range: Any, state: Any) -> Any:
        """Return the loss of a batch and its gradients; or the planted ones."""
        if self.planted is not None:
            return None, dict(self.planted)
        users, items, rating = batch
        written(self.formulas, params, users, items)
        _, loss, gradients = self.formulas.loss_and_gradients(
            params, users, items, self.n.array(rating), y_range, self.mean
        )
        return loss, self._clipped({**gradients, **dict.fromkeys(self.frozen)})

    def _clipped(self, gradients: Any) -> Any:
        """Clip the gradients as it was meant."""
        if self.max_grad_norm is not None:
            return within_norm(self.n, gradients, self.max_grad_norm)
        limit = self.max_grad_value
        return gradients if limit is None else {
            name: g if g is None else clip(self, g, -limit, limit) for name, g in gradients.items()
        }  # fmt: skip

    def tables(self, params: Any) -> list[str]:
        """Return the tables in the order of the subject's own parameters."""
        order = [name for name in self.own_order if name in params]
        return order if len(order) == len(params) else list(params)

    def settings(self, settings: Any, name: str, t: int, batch: Any) -> Any:
        """Return the settings of a table's group; another rate than was meant is so in each."""
        own = dict(self.meant.of_table.get(name, {})) if self.meant else {}
        rate, meant = settings["lr"], self.meant.settings["lr"] if own else 0.0
        if "lr" in own and meant and rate != meant:
            own["lr"] *= rate / meant
        return {**settings, **own}

    def update(
        self, rule: str, name: str, w: Any, g: Any, state: Any, t: int, settings: Any
    ) -> Any:
        """Take note of the gradient that the optimiser is handed."""
        self.used[name] = g
        return super().update(rule, name, w, g, state, t, settings)


@dataclass(frozen=True)
class Program:
    """The right program with these mistakes, the last ones outermost.

    Those of `own` are made by the caller's training step alone, not by model, loss and optimiser.
    """

    wrongs: tuple[Wrong, ...] = ()
    own: tuple[Wrong, ...] = ()

    @cached_property
    def formulas(self) -> type[Formulas]:
        """The formulas."""
        return reduce(lambda base, wrong: wrong.formulas(base), self.wrongs, Formulas)

    @cached_property
    def loop(self) -> type[Replay]:
        """The loop of the training step."""
        return self._loop((*self.wrongs, *self.own))

    @cached_property
    def trained(self) -> type[Formulas]:
        """The formulas of the training step."""
        return reduce(lambda base, wrong: wrong.formulas(base), self.own, self.formulas)

    @cached_property
    def optimiser(self) -> type[Replay]:
        """The loop as far as it is the optimiser's: what its caller does wrong is left out."""
        return self._loop(
            wrong for wrong in self.wrongs if wrong.mistake.pieces.keys() <= OPTIMISER
        )

    def _loop(self, wrongs: Any) -> type[Replay]:
        bent: Any = reduce(lambda base, wrong: wrong.loop(base), wrongs, Replay)
        return cast(type[Replay], bent)

    @cached_property
    def in_place(self) -> bool:
        """Whether the forward pass may change tables in place."""
        return any("written" in wrong.mistake.pieces for wrong in self.wrongs)


RIGHT = Program()


def written(formulas: Formulas, params: dict[str, Any], users: Any, items: Any) -> set[str]:
    """Let the forward pass change tables in place; return the names of those that it does."""
    changed = set()
    for name, table in params.items():
        ids = users if name.startswith("user") else items
        new = formulas.at(name).written(table, ids)
        if new is not table:
            params[name] = new
            old, now = (getattr(x, "value", x) for x in (table, new))
            changed |= {name} if (old != now).any() else set()
    return changed


def arithmetic(evidence: Evidence) -> RunningError:
    """Return running errors as the subject's dtype and library make them."""
    narrow, dtype = NARROW.get(evidence.computes_in), np.dtype(evidence.dtype)
    if narrow is None:
        return RunningError(dtype, evidence.library)
    u, tiny, huge = narrow
    like = precision_of(np.dtype(np.float32), evidence.library)
    return RunningError(like._replace(u=u, tiny=tiny, huge=huge, eta=tiny, dropped=tiny))
