"""README and pages are true: code runs to the numbers beside it; files, links, verbs exist."""

import ast
import json
import re
from pathlib import Path

import pytest

from compare.limits import LESSON_5, PRINTED, TRAJECTORY
from npcf.cli import main
from npcf.kernels import compiles

compiling = pytest.mark.skipif(not compiles(), reason="the pages show compiled runs")
ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "notebooks").glob("*.md"))]
README = PAGES[0].read_text()
COMMANDS = (ROOT / "notebooks" / "files_and_commands.md").read_text()
BENCHMARKS = (ROOT / "notebooks" / "benchmarks.md").read_text()
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
WRITTEN = [
    page for page in PAGES if not page.with_suffix(".py").exists()
]  # the others: tests/pages
every_written_page = pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
TIMES = r" +[\d.]+ m?s(  \+ [\d.]+ m?s compiling)?$"  # only a first run compiles


@compiling
@every_written_page
def test_code_runs_to_the_numbers_in_its_comments(page):
    """An expression with a comment behind it prints that comment; a page's blocks share names."""
    names, checked = {}, 0
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    for block in blocks:
        lines = block.splitlines()
        for node in ast.parse(block).body:
            source = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            code, _, comment = source.partition("  # ")
            if isinstance(node, ast.Expr) and comment:
                assert str(eval(code, names)) == comment
                checked += 1
            else:
                exec(source, names)
    assert checked >= len(blocks) // 2


@compiling
def test_training_output_is_what_the_command_prints(capsys):
    """Word by word; numbers within what another processor's exp may change, times not at all.

    Two numbers that near are printed the same, or one unit of the last digit apart.
    """
    want = re.search(r"<!-- npcf train -->\n```text\n(.*?)```", COMMANDS, re.DOTALL)[1].splitlines()
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


@every_page
def test_files_links_and_verbs_exist(page):
    text = page.read_text()
    for path in re.findall(r"`((?:npcf|tests|compare|notebooks)/[\w./]*)`", text):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / link).exists(), link
    makefile = (ROOT / "Makefile").read_text()
    for verb in set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb


def test_the_readme_is_one_page_that_leads_to_all_others():
    assert len(README.encode()) < 8000
    assert {"train", "test"} <= set(re.findall(r"make ([a-z-]+)", README))
    linked = "".join(page.read_text() for page in PAGES)
    for page in PAGES[1:]:
        assert f"notebooks/{page.name}" in linked or f"({page.name})" in linked, page.name


def test_measured_tables_repeat_the_recorded_limits():
    """Numbers stand once in compare/limits.py; the page copies them."""
    for (_, steps), limit in TRAJECTORY.items():
        if steps in (1, 100, 1250):
            assert f"{limit.measured:.1e}" in BENCHMARKS
    for (model, _), band in LESSON_5.items():
        row = re.search(rf"^\| `{model}` .*$", BENCHMARKS, re.MULTILINE)[0]
        assert f"{band.measured:.4f}" in row


def _recorded(name):
    return json.loads((ROOT / "compare" / f"{name}.json").read_text())


def _ratio(question, start):
    rows = _recorded(f"bench/results/{question}")["rows"]
    return next(row["ratio"] for row in rows if row["question"].startswith(start))


def test_the_readme_s_five_figures_are_those_of_the_recorded_runs():
    exact = _recorded("proof/results/exact")["figures"]
    assert not any(part["violations"] for part in exact)
    kills = _recorded("proof/results/mutants")["figures"]
    caught = sum(bool(kill["law"]) for kill in kills)
    accuracy = {row["peer"]: row for row in _recorded("bench/results/accuracy")["rows"]}
    wanted = [
        f"{sum(part['comparisons'] for part in exact):,}, none",
        f"{caught} of {len(kills)}",
        f"{_ratio('seed-run', 'seed run, training part'):.0f}",
        f"{_ratio('per-rating', 'per-rating SGD, 20M ratings, k = 32, 1 thread'):.1f}",
        f"{accuracy['']['ours']:.4f}".lstrip("0"),
    ]
    table = README.split("## Five figures")[1].split("##")[0]
    assert re.findall(r"\[(.*?)\]\(notebooks", table) == wanted
    for peer, name in (("Surprise SVD", "Surprise"), ("LIBMF", "LIBMF")):
        assert f"{name} {accuracy[peer]['theirs']:.4f}".replace(" 0", " ") in table


def test_the_top_level_holds_nothing_else():
    allowed = {"pyproject.toml", "README.md", "LICENSE", "Makefile", "npcf", "tests", "compare",
               "notebooks"}  # fmt: skip
    built = {"build", "npcf.egg-info"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - built == allowed
