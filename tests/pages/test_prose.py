"""A number typed by hand is found wherever it stands in prose; what is no result may stand."""

import pytest

from tests.pages.page import sources
from tests.pages.prose import typed_digits

SCRIPT = """# ---
# jupyter: 3
# ---

# %% [markdown]
# {prose}

# %%
size, rate = 64, 0.005  # 77 in a comment is none of the code's numbers
"text 88"

# %% tags=["prose"]
Markdown(f"{{size}} ratings")
"""
TYPED = [
    "The loss is 0.84.", "37 % are missing", "64 ratings", "it takes `0.006`", "`77` and `88`",
    "$L = 3.25$", "$x_3$", "$1.5$ and $10$", "in row-3", "user 3", "float16", "4 times", "chapter8",
    "$$\n# L = 7\n# $$", "1,024", "the years 1824 and 20245", "`a`5`b`", "$a$ 6 $b$",
]  # fmt: skip
HARMLESS = [
    "> 37 % are missing (a forum)", "since 2019", "lesson 5, Chapter 8, row 64", "`lr=0.005`",
    "`bs=64`", "[here](learned2.svg)", "$\\frac{2}{B} (y - r)^2$", "float32 on ML-100k",
    "$$\n# L = \\sum x^2\n# $$", "none", "https://example.org/7",
]  # fmt: skip


@pytest.mark.parametrize("prose", TYPED)
def test_a_typed_number_is_found_at_its_line(prose):
    found = list(typed_digits(SCRIPT.format(prose=prose)))
    assert len(found) == 1
    lines = SCRIPT.format(prose=prose).splitlines()
    number, text = found[0]
    assert lines[number - 1].removeprefix("#").strip() == text
    assert any(digit in text for digit in "0123456789")


@pytest.mark.parametrize("prose", HARMLESS)
def test_years_names_places_and_sizes_of_the_code_may_stand(prose):
    assert list(typed_digits(SCRIPT.format(prose=prose))) == []


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.stem)
def test_no_page_has_a_number_typed_by_hand(source):
    assert list(typed_digits(source.read_text(encoding="utf-8"))) == []
