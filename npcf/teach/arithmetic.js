"use strict";
// The step's arithmetic.  FORMULAS, LINES and BROKEN above are the formulas that the page shows.

const { exp, sqrt, max } = Math;
const sum = (xs) => xs.reduce((total, x) => total + x, 0);
const rows = sum;
const squares = (xs) => sum(xs.map((x) => x * x));
const last = (xs) => xs[xs.length - 1];
const NAMES = Object.keys(STEP.tables);
const N_FACTORS = STEP.tables.user_factors[0].length;
const LOOKUPS = { p: "user_factors", q: "item_factors", b: "user_bias", c: "item_bias" };
const clone = (value) => JSON.parse(JSON.stringify(value));

// What a formula's numbers are at one place; `values` are lists by rating, or by rating and factor.
function given(step, values, name, axes, place) {
  const found = {
    B: step.rating.length, K: N_FACTORS, low: step.low, high: step.high, mean: step.mean,
    height: step.high - step.low,
  };
  const [first, factor] = place;
  let named = null;
  if (axes[0] === "n") {
    const at = step.at[step.sides[name.slice(2)]];
    named = at.flatMap((row, b) => (row === first ? [b] : []));
    found.count = named.length;
  }
  for (const [key, array] of Object.entries(values)) {
    const entry = (b) => (factor !== undefined && Array.isArray(array[b]) ? array[b][factor] : array[b]);
    if (!Array.isArray(array) || axes === "") found[key] = array;
    else found[key] = named ? named.map(entry) : entry(first);
  }
  return found;
}

// All values of a step, with a mistake's formulas in the place of the right ones.
function compute(step, broken = "") {
  const wrong = BROKEN[broken] || {};
  const values = { r: step.rating };
  const tables = {};
  for (const [name, axes] of step.quantities) {
    if (LOOKUPS[name]) {
      const table = LOOKUPS[name];
      values[name] = step.at[step.sides[table]].map((row) => step.tables[table][row]);
      continue;
    }
    const formula = (wrong[name] || FORMULAS[name])[1];
    const at = (...place) => formula(given(step, values, name, axes, place));
    const side = axes[0] === "n" ? step.rows[step.sides[name.slice(2)]] : step.rating;
    const made = axes === "" ? at() : side.map((_, i) =>
      axes.length === 2 ? Array.from({ length: N_FACTORS }, (_, k) => at(i, k)) : at(i));
    (axes[0] === "n" ? tables : values)[name] = made;
  }
  const updates = {};
  for (const table of NAMES) {
    const flat = [step.tables[table], tables["d_" + table]].map((array) => array.flat());
    updates[table] = flat[0].map((w, i) => updated(step, table, i, w, flat[1][i], wrong));
  }
  return { values: { ...values, ...tables }, updates };
}

// The lines of one parameter's update: for each, what it was computed from, and its value.
function updated(step, table, i, w, g, wrong) {
  const settings = step.settings[table];
  let now = { ...settings, w, g, buf: 0, a: 0 };
  for (const [key, array] of Object.entries(step.kept[table])) now[key] = array.flat()[i];
  return LINES.map((line, n) => {
    if (n === 0 && step.decay && !settings.weight_decay) return null;
    const [numbers, formula, target] = wrong[n] || line;
    const before = now;
    now = { ...now, [target]: formula(now) };
    return { numbers, before, value: now[target], target };
  });
}
