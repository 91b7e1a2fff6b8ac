"""Ratings of any kind of file: MovieLens as it was published, or delimited text of one's own."""

from npcf.data.csv import Reader, Source
from npcf.data.movielens import find_form, read_movielens
from npcf.data.places import Place, is_stream
from npcf.data.ratings import Ratings
from npcf.errors import SettingError


def read_ratings(source: Source, item: str | None = None, reader: Reader | None = None) -> Ratings:
    """Return the ratings of `source`: a MovieLens folder, file or zip, another file, or a stream.

    `item`: "id" or "title", of MovieLens alone.  Files are read by `reader` where it names columns
    or says how fields are separated, and where they are no MovieLens.
    """
    reader = reader or Reader()
    own = reader.is_own
    if not own and not is_stream(source):
        place = Place(str(source), spelling=reader.spelling)
        if find_form(place) or not (place.named or place.archived):
            return read_movielens(
                str(source), "id" if item is None else item, ids=reader.ids, reader=reader
            )
    if item is not None:
        cure = f"Name the column instead: {reader.spelling(item='title')}."
        raise SettingError("item", "chooses between ids and titles of MovieLens alone", cure)
    return reader.read(source)
