"""The ml-100k reader on hand-made files of the right and of the wrong format."""

from pathlib import Path

import pytest

from npcf.data import read_ml100k
from npcf.errors import DataError, SettingError
from tests.places import NO_MOVIELENS, movielens

U_DATA = "196\t242\t3\t881250949\n186\t302\t5\t891717742\n196\t302\t1\t878887116\n"
U_ITEM = "242|Kolya (1996)|24-Jan-1997||http://x|0\n302|L\xe9on (1994)|01||http://y|1\n"


def write(folder: Path, data: str | None = U_DATA, item: str | None = U_ITEM) -> Path:
    if data is not None:
        (folder / "u.data").write_text(data)
    if item is not None:
        (folder / "u.item").write_bytes(item.encode("latin-1"))
    return folder


def test_reads_ids_ratings_and_latin_1_titles(tmp_path):
    """The first line is a rating, not a header; 0xE9 is e acute."""
    ratings = read_ml100k(write(tmp_path))
    assert len(ratings) == 3
    assert ratings.user_vocab.labels == ["#na#", 186, 196]
    assert ratings.titles == ["#na#", "Kolya (1996)", "Léon (1994)"]
    assert ratings.rating.tolist() == [3, 5, 1]
    assert [ratings.titles[row] for row in ratings.items] == [
        "Kolya (1996)", "Léon (1994)", "Léon (1994)",
    ]  # fmt: skip


def test_the_file_may_be_named_instead_of_the_folder(tmp_path):
    assert len(read_ml100k(write(tmp_path) / "u.data")) == 3


def test_items_by_title_merge_two_ids_of_one_title(tmp_path):
    same = U_ITEM.replace("L\xe9on (1994)", "Kolya (1996)")
    folder = write(tmp_path, item=same)
    by_id, by_title = read_ml100k(folder), read_ml100k(folder, item="title")
    assert (by_id.n_items, by_title.n_items) == (3, 2)
    assert (by_id.n_duplicates, by_title.n_duplicates) == (0, 1)
    assert by_title.titles == ["#na#", "Kolya (1996)"]
    assert (by_id.n_merged_ids, by_id.n_merged_pairs) == (0, 0)
    assert (by_title.n_merged_ids, by_title.n_merged_pairs) == (1, 1)


BAD = [
    (dict(data=None), "there is no file"),
    (dict(item=None), "there is no file"),
    (dict(data=U_DATA[:-12]), "line 3.*fewer than 4 fields"),
    (dict(data=U_DATA.replace("\t", ",")), "line 1.*fewer than 4 fields"),
    (dict(data=U_DATA.replace("\t", "::")), "line 1.*fewer than 4 fields"),
    (dict(data="user\titem\trating\ttime\n" + U_DATA), "line 1: user is 'user'"),
    (dict(data=U_DATA.replace("186", "18x")), "line 2: user is '18x', not a whole number"),
    (dict(data=U_DATA.replace("\t5\t", "\t4.5\t")), "line 2: rating is .*4.5.*not a whole"),
    (dict(data=U_DATA.replace("\t5\t", "\t\t")), "line 2: rating is missing"),
    (dict(data=U_DATA.replace("\n186", "\t9\n186")), "line 1: has more than 4 fields"),
    (dict(data=U_DATA + "1\t2\t3\t4\t5\n"), "line 4: has more than 4 fields"),
    (dict(data=""), "is empty"),
    (dict(item=U_ITEM.split("\n")[0] + "\n"), "no title for movie 302"),
    (dict(item=U_ITEM.replace("302|", "242|")), "line 2: repeats a movie id"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "message"), BAD)
def test_files_of_another_form_are_refused_naming_the_line(tmp_path, files, message):
    with pytest.raises(DataError, match=message):
        read_ml100k(write(tmp_path, **files))


def test_an_unknown_meaning_of_item_is_refused(tmp_path):
    with pytest.raises(SettingError, match="Choose one of id, title"):
        read_ml100k(write(tmp_path), item="name")


@pytest.mark.skipif(movielens() is None, reason=NO_MOVIELENS)
def test_movielens_100k_has_the_published_sizes():
    ratings = read_ml100k(movielens())
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 944, 1_683)
    assert ratings.n_duplicates == 0
    by_title = read_ml100k(movielens(), item="title")
    assert (by_title.n_users, by_title.n_items) == (944, 1_665)  # as the lesson's dls.classes
    assert by_title.n_duplicates == by_title.n_merged_pairs == 307
    assert by_title.n_merged_ids == 18
