"""The comparison that all other tests rest on."""

import numpy as np
import pytest

from npcf.verify import assert_same_bits, assert_within

ONE = np.ones(3)


@pytest.mark.parametrize(
    ("got", "want", "allowed", "message"),
    [(ONE, np.ones((3, 1)), 9.0, "shape"),
     (ONE, ONE + [0, 0.5, 0], 0.4, r"array\[1\]: got .*1.0.*expected .*1.5.*1 of 3 wrong"),
     (ONE * [1, np.nan, 1], ONE, 9.0, r"array\[1\]"),
     (ONE, ONE * [1, 1, np.nan], 9.0, r"array\[2\]"),
     (ONE * np.inf, -ONE * np.inf, 9.0, "3 of 3"),
     (ONE * np.inf, ONE, 9.0, "3 of 3"),
     (ONE, ONE + 1, np.array([1.0, 1.0, 0.5]), r"array\[2\]")],
)  # fmt: skip
def test_differences_are_found_and_named(got, want, allowed, message):
    with pytest.raises(AssertionError, match=message):
        assert_within(got, want, allowed)


def test_equal_infinities_nan_and_allowed_differences_pass():
    special = np.array([np.inf, -np.inf, np.nan])
    assert_within(special, special.copy(), 0.0)
    half = ONE / 2
    assert_within(ONE, ONE + half, half)
    assert_within(ONE * np.nan, ONE, np.inf)


def test_same_bits_minds_the_dtype_and_the_last_bit():
    assert_same_bits(ONE, ONE.copy())
    with pytest.raises(AssertionError, match="dtype"):
        assert_same_bits(ONE, ONE.astype(np.float32))
    with pytest.raises(AssertionError, match="array"):
        assert_same_bits(ONE, np.nextafter(ONE, 2))
