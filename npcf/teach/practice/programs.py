"""What computes an exercise: the formulas, or these with a mistake of the catalogue.

Over running errors a program says itself how far another evaluation of it may lie from it, so that
an answer is right, or shows a mistake, by a derived bound.
"""

from functools import cached_property
from typing import Any

import numpy as np

from npcf._tables import NAMES
from npcf.foreign import SAID
from npcf.teach.practice.draws import Inputs
from npcf.teach.practice.tasks import Task
from npcf.verify import schedule_bounds
from npcf.verify.bounded import Bounded
from npcf.verify.examples import plain
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas
from npcf.verify.loop import Loop
from npcf.verify.mistakes import Wrong
from npcf.verify.mistakes.patching import plain_with
from npcf.verify.precision import quiet
from npcf.verify.protocol_functions import ProtocolFunctions
from npcf.verify.running_error import RunningError

Results = dict[str, Any]  # by the name of what is asked for: arrays, or numbers with bounds
TABLE = "item_factors"  # what a step's weights are to mistakes that keep to some tables
NO_BATCH = ([0], [0], [0])


class Program:
    """The right program, or one with a mistake."""

    def __init__(self, wrong: Wrong | None = None):
        self.wrong = wrong
        self.formulas = wrong.formulas() if wrong else Formulas
        self.loop = wrong.loop() if wrong else Loop

    @cached_property
    def schedules(self) -> Any:
        """The module of schedules."""
        return plain_with(None, self.wrong.replaced()) if self.wrong else plain

    @quiet
    def results(self, task: Task, x: Inputs, numbers: Any) -> Results:
        """Return what the program answers, in the arithmetic `numbers`."""
        if task.how == "one_cycle":
            return self._cycle(x, numbers)
        ways = {"model": self._model, "bias": self._bias, "sgd": self._sgd, "adam": self._adam,
                "adamw": self._adam}  # fmt: skip
        if task.how in ways:
            return ways[task.how](x, numbers, task)
        functions = ProtocolFunctions(lambda dtype: numbers, self.formulas)
        result = _operation(functions, task.how, x)
        if result is None:
            raise ValueError("this mistake has no gradient, which is no answer")
        return {task.results[0]: result}

    def _bias(self, x: Inputs, numbers: Any, task: Task) -> Results:
        functions, x = ProtocolFunctions(lambda dtype: numbers, self.formulas), dict(x)
        d_out = x.pop("d_out")
        out, cache = functions.bias_forward(**x)
        _, d_user, d_item = functions.bias_backward(d_out, cache)
        d_user = _or_zeros(d_user, x["user_bias"], numbers)
        d_item = _or_zeros(d_item, x["item_bias"], numbers)
        return dict(zip(task.results, (out, d_user, d_item), strict=True))

    def _model(self, x: Inputs, numbers: Any, task: Task) -> Results:
        params, y_range = {name: x[name] for name in NAMES}, (x["low"], x["high"])
        batch = x["users"], x["items"], x["rating"]
        _, _, grads = self.formulas(numbers).loss_and_gradients(params, *batch, y_range)
        return {f"d_{name}": _or_zeros(grads[name], params[name], numbers) for name in NAMES}

    def _sgd(self, x: Inputs, numbers: Any, task: Task) -> Results:
        names = ("lr", "momentum", "dampening", "weight_decay")
        kept = {} if x["buf"] is None else {"buf": x["buf"]}
        return self._step("sgd", 1, {name: x[name] for name in names}, kept, x, numbers)

    def _adam(self, x: Inputs, numbers: Any, task: Task) -> Results:
        settings = {name: x[name] for name in ("lr", "eps", "weight_decay")}
        settings |= {"betas": (x["beta1"], x["beta2"]), "decoupled": task.how == "adamw"}
        return self._step("adam", x["t"], settings, {"m": x["m"], "v": x["v"]}, x, numbers)

    def _step(
        self, rule: str, t: int, settings: Inputs, kept: Inputs, x: Inputs, n: Any
    ) -> Results:
        """Return the weights after step t, and what the rule keeps; what it does not is as ever."""
        params, gradients = {TABLE: n.array(x["w"])}, {TABLE: n.array(x["g"])}
        state = {"t": np.array(t - 1), **{f"{k}/{TABLE}": n.array(a) for k, a in kept.items()}}
        self.loop(self.formulas(n)).apply(params, gradients, NO_BATCH, rule, settings, state)
        names = ("buf",) if rule == "sgd" else ("m", "v")
        after = {name: state.get(f"{name}/{TABLE}") for name in names}
        return {"w": params[TABLE]} | {name: _or_zeros(a, x["w"], n) for name, a in after.items()}

    def _cycle(self, x: Inputs, numbers: Any) -> Results:
        lr, mom = map(np.asarray, self.schedules.one_cycle_fastai(**x))
        if isinstance(numbers, Floats):
            return {"lr": lr, "mom": mom}
        lr_room, mom_room = schedule_bounds.one_cycle_fastai(**x, u=numbers.precision.u)
        return {
            "lr": _within(lr, lr_room, x["lr_max"], numbers),
            "mom": _within(mom, mom_room, max(x["moms"]), numbers),
        }


def _operation(functions: ProtocolFunctions, name: str, x: Inputs) -> Any:
    """Return what one function of the protocol gives; a backward pass after its forward pass."""
    if name == "embedding_backward":
        table = np.zeros((x["n_rows"], x["d_out"].shape[1]))
        return functions.embedding_backward(
            x["d_out"], functions.embedding_forward(table, x["ids"])[1]
        )
    if name.endswith("_forward"):
        return getattr(functions, name)(**x)[0]
    rest = dict(x)
    upstream = rest.pop("d_loss" if name == "mse_backward" else "d_out")
    _, cache = getattr(functions, name.replace("_backward", "_forward"))(**rest)
    return getattr(functions, name)(upstream, cache)


def _or_zeros(result: Any, like: Any, numbers: Any) -> Any:
    """Return the result; where a program has none, such as no gradient, it is zero."""
    return numbers.array(np.zeros(like.shape)) if result is None else result


def _within(values: Any, room: Any, size: float, numbers: RunningError) -> Bounded:
    """Return a schedule with half of what two evaluations may lie apart, by its size."""
    larger = max(1.0, np.abs(values).max(initial=0.0) / size)
    if values.shape != room.shape:
        room = room.max()
    return Bounded(values, room * larger / 2, numbers.precision)


def results_of(wrong: Wrong | None, task: Task, x: Inputs, dtype: Any) -> Results | None:
    """Return what a program answers, with bounds for arrays of `dtype`; None if it cannot."""
    try:
        return Program(wrong).results(task, x, RunningError(dtype))
    except SAID:  # a mistake that cannot be made here: a row outside of a table
        return None


def float_results(wrong: Wrong | None, task: Task, x: Inputs) -> Results | None:
    """Return what a program answers as NumPy computes it; None if it cannot."""
    try:
        found = Program(wrong).results(task, x, Floats(np.float64))
    except SAID:
        return None
    return {name: np.asarray(array, np.float64) for name, array in found.items()}


@quiet
def misses(given: Any, wanted: Bounded) -> Any:
    """Return where numbers of its shape are farther from a prediction than its bound allows."""
    return ~((given == wanted.value) | (np.abs(given - wanted.value) <= wanted.tolerance))


@quiet
def apart(wrong: Results, right: Results) -> bool:
    """Whether no program with the mistake can give what a right one gives."""
    return any(
        wrong[name].shape != x.shape
        or (np.abs(wrong[name].value - x.value) > wrong[name].tolerance + x.tolerance).any()
        for name, x in right.items()
    )
