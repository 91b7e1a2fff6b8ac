"""One file is read one way by every verb and every function, however it is written and packed."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import npcf
from npcf.cli import main
from npcf.data import CollabDataLoaders, read_csv, read_movielens, read_ratings
from npcf.errors import DataError, NpcfError, RangeWarning, SettingError, UsageError
from npcf.training import Learner, PerRatingSGD
from npcf.verify import PRECISION
from tests.data.reading import BLOCK, blocks_of, triples

ROWS = [("7", "B0", 4), ("7", "71", 5), ("13", "B0", 5), ("13", "71", 2), ("8", "x y", 1),
        ("8", "72", 3)]  # fmt: skip
HEADER = ("user", "item", "rating")


def text_of(separator=",", end="\n", header=HEADER, rows=ROWS):
    lines = [header, *rows] if header else rows
    return "".join(separator.join(map(str, row)) + end for row in lines)


def zst(data):
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdCompressor().compress(data)


def npcf_says(capsys, *words):
    """Return (exit code, standard output, standard error)."""
    code = main(list(map(str, words)))
    out, err = capsys.readouterr()
    return code, out, err


# ---- every verb reads what train has read -------------------------------------------------------

plain = text_of().encode()
WRITTEN = {
    "commas": (plain, ""),
    "semicolons": (text_of(";").encode(), ""),
    "tabs": (text_of("\t").encode(), ""),
    "bars": (text_of("|").encode(), ""),
    "double colons": (text_of("::").encode(), ""),
    "a space behind each": (text_of(", ").encode(), ""),
    "spaces around names": (text_of(header=(" user ", "item ", " rating")).encode(), ""),
    "another character": (text_of("^").encode(), "--separator ^"),
    "dos": (text_of(end="\r\n").encode(), ""),
    "old mac": (text_of(end="\r").encode(), ""),
    "no last line end": (plain.rstrip(), ""),
    "byte-order mark": (b"\xef\xbb\xbf" + plain, ""),
    "utf-16": (text_of().encode("utf-16"), "--encoding utf-16"),
    "latin-1": (text_of(rows=[*ROWS, ("8", "é", 2)]).encode("latin-1"), "--encoding latin-1"),
    "quoted": (re.sub(rb"[^,\n]+", rb'"\g<0>"', plain), ""),
    "an inch": (text_of(rows=[*ROWS, ("8", 'TV 55" x', 2)]).encode(), ""),
    "quotes are characters": (text_of(rows=[*ROWS, ("8", '"x', 2)]).encode(), "--quoting none"),
    "gz": (gzip.compress(plain), ""),
    "bz2": (bz2.compress(plain), ""),
    "xz": (lzma.compress(plain), ""),
    "zst": (plain, ""),
    "excel numbers": (text_of(rows=[(f"{u}.0", i, r) for u, i, r in ROWS]).encode(), ""),
    "zeros in front": (text_of(rows=[(f"00{u}", i, r) for u, i, r in ROWS]).encode(), ""),
    "digits as text": (text_of(rows=[(u, f"9{n}", r) for n, (u, _, r) in enumerate(ROWS)]).encode(),
                       "--ids text"),
    "no header": (text_of(header=None).encode(), "--columns user=1,item=2,rating=3"),
    "own names": (text_of(header=("who", "what", "liked")).encode(),
                  "--columns user=who,item=what,rating=liked"),
    "more columns": (text_of(header=("x", *HEADER, "when"),
                             rows=[("q,"[:1], *row, "1/2/03") for row in ROWS]).encode(), ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_train_has_read_every_verb_reads_alike(kind, tmp_path, capsys):
    content, options = WRITTEN[kind]
    path, model = tmp_path / "any.name", tmp_path / "m"
    path.write_bytes(zst(content) if kind == "zst" else content)
    how = shlex.split(options)
    code, out, err = npcf_says(
        capsys, "train", "--data", path, "--factors", 2, "--epochs", 1, "--bs", 2, "--save", model,
        "--json", *how,
    )  # fmt: skip
    assert code == 0, err
    told = json.loads(out)["data"]
    code, out, _ = npcf_says(capsys, "data", "show", path, "--json", *how)
    shown = json.loads(out)
    for name in ("ratings", "users", "items"):
        assert shown[name] == told[name]
    how = shlex.split(options.replace("--ids text", ""))  # which the model says
    code, out, err = npcf_says(capsys, "evaluate", model, path, "--json", *how)
    assert code == 0, err
    found = json.loads(out)
    assert (found["ratings"], found["unknown_users"], found["unknown_items"]) == (
        told["ratings"], 0, 0)  # fmt: skip
    code, out, err = npcf_says(capsys, "predict", model, path, "--json", *how)
    assert code == 0, err
    rows = json.loads(out)
    assert len(rows) == told["ratings"]
    predictions = np.array([row["prediction"] for row in rows])
    given = [row["rating"] if kind == "more columns" else list(row.values())[-2] for row in rows]
    errors = predictions - given
    # the mean of squares in float32, in any order, and its root
    room = PRECISION[np.dtype(np.float32)].gamma(len(rows) + 8) * np.abs(errors).max()
    assert abs(np.sqrt(np.mean(errors**2)) - found["rmse"]) <= room
    code, out, err = npcf_says(capsys, "recommend", model, "--seen", path, "--json", *how)
    assert code == 0, err
    left = told["users"] * told["items"] - len({tuple(list(r.values())[:2]) for r in rows})
    if kind != "more columns":
        assert len(json.loads(out)) == left


def test_a_column_s_digits_do_not_change_the_type_of_a_model_s_ids(tmp_path, capsys):
    """What --seen holds are digits alone, and the model's ids are text; and the other way."""
    (tmp_path / "all.csv").write_text("user,item,rating\n1,B0,4\n1,71,5\n2,B0,5\n2,71,2\n3,72,1\n")
    (tmp_path / "float.csv").write_text("user,item\n1.0,71\n2.0,71\n")
    model = tmp_path / "m"
    fast = ("--factors", 2, "--epochs", 1, "--bs", 2)
    npcf_says(capsys, "train", "--data", tmp_path / "all.csv", *fast, "--save", model)
    (tmp_path / "seen.csv").write_text("user,item,rating\n1,71,5\n1,72,3\n")
    code, out, _ = npcf_says(
        capsys, "recommend", model, 1, "--seen", tmp_path / "seen.csv", "--json"
    )
    assert [row["item"] for row in json.loads(out)] == ["B0"]
    code, out, err = npcf_says(capsys, "predict", model, tmp_path / "float.csv")
    assert (code, out.splitlines()[1][:7]) == (0, "1.0,71,"), err
    assert npcf_says(capsys, "recommend", model, "1.0", "--json")[0] == 0


