"""Every generation of MovieLens, in every kind of place, on hand-made files; what is refused."""

import codecs
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf.data import archive, read_ml100k, read_movielens
from npcf.errors import DataError
from tests.data.reading import blocks_of, triples
from tests.places import NO_MOVIELENS, movielens

FIELDS = [(9, 30, 4, 978300760), (2, 7, 1, 978302109), (2, 30, 5, 978301968)]
TITLES = {7: "Léon: The Professional (1994)", 30: 'American President, The "A" (1995)', 31: "None"}


def tab():
    lines = ["\t".join(map(str, row)) + "\n" for row in FIELDS]
    titles = [f"{movie}|{title}|01-Jan-1995||http://x|0\n" for movie, title in TITLES.items()]
    return {"u.data": "".join(lines).encode(), "u.item": "".join(titles).encode("latin-1")}


def dat(encoding):
    lines = ["::".join(map(str, row)) + "\n" for row in FIELDS]
    titles = [f"{movie}::{title}::Drama|Crime\n" for movie, title in TITLES.items()]
    return {"ratings.dat": "".join(lines).encode(), "movies.dat": "".join(titles).encode(encoding)}


def comma():
    lines = [f"{u},{m},{r}.0,{t}\n" for u, m, r, t in FIELDS]
    titles = ['{},"{}",Drama\n'.format(m, t.replace('"', '""')) for m, t in TITLES.items()]
    return {
        "ratings.csv": ("userId,movieId,rating,timestamp\n" + "".join(lines)).encode(),
        "movies.csv": ("movieId,title,genres\n" + "".join(titles)).encode(),
    }


GENERATIONS = {"100k": tab(), "1m": dat("latin-1"), "10m": dat("utf-8"), "20m": comma()}


def put(folder, files, kind="folder"):
    """Lay the files out and return what to read: folder, ratings file, or zip."""
    if kind.startswith("zip"):
        path = folder / "ml.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(("ml/deep/" if kind == "zip, deep" else "") + name, content)
        return path
    inside = folder / "ml" if kind == "folder in a folder" else folder
    inside.mkdir(exist_ok=True)
    for name, content in files.items():
        (inside / name).write_bytes(content)
    return inside / next(iter(files)) if kind == "file" else folder


@pytest.mark.parametrize("kind", ["folder", "folder in a folder", "file", "zip", "zip, deep"])
@pytest.mark.parametrize("files", GENERATIONS.values(), ids=GENERATIONS)
def test_all_generations_say_the_same_from_every_place(tmp_path, files, kind):
    ratings = read_movielens(put(tmp_path, files, kind))
    assert triples(ratings) == [row[:3] for row in FIELDS]
    assert ratings.titles == ["#na#", TITLES[7], TITLES[30]]
    assert ratings.timestamps is None
    assert {c.dtype for c in (ratings.users, ratings.items)} == {np.dtype(np.int32)}
    assert ratings.mean_rating == 10 / 3


@pytest.mark.parametrize("files", GENERATIONS.values(), ids=GENERATIONS)
def test_timestamps_come_if_asked_for_and_follow_take(tmp_path, files):
    ratings = read_movielens(put(tmp_path, files), timestamps=True)
    assert ratings.timestamps.tolist() == [row[3] for row in FIELDS]
    assert ratings.take([2, 0]).timestamps.tolist() == [FIELDS[2][3], FIELDS[0][3]]


def test_half_stars_line_ends_and_a_byte_order_mark(tmp_path):
    files = comma()
    files["ratings.csv"] = files["ratings.csv"].replace(b"4.0", b"4.5").replace(b"\n", b"\r\n")
    files["ratings.csv"] = b"\xef\xbb\xbf" + files["ratings.csv"].rstrip()
    assert read_movielens(put(tmp_path, files)).rating.tolist() == [4.5, 1.0, 5.0]


def test_predefined_folds_are_read_by_their_own_name(tmp_path):
    put(tmp_path, tab() | {"u1.base": tab()["u.data"].split(b"\n")[0]})
    assert len(read_movielens(tmp_path / "u1.base")) == 1


def test_files_with_a_byte_order_mark_are_read(tmp_path):
    put(tmp_path, {name: codecs.BOM_UTF8 + content for name, content in comma().items()})
    (tmp_path / "plain").mkdir()
    put(tmp_path / "plain", comma())
    found, want = read_movielens(tmp_path), read_movielens(tmp_path / "plain")
    assert (triples(found), found.titles) == (triples(want), want.titles)


