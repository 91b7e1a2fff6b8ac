"""Laws of rows cut back to a length."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.errors import DTypeError, IdRangeError, SettingError, ShapeError, UsageError
from npcf.optim import renormalise_rows
from npcf.verify import PRECISION, assert_same_bits, bounds, exact
from npcf.verify.assertions import assert_within_exact
from npcf.verify.strategies import lookups

limits = st.sampled_from([0.5, 1.0, 2.0, 7.0])


@given(p=lookups(), limit=limits, data=st.data())
def test_named_rows_are_at_most_that_long_and_nothing_else_changes(p, limit, data):
    """They keep their direction, shorter ones their bits; a row named twice is shortened once."""
    weight, again = p.weight.copy(), p.weight.copy()
    renormalise_rows(weight, p.ids, limit)
    gamma = PRECISION[weight.dtype].gamma(weight.shape[1] + 8)
    before, after = (np.sqrt((w.astype(np.float64) ** 2).sum(1)) for w in (p.weight, weight))
    named = np.isin(np.arange(len(weight)), p.ids)
    assert (after[named] <= limit * (1 + 2 * gamma)).all()
    bound = bounds.renormalise_rows(p.weight, p.ids, limit)
    assert_within_exact(weight, exact.renormalise_rows(p.weight, p.ids, limit), bound)
    kept = ~named | (before * (1 + gamma) < limit)
    assert_same_bits(weight[kept], p.weight[kept])
    ids = data.draw(st.permutations(p.ids.tolist())) + p.ids.tolist()
    renormalise_rows(again, np.array(ids, np.int64), limit)
    assert_same_bits(again, weight)


def test_three_four_five():
    start = np.array([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4]])
    weight, cut = start.copy(), 5 + Fraction(1, 10**7)
    renormalise_rows(weight, [0, 2, 0], 1.0)
    bound = bounds.renormalise_rows(start, [0, 2], 1.0)[0]
    assert_within_exact(weight[0], np.array([3 / cut, 4 / cut], object), bound)
    assert weight[1:].tolist() == [[3.0, 4.0], [0.3, 0.4]]


FROZEN = np.ones((2, 2))
FROZEN.flags.writeable = False


@pytest.mark.parametrize(
    ("weight", "ids", "limit", "error", "message"),
    [(np.ones(3), [0], 1.0, ShapeError, "weight: needs 2 dimension"),
     (np.ones((2, 2)), [2], 1.0, IdRangeError, r"ids\[0\]: id 2 is outside \[0, 2\)"),
     (np.ones((2, 2)), [0, -1], 1.0, IdRangeError, r"ids\[1\]: id -1"),
     (np.ones((2, 2)), [True], 1.0, DTypeError, "ids must be integers"),
     (np.ones((2, 2)), [0], 0.0, SettingError, "max_norm: must be > 0"),
     (np.ones((2, 2)), [0], -1.0, SettingError, "max_norm: must be a finite number"),
     (np.ones((2, 2)), [0], np.nan, SettingError, "max_norm: must be a finite number"),
     (np.ones((2, 2), int), [0], 1.0, DTypeError, "weight.*not an array of real floats"),
     ([[1.0]], [0], 1.0, DTypeError, "weight.*not an array of real floats"),
     (FROZEN, [0], 1.0, UsageError, "weight.*read-only")],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_any_row_changes(weight, ids, limit, error, message):
    before = np.array(weight)
    with pytest.raises(error, match=message):
        renormalise_rows(weight, ids, limit)
    assert_same_bits(np.array(weight), before)
