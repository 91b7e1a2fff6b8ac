"""Pages of steps, changed and broken in a browser, and what npcf computes from the same changes."""

import copy
import html
import json
import os
import re
from types import SimpleNamespace

import numpy as np

import npcf
from npcf._tables import NAMES, TABLE
from npcf.optim import SGD, Adam, RMSProp, SparseAdam
from npcf.verify.floats import Floats
from npcf.verify.mistakes import MISTAKES
from tests.browser import dom_of
from tests.teach.test_explain import RULES, rows

N_EDITS = 500 if os.environ.get("NPCF_PROFILE") == "long" else 25
WIDTHS = (380, 1100)
RANGES = ((0, 5.5), (-1.3, 2.7), None)
# Edits keep |x| below 4, so that 1 - s loses no digits, and e = y - r seldom does.
REACH = 0.8
RULE_NAMES = {"SGD": "sgd", "Adam": "adam", "SparseAdam": "sparse_adam", "RMSProp": "rmsprop"}
# Runs in the page: types each edit, switches each mistake on, and hands back all that is computed
# and all that is shown.
SCRIPT = """
const seen = () => clone({values: result.values,
  updates: Object.fromEntries(NAMES.map((name) => [name,
    result.updates[name].map((lines) => lines.map((line) => line && line.value))])),
  shown: blocks.map((block) => [block.element.dataset.name, (block.cells.length ? block.cells :
    $$("output", block.element)).map((e) => e.textContent)])});
const report = {start: seen(), edits: [], broken: {}};
for (const [selector, text] of CASES) {
  const input = $(selector);
  input.value = text;
  input.dispatchEvent(new Event("input", {bubbles: true}));
  report.edits.push(seen());
}
for (const radio of $$("[name=broken]")) {
  radio.checked = true;
  radio.dispatchEvent(new Event("change", {bubbles: true}));
  report.broken[radio.value] = {...seen(), status: $("#status").textContent,
    marked: $$(".changed").length};
}
report.exported = JSON.parse(exported());
$("#reset").click();
report.reset = seen();
const press = (key) =>
  document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const status = () => $("#status").textContent;
report.keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "Escape"].map(
  (key) => (press(key), status()));
$("#tour").click();
report.tour = status();
press("Escape");
$("[data-node=d_p].node").dispatchEvent(new Event("focusin"));
report.lit = $$(".node.lit").map((node) => node.dataset.node);
report.edges = $$(".edge.lit").length;
const wide = innerWidth + 1;
report.wide = $$("main *, header *, .bar *").filter((e) => e.getBoundingClientRect().right > wide
  && !e.closest(".formula")).map((e) => e.outerHTML.slice(0, 80));
parent.document.getElementById(ME).textContent = JSON.stringify(report);
"""


