"""What the names of parameters tell: whose rows a table has, and whether it is a bias.

A path such as "net.movie_bias.weight" is cut into words, at capitals too: net, movie, bias, weight.
"""

import re
from collections.abc import Iterable

USER = {"user", "users", "u", "uid", "usr", "customer", "customers", "member", "reader", "viewer",
        "p", "pu", "ufactors", "ub", "bu"}  # fmt: skip
ITEM = {"item", "items", "i", "iid", "movie", "movies", "m", "film", "films", "product", "products",
        "book", "books", "song", "songs", "track", "tracks", "article", "articles", "anime",
        "q", "qi", "ib", "bi", "mb", "bm"}  # fmt: skip
BIAS = {"bias", "biases", "b", "ub", "bu", "ib", "bi", "mb", "bm"}
MEAN = {"mean", "mu", "mean_rating", "global_mean", "global_bias", "global_avg", "average",
        "offset", "intercept", "b0", "avg"}  # fmt: skip


def words(path: str) -> set[str]:
    """Return the words of a path, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", path)}


def side_of(path: str) -> str:
    """Return "user", "item", or "" where the words name neither or both."""
    found = words(path)
    user, item = bool(found & USER), bool(found & ITEM)
    return "" if user == item else "user" if user else "item"


def is_bias_name(path: str) -> bool:
    """Whether the words say that this is a bias."""
    return bool(words(path) & BIAS)


def is_mean_name(path: str) -> bool:
    """Whether this is the name of a constant mean, such as "net.global_bias"."""
    return path.rpartition(".")[2].lower() in MEAN


def without_common_prefix(paths: Iterable[str]) -> dict[str, str]:
    """Return each path without the modules that all of them lie in, such as "module."."""
    paths = list(paths)
    parts = [path.split(".")[:-1] for path in paths]
    common = 0
    while parts and all(len(p) > common and p[common] == parts[0][common] for p in parts):
        common += 1
    if len(paths) < 2:
        common = 0
    return {path: ".".join(path.split(".")[common:]) for path in paths}
