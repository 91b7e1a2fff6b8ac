"""Check a long training run window by window against the running error of its own steps.

No fixed tolerance fits two right executions of one long run.  Adam's division amplifies rounding:
with coupled decay and one rating a batch, one unit in the last place grows to 1e-10 of a table in
800 steps, and to percents of it in float32.  A tolerance is violated by a better exp or sees no
bug, and the running error of a whole run is infinite by step fifty.

So the run is cut into *windows* of a few steps.  At the start of a window the run's own state is
taken as exact; its steps are repeated in `Bounded` numbers; at the end the run's state must lie
within the bound.  No error is carried into the next window, and the run itself is not disturbed:
states that only a long run reaches are checked too.

    run = BoundedRun(optim.Adam, arrays_of(opt), y_range)      # the window begins
    run.step(users, items, rating, settings_of(opt))           # its steps, in Bounded numbers
    run.shares(arrays_of(opt))                                 # {name: |got - value| / tolerance}

Rounding of lagged updates is added where they are applied (`tests.kernels.lagged_rows`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from npcf import optim
from npcf._types import FloatArray, IdArray, YRange
from npcf.verify.assertions import assert_within
from npcf.verify.bounded import Bounded
from npcf.verify.formulas import Formulas
from npcf.verify.precision import quiet
from npcf.verify.running_error import RunningError
from tests.kernels.lagged_rows import LaggedAdam, LaggedSGD

TABLES = ("user_factors", "item_factors", "user_bias", "item_bias")
SCHEDULED = ("lr", "momentum")  # lagged updates know their values at every step

Arrays = Mapping[str, Any]


def arrays_of(optimizer: Any) -> dict[str, Any]:
    """Return copies of an optimiser's tables and state; reading applies lagged updates."""
    arrays = {**optimizer.params, **optimizer.state_arrays()}
    return {name: np.array(array) for name, array in arrays.items()}


def settings_of(optimizer: Any, **scheduled: Any) -> dict[str, Any]:
    """Return what holds at a step: an optimiser's settings, `lr` and `momentum` as scheduled."""
    setting = {name: getattr(optimizer, name) for name in optimizer.SETTINGS} | scheduled
    if "betas" in setting and "momentum" in setting:
        setting["betas"] = (float(setting.pop("momentum")), setting["betas"][1])
    return setting


