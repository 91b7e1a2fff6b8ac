"""The MovieLens releases: where they are published, under which hashes, and on what terms."""

from typing import NamedTuple

BASE_URL = "https://files.grouplens.org/datasets/movielens/"
LARGEST = 2**31  # bytes of a release whose size is not known
TERMS = (
    "{name}: MovieLens, GroupLens Research, University of Minnesota. For research; no commercial "
    "use without permission; redistribution only as its README.txt allows. Cite Harper and Konstan "
    "2015, doi:10.1145/2827872."
)


class Release(NamedTuple):
    """What is known of a zip: hashes as published, and its size where that is known."""

    md5: str = ""
    sha256: str = ""
    size: int = 0


MUTABLE = Release()  # changes now and then under the same name
REGISTRY = {
    "ml-100k": Release(
        "0e33842e24a9c977be4e0107933c0723",
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        4_924_029,
    ),
    "ml-1m": Release(
        "c4d9eecfca2ab87c1945afe126590906",
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    ),
    "ml-10m": Release("ce571fd55effeba0271552578f2648bd"),
    "ml-20m": Release(
        "cd245b17a1ae2cc31bb14903e1204af3",
        "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
        198_702_078,
    ),
    "ml-25m": Release("6b51fb2759a8657d3bfcbfc42b592ada"),
    "ml-32m": Release("d472be332d4daa821edc399621853b57", size=238_950_008),
    "ml-latest": MUTABLE,
    "ml-latest-small": MUTABLE,
}
