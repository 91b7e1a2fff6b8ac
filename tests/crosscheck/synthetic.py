"""Evidence without torch: a program of NumPy, right or with mistakes, is run as the subject."""

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Evidence, Intended, Probe, Raised, Seen, Stepped, Trained
from npcf.crosscheck.program import written
from npcf.verify.floats import Floats
from npcf.verify.formulas import Formulas
from npcf.verify.libraries import ANY
from npcf.verify.loop import Loop
from npcf.verify.mistakes import Wrong

SIZES = ((17, 23, 5), (40, 31, 8), (61, 90, 16))
ADAMW = {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-5, "decoupled": True}
ADAM = ADAMW | {"decoupled": False}
SGD = {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.9, "dampening": 0.25}
NESTEROV = {"lr": 0.05, "weight_decay": 0.1, "momentum": 0.9, "nesterov": True}
RMSPROP = {"lr": 0.01, "alpha": 0.95, "eps": 1e-5, "weight_decay": 0.1, "momentum": 0.9}
RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "adamw": ("adam", ADAMW), "adam": ("adam", ADAM), "sgd": ("sgd", SGD),
    "nesterov": ("sgd", NESTEROV), "rmsprop": ("rmsprop", RMSPROP),
    "plain sgd": ("sgd", {"lr": 0.05}),
    "sparse_adam": ("sparse_adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-5}),
}  # fmt: skip


def observe(
    *wrongs: Wrong, dtype: Any = np.float32, size: tuple[int, int, int] = SIZES[0], seed: int = 0,
    batch: int = 32, y_range: Any = (0.5, 5.5), rule: str = "adamw", stepped: bool = True,
    training: bool = True, keepdim: bool = True, mid: bool = False,
) -> Evidence:  # fmt: skip
    """Run a program with these mistakes, and write down what it does."""
    rng, (n_users, n_items, k) = np.random.default_rng(seed), size
    formulas: Any = reduce(lambda base, wrong: wrong.formulas(base), wrongs, Formulas)
    loop: Any = reduce(lambda base, wrong: wrong.loop(base), wrongs, Loop)
    name, settings = RULES[rule]
    evidence = Evidence(
        n_users, n_items, k, np.dtype(dtype), y_range, library=ANY,
        computes_in=np.dtype(dtype).name, intended=Intended(name, settings, live=False),
    )  # fmt: skip
    probes = probes_for(rng, size, dtype, batch, y_range or (0.0, 5.0))
    with np.errstate(all="ignore"):
        for probe in probes:
            evidence.seen.append(_seen(formulas, probe, dtype, y_range, wrongs, keepdim))
        if stepped:
            evidence.stepped.append(
                _stepped(loop, formulas, probes[1], rng, dtype, name, settings, mid)
            )
        if training:
            evidence.trained = _trained(
                loop, formulas, [probes[1], probes[3], probes[1], probes[0]], dtype, y_range, name,
                settings, mid,
            )  # fmt: skip
    return evidence


def probes_for(rng: Any, size: Any, dtype: Any, batch: int, y_range: Any) -> list[Probe]:
    """Return the caller's batch, and designed ones."""
    n_users, n_items, k = size
    low, high = y_range
    m = min(n_users, n_items)

    def tables(sd: float, bias: float) -> dict[str, Any]:
        drawn = {
            "user_factors": rng.normal(0.3 * sd, sd, (n_users, k)),
            "item_factors": rng.normal(-0.2 * sd, sd, (n_items, k)),
            "user_bias": rng.normal(0, bias, n_users),
            "item_bias": rng.normal(0, bias, n_items),
        }
        return {name: table.astype(dtype) for name, table in drawn.items()}

    def probe(name: str, sd: float, bias: float, users: Any, items: Any) -> Probe:
        b = len(users)
        rating = rng.uniform(low, high, b).round(3) + 1e-3 * rng.random(b)
        upstream = rng.normal(size=b).astype(dtype)
        return Probe(name, tables(sd, bias), users, items, rating.astype(dtype), upstream)

    def ids(n: int, b: int) -> Any:
        return rng.integers(0, n, b)

    sd = (1.5 / k) ** 0.5
    users = np.r_[0, 0, n_users - 1, 1, 1, ids(n_users, 6)]
    items = np.r_[n_items - 1, 2, 2, 0, 0, ids(n_items, 6)]
    yours = probe("yours", 0.1, 0.1, ids(n_users, batch), ids(n_items, batch))
    stars = (rng.integers(1, 11, batch) / 2).astype(dtype)
    inner = np.r_[1, 2, 1, 1 + ids(m - 2, 9)], np.r_[2, 3, 1, 1 + ids(m - 2, 9)]
    square = np.r_[0, m - 1, 0, 1, ids(m, 7)], np.r_[1, 0, m - 1, 1, ids(m, 7)]
    return [
        replace(yours, rating=stars),
        probe("designed", sd, 0.6, users, items),
        probe("saturated", sd, 9.0, users[::-1].copy(), items),
        probe("low", sd, 0.6, *inner),
        probe("one", sd, 0.6, users[2:3], items[2:3]),
        probe("square", sd, 0.6, *square),
    ]


