"""How far a right network may lie from another: npcf's layout over the formulas' arithmetics."""

from typing import Any, NamedTuple

import numpy as np

from npcf.models.networks.network import CONT_NORM
from npcf.models.networks.parts import EPS, LINEAR, MEAN, MOMENTUM, NORM, RELU, VAR
from npcf.verify import Formulas, RunningError


class Run(NamedTuple):
    """Tolerances between two implementations, by name; moments of a batch, by normalisation."""

    pred: Any
    grads: dict[str, Any]
    running: dict[str, Any]


def tolerances(network: Any, x: Any, conts: Any, d_pred: Any, training: bool) -> Run:
    """Return the tolerances of one pass without dropouts, of network's parameters as they are."""
    p = network.params
    f = Formulas(RunningError(p[network.fields[0]].dtype))
    n, layout, tape, running = f.n, network.layout, [], {}
    w = {name: n.array(table) for name, table in p.items()}

    def down(h: Any, parts: Any, kept: list[Any]) -> Any:
        for part in parts:
            weight, bias = w.get(f"{part.name}_weight"), w.get(f"{part.name}_bias")
            if part.kind == LINEAR:
                kept.append((part, h))
                zero = n.array(np.zeros(len(weight), h.value.dtype)) if bias is None else bias
                h = f.affine(h, weight, zero)
            elif part.kind == RELU:
                kept.append((part, h))
                h = f.relu(h)
            elif part.kind == NORM:
                given = [None, None]
                if not training:
                    words = [f"{part.name}_{word}" for word in (MEAN, VAR)]
                    given = [n.array(network.buffers[word]) for word in words]
                if training:
                    running.update(_running(f, network, part, h))
                h, of = f.batch_norm(h, weight, bias, *given, n.number(EPS))
                kept.append((part, of))
        return h

    def up(d: Any, kept: list[Any], grads: dict[str, Any]) -> Any:
        for part, of in reversed(kept):
            if part.kind == RELU:
                d = f.relu_gradient(d, of)
                continue
            if part.kind == LINEAR:
                d, d_w, d_b = f.affine_gradients(d, of, w[f"{part.name}_weight"])
            else:
                d, d_w, d_b = f.batch_norm_gradients(d, of)
            grads[f"{part.name}_weight"], grads[f"{part.name}_bias"] = d_w.tolerance, d_b.tolerance
        return d

    rows = [f.lookup(w[name], x[:, i]) for i, name in enumerate(network.fields)]
    h, columns = f.concatenate(rows), []
    if layout.n_cont:
        beside = down(n.array(conts), [CONT_NORM] * layout.cont_norm, columns)
        h = f.concatenate([h, beside])
    h = down(h, layout.parts, tape)
    ends = None if network.y_range is None else [*n.numbers(*network.y_range)]
    s = f.sigmoid(h) if ends else None
    pred = f.range_forward(s, *ends) if ends else h
    d = n.array(d_pred)
    d, grads = f.range_backward(d, s, *ends) if ends else d, {}
    d = up(d, tape, grads)
    widths = [p[name].shape[1] for name in network.fields] + [layout.n_cont] * bool(layout.n_cont)
    parts = f.parts_of(d, widths)
    if layout.n_cont:
        up(parts[-1], columns, grads)
    for i, name in enumerate(network.fields):
        grads[name] = f.scatter(parts[i], x[:, i], len(p[name])).tolerance
    return Run(pred.tolerance, {name: grads.get(name, 0.0) for name in p}, running)


def _running(f: Formulas, network: Any, part: Any, h: Any) -> dict[str, Any]:
    n = f.n
    mean, rate = f.mean_of(h), n.number(MOMENTUM)
    spread = f.unbiased(f.variance_of(h - mean), len(h))
    old = [n.array(network.buffers[f"{part.name}_{word}"]) for word in (MEAN, VAR)]
    new = [f.running(a, b, rate).tolerance for a, b in zip(old, (mean, spread), strict=True)]
    return {f"{part.name}_{word}": a for word, a in zip((MEAN, VAR), new, strict=True)}