def test_a_model_of_titles_reads_movielens_by_title(tmp_path, capsys):
    (tmp_path / "u.data").write_text("".join(f"{u}\t{i}\t{1 + i % 5}\t0\n" for u in range(1, 5)
                                             for i in range(1, 5)))  # fmt: skip
    (tmp_path / "u.item").write_text("".join(f"{i}|Film {i}|x\n" for i in range(1, 6)))
    model, fast = tmp_path / "m", ("--factors", 2, "--epochs", 1, "--bs", 2)
    npcf_says(capsys, "train", "--data", tmp_path, "--item", "title", *fast, "--save", model)
    for verb in (("evaluate", model, tmp_path), ("recommend", model, 1, "--seen", tmp_path)):
        code, out, err = npcf_says(capsys, *verb, "--json")
        assert code == 0, err
        assert "Film" not in out and json.loads(out) == [] or json.loads(out)["unknown_items"] == 0
        code, _, err = npcf_says(capsys, *verb, "--item", "id")
        assert code == 1 and "NPCF-E002" in err and "--item title" in err


# ---- public files -------------------------------------------------------------------------------

POSITIONS = "--columns user=1,item=2,rating=3"
PUBLIC = [
    ("bx.csv", '"User-ID";"ISBN";"Book-Rating"\n"1";"034545104X";"3"\n"2";"0155061224";"5"\n', "",
     [(1, "034545104X", 3), (2, "0155061224", 5)]),
    ("anime.csv", "user_id,anime_id,rating\n1,20,-1\n1,24,10\n2,20,8\n", "--not-rated=-1",
     [(1, 24, 10), (2, 20, 8)]),
    ("goodbooks.csv", "user_id,book_id,rating\n1,258,5\n2,4081,4\n", "",
     [(1, 258, 5), (2, 4081, 4)]),
    ("ratings_Beauty.csv", "A39H,0205616461,5.0,1369699200\nA3JM,B00001,3.0,1355443200\n",
     "--columns user=1,item=2,rating=3", [("A39H", "0205616461", 5), ("A3JM", "B00001", 3)]),
    ("Video_Games.csv", "0439381673,A21R,1.0,1402272000\n070,A3,2.0,1\n",
     "--columns user=2,item=1,rating=3", [("A21R", "0439381673", 1), ("A3", "070", 2)]),
    ("amazon2023.csv", "user_id,parent_asin,rating,timestamp\nAGKA,B006GB,3.0,14526\n", "",
     [("AGKA", "B006GB", 3)]),
    ("hetrec.dat", "userID\tmovieID\trating\tdate_day\n75\t3\t1\t29\n75\t32\t4.5\t29\n", "",
     [(75, 3, 1), (75, 32, 4.5)]),
    ("twits.dat", "1::0114508::8::1381006850\n2::0499549::9::1\n", POSITIONS,
     [(1, "0114508", 8), (2, "0499549", 9)]),
    ("isbn.csv", "user;item;rating\n1;1155061224;5\n2;034545104X;6\n", "--ids text",
     [("1", "1155061224", 5), ("2", "034545104X", 6)]),
    ("amazon_us.tsv",
     'customer_id\tproduct_id\tstar_rating\thead\n1\tP1\t5\t"good\n2\tP2\t4\tfine"\n',
     "--quoting none", [(1, "P1", 5), (2, "P2", 4)]),
    ("u.data", "1 2 3 881250949\n2 2 4 881250949\n", f"{POSITIONS} --separator space",
     [(1, 2, 3), (2, 2, 4)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "options", "want"), PUBLIC, ids=[p[0] for p in PUBLIC])
def test_public_files_need_one_option_at_most(name, content, options, want, tmp_path, capsys):
    (tmp_path / name).write_text(content)
    code, out, err = npcf_says(capsys, "data", "show", tmp_path / name, "--json", *options.split())
    assert code == 0, err
    assert json.loads(out)["ratings"] == len(want)
    keywords = {}
    for key, value in re.findall(r"--([a-z-]+)[= ](\S+)", options):
        if key == "columns":
            keywords |= {r: int(p) for r, p in (part.split("=") for part in value.split(","))}
        else:
            keywords[key.replace("-", "_")] = float(value) if key == "not-rated" else value
    ratings = read_csv(tmp_path / name, **keywords)
    assert triples(ratings) == want


def test_movielens_without_times_and_with_ids_as_text(tmp_path):
    (tmp_path / "movies.dat").write_text("0000008::A\n0114508::B\n")
    (tmp_path / "ratings.dat").write_text("1::0114508::8::1381006850\n2::0000008::9::1\n")
    ratings = read_movielens(tmp_path)
    assert ratings.item_vocab.labels == ["#na#", "0000008", "0114508"]
    assert ratings.titles == ["#na#", "A", "B"]
    (tmp_path / "ratings.dat").write_text("1::0114508::8\n2::0000008::9\n")
    assert read_movielens(tmp_path, ids="text").user_vocab.labels == ["#na#", "1", "2"]
    (tmp_path / "ratings.dat").unlink()
    (tmp_path / "movies.csv").write_text("movieId,title\n1,A\n2,B\n")
    (tmp_path / "ratings.csv").write_text("rating,userId,movieId\n3.5,1,2\n")
    ratings = read_ratings(tmp_path / "ratings.csv")
    assert (ratings.titles, ratings.rating.tolist()) == (["#na#", "B"], [3.5])


JESTER = "2,-7.82,99,8.5\n0,99,99,99\n3,1,2,3.25\n"


def test_a_dense_matrix_is_read_with_one_option(tmp_path, capsys):
    """A line a user: how many are rated, then a column an item, 99 where there is none."""
    path, model = tmp_path / "jester.csv", tmp_path / "m"
    path.write_text(JESTER)
    ratings = read_csv(path, matrix=True)
    want = [(1, 1, np.float32(-7.82)), (1, 3, 8.5), (3, 1, 1), (3, 2, 2), (3, 3, 3.25)]
    assert triples(ratings) == want
    fast = ("--factors", 2, "--epochs", 1, "--bs", 2, "--matrix", "--y-range", -10, 10)
    assert npcf_says(capsys, "train", "--data", path, *fast, "--save", model)[0] == 0
    code, out, _ = npcf_says(capsys, "evaluate", model, path, "--matrix", "--json")
    assert json.loads(out)["unknown_users"] == 0
    for bad, message in (("2,1,99,99\n", "line 1: begins with 2 and has 1 ratings"),
                         ("1,1,99\n1,1,,3\n", "cannot be read"), ("1,a,99\n", "cannot be read"),
                         ("1,1,99\n1,1,\n", "line 2: has an empty field")):  # fmt: skip
        path.write_text(bad)
        with pytest.raises(DataError, match=message):
            read_csv(path, matrix=True)
    with pytest.raises(SettingError, match="matrix"):
        read_csv(path, user="a", matrix=True)


# ---- cures are followed where they are printed ---------------------------------------------------

CURED = [
    ("user,item,rating\n1,a,3\n007,b,2\n", "--ids text"),
    ("user,item,rating\n1,a,3\nanna,b,2\n", "--ids text"),
    ("userid,item,rating\n1,a,3\n2,b,2\n", "--columns user=userid"),
    ("user,userId,item,rating\n1,1,a,3\n2,2,b,2\n", "--columns user=user"),
    ("1,5,3\n2,6,2\n", "--columns user=1,item=2,rating=3"),
    ("A1,B1,3.0,9\nA2,B2,2.0,9\n", "--columns user=1,item=2,rating=3"),
    ("user item rating\n1 5 3\n2 6 2\n", "--separator space"),
    ('user,item,rating,t\n1,5,3,"a\n2,6,2,b"\n', "--quoting none"),
    ('user,item,rating,t\n1,5,3,"a\n2,6,2,b"\n', "--quoting csv"),
    ('user,item,rating,t\n1,5,3,x\n2,6,2,"b\n', "--quoting none"),
    ("user,item,rating\n1,\xe9,3\n2,b,2\n".encode("latin-1"), "--encoding latin-1"),
    ("user,item,rating\n1,5,3\n2,6,2\n".encode("utf-16"), "--encoding utf-16"),
    ("1,3" + ",99" * 30 + "\n2,3,4" + ",99" * 29 + "\n", "--matrix"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "cure"), CURED)
def test_the_cure_that_is_printed_works_as_printed(content, cure, tmp_path, capsys):
    path = tmp_path / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code, _, err = npcf_says(capsys, "data", "show", path)
    assert code == 1 and cure in err, err
    assert "read_csv(" not in err and '="' not in err
    code, _, err = npcf_says(capsys, "data", "show", path, *shlex.split(cure))
    assert code == 0, err


def test_python_s_cures_are_python_s(tmp_path):
    path = tmp_path / "x.csv"
    for content, cure in CURED:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError) as raised:
            read_csv(path)
        assert "--" not in raised.value.cure
        name, _, value = cure[2:].partition(" ")
        if name not in ("columns", "matrix"):
            assert f'{name}="{value}"' in raised.value.cure
            assert len(read_csv(path, **{name: value})) >= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [("--columns usr=1,item=2,rating=3", "Did you mean 'user'"),
     ("--columns user=usr", "Did you mean 'user'"), ("--columns user", "is not user=NAME"),
     ("--columns user=1,user=2", "names the user twice"),
     ("--columns user=0,item=1,rating=2", "no column 0"),
     ("--columns user=1,item=9,rating=2", "no column 9"),
     ("--columns user=1", "where others are positions"),
     ("--columns user=1,item=1,rating=2", "names one position twice"),
     ("--separator §", "not one ASCII character"),
     ("--separator ab", "not one ASCII character"), ("--encoding klingon", "is unknown"),
     ("--not-rated=none", "is not a list of numbers"), ("--item title", "of MovieLens alone"),
     ("--not-rated=3,2", "none is rated")],
)  # fmt: skip
def test_options_that_do_not_fit_the_file_are_refused(options, message, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("user,item,rating\n1,5,3\n2,6,2\n")
    code, _, err = npcf_says(capsys, "data", "show", tmp_path / "x.csv", *options.split())
    assert code in (1, 2) and message in err, err
    assert err.startswith("npcf: ")


# ---- sizes, quotes, memory ----------------------------------------------------------------------


@given(data=st.data())
def test_quotes_mean_what_they_mean_to_csv_wherever_blocks_end(data, tmp_path_factory):
    """Stray ones are characters, `""` is one, a quoted field goes on over line ends and blocks."""
    inside = st.text(st.sampled_from("ab\"' "), min_size=1, max_size=6)
    stray = inside.filter(lambda t: t[0] not in '" ' and t == t.strip())
    quoted = st.text(st.sampled_from('ab",\n '), min_size=1, max_size=6).filter(
        lambda t: t == t.strip()).map(lambda t: '"' + t.replace('"', '""') + '"')  # fmt: skip
    rows = data.draw(st.lists(st.tuples(stray | quoted, stray | quoted, st.integers(1, 5)),
                              min_size=1, max_size=8))  # fmt: skip
    content = "user,item,rating\n" + "".join(f"{u},{i},{r}\n" for u, i, r in rows)
    path = tmp_path_factory.mktemp("quotes") / "x.csv"
    path.write_text(content)
    want = [row for row in csv.reader(io.StringIO(content, newline=""))][1:]
    with blocks_of(data.draw(st.sampled_from([8, 33, BLOCK]))):
        ratings = read_csv(path, ids="text", quoting="csv")
    assert [[u, i, f"{r:g}"] for u, i, r in triples(ratings)] == want


LIMITED = """
import resource, sys
from npcf.data import read_csv
from npcf.errors import DataError
resource.setrlimit(resource.RLIMIT_DATA, (1_200_000_000,) * 2)
try:
    print(len(read_csv(sys.argv[1])))
except DataError as error:
    print(error)
"""
LONG = {
    "fields": ("user,item,rating\n1,2,3" + ",4" * 5_000_000 + "\n", "line 2: has more than 3 f"),
    "quoted fields": ('user,item,rating\n1,2,3' + ',"4"' * 3_000_000 + "\n", "more than 3 fields"),
    "names": ("user,item,rating" + ",a" * 5_000_000 + "\n1,2,3\n", "line 1: has more than 131072"),
    "digits": ("1" * 10_000_000, "line 1: .* is not three or more names"),
    "text": ("user,item,rating,t\n1,2,3," + "x" * 10_000_000 + "\n2,2,4,a\n", "^2$"),
    "quote": ('user,item,rating,t\n1,2,3,"' + "x\n" * 35_000_000, "line 2: is longer than 64 MiB"),
    "wide": ("user,item,rating," + ",".join(f"c{i}" for i in range(30_000)) + "\n1,2,3"
             + ",0" * 30_000 + "\n", "^1$"),
}  # fmt: skip


@pytest.mark.slow(reason="reads files of 10 to 70 MB, each in a process of its own")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited as Linux does")
@pytest.mark.parametrize("kind", LONG)
def test_a_line_of_any_length_takes_bounded_memory(kind, tmp_path):
    """Its refusal too: objects for millions of fields would take gigabytes."""
    content, message = LONG[kind]
    (tmp_path / "x.csv").write_text(content)
    run = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path / "x.csv")],
                         capture_output=True, text=True)  # fmt: skip
    assert re.search(message, run.stdout.strip()), run.stdout + run.stderr


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zst])
def test_packed_files_that_are_damaged_are_refused(pack, tmp_path):
    path = tmp_path / "x.csv"
    lines = "".join(f"{n % 97},{n * 7 % 89},{1 + n % 5}\n" for n in range(20_000)).encode()
    whole = pack(b"user,item,rating\n" + lines)
    path.write_bytes(whole)
    assert len(read_csv(path)) == 20_000
    for damaged in (whole[: len(whole) // 2], whole[:200] + b"\xff" * 40 + whole[240:]):
        path.write_bytes(damaged)
        with pytest.raises(
            DataError, match="cannot be read|is damaged|fields|missing|number|UTF-8"
        ):
            read_csv(path)


# ---- streams and places -------------------------------------------------------------------------


def test_a_stream_is_read_once_and_left_open():
    stream = io.BytesIO(gzip.compress(plain))
    assert len(read_csv(stream)) == len(ROWS)
    assert not stream.closed
    with pytest.raises(UsageError, match="Open it in mode 'rb'"):
        read_csv(io.StringIO(text_of()))
    with pytest.raises(UsageError, match="path: is None"):
        read_csv(None)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe and a signal")
def test_standard_input_is_not_copied_to_the_disk(tmp_path):
    """Whenever the process ends; killed while it waits for more."""
    env = os.environ | {"TMPDIR": str(tmp_path)}
    run = subprocess.Popen([sys.executable, "-m", "npcf.cli", "data", "show", "-"], env=env,
                           stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)  # fmt: skip
    run.stdin.write(b"user,item,rating\n" + b"1,2,3\n" * 1_000_000)
    run.stdin.flush()
    time.sleep(0.2)
    assert os.listdir(tmp_path) == []
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdin.close()
    assert os.listdir(tmp_path) == []


URLS = ("https://h/x.csv", "s3://b/x.csv", "file:///etc/passwd")


@pytest.mark.parametrize("url", URLS)
def test_nothing_is_fetched(url, tmp_path, capsys, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("went out"))
    for read in (read_csv, read_movielens, read_ratings, CollabDataLoaders.from_csv):
        with pytest.raises(DataError, match="is a URL, and npcf fetches none"):
            read(url)
    path, model = tmp_path / "x.csv", tmp_path / "m"
    path.write_bytes(plain)
    npcf_says(
        capsys, "train", "--data", path, "--factors", 2, "--epochs", 1, "--bs", 2, "--save", model
    )
    for verb in (("predict", model, url), ("evaluate", model, url), ("data", "show", url),
                 ("recommend", model, "--seen", url), ("train", "--data", url)):  # fmt: skip
        code, _, err = npcf_says(capsys, *verb)
        assert code == 1 and "is a URL" in err


# ---- ratings outside the range -------------------------------------------------------------------

STARS = pd.DataFrame({"user": [1, 1, 2, 2] * 3, "item": [5, 6, 5, 7] * 3,
                      "rating": [9.0, -1, 8, 10] * 3})  # fmt: skip


def test_ratings_outside_the_range_are_said_before_training():
    ratings = npcf.Ratings.from_frame(STARS)
    rng = np.random.default_rng(0)
    dls = CollabDataLoaders(ratings, ratings, 2, rng=rng)
    model = npcf.models.DotProductBiasEmb(ratings.n_users, ratings.n_items, 2, rng=rng)
    before = {name: table.copy() for name, table in model.params.items()}
    for fit in ("fit", "fit_one_cycle", "fit_flat_cos"):
        with pytest.raises(DataError, match=r"9 lies outside y_range \(0, 5.5\)") as raised:
            getattr(Learner(dls, model, progress=False), fit)(1)
        assert (raised.value.position, raised.value.value) == (0, 9.0)
    assert all((before[name] == table).all() for name, table in model.params.items())
    Learner(dls, model, progress=False, outside="allow").fit(1)
    with pytest.warns(RangeWarning, match="outside y_range"):
        Learner(dls, model, progress=False, outside="warn").fit(1)
    with pytest.raises(SettingError, match="outside"):
        Learner(dls, model, outside="ignore")
    wide = npcf.models.DotProductBiasEmb(ratings.n_users, ratings.n_items, 2, (-1.5, 10.5), rng=rng)
    Learner(dls, wide, progress=False).fit(1)
    with pytest.raises(DataError, match="outside y_range"):
        PerRatingSGD(n_factors=2, y_range=(0, 5)).fit(ratings, 1)
    PerRatingSGD(n_factors=2).fit(ratings, 1)
    with pytest.warns(RangeWarning, match=r"y\[0\]: 9 lies outside"):
        npcf.CollabRegressor(n_epochs=1).fit(STARS[["user", "item"]], STARS["rating"])
    with pytest.raises(NpcfError, match="outside y_range"):
        npcf.CollabRegressor(n_epochs=1, outside="raise").fit(
            STARS[["user", "item"]], STARS["rating"])  # fmt: skip


@pytest.mark.parametrize("how", ["", "--bs 1 --rows touched"])
def test_the_cures_for_ratings_outside_the_range_work_on_the_command_line(how, tmp_path, capsys):
    STARS.to_csv(tmp_path / "x.csv", index=False)
    how = how or "--bs 2"
    words = ["train", "--data", tmp_path / "x.csv", "--factors", 2, "--epochs", 1, *how.split()]
    code, out, err = npcf_says(capsys, *words)
    assert (code, out) == (1, "")
    for cure in ("--y-range -1.5 10.5", "--outside allow", "--not-rated=-1", "--y-range 0 10.5"):
        assert cure in err
    for cure in ("--y-range -1.5 10.5", "--outside allow", "--not-rated=-1 --y-range 0 10.5"):
        code, _, err = npcf_says(capsys, *words, *cure.split())
        assert code == 0, err
