"""The step as a picture: the forward pass goes down on the left, the backward pass up on the right.

Each node links to its section of the page; each edge runs from a part to what is made of it.
"""

from collections.abc import Iterable
from html import escape

from npcf._tables import NAMES
from npcf.teach.quantities import Quantity

WIDTH, HEIGHT = 374, 478
HALF = 13  # of a node's height
# name: (label, x, y)
NODES = {
    "user_factors": ("P", 24, 36), "item_factors": ("Q", 70, 36),
    "user_bias": ("b", 116, 36), "item_bias": ("c", 162, 36),
    "p": ("p", 24, 92), "q": ("q", 70, 92), "b": ("b\u1d64", 116, 92), "c": ("c\u1d62", 162, 92),
    "pq": ("p\u2096q\u2096", 47, 142), "dot": ("p·q", 47, 192),
    "x": ("x", 93, 246), "s": ("s", 93, 298),
    "y": ("y", 93, 350), "r": ("r", 24, 350), "e": ("e", 93, 402), "loss": ("L", 182, 452),
    "d_y": ("∂y", 262, 350), "d_x": ("∂x", 262, 246), "d_dot": ("∂(p·q)", 235, 192),
    "d_p": ("∂p", 212, 142), "d_q": ("∂q", 258, 142),
    "d_user_factors": ("∂P", 212, 92), "d_item_factors": ("∂Q", 258, 92),
    "d_user_bias": ("∂b", 304, 92), "d_item_bias": ("∂c", 350, 92),
    "update-user_factors": ("P new", 212, 36), "update-item_factors": ("Q new", 258, 36),
    "update-user_bias": ("b new", 304, 36), "update-item_bias": ("c new", 350, 36),
}  # fmt: skip
PLAIN = (*NAMES, "r")  # inputs: what they are made of is not shown


def parts_of(quantities: Iterable[Quantity]) -> dict[str, tuple[str, ...]]:
    """Return, by node, the nodes that it is made of."""
    parts: dict[str, tuple[str, ...]] = {name: () for name in PLAIN}
    parts |= {q.name: q.parts for q in quantities}
    return parts | {f"update-{name}": (f"d_{name}", name) for name in NAMES}


def graph(quantities: Iterable[Quantity]) -> str:
    """Return the picture as SVG."""
    quantities = [*quantities]
    titles, parts = {q.name: q.title for q in quantities} | {"r": "ratings"}, parts_of(quantities)
    edges = "".join(
        f'<path class="edge" data-from="{part}" data-to="{name}" d="{_curve(part, name)}"/>'
        for name, made_of in parts.items()
        for part in made_of
        if (part, name) not in {(table, f"update-{table}") for table in NAMES}
    )
    nodes = "".join(_node(name, titles) for name in parts)
    words = (
        '<text class="word" x="98" y="13">forward, down</text>'
        '<text class="word" x="279" y="13">backward, up; update</text>'
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="The step as a graph">'
        f"{words}{edges}{nodes}</svg>"
    )


def _node(name: str, titles: dict[str, str]) -> str:
    label, x, y = NODES[name]
    target = "inputs" if name in PLAIN else f"q-{name}"
    title = titles.get(name, name.replace("update-", "new ").replace("_", " "))
    half = 24 if len(label) > 5 else 20
    return (
        f'<a class="node" href="#{target}" data-node="{name}" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>"
        f'<rect x="{x - half}" y="{y - HALF}" width="{2 * half}" height="{2 * HALF}" rx="5"/>'
        f'<text x="{x}" y="{y + 4}">{label}</text></a>'
    )


def _curve(start: str, end: str) -> str:
    """Return a line from the side of a node that faces the other."""
    _, x, y = NODES[start]
    _, u, v = NODES[end]
    if y == v:
        return f"M{x} {y}L{u} {v}"
    leave, arrive = (y + HALF, v - HALF) if v > y else (y - HALF, v + HALF)
    middle = (leave + arrive) / 2
    return f"M{x} {leave}C{x} {middle:g} {u} {middle:g} {u} {arrive}"