@given(data=st.data())
def test_where_blocks_end_does_not_matter(data, tmp_path_factory):
    """The same ratings whether a block is a line or the file; ids first met in a later block."""
    n = data.draw(st.integers(1, 30))
    rows = [data.draw(st.tuples(*[st.integers(1, 12)] * 2, st.integers(1, 10))) for _ in range(n)]
    lines = "".join(f"{u},{m},{r / 2},0\n" for u, m, r in rows)
    titles = "".join(f"{m},Title {m % 5},x\n" for m in range(1, 13))
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + lines)
    (folder / "movies.csv").write_text("movieId,title,genres\n" + titles)
    with blocks_of(data.draw(st.integers(8, 100))):
        ratings, merged = read_movielens(folder), read_movielens(folder, item="title")
    assert [(u, i, 2 * r) for u, i, r in triples(ratings)] == rows
    assert [merged.titles[i] for i in merged.items] == [f"Title {m % 5}" for _, m, _ in rows]
    movies = {m for _, m, _ in rows}
    assert merged.n_merged_ids == len(movies) - len({m % 5 for m in movies})
    assert merged.n_merged_pairs == merged.n_duplicates - ratings.n_duplicates


def changed(files, name, old, new):
    assert old in files[name]
    return files | {name: files[name].replace(old, new, 1)}