def subjects():
    """Return steps by every rule, ids drawn more than once, each with edits of its inputs."""
    rng, found = np.random.default_rng(3), []
    for i, rule in enumerate(RULES):
        params = npcf.models.init_params(3, 4, 2, rng, np.float64)
        for table in params.values():
            table += rng.normal(0, 0.4, table.shape)
        model = npcf.models.PairModel(params, RANGES[i % 3], mean=(0.0, 0.5)[i % 2])
        n = 1 + i % 4
        batch = rng.integers(0, 3, n), rng.integers(0, 4, n), rng.uniform(1, 5, n)
        opt = RULES[rule](model.params)
        for _ in range(i % 3):
            opt.step({n: rng.normal(0, 0.5, t.shape) for n, t in params.items()}, rows(batch))
        edits = [edit(rng, opt, batch) for _ in range(-(-N_EDITS // len(RULES)))]
        found.append(SimpleNamespace(rule=rule, model=model, batch=batch, opt=opt, edits=edits))
    return found


def edit(rng, opt, batch):
    """Return (what, place among the rows of the batch, number)."""
    choices = [*NAMES, "rating", *(["lr"] if np.isscalar(opt.lr) else [])]
    sparse = type(opt) is SparseAdam  # which has no decay, nor has its page; and no rate of 0
    choices += ["weight_decay"] * (not sparse)
    what = choices[rng.integers(len(choices))]
    if what in ("lr", "weight_decay"):
        return what, (), float(rng.choice([0.1 * sparse, rng.uniform(0.01, 0.3)]))
    if what == "rating":
        return what, (int(rng.integers(len(batch[0]))),), rng.uniform(1, 5)
    row = rng.choice(np.unique(rows(batch)[what])).item()
    place = (row,) if TABLE[what].is_bias else (row, int(rng.integers(2)))
    return what, place, rng.uniform(-REACH, REACH)


def selector(subject, what, place):
    """Return where the page has the input."""
    if what in ("lr", "weight_decay"):
        return f"[data-setting={what}]"
    if what != "rating":
        at = np.searchsorted(np.unique(rows(subject.batch)[what]), place[0])
        place = (at, *place[1:])
    flat = place[0] if len(place) < 2 else 2 * place[0] + place[1]
    return f'#inputs [data-table="{what}"][data-i="{flat}"]'


def explained(subject, n_edits):
    """Return the explanation after so many edits, and the optimiser that it is of."""
    batch = [*map(np.copy, subject.batch)]
    opt, model = copy.deepcopy((subject.opt, subject.model))
    for what, place, number in subject.edits[:n_edits]:
        if what in ("lr", "weight_decay"):
            setattr(opt, what, number)
        else:
            (batch[2] if what == "rating" else model.params[what])[place] = number
    return npcf.explain_step(model, tuple(batch), opt), opt, model, batch


def seen_in_browser(subjects, folder):
    """Return what the pages of all subjects say, from one run of the browser."""
    frames = []
    for i, subject in enumerate(subjects):
        cases = [
            (selector(subject, what, place), repr(float(x))) for what, place, x in subject.edits
        ]
        made = getattr(subject, "page", None) or explained(subject, 0)[0].to_html()
        script = f"const CASES = {json.dumps(cases)}, ME = 'r{i}';{SCRIPT}"
        made = made.replace("</script>\n</body>", f"{script}</script>\n</body>")
        frames.append(f'<pre id="r{i}"></pre><iframe width="{WIDTHS[i % 2]}" height="700" '
                      f'srcdoc="{html.escape(made, quote=True)}"></iframe>')  # fmt: skip
    outer = folder / "outer.html"
    outer.write_text("\n".join(frames), "utf-8")
    dom = dom_of(outer, folder / "profile", "--virtual-time-budget=20000")
    texts = [re.search(rf'<pre id="r{i}">([^<]*)</pre>', dom)[1] for i in range(len(subjects))]
    return [json.loads(html.unescape(text)) for text in texts]


def with_mistake(subject, name):
    """Return loss, predictions, gradients and new values of the rows as a mistake computes them."""
    _, opt, model, batch = explained(subject, len(subject.edits))
    kind = RULE_NAMES[type(opt).__name__]
    wrong = next(v for v in MISTAKES[name].variants() if not v.sites or {*v.sites} & {
        kind, "user_factors"})  # fmt: skip
    f = wrong.formulas()(Floats())
    pred, loss, grads = f.loss_and_gradients(model.params, *batch, model.y_range, model.mean)
    new = {}
    for table, ids in rows(batch).items():
        at = np.unique(ids)
        new[table] = step(f, opt, table, model.params[table][at], grads[table][at], at)
    named = {f"d_{t}": grads[t][np.unique(ids)] for t, ids in rows(batch).items()}
    return {"loss": loss, "y": pred} | named, new


def step(f, opt, table, w, g, at):
    """Return rows of a table after a step by formulas that may be wrong."""
    lr = opt.numbers_of("lr")[table]
    decay = {"weight_decay": opt.numbers_of("weight_decay")[table]}
    decay |= {"decoupled": getattr(opt, "decoupled", False)}

    def kept(tables, start=0.0):
        return tables[table][at] if table in tables else start

    if isinstance(opt, SGD):
        buf = opt.buffers[table][at].reshape(w.shape) if table in opt.buffers else None
        return f.sgd(w, g, buf, lr=lr, momentum=opt.momentum, dampening=opt.dampening,
                     nesterov=opt.nesterov, **decay)[0]  # fmt: skip
    state = {"m": "m", "v": "v", "a": "averages", "buf": "buffers"}
    m, v, a, buf = (kept(getattr(opt, name, {})) for name in state.values())
    m, v, a, buf = (np.zeros_like(w) + x for x in (m, v, a, buf))
    if isinstance(opt, RMSProp):
        return f.rmsprop(w, g, v, a, buf, lr=lr, alpha=opt.alpha, eps=opt.eps,
                         momentum=opt.momentum, centered=opt.centered, **decay)[0]  # fmt: skip
    settings = {"lr": lr, "betas": opt.betas, "eps": opt.eps}
    if isinstance(opt, Adam):
        return f.adam(w, g, m, v, opt.t + 1, **settings, **decay)[0]
    return f.sparse_adam(w, g, m, v, opt.t + 1, **settings)[0]
