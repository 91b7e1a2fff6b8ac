"""Small trained-looking models with their vocabularies, drawn by Hypothesis."""

import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf.analysis import Predictor
from npcf.data import Ratings
from npcf.models import PairModel
from npcf.verify.strategies import dtypes, values

RANGES = st.sampled_from([None, (0.0, 5.5), (1.0, 5.0)])


@st.composite
def predictors(draw, bias=None, y_range=RANGES, na_row=None):
    """Up to 4 users and 6 items with ids far from rows; few values, so that ties are common."""
    n_users, n_items, k = draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    dtype = draw(dtypes)
    entries = draw(st.sampled_from([values(), st.sampled_from([-1.0, 0.0, 1.0])]))
    users = [100 + 7 * i for i in range(n_users)]
    items = [f"m{i}" for i in range(n_items)]
    pairs = [(u, i) for u in users for i in items]
    mask = draw(st.integers(0, 2 ** len(pairs) - 1))
    seen = [pair for i, pair in enumerate(pairs) if mask >> i & 1]
    rows = [(u, items[0]) for u in users] + [(users[0], i) for i in items] + seen
    frame = pd.DataFrame(rows, columns=["user", "item"])
    stars = draw(st.binary(min_size=len(rows), max_size=len(rows)))
    frame["rating"] = [(2 + byte % 9) / 2 for byte in stars]

    def table(*shape):
        return draw(arrays(dtype, shape, elements=entries))

    layout = {
        "na_row": draw(st.booleans()) if na_row is None else na_row,
        "order": draw(st.sampled_from(["sorted", "appearance"])),
    }
    ratings = Ratings.from_frame(frame, **layout)
    user_rows, item_rows = ratings.n_users, ratings.n_items
    params = {"user_factors": table(user_rows, k), "item_factors": table(item_rows, k)}
    has_bias = draw(st.booleans()) if bias is None else bias
    column = draw(st.booleans())
    if has_bias:
        unit = (1,) if column else ()
        params |= {
            "user_bias": table(user_rows, *unit),
            "item_bias": table(item_rows, *unit),
        }
    model = PairModel(params, draw(y_range) if has_bias else None, column=column)
    return Predictor.of(model, ratings), ratings