def _seen(
    formulas: Any, probe: Probe, dtype: Any, y_range: Any, wrongs: Any, keepdim: bool
) -> Seen:
    f, right = formulas(Floats(dtype)), Formulas(Floats(dtype))
    right_pred, _ = right.forward(probe.tables, probe.users, probe.items, y_range)
    rating, (loss, d_loss) = probe.rating, _loss(f, right_pred, probe.rating)
    seen = Seen(probe, Raised("", ""), prediction=right_pred, loss=(loss, d_loss))
    tables = dict(probe.tables)
    seen.writes = tuple(written(f, tables, probe.users, probe.items))
    try:
        pred, tape = f.forward(tables, probe.users, probe.items, y_range)
    except IndexError as error:
        seen.output = seen.gradients = Raised("IndexError", str(error))
        return seen
    pred = np.asarray(pred)
    seen.output = pred.astype(float)
    if keepdim and pred.ndim == 1:
        seen.output = seen.output[:, None]
    if pred.size == len(rating):
        gradients = f.backward(probe.upstream.reshape(pred.shape), tape)
        seen.gradients = {
            name: None if g is None else np.asarray(g, float) for name, g in gradients.items()
        }
    return seen


def _loss(f: Any, pred: Any, rating: Any) -> tuple[Any, Any]:
    e = f.residual(f.n.array(pred), f.n.array(rating))
    return np.asarray(f.loss(e), float), np.asarray(f.loss_gradient(e, 1.0), float)


def planted(rng: Any, tables: Any, dtype: Any, n_steps: int = 4) -> list[dict[str, Any]]:
    """Return gradients of all sizes, each row absent from some step."""
    steps = []
    for t in range(n_steps):
        gradients = {}
        for name, table in tables.items():
            scale = 10.0 ** rng.uniform(-4, 1, (len(table), *[1] * (table.ndim - 1)))
            g = rng.normal(size=table.shape) * scale
            g[(np.arange(len(g)) + t) % 3 == 0] = 0
            gradients[name] = g.astype(dtype)
        steps.append(gradients)
    return steps


def _state(rng: Any, tables: Any, dtype: Any, rule: str) -> dict[str, Any]:
    """Return the state of an optimiser that has taken seven steps."""
    keys = {"sgd": ("buf",), "rmsprop": ("v", "buf")}.get(rule, ("m", "v"))
    state: dict[str, Any] = {"t": np.array(7)}
    for key in keys:
        for name, table in tables.items():
            drawn = rng.normal(size=table.shape).astype(dtype)
            state[f"{key}/{name}"] = drawn**2 if key == "v" else drawn * dtype(0.1)
    return state


def _stepped(
    loop: Any,
    formulas: Any,
    probe: Probe,
    rng: Any,
    dtype: Any,
    rule: str,
    settings: Any,
    mid: bool,
) -> Stepped:
    gradients = planted(rng, probe.tables, dtype)
    state = _state(rng, probe.tables, dtype, rule) if mid else None
    kept: dict[str, Any] = dict(state or {"t": np.array(0)})

    class Planted(Loop):
        current: Any = None

        def gradients(self, *args: Any) -> Any:
            return None, dict(Planted.current)

    wrong = [base for base in loop.__mro__ if base not in Loop.__mro__]
    run: Any = _only_optimiser(wrong, Planted)(formulas(Floats(dtype)))
    params, tables = dict(probe.tables), [dict(probe.tables)]
    for g in gradients:
        Planted.current = g
        run.step(params, ([0], [0], [0]), None, rule, dict(settings), kept)
        tables.append({name: np.asarray(table) for name, table in params.items()})
    return Stepped(gradients, tables, state)


CALLERS = ("gradients", "apply", "step", "order", "record", "train")


def _only_optimiser(wrong: list[type], base: type) -> type:
    """Return the loop with those mistakes that are the optimiser's."""
    for one in reversed(wrong):
        if not any(name in vars(one) for name in CALLERS):
            base = type("Wrong", (base,), dict(vars(one)))
    return base


def _trained(
    loop: Any, formulas: Any, batches: Any, dtype: Any, y_range: Any, rule: str, settings: Any,
    mid: bool,
) -> Trained:  # fmt: skip
    run = loop(formulas(Floats(dtype)))
    params, state = dict(batches[0].tables), {"t": np.array(0)}
    tables: list[Any] = [dict(params)]
    losses: list[float] = []
    ordered = run.order(
        [(b.users, b.items, b.rating) for b in batches], [settings["lr"]] * len(batches)
    )
    for batch, lr in ordered:
        try:
            loss = run.step(params, batch, y_range, rule, {**settings, "lr": lr}, state)
        except IndexError as error:
            tables.append(Raised("IndexError", str(error)))
            break
        losses.append(float(np.sum(loss)))
        tables.append({name: np.asarray(table) for name, table in params.items()})
    return Trained(batches[: len(tables) - 1], tables, losses)
