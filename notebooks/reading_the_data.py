# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From the lesson's files to a batch
#
# > I was getting an SSL error when using untar_data(URLs.ML_100k) so I manually downloaded the data.
# > (V. Bakshi's post)
#
# Before the first gradient there are two text files, a join, and a vocabulary, and each of them can change
# the ratings without a word. This page goes through the post's five lines with a data set small enough to
# be read, and with everything in it that MovieLens has: an accent, two films of one title.

# %%
import io
import os
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
from IPython.display import Markdown

import npcf

# %% [markdown]
# ## The files
#
# `u.data` is separated by tabs: user, film, rating, time. `u.item` is separated by bars and written in
# Latin-1, where an é is one byte.

# %%
folder = Path(tempfile.mkdtemp()) / "ml-100k"
folder.mkdir()
rows = [(7, 50, 5), (7, 1, 4), (9, 50, 4), (9, 3, 2), (4, 2, 3), (4, 50, 5), (9, 1, 3), (7, 3, 1)]
films = {
    1: "Toy Story (1995)",
    2: "Misérables, Les (1995)",
    3: "Chasing Amy (1997)",
    50: "Star Wars (1977)",
}

(folder / "u.data").write_text(
    "".join(f"{u}\t{i}\t{r}\t88125{n}\n" for n, (u, i, r) in enumerate(rows))
)
lines = [f"{film}|{title}|01-Jan-1995||||\n" for film, title in films.items()]
(folder / "u.item").write_bytes("".join(lines).encode("latin-1"))
print((folder / "u.item").read_bytes().splitlines()[1])

# %% [markdown]
# The post's lines, with pandas:

# %%
ratings = pd.read_csv(
    folder / "u.data", delimiter="\t", header=None, names=["user", "movie", "rating", "timestamp"]
)
options = {"delimiter": "|", "usecols": (0, 1), "names": ("movie", "title"), "header": None}
movies = pd.read_csv(folder / "u.item", encoding="latin-1", **options)
joined = ratings.merge(movies)
print(joined.head(3).to_string())

# %% [markdown]
# Without `encoding="latin-1"` it is not a matter of a broken letter; nothing is read at all:

# %%
try:
    pd.read_csv(folder / "u.item", **options)
except UnicodeDecodeError as error:
    print(type(error).__name__, "at byte", hex(error.object[error.start]))

# %% [markdown]
# npcf reads both files in one go, as a folder or as the zip that was downloaded by hand; then no network and
# no certificate is asked for. (`npcf.data.fetch` downloads. Where a certificate does not hold it says what to
# do, and has no option to look away.)

# %%
packed = folder.parent / "ml-100k.zip"
with zipfile.ZipFile(packed, "w") as archive:
    for name in ("u.data", "u.item"):
        archive.write(folder / name, f"ml-100k/{name}")

from_folder, from_zip = (npcf.data.read_ml100k(path) for path in (folder, packed))
print(from_zip.head(3).to_string())
print("the same from the folder:", from_folder.head(8).equals(from_zip.head(8)))

# %% [markdown]
# ## The join
#
# `ratings.merge(movies)` joins on the columns that both have: here `movie`. It is an inner join. A film that is
# missing in `u.item` takes its ratings with it, one that is there twice doubles them, and neither is said:

# %%
missing = movies[movies.movie != 50]
double = pd.concat([movies, movies[movies.movie == 1]])
for name, table in (
    ("as it is", movies),
    ("one film missing", missing),
    ("one film twice", double),
):
    print(f"{name:17}: {len(ratings)} ratings become {len(ratings.merge(table))}")

# %%
(folder / "u.item").write_bytes("".join(lines[:3]).encode("latin-1"))  # without film 50
try:
    npcf.data.read_ml100k(folder)
except npcf.errors.DataError as refusal:
    print(str(refusal).replace(str(folder.parent), "").split(" [NPCF")[0])

# %% [markdown]
# ## The vocabulary, and a row more than there are users
#
# > (944, 1665, 5) (the post's sizes)
#
# Ids are any numbers; rows of a table are numbered from zero. The loaders put a vocabulary between them, and
# row 0 is `#na#`, for whoever is not known. So there is one row more than there are users:

# %%
dls = npcf.data.CollabDataLoaders.from_df(joined[["user", "movie", "rating", "title"]], item_name="title",
                                          rating_name="rating", valid_pct=0.25, seed=0, bs=4)  # fmt: skip
print("users", list(dls.classes["user"]))
print("titles", list(dls.classes["title"]))

# %%
xb, yb = dls.one_batch()
print("a batch of 4 ratings:", xb.shape, yb.shape)
table = pd.DataFrame({"user row": xb[:, 0], "title row": xb[:, 1], "rating": yb[:, 0]})
print(table.sort_values(["user row", "title row"]).to_string(index=False))

# %% [markdown]
# With `item_name="title"`, as in the post, an item is a title and not a film: films of one title become one
# item. In ML-100k some do, so there are fewer titles than films. Here a fifth film is called like another:

# %%
again = [*lines, "51|Chasing Amy (1997)|01-Jan-1998||||\n"]
(folder / "u.item").write_bytes("".join(again).encode("latin-1"))
with open(folder / "u.data", "a") as data:
    data.write("4\t51\t5\t881259\n")

by_id = npcf.data.read_ml100k(folder)
by_title = npcf.data.read_ml100k(folder, item="title")
print("rows of the item table: by id", by_id.n_items, " by title", by_title.n_items)
print("ids that were merged:", by_title.n_merged_ids)

# %% tags=["prose"]
place = os.environ.get("NPCF_DATA")
real = npcf.data.read_ml100k(f"{place}/ml-100k", item="title") if place else by_title
Markdown(
    f"{'In ML-100k' if place else 'In this small set'} {real.n_items - 1} titles and {real.n_users - 1} "
    f"users give tables of {real.n_items} and {real.n_users} rows."
)

# %% [markdown]
# ## The full MovieLens
#
# > I redid this lesson from scratch but added a few tweak, such as [...] using full movielens dataset
# > (wiki of lesson 5)
#
# What does it take? A rating is a user, an item and a number of stars, four bytes each; a frame of pandas
# holds four columns of eight:

# %%
each = sum(part.nbytes for part in (by_id.users, by_id.items, by_id.rating)) / len(by_id)
in_pandas = ratings.memory_usage(index=False).sum() / len(ratings)
releases = {"ml-100k": 100_000, "ml-25m": 25_000_095, "ml-32m": 32_000_204}
sizes = [
    (name, f"{n:,}", f"{n * each / 1e6:,.0f} MB", f"{n * in_pandas / 1e6:,.0f} MB")
    for name, n in releases.items()
]
print(pd.DataFrame(sizes, columns=["release", "ratings", "npcf", "pandas"]).to_string(index=False))

# %% [markdown]
# Files are read in blocks, so that no more than this and a block is held at any time;
# `npcf.data.read_movielens` takes every release, each with its own separators and headings.

# %%
text = "userId,movieId,rating,timestamp\n7,50,4.5,881250\n9,1,3.0,881251\n"
print(npcf.data.read_csv(io.BytesIO(text.encode())).head().to_string())

# %% [markdown]
# **Where it is in the code:** `npcf/data/movielens.py` (the releases), `npcf/data/csv.py` (any other file),
# `npcf/data/loaders.py` (split, batches), `npcf/data/vocabulary.py` (ids to rows).
