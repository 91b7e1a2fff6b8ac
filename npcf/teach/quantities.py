"""Every quantity of one training step: its symbol, its formula, and where it comes from.

A quantity is one line of the explanation.  `axes` says what it has one number of: "" the batch,
"b" each rating, "bk" each rating and factor, "n" each row of a table that the batch names, "nk"
each such row and factor.  `numbers` is the formula with places for numbers; with numbers in them
it is Python that gives the value, which the tests evaluate.

The backward pass is the forward pass read upwards: below, each line of `BACKWARD` undoes one line
of `FORWARD`.
"""

from typing import NamedTuple


class Quantity(NamedTuple):
    """One line of a step."""

    name: str  # "d_x"
    title: str  # "gradient of the logit"
    axes: str
    latex: str
    numbers: str  # "{d_y} * {height} * {s} * (1 - {s})"
    parts: tuple[str, ...]  # what it is made of


FORWARD = (
    Quantity("p", "user's factors", "bk", r"p_{bk} = P_{u_b k}", "{p}", ("user_factors",)),
    Quantity("q", "item's factors", "bk", r"q_{bk} = Q_{i_b k}", "{q}", ("item_factors",)),
    Quantity("pq", "products", "bk", r"p_{bk}\,q_{bk}", "{p} * {q}", ("p", "q")),
    Quantity("dot", "dot product", "b", r"\sum_k p_{bk}\,q_{bk}", "{pq:sum}", ("pq",)),
    Quantity("b", "user's bias", "b", r"b_{u_b}", "{b}", ("user_bias",)),
    Quantity("c", "item's bias", "b", r"c_{i_b}", "{c}", ("item_bias",)),
    Quantity("x", "logit", "b", r"x_b = p_b \cdot q_b + b_{u_b} + c_{i_b}",
             "{dot} + {b} + {c}", ("dot", "b", "c")),
    Quantity("s", "sigmoid", "b", r"s_b = \frac{1}{1 + e^{-x_b}}", "1 / (1 + exp(-{x}))", ("x",)),
    Quantity("y", "prediction", "b", r"y_b = s_b\,(h - l) + l", "{s} * {height} + {low}", ("s",)),
    Quantity("e", "error", "b", r"e_b = y_b - r_b", "{y} - {r}", ("y", "r")),
    Quantity("loss", "mean squared error", "", r"L = \frac{1}{B} \sum_b e_b^2",
             "({e:squares}) / {B}", ("e",)),
)  # fmt: skip
BACKWARD = (
    Quantity("d_y", "gradient of the prediction", "b",
             r"\frac{\partial L}{\partial y_b} = \frac{2}{B}\,e_b", "2 / {B} * {e}", ("e",)),
    Quantity("d_x", "gradient of the logit", "b",
             r"\frac{\partial L}{\partial x_b} = \frac{\partial L}{\partial y_b}"
             r"\,(h - l)\,s_b\,(1 - s_b)",
             "{d_y} * {height} * (1 - {s}) * {s}", ("d_y", "s")),
    Quantity("d_dot", "gradient of the dot product", "b",
             r"\frac{\partial L}{\partial (p_b \cdot q_b)} = \frac{\partial L}{\partial x_b}",
             "{d_x}", ("d_x",)),
    Quantity("d_p", "gradient of the user's factors", "bk",
             r"\frac{\partial L}{\partial p_{bk}} = \frac{\partial L}{\partial x_b}\,q_{bk}",
             "{d_dot} * {q}", ("d_dot", "q")),
    Quantity("d_q", "gradient of the item's factors", "bk",
             r"\frac{\partial L}{\partial q_{bk}} = \frac{\partial L}{\partial x_b}\,p_{bk}",
             "{d_dot} * {p}", ("d_dot", "p")),
    Quantity("d_user_factors", "gradient of a row of user factors", "nk",
             r"\frac{\partial L}{\partial P_{nk}} = \sum_{u_b = n}"
             r" \frac{\partial L}{\partial p_{bk}}", "{d_p:rows}", ("d_p",)),
    Quantity("d_item_factors", "gradient of a row of item factors", "nk",
             r"\frac{\partial L}{\partial Q_{nk}} = \sum_{i_b = n}"
             r" \frac{\partial L}{\partial q_{bk}}", "{d_q:rows}", ("d_q",)),
    Quantity("d_user_bias", "gradient of a user's bias", "n",
             r"\frac{\partial L}{\partial b_n} = \sum_{u_b = n} \frac{\partial L}{\partial x_b}",
             "{d_x:rows}", ("d_x",)),
    Quantity("d_item_bias", "gradient of an item's bias", "n",
             r"\frac{\partial L}{\partial c_n} = \sum_{i_b = n} \frac{\partial L}{\partial x_b}",
             "{d_x:rows}", ("d_x",)),
)  # fmt: skip
