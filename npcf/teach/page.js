// -- numbers as text -------------------------------------------------------------------------------

const shown = (x) => (Number.isFinite(x) ? String(Number(x.toPrecision(5))) : String(x));
const bracketed = (x) => (x < 0 ? `(${shown(x)})` : shown(x));

function filled(numbers, v) {
  return numbers.replace(/\{(\w+)(?::(\w+))?\}/g, (_, name, how) => {
    const x = v[name];
    if (how === "last") return bracketed(last(x));
    if (!Array.isArray(x)) return bracketed(x);
    const terms = x.map((term) => bracketed(term) + (how === "squares" ? "**2" : ""));
    if (terms.length > 8) terms.splice(4, terms.length - 5, "...");
    return terms.join(" + ");
  });
}

// -- the page --------------------------------------------------------------------------------------

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
let step = clone(STEP);
let broken = "";
let result = compute(step);
let right = result;

const blocks = $$(".block").map((element) => {
  const [name, line] = element.dataset.name.split(".");
  const quantity = step.quantities.find((q) => q[0] === name);
  const shape = line === undefined ? quantity[1] : step.tables[name][0].length ? "nk" : "n";
  return { element, name, line: line && Number(line), axes: shape, cells: $$("li", element),
           lines: $$(".line", element) };
});

function valuesOf(block, from) {
  if (block.line === undefined) return [from.values[block.name]].flat(2);
  return from.updates[block.name].map((lines) => lines[block.line] && lines[block.line].value);
}

function placeOf(block, i) {
  if (block.axes === "") return [];
  return block.axes.length === 2 ? [Math.floor(i / N_FACTORS), i % N_FACTORS] : [i];
}

function whose(block, i) {
  const [first, factor] = placeOf(block, i);
  if (first === undefined) return "the batch";
  const side = block.axes[0] === "n" && step.sides[block.name.replace("d_", "")];
  const owner = side ? `${side} ${step.rows[side][first]}` : `rating ${first}`;
  return owner + (factor === undefined ? "" : `, factor ${factor}`);
}

function formulaOf(block, i) {
  if (block.line !== undefined) {
    const line = result.updates[block.name][i][block.line];
    return line ? filled(line.numbers, line.before) : "";
  }
  const [numbers] = (BROKEN[broken] || {})[block.name] || FORMULAS[block.name];
  const values = Object.fromEntries(Object.entries(result.values).filter(
    ([key]) => !NAMES.includes(key.slice(2))));
  return filled(numbers, given(step, values, block.name, block.axes, placeOf(block, i)));
}

function fillLine(block, line, now, before) {
  const i = Number(line.dataset.i);
  $(".of", line).textContent = whose(block, i);
  const formula = formulaOf(block, i);
  const plain = formula.replace(/[()]/g, "") === shown(now[i]);
  $("code", line).textContent = plain ? "" : formula;
  $(".equals", line).hidden = plain;
  mark($("output", line), now[i], before[i]);
}

// A number that a mistake has changed is marked; the right one is in its title.
function mark(element, now, before) {
  const changed = now !== before && !(Number.isNaN(now) && Number.isNaN(before));
  element.textContent = now === null ? "" : shown(now);
  element.classList.toggle("changed", changed);
  if (changed) element.title = `right: ${before === null ? "no such line" : shown(before)}`;
  else element.removeAttribute("title");
  return changed;
}

function show() {
  result = compute(step, broken);
  right = broken ? compute(step) : result;
  let count = 0, total = 0, first = "";
  for (const block of blocks) {
    const now = valuesOf(block, result), before = valuesOf(block, right);
    block.cells.forEach((cell, i) => mark(cell, now[i], before[i]));
    block.lines.forEach((line) => fillLine(block, line, now, before));
    const changed = now.filter((x, i) => x !== before[i]).length;
    count += changed;
    total += now.length;
    if (changed && !first) first = block.line === undefined ? block.name
      : `${block.name}, ${LINES[block.line][2]}`;
    const decay = block.element.closest("[data-decay]");
    if (decay) decay.hidden = !step.settings[block.name].weight_decay;
  }
  document.body.classList.toggle("edited", broken !== "" || JSON.stringify(step) !== JSON.stringify(STEP));
  const seen = count ? `${count} of ${total} numbers changed, the first is in ${first}.`
    : "no number changed: this batch cannot show it.";
  say(broken ? `${broken}: ${seen}` : `Loss ${shown(result.values.loss)}.`);
}

const say = (text) => { $("#status").textContent = text; };

// -- inputs and switches ---------------------------------------------------------------------------

function typed(input) {
  const { table, i, setting, of } = input.dataset;
  const x = Number(input.value);
  const wrong = input.value === "" || !Number.isFinite(x) || (setting && x < 0);
  input.setAttribute("aria-invalid", String(Boolean(wrong)));
  if (wrong) return;
  if (setting) of.split(" ").forEach((name) => { step.settings[name][setting] = x; });
  else if (table === "rating") step.rating[i] = x;
  else if (Array.isArray(step.tables[table][0]))
    step.tables[table][Math.floor(i / N_FACTORS)][i % N_FACTORS] = x;
  else step.tables[table][i] = x;
  show();
}

