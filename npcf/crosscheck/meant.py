"""What was meant at each step: rule, settings, rates; and the state before the first."""

from typing import Any, cast

import numpy as np

from npcf.crosscheck.evidence import Evidence, Intended, Stepped, Trained


def meant_rates(evidence: Evidence) -> list[float]:
    """Return the learning rate that was meant for each training step."""
    if evidence.intended is None or evidence.trained is None:
        return []
    seen = evidence.trained
    if seen.rates is not None:
        return [float(rate) for rate in seen.rates]
    steps = range(len(seen.batches))
    return [float(meant_at(evidence, seen, t).settings["lr"]) for t in steps]


def meant_at(evidence: Evidence, run: Stepped | Trained, t: int) -> Intended:
    """Return what was meant for a step: a schedule may change it."""
    meant: Any = run.meant[t] if t < len(run.meant) else evidence.intended
    return cast(Intended, meant)


def rule_of(intended: Intended) -> tuple[str, dict[str, Any]]:
    """Return the rule that was meant, and its settings."""
    defaults: dict[str, Any] = {} if intended.rule == "sparse_adam" else {"weight_decay": 0.0}
    if intended.rule in ("adam", "sparse_adam"):
        defaults |= {"betas": (0.9, 0.999), "eps": 1e-8}
    return intended.rule, {**defaults, **intended.settings}


def started(run: Stepped | Trained, n: Any) -> dict[str, Any]:
    """Return the optimiser's state before the first step."""
    state = {"t": np.array(0), **(run.state or {})}
    return {
        key: np.array(int(np.asarray(value))) if key == "t" else n.array(value)
        for key, value in state.items()
    }
