"""People's own files: any separator, ids as they stand, every trap refused with its line."""

import csv
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import Reader, read_csv
from npcf.data.format import SEPARATORS
from npcf.errors import DataError, SettingError
from tests.data.reading import BLOCK, blocks_of, triples

GOOD = "user,item,rating\n8,a,3\n8,b,4.5\n7,a,1\n"


def write(folder, text, name="mine.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_separator_is_found(tmp_path, separator):
    ratings = read_csv(write(tmp_path, GOOD.replace(",", separator)))
    assert triples(ratings) == [(8, "a", 3), (8, "b", 4.5), (7, "a", 1)]


@given(
    separator=st.sampled_from([",", "\t", ";", "|"]), ids=st.sampled_from(["auto", "text"]),
    data=st.data(),
)  # fmt: skip
def test_what_csv_writes_comes_back(separator, ids, data, tmp_path_factory):
    """Quotes, separators and line ends inside fields, torn into blocks at any place."""
    text = st.text(st.sampled_from('ab,;|\t"\n é'), min_size=1).filter(str.strip)
    text = text.filter(lambda name: name.strip() == name)
    numbers = st.integers(-(2**63), 2**63 - 1)
    user = numbers if ids == "auto" else numbers.map(str) | st.sampled_from(["007", "7", "NA"])
    row = st.tuples(st.integers(1, 10).map(lambda r: r / 2), text, text, user)
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    path = tmp_path_factory.mktemp("csv") / "own.txt"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        writer.writerow(["stars", "remark", "movie", "u_id"])
        writer.writerows(rows)
    with blocks_of(data.draw(st.sampled_from([32, 200, BLOCK]))):
        ratings = read_csv(path, ids=ids)
    assert triples(ratings) == [(u, m, r) for r, _, m, u in rows]
    assert ratings.columns == ("u_id", "movie", "stars")


def test_the_file_may_be_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "mine.zip", "w") as archive:
        archive.writestr("deep/mine.csv", GOOD)
    assert len(read_csv(tmp_path / "mine.zip")) == 3


def test_columns_may_be_named(tmp_path):
    path = write(tmp_path, "who;user;what;stars;when\n1;x;2;5;01/02/2003\n")
    ratings = read_csv(path, user="who", item="what")
    assert triples(ratings) == [(1, 2, 5.0)]


def test_ids_beyond_2_to_53_keep_their_last_digit(tmp_path):
    big = 2**53 + 1
    assert triples(read_csv(write(tmp_path, f"user,item,rating\n{big},1,2\n"))) == [(big, 1, 2.0)]


@pytest.mark.parametrize("more", [",,", ",x,x", ",,x,,x"])
def test_columns_that_nobody_uses_may_have_any_names(more, tmp_path):
    text = f"user,item,rating{more}\n8,1,3{more.replace('x', '9')}\n"
    path = write(tmp_path, text)
    assert triples(read_csv(path)) == [(8, 1, 3.0)]
    (frame, *_), = Reader().pairs(path)  # fmt: skip
    assert ",".join(name.strip() for name in frame.columns) == text.split("\n")[0]


def line(text):
    return GOOD + text + "\n8,b,2\n"


