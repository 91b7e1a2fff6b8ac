"""Slope and intercept, as in the lesson's graddesc workbook: a step a row, down the page.

    y = b + a x,  e = (b + a x - y)^2,  de/db = 2 (b + a x - y),  de/da = x de/db

Every row repeats each gradient by a difference of 0.01.  The rules are those of `npcf.optim`: where
the lesson's tabs differ, `RULES` says so.  The last tab goes through the points several times, and
does what a macro does in the lesson's: root is sqrt(v_b) + sqrt(v_a), least the smallest of those
that ended an earlier epoch; where root > 2 least at the end of an epoch, the rate is divided by 4.
"""

from typing import Any, NamedTuple

import numpy as np

from npcf.optim import SGD, Adam, RMSProp
from npcf.teach.sheet_cells import Tab, area, at

N, INTERCEPT, SLOPE, NUDGE = 29, 30.0, 2.0, 0.01
FIRST = 4  # the first row of steps
EPS = 1e-8
EPOCHS = 8  # of the tab whose rate is annealed; at seed 0 it falls before the last two
COLUMNS = ["x", "y", "intercept b", "slope a", "y_pred", "err^2", "errb1", "est de/db", "erra1",
           "est de/da", "de/db", "de/da"]  # fmt: skip
DB, STATES = 10, 12  # columns: of de/db, and the first of the states
ANNEALED = ("lr", "root", "least")  # further columns where there are several epochs


class Rule(NamedTuple):
    """One tab: its settings (cells D1, F1, ... of the first line), states, and formulas.

    In formulas {g} is a gradient, {p} the state in the row above, {0}, {1} the states of this row,
    {t} the number of the step, and names of settings their cells.
    """

    name: str
    settings: dict[str, float]
    states: tuple[str, ...]
    state_texts: tuple[str, ...]
    step_text: str
    note: str
    n_epochs: int = 1  # with several, the rate is annealed between them


AVERAGES = ("{beta1}*{p}+(1-{beta1})*{g}", "{beta2}*{p}+(1-{beta2})*{g}^2")
ADAM_STEP = "{lr}*({0}/(1-{beta1}^{t}))/(SQRT({1}/(1-{beta2}^{t}))+1E-8)"
RULES = (
    Rule("basic", {"lr": 1e-4}, (), (), "{lr}*{g}", "w <- w - lr g"),
    Rule("momentum", {"lr": 1e-4, "beta": 0.9}, ("avg",), ("{beta}*{p}+(1-{beta})*{g}",),
         "{lr}*{0}", "avg <- beta avg + (1 - beta) g, w <- w - lr avg: the EMA form, from avg = 0; "
         "it is npcf.optim.SGD(lr=lr (1 - beta), momentum=beta)"),
    Rule("rmsprop", {"lr": 0.1, "beta": 0.9}, ("v",), ("{beta}*{p}+(1-{beta})*{g}^2",),
         "{lr}*{g}/(SQRT({0})+1E-8)", "v <- beta v + (1 - beta) g^2, w <- w - lr g / "
         "(sqrt(v) + 1e-8); the lesson divides by the v of the row before"),
    Rule("adam", {"lr": 1.0, "beta1": 0.9, "beta2": 0.99}, ("m", "v"), AVERAGES, ADAM_STEP,
         "both averages start at 0, which 1 - beta^t corrects; the lesson leaves that out"),
    Rule("adam_ann", {"lr": 2.0, "beta1": 0.9, "beta2": 0.95}, ("m", "v"), AVERAGES, ADAM_STEP,
         f"as adam, {EPOCHS} epochs; where root > 2 least at the end of one, lr becomes lr / 4: "
         "the lesson's macro, as formulas", EPOCHS),
)  # fmt: skip


def slope_tabs(seed: int) -> list[Tab]:
    """Return `data` and a tab for each rule."""
    x = np.random.default_rng(seed).integers(1, 101, N).astype(np.float64)
    data = Tab("data")
    data.line(0, 0, ["intercept b", INTERCEPT], "weight")
    data.line(1, 0, ["slope a", SLOPE], "weight")
    data.line(3, 0, ["x", "y"], "head")
    data.column(FIRST, 0, x, "rating")
    y = INTERCEPT + SLOPE * x
    data.formulas(FIRST, 1, y[:, None], lambda i, j: f"$B$1+$B$2*{at(FIRST + i, 0)}", True, "whole")
    return [data, *(_slope_tab(rule, x, y) for rule in RULES)]


def _slope_tab(rule: Rule, x: Any, y: Any) -> Tab:
    tab = Tab(rule.name, freeze=(FIRST, 0))
    tab.widths |= dict.fromkeys(range(5, STATES + 6), 15.0)
    tab.line(0, 0, ["b at first", 1.0, "a at first", 1.0], "weight")
    for j, (name, value) in enumerate(rule.settings.items()):
        tab.line(0, 4 + 2 * j, [name, value], "weight")
    tab.put(1, 0, "mean err^2", "head")
    tab.put(2, 0, rule.note, "note")
    states = [f"{name}_{w}" for name in rule.states for w in "ba"]
    further = ANNEALED if rule.n_epochs > 1 else ()
    tab.line(3, 0, [*COLUMNS, *states, "new b", "new a", *further], "head")
    columns, new = _trace(rule, x, y), STATES + len(states)
    mean = f"AVERAGE({area(FIRST, 5, len(columns), 1)})"
    tab.formulas(1, 1, [[columns[:, 5].mean()]], lambda i, j: mean)
    tab.formulas(
        FIRST, 0, columns[:, :2], lambda i, j: f"data!{at(FIRST + i % N, j)}", True, "whole"
    )
    tab.formulas(
        FIRST, 2, columns[:, 2:4],
        lambda i, j: at(FIRST + i - 1, new + j) if i else ("$B$1", "$D$1")[j], given=True,
    )  # fmt: skip
    tab.formulas(FIRST, 4, columns[:, 4:12], lambda i, j: _row_texts(FIRST + i)[j])
    tab.formulas(FIRST, STATES, columns[:, STATES:], lambda i, j: _rule_texts(rule, i)[j])
    return tab


