"""The machinery finds planted bugs, and survivors.md speaks of lines that exist."""

import subprocess
import sys

import pytest

from compare.proof.mutation import survivors
from compare.proof.mutation.rules import ANNOTATION, NO_PROGRAM, STAR, Place, left_out, no_program
from compare.proof.mutation.stages import NEAR

ROOT = survivors.FILE.parents[3]

TEXT = """# Survivors

## `npcf/ops/mse.py`

```diff
-    a = 1
+    a = 2
+    a = 3
-    @property
```

Nobody reads `a`,
and so on.

```diff
-    b
+    c
```

The same.
"""


def test_survivors_are_read_with_their_reasons():
    first = "Nobody reads `a`, and so on."
    assert [tuple(one) for one in survivors.explained(TEXT)] == [
        ("npcf/ops/mse.py", "a = 1", "a = 2", first),
        ("npcf/ops/mse.py", "a = 1", "a = 3", first),
        ("npcf/ops/mse.py", "@property", "", first),
        ("npcf/ops/mse.py", "b", "c", "The same."),
    ]


def test_every_explained_survivor_still_names_a_line_and_a_change():
    found = survivors.explained()
    assert len({one.key for one in found}) == len(found)
    for one in found:
        lines = [line.strip() for line in (ROOT / one.module).read_text().splitlines()]
        assert one.line in lines, f"survivors.md: {one.module} has no line {one.line!r}"
        assert one.becomes != one.line
        assert one.reason, f"survivors.md: no reason for {one.becomes!r}"


def test_modules_and_tests_of_the_stages_exist():
    for module, tests in NEAR.items():
        assert all((ROOT / path).exists() for path in (module, *tests))


def test_types_and_separators_are_left_out_and_nothing_numeric(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "A = int | None\n\n\ndef f(a: int | None, *, b=2) -> int:\n    return a | b * 2\n"
    )
    lines = path.read_text().splitlines()
    found = {}
    for row, line in enumerate(lines, 1):
        for column, symbol in enumerate(line):
            if symbol in "|*2":
                place = Place((row, column), (row, column + 1))
                found[row, symbol, column > 20] = left_out(path, place)
    assert found == {
        (1, "|", False): ANNOTATION,
        (4, "|", False): ANNOTATION,
        (4, "*", True): STAR,
        (4, "2", True): None,
        (5, "|", False): None,
        (5, "*", False): None,
        (5, "2", False): None,
    }
    assert (no_program("f(**, b)"), no_program("f(b)")) == (NO_PROGRAM, None)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("type(3 / error.size)", "killed by tests/ops/test_bits.py::"),
        ("type(2 / error.sise)", "killed by tests/ops/test_bits.py::"),  # raises
        ("type(2 / error.size)  # so", "survived"),
    ],
)
def test_a_planted_bug_is_found_and_a_comment_is_not(new, said):
    """Through forked processes, as in a run; the nearest stage only."""
    pytest.importorskip("cosmic_ray", reason="the extra `mutation` is not installed")
    old = "type(2 / error.size)"
    command = [sys.executable, "-m", "compare.proof.mutation", "plant", "npcf/ops/mse.py", old, new]
    done = subprocess.run(
        [*command, "--stages", "1"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(said), done.stdout + done.stderr
    assert done.returncode == (said == "survived")
