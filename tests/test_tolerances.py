"""No tolerance is guessed: a test that finds the guesses, and is shown to find every kind."""

from pathlib import Path

import pytest

from compare import limits
from tests.lint_tolerances import guesses

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "compare" / "limits.py"  # trajectories, each with its measured value
FILES = sorted(
    path for room in ("tests", "compare") for path in (ROOT / room).rglob("*.py")
    if path != RECORDED
)  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_guesses_a_tolerance(path):
    found = guesses(path.read_text())
    where = path.relative_to(ROOT)
    assert not found, "\n".join(f"{where}:{line}: {text}" for line, text in found)


def test_every_recorded_limit_has_its_measured_value_below_it():
    recorded = [v for v in vars(limits).values() if isinstance(v, limits.Limit)]
    for table in (v for v in vars(limits).values() if isinstance(v, dict)):
        recorded += [v for v in table.values() if isinstance(v, limits.Limit)]
    assert len(recorded) > 10
    assert all(0 < limit.measured < limit.limit for limit in recorded)


GUESSED = """
assert abs(a - b) < 1e-6
assert abs(a - b) <= 0.5
assert 0.001 > abs(a - b)
assert a - b < 3
assert (a - b).max() <= 2
assert np.abs(a - b).max() <= 1e-5
assert float(np.abs(a - b).max()) / scale < 2**-20
assert np.linalg.norm(a - b) / np.linalg.norm(b) < 0.05
assert ((a - b) ** 2).sum() < 0.1
assert abs(a - b) < 1e-9 * size
assert abs(a - b) < 1000 * U * size
assert abs(a - b) < max(1e-12, U * size)
assert abs(a) < 0.3
assert max(errors) <= 1e-14
assert found.error < 1e-12
assert correlation >= 1 - 1e-12
assert share > 0.999 - 1e-3
np.testing.assert_allclose(a, b)
np.testing.assert_allclose(a, b, 1e-5)
np.testing.assert_allclose(a, b, rtol=1e-5, atol=0)
np.testing.assert_allclose(a, b, rtol=0, atol=2.0**-50)
np.testing.assert_almost_equal(a, b)
np.testing.assert_array_almost_equal(a, b, decimal=6)
np.testing.assert_array_max_ulp(a, b, maxulp=4)
assert np.allclose(a, b, atol=U, rtol=1e-5)
assert np.isclose(a, b).all()
assert math.isclose(a, b, rel_tol=1e-9)
assert a == pytest.approx(b)
assert a == pytest.approx(b, 1e-6)
assert a == pytest.approx(b, rel=1e-6)
assert a == pytest.approx([1, 2], abs=0.01)
torch.testing.assert_close(a, b)
assert_within(a, b, 1e-12)
assert_within(a, b, allowed=2.0**-40)
assert_within(a, b, 1e-12 * np.abs(b))
assert_frame_equal(a, b)
close(a, b, tol=1e-6)
run(a, atol=3)
TOL = 1e-6
rtol = 1e-5
EPS = 1e-9
LIMIT = 1e-4
ALLOWED = (1e-12, 1e-5)
tolerances = {"rtol": 1e-5}
def close(a, b, tol=1e-6): pass
def close(a, b, *, atol=0.1): pass
(lambda a, b, eps=1e-8: a)
assert round(a, 6) == b
assert a.round(3).tolist() == b
"""

MODULE_CONSTANT = """
CLOSE = 1e-7
def test():
    assert abs(a - b) < CLOSE * size
"""

RIGHT = """
assert abs(a - b) <= 4 * U * size
assert abs(a - b) <= 8 * 2.0**-53 * size
assert np.abs(a - b).max() <= bound
assert np.abs(a - b).max(initial=0) <= 2 * PRECISION[dtype].gamma(n) * scale
assert abs(share - 0.5) < 5 * deviation / np.sqrt(n)
assert abs(a - b) <= STEP_LOSS[dtype].limit
assert (np.diff(lr) > 0).all()
assert abs(a - b) > 0.1
assert share > 0.005
assert 0.01 < share < 0.5
assert error > 1e3 * TRAJECTORY[name].limit
assert error < 1.1 * rating.std()
assert 0.8 < loss < 0.9
assert len(rows) <= 80
assert seconds < 60
assert peak < 200e6
assert -1 <= similarity <= 1
assert loss >= 0
assert settings(optimizer) == (1e-3, (0.9, 0.999), 1e-8)
assert lr[0] == 1e-7
assert learner.fit(1, 1e-3).rmse < before
optimizer = Adam(params, lr=1e-3, eps=1e-8)
setting = {"lr": 5e-3, "eps": 1e-5, "wd": 1e-2}
np.testing.assert_allclose(a, b, rtol=0, atol=0)
np.testing.assert_array_equal(a, b)
assert a == pytest.approx(0.95, abs=4 * U)
assert_within(a, b, bound.tolerance)
assert_within(a, b, 0.0)
assert_within(a, b, 2 * gamma(n) * np.abs(b), "name")
U = 2.0**-53
LIMIT = 4
NOISE = 0.01
scale = 1e-3
rates = st.sampled_from([0.0, 1e-3, 0.05])
x = draw(arrays(dtype, 3, elements=st.floats(-1e-3, 1e-3)))
assert round(share) == 3
def planted(noise=1e-2, scale=0.1): pass
assert used <= 1
with pytest.raises(AssertionError): assert_within(a, b, 1e-12)
"""


@pytest.mark.parametrize("line", GUESSED.strip().splitlines())
def test_every_kind_of_guess_is_found(line):
    assert guesses(line)


def test_a_guess_behind_a_name_of_the_module_is_found():
    assert [guess.text for guess in guesses(MODULE_CONSTANT)] == ["CLOSE * size"]


@pytest.mark.parametrize("line", RIGHT.strip().splitlines())
def test_nothing_else_is(line):
    assert guesses(line) == []
