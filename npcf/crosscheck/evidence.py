"""What was seen of a subject: plain NumPy arrays, with nothing of the framework they came from.

`observe` fills an `Evidence` from a live torch model, `recordings` from files; `judge` and
`diagnose` read it.  The letters: B batch, U users, I items, K factors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from npcf.verify.libraries import ANY, Library

TABLES = ("user_factors", "item_factors", "user_bias", "item_bias")

Array = np.ndarray[Any, np.dtype[Any]]
Tables = Mapping[str, Array]  # by npcf's names: factors (U, K), (I, K), biases (U,), (I,)


class Raised(NamedTuple):
    """An exception that the subject raised in the place of a result."""

    kind: str  # the name of its class
    message: str


class Fact(NamedTuple):
    """Something seen that is no number: a parameter in no group, an output that is random."""

    stage: str  # "contract", "data", "mapping", ...
    name: str  # a word to find it by
    sentence: str
    cure: str
    wrong: bool  # False: suspicious only


@dataclass(frozen=True)
class Probe:
    """A batch, and the parameters that it was run with.

    Attributes
    ----------
    name : str
        "yours" for the caller's batch with the caller's parameters; otherwise what it is made for.
    tables : mapping of str to array
        Parameters under npcf's names, in the model's dtype.
    users, items : (B,) array of int
        Row numbers.
    rating : (B,) array
        In the model's dtype, if it is float32 or float64.
    upstream : (B,) array or None
        Planted gradient of the output; None: that of the subject's own loss.
    """

    name: str
    tables: Tables
    users: Array
    items: Array
    rating: Array
    upstream: Array | None


@dataclass
class Seen:
    """What model and loss did with one probe.

    Attributes
    ----------
    output : array or Raised or None
        As the model returned it, in its own shape; as float64, which holds the same numbers.
        None: not seen, as where files hold the gradients alone.
    gradients : dict of str to (array or None), or Raised
        Of each table, in the table's shape; None where the framework has none (torch's grad None).
    prediction : (B,) array
        What the loss was given: the reference's prediction, so that it is judged by itself (in the
        shape of `output` when it was run), or None where only the subject's own output was.
    loss : (value, gradient) or Raised or None
        Value as returned (0-d, or of any shape); gradient by prediction, (B,), or None where it
        was not seen, as in a recording; None: no loss.
    loss_upstream : float
        The gradient of the loss itself that was planted for that: one that is not 1 must be used.
    writes : tuple of str
        Tables that the forward pass changed in place.
    sparse : tuple of str
        Tables whose gradients the framework keeps sparse.
    """

    probe: Probe
    output: Any
    gradients: Mapping[str, Array | None] | Raised | None = None
    prediction: Array | None = None
    loss: tuple[Array, Array | None] | Raised | None = None
    writes: tuple[str, ...] = ()
    sparse: tuple[str, ...] = ()
    loss_upstream: float = 1.0


@dataclass(frozen=True)
class Intended:
    """The optimiser that was meant, by npcf's names for its settings.

    `rule` is "sgd", "adam" (with decoupled=True: AdamW), "sparse_adam" or "rmsprop"; `settings`
    are keywords of that rule in `npcf.verify.update_rules`, and `maximize`, `amsgrad`.
    `of_table` holds settings that differ for a table: another parameter group.
    """

    rule: str
    settings: Mapping[str, Any]
    of_table: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    live: bool = True  # taken from the live optimiser, which cannot show its own misconfiguration
    rates: tuple[float, ...] = ()  # of each training step, where they differ
    max_grad_norm: float | None = None  # training steps clip the norm of all gradients to it
    max_grad_value: float | None = None  # training steps clip every entry to it

    def settings_of(self, table: str) -> dict[str, Any]:
        """Return the settings for one table."""
        return {**self.settings, **self.of_table.get(table, {})}


@dataclass
class Stepped:
    """The optimiser's own steps along given gradients.

    Attributes
    ----------
    gradients : sequence of mappings
        Of each step; None: no gradient.
    tables : sequence of mappings
        Before the first step, then after each: one more than there are gradients.  Raised as the
        last where the optimizer raised.
    state : mapping or None
        Optimiser state before the first step, as `npcf.verify.loop.Loop` names it: "t",
        "m/user_factors", "v/user_factors", "buf/user_factors", ...; None: fresh.
    """

    gradients: Sequence[Mapping[str, Array | None]]
    tables: Sequence[Tables | Raised]
    state: Mapping[str, Array] | None = None
    name: str = "planted gradients"
    meant: Sequence[Intended] = ()  # for each step, where a schedule changes settings


@dataclass
class Trained:
    """Training steps of the subject's own: forward, loss, backward, update.

    `tables` has those before the first step, then after each step, or Raised as the last.
    `left` has the gradients that each step leaves behind; `state` is as in `Stepped`.  `rates` are
    the learning rates that were meant for the steps, None: those of `meant`, or of `Intended`.
    A loss that was not returned is NaN.
    """

    batches: Sequence[Probe]
    tables: Sequence[Tables | Raised]
    losses: Sequence[float]
    left: Sequence[Mapping[str, Array | None]] = ()
    state: Mapping[str, Array] | None = None
    rates: Sequence[float] | None = None
    meant: Sequence[Intended] = ()  # as in `Stepped`: momentum under one-cycle
    given: Tables | None = None  # the tables before the check put others: a copy may hold them


@dataclass
class Evidence:
    """Everything that was seen of one subject.

    Attributes
    ----------
    n_users, n_items, n_factors : int
        Sizes of the tables.
    dtype : numpy dtype
        In which the model computes: float32 or float64 (a narrower one is named in `computes_in`).
    computes_in : str
        "float32", "float64", "bfloat16", "float16", "tf32": what its bounds are derived for.
    library : Library
        Whose exp and square root it uses.
    y_range : (low, high) or None
        What was said to be meant.
    paths : dict of str to str
        The subject's own name of each table, such as "movie_factors.weight".
    mapped_by : str
        "name", "shape", "probing" or "hand".
    frozen : tuple of str
        Tables that require no gradient: None is right for them.
    order_of_tables : tuple of str
        The tables in the order of the subject's parameters, as its optimiser goes through them.
    looked_at : tuple of str
        Stages whose facts were looked for: without one they are right.
    """

    n_users: int
    n_items: int
    n_factors: int
    dtype: Any
    y_range: tuple[float, float] | None
    seen: list[Seen] = field(default_factory=list)
    stepped: list[Stepped] = field(default_factory=list)
    trained: Trained | None = None
    intended: Intended | None = None
    computes_in: str = "float32"
    library: Library = ANY
    paths: dict[str, str] = field(default_factory=dict)
    mapped_by: str = "name"
    mean: float = 0.0
    frozen: tuple[str, ...] = ()
    facts: list[Fact] = field(default_factory=list)
    looked_at: tuple[str, ...] = ("contract", "mapping")
    order_of_tables: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)  # said in the report, neither right nor wrong