def _row_texts(row: int) -> list[str]:
    """Return the formulas from y_pred to de/da."""
    x, y, b, a, pred, err, err_b, _, err_a, _, db = (at(row, col) for col in range(11))
    return [
        f"{b}+{a}*{x}",
        f"({y}-{pred})^2",
        f"((({b}+{NUDGE})+{a}*{x})-{y})^2",
        f"({err_b}-{err})/{NUDGE}",
        f"((({a}+{NUDGE})*{x}+{b})-{y})^2",
        f"({err_a}-{err})/{NUDGE}",
        f"2*({pred}-{y})",
        f"{db}*{x}",
    ]


def _rule_texts(rule: Rule, i: int) -> list[str]:
    """Return the formulas of states, new values and annealing, for b and a, in row i."""
    row, texts, n = FIRST + i, [], len(rule.states)
    cells = {name: at(0, 5 + 2 * j, "cr") for j, name in enumerate(rule.settings)}
    annealing = _annealing_texts(cells["lr"], i, STATES + 2 * n + 2) if rule.n_epochs > 1 else []
    if annealing:
        cells["lr"] = at(row, STATES + 2 * n + 2)
    for s, text in enumerate(rule.state_texts):
        for w in (0, 1):
            before = at(row - 1, STATES + 2 * s + w) if i else "0"
            texts.append(text.format(**cells, p=before, g=at(row, DB + w)))
    for w in (0, 1):
        here = [at(row, STATES + 2 * s + w) for s in range(n)]
        step = rule.step_text.format(*here, **cells, g=at(row, DB + w), t=i + 1)
        texts.append(f"{at(row, 2 + w)}-{step}")
    return texts + annealing


def _annealing_texts(first_lr: str, i: int, col: int) -> list[str]:
    """Return the formulas of `ANNEALED` in row i, from column `col` on."""
    row, v = FIRST + i, STATES + 2
    root = f"SQRT({at(row, v)})+SQRT({at(row, v + 1)})"
    if i < N:  # there is no earlier epoch: the first one ends with least = root
        return [at(row - 1, col) if i else first_lr, root, at(row, col + 1)]
    lr, before, least = (at(row - 1, col + j) for j in range(3))
    if i % N:
        return [lr, root, least]
    return [f"IF({before}>2*{least},{lr}/4,{lr})", root, f"MIN({least},{before})"]


def _optimizer(rule: Rule, params: Any) -> Any:
    s = rule.settings
    if rule.name == "rmsprop":
        return RMSProp(params, s["lr"], alpha=s["beta"], eps=EPS)
    if "beta2" in s:
        return Adam(params, s["lr"], betas=(s["beta1"], s["beta2"]), eps=EPS)
    beta = s.get("beta", 0.0)
    return SGD(params, s["lr"] * (1 - beta), momentum=beta)


def _states(rule: Rule, opt: Any) -> list[float]:
    """Return the states in the columns' order; a classic buffer times 1 - beta is the EMA."""
    if rule.name == "momentum":
        tables = [{w: (1 - rule.settings["beta"]) * opt.buffers[w] for w in "ba"}]
    else:
        tables = [getattr(opt, name) for name in rule.states]
    return [float(table[w][0]) for table in tables for w in "ba"]


def _trace(rule: Rule, x: Any, y: Any) -> Any:
    """Return every number of the tab (N * epochs, columns), by an optimiser of `npcf.optim`."""
    params = {"b": np.ones(1), "a": np.ones(1)}
    opt, rows, root, least = _optimizer(rule, params), [], 0.0, np.inf
    for epoch in range(rule.n_epochs):
        if root > 2 * least:
            opt.lr /= 4
        least = min(least, root) if epoch else least
        for x_t, y_t in zip(x, y, strict=True):
            row = _step(opt, params, x_t, y_t)
            row += [*_states(rule, opt), *(float(params[w][0]) for w in "ba")]
            if rule.n_epochs > 1:
                root = float(np.sqrt(opt.v["b"][0]) + np.sqrt(opt.v["a"][0]))
                row += [opt.lr, root, least if epoch else root]
            rows.append(row)
    return np.array(rows)


def _step(opt: Any, params: Any, x: float, y: float) -> list[float]:
    """Take the step of one point; return the numbers of `COLUMNS`."""
    b, a = float(params["b"][0]), float(params["a"][0])
    pred = b + a * x
    err = (y - pred) ** 2
    err_b, err_a = (b + NUDGE + a * x - y) ** 2, ((a + NUDGE) * x + b - y) ** 2
    db = 2 * (pred - y)
    opt.step({"b": np.array([db]), "a": np.array([db * x])})
    estimates = [err_b, (err_b - err) / NUDGE, err_a, (err_a - err) / NUDGE]
    return [x, y, b, a, pred, err, *estimates, db, db * x]