class BoundedRun:
    """Steps of one optimiser on DotProductBias and its mean squared error, in `Bounded` numbers.

    `kind` is `npcf.optim.SGD` or `npcf.optim.Adam`, `arrays` its tables and state where the window
    begins: `arrays_of`.  The tables are those of `npcf.models.DotProductBias`, biases (n,) or
    (n, 1).
    """

    def __init__(self, kind: type, arrays: Arrays, y_range: YRange, mean: float = 0.0):
        if kind not in (optim.SGD, optim.Adam):
            raise TypeError(f"no bounds of whole runs of {kind.__name__}")
        self.kind, self.y_range, self.mean = kind, y_range, mean
        self.dtype = np.asarray(arrays["user_factors"]).dtype
        self.formulas = Formulas(RunningError(self.dtype))
        self.w = {name: Bounded.exact(_flat(name, arrays[name])) for name in TABLES}
        states = ("m", "v") if kind is optim.Adam else ("buffers",)
        self.states: dict[str, dict[str, Bounded]] = {
            state: {
                name: Bounded.exact(_flat(name, arrays[f"{state}/{name}"]))
                for name in TABLES
                if f"{state}/{name}" in arrays
            }
            for state in states
        }
        self.t = int(arrays.get("t", 0))
        self.lag: dict[str, Any] = {}
        self.touched = False  # whether a step moves no row but those of its batch
        self.held: Any = None  # under which settings rows lag

    @quiet
    def step(
        self, users: IdArray, items: IdArray, rating: FloatArray, setting: Any, lagged: bool = False
    ) -> Bounded:
        """Take a step; return the loss before it.

        `setting` has the optimiser's settings at this step: `settings_of`.  `lagged`: whether rows
        outside the batch are left alone until they are needed.
        """
        self.touched = setting.get("rows") == "touched_rows"
        each = {name: _own(setting, name) for name in TABLES}
        named = {name: _mask(users if name in TABLES[::2] else items, self.w[name])
                 for name in TABLES}  # fmt: skip
        self._lag(each if lagged else None)
        if self.lag:
            self.flush(named)
        _, loss, grads = self.formulas.loss_and_gradients(
            self.w, users, items, rating, self.y_range, self.mean
        )
        self.t += 1
        for name in TABLES:
            take = self._adam if self.kind is optim.Adam else self._sgd
            take(name, grads[name], each[name], named[name])
        return loss  # type: ignore[no-any-return]

    @quiet
    def flush(self, named: Mapping[str, Any] | None = None) -> None:
        """Apply lagged updates, to all rows unless masks (N,) are given."""
        for name, lag in self.lag.items():
            w = self.w[name]
            rows = np.ones(len(w.value), bool) if named is None else named[name]
            held = [table.get(name) for table in self.states.values()]
            w, *found = lag.flushed(rows, w, *held)
            self.w[name] = w
            for state, x in zip(self.states.values(), found, strict=True):
                if x is not None:
                    state[name] = x

    @quiet
    def shares(self, arrays: Arrays) -> dict[str, FloatArray]:
        """Return which share of its tolerance each entry of a state has used; the window ends."""
        self.flush()
        return {
            name: shares_used(_flat(name.split("/")[-1], arrays[name]), want)
            for name, want in self._wanted(arrays).items()
        }

    @quiet
    def check(self, arrays: Arrays) -> float:
        """Raise AssertionError unless a state lies within the bounds; return the largest share."""
        self.flush()
        for name, want in self._wanted(arrays).items():
            got = _flat(name.split("/")[-1], arrays[name])
            assert_within(got.astype(np.float64), want.value, want.tolerance, name)
        return max(float(share.max(initial=0)) for share in self.shares(arrays).values())

    def claimed(self) -> float:
        """Return for which part of the tables' entries the bound is finite."""
        finite = np.concatenate([np.isfinite(x.tolerance).ravel() for x in self.w.values()])
        return float(finite.mean())

    def predictions(self, users: IdArray, items: IdArray) -> Bounded:
        """Return predictions of the model as it is now."""
        self.flush()
        pred: Bounded = self.formulas.forward(self.w, users, items, self.y_range, self.mean)[0]
        return pred

    def _wanted(self, arrays: Arrays) -> dict[str, Bounded]:
        wanted = dict(self.w)
        for state, tables in self.states.items():
            wanted |= {f"{state}/{name}": x for name, x in tables.items()}
        assert wanted.keys() == set(arrays) - {"t"}, sorted(wanted.keys() ^ set(arrays))
        if self.kind is optim.Adam:
            assert int(arrays["t"]) == self.t, (int(arrays["t"]), self.t)
        return wanted

    def _lag(self, each: dict[str, Any] | None) -> None:
        """Begin or stop lagging; before other settings take effect, rows are flushed."""
        held = each and self._held(each)
        if held == self.held:
            return
        self.flush()
        self.held, self.lag = held, {}
        for name in TABLES if each else ():
            w = self.w[name]
            if self.kind is optim.Adam:
                self.lag[name] = LaggedAdam(w, self.states["m"][name], self.dtype)
            else:
                self.lag[name] = LaggedSGD(w, self.states["buffers"].get(name))

    def _held(self, each: dict[str, Any]) -> Any:
        """Return what must not change while rows lag."""
        alike = [own["lr"] == other["lr"] for own in each.values() for other in each.values()]
        kept = [{k: v for k, v in own.items() if k not in SCHEDULED} for own in each.values()]
        if self.kind is optim.Adam:
            return alike, [own | {"betas": own["betas"][1]} for own in kept]
        moving = bool(self.states["buffers"]) or any(own["momentum"] for own in each.values())
        return alike, kept, moving

    def _adam(self, name: str, g: Bounded, own: dict[str, Any], named: Any) -> None:
        m, v = self.states["m"], self.states["v"]
        self.w[name], m[name], v[name] = self.formulas.adam(
            self.w[name], g, m[name], v[name], self.t, **own
        )
        if self.lag:  # w of the batch's rows lags, too
            self.lag[name].skip(own, m[name], v[name], self.t)

    def _sgd(self, name: str, g: Bounded, own: dict[str, Any], named: Any) -> None:
        w, buffers = self.w[name], self.states["buffers"]
        buf = buffers.get(name)
        new, new_buf = self.formulas.sgd(w, g, buf, **own)
        if self.touched:
            n, rows = self.formulas.n, named.reshape(-1, *[1] * (w.value.ndim - 1))
            new = n.where(rows, new, w)
            if new_buf is not None:
                new_buf = n.where(rows, new_buf, n.array(np.zeros(w.shape)) if buf is None else buf)
        self.w[name] = new
        if new_buf is not None:
            buffers[name] = new_buf
        if self.lag:  # the batch's rows have taken the step
            lag = self.lag[name]
            lag.skip(own, buf is None)
            lag.begin(named, new, new_buf)


def shares_used(got: FloatArray, want: Bounded) -> FloatArray:
    """Return |got - value| / tolerance of each entry, 0 where nothing differs."""
    difference = np.abs(got.astype(np.float64) - want.value)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(difference == 0, 0.0, difference / want.tolerance)
    claimed = np.isfinite(want.tolerance)
    used: FloatArray = np.where(claimed, np.where(np.isnan(share), np.inf, share), 0.0)
    return used


def _own(setting: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the settings of one parameter: one number where there may be a mapping."""
    own = {key: value for key, value in setting.items() if key != "rows"}
    for key in ("lr", "weight_decay"):
        if isinstance(own[key], Mapping):
            own[key] = own[key].get(name, own[key].get("default"))
        own[key] = float(own[key])
    return own


def _flat(name: str, array: Any) -> FloatArray:
    flat: FloatArray = np.asarray(array)
    return flat.reshape(len(flat)) if name.endswith("bias") else flat


def _mask(ids: IdArray, table: Bounded) -> Any:
    rows = np.zeros(len(table.value), bool)
    rows[ids] = True
    return rows