BAD = [
    ("", "mine.csv: is empty"),
    ("\n", "mine.csv: is empty"),
    ("user,item,rating\n", "mine.csv: is empty: it holds no ratings"),
    ("user,item,rating\n\n \n", "is empty|fewer than 3 fields"),
    ("8,1,3\n8,2,4\n", "line 1: '8,1,3' is a rating, not a header. Add a line user,item,rating"),
    ("user item rating\n8 1 3\n", "line 1: 'user item rating' is not three or more names"),
    ("user,rating,when\n8,3,4\n", "line 1: has no column 'item'; it has 'user', 'rating', 'when'"),
    ("user,item,item,rating\n8,1,1,3\n", "line 1: has two columns 'item'"),
    ("user,item,rating,stars\n8,1,1,3\n", "line 1: has 2 columns that could be the rating"),
    ("user,item,rating\n8;1;3\n", "line 2: has fewer than 3 fields"),
    ("user,item,rating\n8\t1\t3\n", "line 2: has fewer than 3 fields"),
    (line("user,item,rating"), "line 5: user is 'user', not a whole number"),
    (line("8,a"), "line 5: has fewer than 3 fields"),
    (line("8,a,3,9"), "line 5: has more than 3 fields"),
    (GOOD + "8,a", "line 5: has fewer than 3 fields"),
    (GOOD + "8,a,", "line 5: rating is missing"),
    (line("007,a,3"), "line 5: user is '007': as a number it would be the same id as 7"),
    (line('"007",a,3'), "line 5: user is '007'"),
    (line(" 07,a,3"), "line 5: user is ' 07'"),
    (line("+07,a,3"), "line 5: user is '.07'"),
    (line("NA,a,3"), "line 5: user is 'NA', which reads like a missing value"),
    (line("8,NA,3"), "line 5: item is 'NA', which reads like a missing value"),
    (line("8,null,3"), "line 5: item is 'null', which reads like a missing value"),
    (line("8,,3"), "line 5: item is missing"),
    (line(",a,3"), "line 5: user is missing"),
    (f"user,item,rating\n{2**53 + 1},1,2\n,1,2\n", "line 3: user is missing"),
    (f"user,item,rating\n{2**53 + 1},1,2\n1.5,1,2\n", "line 3: user is '1.5', not a whole number"),
    (line("07.0,a,3"), "line 5: user is '07.0': as a number it would be the same id as 7"),
    (line("1e20,a,3"), "line 5: user is '1e20', not a whole number"),
    (line("100000000000000000000,a,3"), "line 5: user is '1000.*beyond 64 bits"),
    (line(f"{2**63},a,3"), "line 5: user is '9223372036854775808', beyond 64 bits"),
    (line("True,a,3"), "line 5: user is 'True', not a whole number"),
    (line("anna,a,3"), "line 5: user is 'anna', not a whole number.*ids=\"text\""),
    (line("8,a,good"), "line 5: rating is 'good', not a number"),
    (line('8,a,"3,5"'), "line 5: rating is '3,5', not a number"),
    (line("8,a,inf"), "line 5: rating is 'inf', no finite float32"),
    (line("8,a,nan"), "line 5: rating is 'nan', no finite float32"),
    (line("8,a,4e38"), "line 5: rating is '4e38', no finite float32"),
    (line("8,a,NA"), "line 5: rating is 'NA', not a number"),
    (line('8,"a,3'), "cannot be read|fewer than 3 fields"),
    (GOOD.encode() + b"8,\xe9,3\n", "line 5: byte 0xE9 is not UTF-8"),
    (GOOD.encode() + b"8,\0,3\n", "line 5: byte 0x00 is not UTF-8"),
    (GOOD.encode("utf-16"), "line 1: byte 0xFF is not UTF-8"),
    (b"us\xe9r,item,rating\n1,2,3\n", "line 1: byte 0xE9 is not UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_traps_are_refused_naming_file_and_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as raised:
        read_csv(write(tmp_path, text))
    assert "mine.csv" in str(raised.value)


@pytest.mark.parametrize("block", [32, 100])
@pytest.mark.parametrize(("text", "message"), [case for case in BAD if "line 5: " in case[1]])
def test_the_line_is_right_wherever_blocks_end(tmp_path, text, message, block):
    """The same file behind 20 more good lines: the number grows by as many."""
    text = text.encode() if isinstance(text, str) else text
    text = GOOD.encode() + b"8,a,3\n" * 20 + text[len(GOOD) :]
    with blocks_of(block), pytest.raises(DataError, match=message.replace("line 5", "line 25")):
        read_csv(write(tmp_path, text))


def test_ids_as_text_keep_what_numbers_would_merge(tmp_path):
    path = write(tmp_path, "user,item,rating\n007,NA,1\n7,null,2\n")
    assert triples(read_csv(path, ids="text")) == [("007", "NA", 1.0), ("7", "null", 2.0)]
    with pytest.raises(DataError, match="line 3: item is missing"):
        read_csv(write(tmp_path, "user,item,rating\n007,NA,1\n7,,2\n"), ids="text")
    with pytest.raises(SettingError, match="Choose one of auto, text"):
        read_csv(path, ids="numbers")


def test_what_is_not_one_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match="there is no file"):
        read_csv(tmp_path / "none.csv")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.csv", GOOD)
        archive.writestr("README.md", "no ratings")
    assert len(read_csv(write(tmp_path, content.getvalue(), "one.zip"))) == 3
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.csv", GOOD)
        archive.writestr("b.csv", GOOD)
    with pytest.raises(DataError, match=r"holds 2 files, not one file"):
        read_csv(write(tmp_path, content.getvalue(), "two.zip"))
