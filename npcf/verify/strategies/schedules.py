"""Arguments of the schedules."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

_steps = st.integers(1, 60)
_rates = st.sampled_from([1.0, 5e-3, 0.3, 1e-6, 7.0])
_low = st.sampled_from([0.0, 1e-3, 1e-4])
_shares = st.sampled_from([0.25, 0.3, 0.5, 0.1, 0.75])
_momenta = st.sampled_from([(0.95, 0.85, 0.95), (0.9, 0.7, 0.8), (0.0, 0.5, 0.25)])
_divisors = st.sampled_from([25.0, 2.0, 10.0, 1.0])
_last_divisors = st.sampled_from([1e5, 1e4, 100.0, 3.0])

ARGUMENTS: dict[str, dict[str, Any]] = {
    "linear": {"start": _rates, "end": st.one_of(_low, _rates)},
    "exponential": {"start": _rates, "end": _rates},
    "cosine": {"lr_max": _rates, "lr_min": _low},
    "cosine_restarts": {
        "lr_max": _rates,
        "cycle_len": st.integers(1, 12),
        "cycle_mult": st.integers(1, 3),
        "lr_min": _low,
    },
    "step_decay": {
        "lr": _rates,
        "step_size": st.integers(1, 12),
        "gamma": st.sampled_from([0.1, 0.5, 1.0, 0.0]),
    },
    "one_cycle_fastai": {
        "lr_max": _rates,
        "div": _divisors,
        "div_final": _last_divisors,
        "pct_start": _shares,
        "moms": _momenta,
        "n_epochs": st.integers(1, 4),
    },
    "one_cycle_torch": {
        "max_lr": _rates,
        "pct_start": _shares,
        "div_factor": _divisors,
        "final_div_factor": _last_divisors,
    },
}


class Schedule(NamedTuple):
    """The name of a schedule and the arguments to call it with, by their names."""

    name: str
    settings: dict[str, Any]


@st.composite
def schedules(draw: st.DrawFn, name: str, min_steps: int = 1) -> Schedule:
    """1 to 60 steps (with epochs: of up to 15 each) of the schedule `name`.

    Rates lie in [1e-6, 7], ends also at 0 where a schedule may end there.
    """
    settings = {key: draw(values) for key, values in ARGUMENTS[name].items()}
    n_steps = max(draw(_steps), min_steps)
    if name == "one_cycle_torch" and settings["pct_start"] * n_steps == 1:
        n_steps += 1  # a rise of no length, where torch divides by zero
    n_epochs = settings.get("n_epochs", 1)
    return Schedule(name, {"n_steps": -(-n_steps // n_epochs) * n_epochs, **settings})
