"""The table of notebooks/rows_that_move.md, made by running the optimisers."""

from pathlib import Path

import numpy as np
import pytest

from npcf.optim import SGD, Adam, RMSProp, SparseAdam

PAGE = Path(__file__).parents[2] / "notebooks" / "rows_that_move.md"
ROWS = ("touched", "absent with history", "absent fresh")
DECAYS = {
    "none": {},
    "coupled": {"weight_decay": 0.1},
    "decoupled": {"weight_decay": 0.1, "decoupled": True},
}
RULES = {  # (optimiser, rows): constructor, keyword arguments, decay modes
    ("SGD", "all_rows"): (SGD, {}, DECAYS),
    ("SGD", "touched_rows"): (SGD, {"rows": "touched_rows"}, DECAYS),
    ("SGD, momentum", "all_rows"): (SGD, {"momentum": 0.9}, DECAYS),
    ("SGD, momentum", "touched_rows"): (SGD, {"momentum": 0.9, "rows": "touched_rows"}, DECAYS),
    ("RMSProp", "all_rows"): (RMSProp, {}, DECAYS),
    ("RMSProp, momentum", "all_rows"): (RMSProp, {"momentum": 0.9}, DECAYS),
    ("Adam", "all_rows"): (Adam, {}, DECAYS),
    ("SparseAdam", "touched_rows"): (SparseAdam, {}, {"none": {}}),
}


def rows_that_move(cls, setting):
    """Return which of the rows in `ROWS` a step changes.

    A first step names rows 0 and 1, a second one row 0 only: then row 1 has a history.
    """
    w = np.ones((3, 1))
    opt = cls({"w": w}, lr=0.1, **setting)
    opt.step({"w": np.array([[1.0], [1.0], [0.0]])}, {"w": np.array([0, 1])})
    before = w.copy()
    opt.step({"w": np.array([[1.0], [0.0], [0.0]])}, {"w": np.array([0, 0])})
    return (w != before)[:, 0].tolist()


def table():
    """Return the Markdown table."""
    lines = [
        f"| optimiser | rows | decay | {' | '.join(ROWS)} |",
        "|---|---|---|" + "---|" * len(ROWS),
    ]
    for (name, rows), (cls, setting, decays) in RULES.items():
        for decay, extra in decays.items():
            moves = rows_that_move(cls, setting | extra)
            cells = " | ".join("moves" if m else "-" for m in moves)
            lines.append(f"| {name} | `{rows}` | {decay} | {cells} |")
    return "\n".join(lines) + "\n"


def test_the_page_shows_the_table_that_the_optimisers_make():
    text = PAGE.read_text(encoding="utf-8")
    assert table() in text, f"the table in {PAGE.name} is not this one:\n{table()}"


@pytest.mark.parametrize("rule", RULES, ids=" ".join)
def test_touched_rows_means_that_no_other_row_moves(rule):
    cls, setting, decays = RULES[rule]
    for extra in decays.values():
        touched, history, fresh = rows_that_move(cls, setting | extra)
        assert touched
        if rule[1] == "touched_rows":
            assert not (history or fresh)
        assert fresh <= history


if __name__ == "__main__":
    print(table(), end="")