$$("#inputs input").forEach((input) => input.addEventListener("input", () => typed(input)));
$$("[name=broken]").forEach((radio) => radio.addEventListener("change", () => {
  broken = radio.value;
  show();
}));

// -- a number's formula: choose it by mouse, or by arrow keys within its list --------------------------

for (const block of blocks) {
  const choose = (i) => {
    const line = $(".chosen", block.element);
    line.dataset.i = i;
    block.cells.forEach((cell, k) => {
      cell.tabIndex = k === i ? 0 : -1;
      cell.classList.toggle("shown", k === i);
    });
    fillLine(block, line, valuesOf(block, result), valuesOf(block, right));
    $$(".numeric", line).forEach((numeric) => numeric.remove());
  };
  block.cells.forEach((cell, i) => {
    cell.tabIndex = i ? -1 : 0;
    cell.addEventListener("click", () => choose(i));
    cell.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -N_FACTORS, ArrowDown: N_FACTORS }[event.key];
      const next = block.cells[i + move];
      if (move === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      if (next) { choose(i + move); next.focus(); }
    });
  });
}

// -- the path that a number came by ----------------------------------------------------------------

const PARTS = Object.fromEntries([
  ...step.quantities.map(([name, , parts]) => [name, parts]),
  ...NAMES.map((name) => ["update-" + name, ["d_" + name, name]]),
]);

function pathTo(name, found = new Set()) {
  if (!found.has(name)) {
    found.add(name);
    (PARTS[name] || []).forEach((part) => pathTo(part, found));
  }
  return found;
}

function light(name) {
  const path = name ? pathTo(name) : new Set();
  $$(".node, .step").forEach((e) => e.classList.toggle("lit", path.has(e.dataset.node)));
  $$(".edge").forEach((e) => e.classList.toggle("lit", path.has(e.dataset.to) && path.has(e.dataset.from)));
  document.body.classList.toggle("lighting", Boolean(name));
}

for (const element of $$(".node, .step")) {
  for (const event of ["mouseenter", "focusin"])
    element.addEventListener(event, () => light(element.dataset.node));
  for (const event of ["mouseleave", "focusout"])
    element.addEventListener(event, () => light(at < 0 ? "" : order[at].dataset.node));
}

// -- step by step, and the tour --------------------------------------------------------------------

const sections = $$(".step");
const stops = $$("#stops li");
let order = sections;
let at = -1; // -1: the whole step is shown

function go(to) {
  at = Math.max(-1, Math.min(to, order.length - 1));
  const now = at < 0 ? null : $("#q-" + order[at].dataset.node);
  const reached = now ? sections.indexOf(now) : sections.length;
  sections.forEach((section, i) => {
    section.classList.toggle("later", i > reached);
    section.classList.toggle("now", section === now);
  });
  $$(".node").forEach((node) => {
    const i = sections.findIndex((section) => section.dataset.node === node.dataset.node);
    node.classList.toggle("later", i > reached);
    node.classList.toggle("now", Boolean(now) && node.dataset.node === now.dataset.node);
  });
  light(now ? now.dataset.node : "");
  if (!now) { say("Arrow keys go through the step."); return; }
  now.scrollIntoView({ block: "center" });
  const title = $("h3", now).textContent;
  const text = order === stops ? order[at].textContent : `${title}`;
  say(`${at + 1} of ${order.length}: ${text}`);
}

const stop = () => { order = sections; go(-1); };
const actions = {
  back: () => go(at - 1),
  next: () => go(at + 1),
  all: stop,
  tour: () => { order = stops; go(0); },
  reset: () => {
    step = clone(STEP);
    broken = "";
    $$("#inputs input, [name=broken]").forEach((input) => {
      if (input.type === "radio") input.checked = input.defaultChecked;
      else input.value = input.defaultValue;
      input.removeAttribute("aria-invalid");
    });
    stop();
    show();
  },
  export: () => {
    const url = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "step.json" });
    link.click();
    URL.revokeObjectURL(url);
  },
};

function exported() {
  const entries = blocks.flatMap((block) => valuesOf(block, result).flatMap((value, i) => (value === null
    ? [] : [{ name: block.line === undefined ? block.name : `${block.name}.${LINES[block.line][2]}`,
              of: whose(block, i), numbers: formulaOf(block, i), value }])));
  return JSON.stringify({ rule: step.rule, mistake: broken, inputs: step, entries }, null, 1);
}

Object.entries(actions).forEach(([id, act]) => $("#" + id).addEventListener("click", act));
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, summary") || event.altKey || event.ctrlKey || event.metaKey) return;
  const act = { ArrowRight: actions.next, ArrowLeft: actions.back, Escape: stop }[event.key];
  if (act) { event.preventDefault(); act(); }
});
document.body.classList.add("scripted");
