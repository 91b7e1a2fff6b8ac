"""The README is true: its code runs to the numbers beside it, its files and commands exist."""

import ast
import re
from pathlib import Path

import pytest

from compare.limits import LESSON_5, PRINTED, TRAJECTORY
from npcf.cli import main
from npcf.kernels import compiles

compiling = pytest.mark.skipif(not compiles(), reason="the README shows compiled runs")
ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TIMES = r" +[\d.]+ m?s(  \+ [\d.]+ m?s compiling)?$"  # only a first run compiles
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@compiling
def test_code_runs_to_the_numbers_in_its_comments():
    """An expression with a comment behind it prints that comment; blocks share their names."""
    names, checked = {}, 0
    for block in BLOCKS:
        lines = block.splitlines()
        for node in ast.parse(block).body:
            source = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            code, _, comment = source.partition("  # ")
            if isinstance(node, ast.Expr) and comment:
                assert str(eval(code, names)) == comment
                checked += 1
            else:
                exec(source, names)
    assert checked >= 7


@compiling
def test_training_output_is_what_the_command_prints(capsys):
    """Word by word; numbers within what another processor's exp may change, times not at all.

    Two numbers that near are printed the same, or one unit of the last digit apart.
    """
    want = re.search(r"<!-- npcf train -->\n```text\n(.*?)```", README, re.DOTALL)[1].splitlines()
    assert main(["train"]) == 0
    lines = capsys.readouterr().out.splitlines()
    got = lines[lines.index(want[0]) :][: len(want)]
    for mine, theirs in zip(got, want, strict=True):
        mine, theirs = (re.sub(TIMES, "", line).split() for line in (mine, theirs))
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs, strict=True):
            if re.fullmatch(r"[+-]?\d+\.\d+", b):
                last_digit = 10.0 ** -len(b.split(".")[1])
                assert abs(float(a) - float(b)) <= PRINTED.limit + last_digit
            else:
                assert a == b


def test_files_and_verbs_exist():
    for path in re.findall(r"`((?:npcf|tests|compare|notebooks)/[\w./]*)`", README):
        assert (ROOT / path).exists(), path
    makefile = (ROOT / "Makefile").read_text()
    for verb in set(re.findall(r"make ([a-z-]+)", README)):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb
    assert {"train", "test"} <= set(re.findall(r"make ([a-z-]+)", README))


def test_measured_tables_repeat_the_recorded_limits():
    """Numbers stand once in compare/limits.py; the README copies them."""
    for (_, steps), limit in TRAJECTORY.items():
        if steps in (1, 100, 1250):
            assert f"{limit.measured:.1e}" in README
    for (model, _), band in LESSON_5.items():
        row = re.search(rf"^\| `{model}` .*$", README, re.MULTILINE)[0]
        assert f"{band.measured:.4f}" in row


def test_the_top_level_holds_nothing_else():
    allowed = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "npcf", "tests", "compare",
               "notebooks"}  # fmt: skip
    built = {"build", "npcf.egg-info"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - built == allowed