BAD = [
    (changed(comma(), "ratings.csv", b"userId,movieId,rating,timestamp\n", b""),
     "ratings.csv, line 1: is '9,30,4.0,978300760', not the header 'userId,movieId,rating"),
    (changed(comma(), "ratings.csv", b"\n2,7", b"\nuserId,movieId,rating,timestamp\n2,7"),
     "ratings.csv, line 3: userId is 'userId', not a whole number"),
    (changed(comma(), "ratings.csv", b",978301968\n", b""), "line 4: has fewer than 4 fields"),
    (changed(comma(), "ratings.csv", b"5.0,978301968", b",97830"), "line 4: rating is missing"),
    (changed(comma(), "ratings.csv", b"978301968\n", b""), "line 4: timestamp is missing"),
    (changed(comma(), "ratings.csv", b"1.0,", b"1,0,"), "line 3: has more than 4 fields"),
    (changed(comma(), "ratings.csv", b"9,30", b"9;30"), "line 2: has fewer than 4 fields"),
    (changed(comma(), "ratings.csv", b"\n2,7", b"\n02,7"),
     "line 3: userId is '02': as a number it would be the same id as 2"),
    (changed(comma(), "ratings.csv", b"\n2,7", b"\n2,-07"), "line 3: movieId is '-07'"),
    (changed(comma(), "ratings.csv", b"1.0", b"\xe9"), "line 3: byte 0xE9 is not UTF-8"),
    (changed(comma(), "ratings.csv", b"\n2,7", b'\n"2,7'), "ratings.csv, line 3: cannot be read"),
    (comma() | {"ratings.csv": b""}, "ratings.csv: is empty"),
    (comma() | {"ratings.csv": b"userId,movieId,rating,timestamp\n"}, "holds no ratings"),
    (comma() | {"ratings.csv": "userId".encode("utf-16")}, "line 1: byte 0xFF is not UTF-8"),
    (changed(comma(), "movies.csv", b"movieId,title", b"id,title"), "line 1: movie is 'id'"),
    (changed(comma(), "movies.csv", b"\n30", b"\n7"), "line 3: repeats a movie id"),
    (changed(comma(), "movies.csv", b"\n30", b"\n32"), "no title for movie 30"),
    (changed(comma(), "movies.csv", b"\xc3", b"\xff"), "line 2: byte 0xFF is not utf-8"),
    (comma() | {"movies.csv": b""}, "movies.csv: is empty"),
    (changed(comma(), "movies.csv", b"\n30", b"\n" + b"3" * 5000), "line 3: movie is '333"),
    (changed(comma(), "movies.csv", b"\n30,", b"\n30," + b"t" * 2**17), "field larger than"),
    ({"ratings.csv": comma()["ratings.csv"]}, "there is no file .*movies.csv"),
    ({"movies.csv": comma()["movies.csv"]}, "there is no file .*u.data or .*ratings.dat or"),
    (tab() | comma(), "holds .*ratings.csv.*Name the one you mean"),
    (changed(dat("utf-8"), "ratings.dat", b"9::30", b"9:30"), "line 1: has fewer than 4 fields"),
    (changed(dat("utf-8"), "ratings.dat", b"9::30", b"9::\t30"), "cannot be read"),
    (changed(dat("utf-8"), "ratings.dat", b"9::30", b"9::30::1"), "line 1: has more than 4"),
    (changed(dat("utf-8"), "ratings.dat", b"2::7", b"2::007"), "line 2: movie is '007'"),
    (changed(dat("utf-8"), "movies.dat", b"30::", b"30:"), "line 2: .*'30:American"),
    (changed(tab(), "u.data", b"4", b"4.5"), "line 1: rating is '4.5', not a whole number"),
    (changed(tab(), "u.data", b"9\t30\t4\t", b"9::30::4::"), "line 1: has fewer than 4 fields"),
    (changed(tab(), "u.data", b"9\t", b"user\titem\trating\ttime\n9\t"), "line 1: user is 'user'"),
    (changed(tab(), "u.data", b"978301968\n", b"1\t2\n"), "line 3: has more than 4 fields"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["folder", "zip, deep"])
@pytest.mark.parametrize(("files", "message"), BAD)
def test_files_that_pandas_would_bend_are_refused_naming_the_line(tmp_path, files, message, kind):
    with pytest.raises(DataError, match=message):
        read_movielens(put(tmp_path, files, kind))


@pytest.mark.parametrize("name", ["../ratings.csv", "/etc/ratings.csv", "a/../../ratings.csv",
                                  "..\\ratings.csv", "C:/ratings.csv"])  # fmt: skip
def test_archives_that_lead_out_of_their_folder_are_refused(tmp_path, name):
    path = put(tmp_path, comma() | {name: b"x"}, "zip")
    with pytest.raises(DataError, match="leads out of its folder"):
        read_movielens(path)


def test_archives_of_absurd_size_are_refused_unopened(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SMALL", 2**16)
    with pytest.raises(DataError, match=r"would unpack \d+ bytes to 1000\d\d\d\."):
        read_movielens(put(tmp_path, comma() | {"bomb": b"0" * 10**6}, "zip"))
    monkeypatch.setattr(archive, "LARGEST", 2**7)
    monkeypatch.setattr(archive, "RATIO", 10**9)
    with pytest.raises(DataError, match="would unpack"):
        read_movielens(put(tmp_path, comma(), "zip"))


def test_damaged_archives_are_refused(tmp_path):
    path = put(tmp_path, comma(), "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match="is no zip archive"):
        read_movielens(path)
    place = whole.index(b"ratings.csv") + 30
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(DataError, match="is damaged|cannot be read"):
        read_movielens(path)


def test_links_in_archives_are_refused(tmp_path):
    path = tmp_path / "link.zip"
    link = zipfile.ZipInfo("ratings.csv")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="the link 'ratings.csv'"):
        read_movielens(path)


@pytest.mark.skipif(movielens() is None, reason=NO_MOVIELENS)
def test_movielens_100k_has_the_published_sizes():
    ratings = read_ml100k(movielens())
    assert (len(ratings), ratings.n_users, ratings.n_items) == (100_000, 944, 1_683)
    assert ratings.n_duplicates == 0
    by_title = read_ml100k(movielens(), item="title")
    assert (by_title.n_users, by_title.n_items) == (944, 1_665)  # as the lesson's dls.classes
    assert by_title.n_duplicates == by_title.n_merged_pairs == 307
    assert by_title.n_merged_ids == 18


MEASURED = """
import re, sys
from pathlib import Path
from npcf.data import read_movielens
# not ru_maxrss, which begins with what the parent of the process had
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
read_movielens(sys.argv[1] + "/small")
before = peak()
ratings = read_movielens(sys.argv[1])
arrays = ratings.users.nbytes + ratings.items.nbytes + ratings.rating.nbytes
assert arrays == 12 * len(ratings)
print(len(ratings), peak() - before - arrays)
"""


@pytest.mark.slow("a large file")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is Linux's to tell")
def test_reading_takes_twelve_bytes_a_rating_and_a_block(tmp_path):
    """2 million ratings: an array of 8 bytes a rating more would be 16 MB, a frame of all 64 MB.

    A smaller file read before has paid for what a block of 4 MB needs (its text, the parser's
    words, the frame, masks), but for what the allocator wastes; the columns may have an eighth of
    room each (3 MB).
    """
    n = 2_000_000
    small = tmp_path / "small"
    small.mkdir()
    rng = np.random.default_rng(0)
    users, items = rng.integers(1, 10_000, n), rng.integers(1, 5_000, n)
    lines = [f"{u},{i},3.5,1000000000\n" for u, i in zip(users, items, strict=True)]
    for folder, count in ((small, 400_000), (tmp_path, n)):
        with open(folder / "ratings.csv", "w") as file:
            file.write("userId,movieId,rating,timestamp\n")
            file.writelines(lines[:count])
        titles = "".join(f"{i},T{i},x\n" for i in range(1, 5_000))
        (folder / "movies.csv").write_text("movieId,title,genres\n" + titles)
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, str(tmp_path)], capture_output=True, text=True, check=True
    )
    count, above = map(int, run.stdout.split())
    assert count == n
    assert above < 8 * n, above
