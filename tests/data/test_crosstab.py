"""The lesson's crosstab: why it sums, and what a sum does to a pair that occurs twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import crosstab
from npcf.errors import DataError

TWICE = pd.DataFrame({"user": [1, 1, 2, 1], "item": ["a", "b", "a", "b"], "rating": [1.0, 3, 2, 3]})
FRAMES = st.dictionaries(
    st.tuples(st.integers(0, 4), st.sampled_from("abc")),
    st.sampled_from([0.5, 1.0, 2.5, 0.1, 5.0]),
    min_size=1,
).map(lambda cells: pd.DataFrame([(*pair, r) for pair, r in cells.items()],
                                 columns=["user", "item", "rating"]))  # fmt: skip


@given(FRAMES)
def test_without_repeats_every_aggregation_is_the_rating(frame):
    table = crosstab(frame)
    for aggfunc in ("error", "mean", "sum", "last"):
        pd.testing.assert_frame_equal(crosstab(frame, aggfunc), table, check_exact=True)
    for row in frame.itertuples():
        assert table.loc[row.user, row.item] == row.rating
    assert table.notna().to_numpy().sum() == len(frame)
    lessons = pd.crosstab(frame.user, frame.item, frame.rating, aggfunc="sum")
    pd.testing.assert_frame_equal(table, lessons, check_exact=True)


def test_a_pair_that_occurs_twice_is_refused_unless_told_otherwise():
    for given_ in ({}, {"aggfunc": "error"}):
        with pytest.raises(DataError, match=r"user 1 with item 'b' twice") as raised:
            crosstab(TWICE, **given_)
        assert (raised.value.position, raised.value.value) == (3, (1, "b"))
    cells = {how: crosstab(TWICE, how).loc[1, "b"] for how in ("mean", "sum", "last")}
    assert cells == {"mean": 3.0, "sum": 6.0, "last": 3.0}
    assert crosstab(TWICE.assign(rating=[1, 3, 2, 5]), "last").loc[1, "b"] == 5
    assert np.isnan(crosstab(TWICE, "sum").loc[2, "b"])


def test_pandas_wants_an_aggregation_for_values():
    with pytest.raises(ValueError, match="values cannot be used without an aggfunc"):
        pd.crosstab(TWICE.user, TWICE.item, TWICE.rating)
