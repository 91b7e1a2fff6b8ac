"""The stage "data": are the rows that a model is given those of the right users and items.

Every function returns facts for the stage "data": an empty list says that nothing was found.  Ids
are the frame's, rows are positions in a table, labels are the ids by row (fastai's `classes`,
`npcf.data.Vocabulary.labels`).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from npcf.crosscheck.evidence import Fact

NA = "#na#"  # what fastai calls the row that belongs to no id
SIDES = ("user", "item")


def _fact(name: str, sentence: str, cure: str, wrong: bool = True) -> Fact:
    return Fact("data", name, sentence, cure, wrong)


def labels_of(vocabulary: Any) -> list[Any]:
    """Return the ids by row of a Vocabulary, of fastai's `dls.classes["user"]`, or of a list."""
    return list(getattr(vocabulary, "labels", vocabulary))


def row_facts(users: Any, items: Any, n_users: int, n_items: int) -> list[Fact]:
    """Look whether rows lie in their tables: swapped columns, ids from 1, ids used as rows."""
    rows, sizes = [np.asarray(users).ravel(), np.asarray(items).ravel()], (n_users, n_items)
    if not all(len(side) and side.dtype.kind in "iu" for side in rows):
        return []
    outside = [_inside(side, n) is False for side, n in zip(rows, sizes, strict=True)]
    if not any(outside):
        return []
    from_one = any((side.min(), side.max()) == (1, n) for side, n in zip(rows, sizes, strict=True))
    crossed = _inside(rows[0], n_items) and _inside(rows[1], n_users)
    if n_users != n_items and crossed and not from_one:
        sentence = (
            f"Users reach {rows[0].max()} and items {rows[1].max()}, in tables of {n_users} and "
            f"{n_items} rows: the other way round they fit."
        )
        return [_fact("swapped-columns", sentence, "x = x[:, [1, 0]]  # users first, then items")]
    return [
        _outside(side, rows[i], sizes[i]) for i, side in enumerate(SIDES) if outside[i]
    ]  # fmt: skip


def _inside(rows: Any, n: int) -> bool:
    return bool(rows.min() >= 0 and rows.max() < n)


def _outside(side: str, rows: Any, n: int) -> Fact:
    """Return the fact about rows that are not all in a table of n rows."""
    least, most = int(rows.min()), int(rows.max())
    if (least, most) == (1, n):
        sentence = f"The {side}s count from 1 to {n}, the rows of their table from 0 to {n - 1}."
        return _fact("ids-from-1", sentence, f"{side}s = {side}s - 1")
    first = int(np.flatnonzero((rows < 0) | (rows >= n))[0])
    sentence = f"{side}s[{first}] is {rows[first]}, and their table has {n} rows."
    cure = f"{side}s = vocabulary.rows(ids)  # raw ids are no rows: npcf.data.Vocabulary(ids)"
    return _fact("ids-beyond-table", sentence, cure)


def rating_facts(rating: Any, y_range: tuple[float, float] | None) -> list[Fact]:
    """Look for ratings that are no numbers, and for those that the model cannot reach."""
    rating = np.asarray(rating, np.float64).ravel()
    low, high = y_range or (-np.inf, np.inf)
    odd = np.flatnonzero(~np.isfinite(rating))
    beyond = np.flatnonzero((rating < low) | (rating > high))
    if len(odd):
        sentence = f"rating[{odd[0]}] is {rating[odd[0]]}: no loss means anything."
        return [_fact("rating-missing", sentence, "frame = frame.dropna(subset=['rating'])")]
    if len(beyond):
        sentence = (
            f"rating[{beyond[0]}] is {rating[beyond[0]]:.6g}, outside y_range ({low:.6g}, "
            f"{high:.6g}), which no prediction leaves."
        )
        cure = (
            f"y_range = ({rating.min():.6g}, {rating.max() + 0.5:.6g})  # a little above the best"
        )
        return [_fact("rating-outside-y-range", sentence, cure, False)]
    return []


def size_facts(given: tuple[int | None, int | None], tables: tuple[int, int]) -> list[Fact]:
    """Compare the sizes that were said with those of the tables: users, items."""
    if given == (tables[1], tables[0]) and tables[0] != tables[1]:
        sentence = f"The tables of users and items have {tables[0]} and {tables[1]} rows: swapped."
        return [_fact("sizes-swapped", sentence, "Model(n_users, n_items, ...)  # in this order")]
    return [
        _fact(
            f"n_{side}s", f"The {side}s' table has {table} rows, but there are {n} {side}s.",
            f"nn.Embedding({n}, n_factors)  # for {side}s",
        )
        for side, n, table in zip(SIDES, given, tables, strict=True)
        if n is not None and n != table
    ]  # fmt: skip


def vocabulary_facts(labels: Any, n_rows: int, side: str = "user") -> list[Fact]:
    """Look at the ids by row: one row an id, a row for every id, in the order of numbers."""
    labels = labels_of(labels)
    ids = labels[labels[:1] == [NA] :]
    facts = []
    twice = [label for label, n in Counter(ids).items() if n > 1]
    if twice:
        sentence = f"{side} {twice[0]!r} has several rows."
        facts.append(_fact("id-twice", sentence, "labels = sorted(set(ids))"))
    if n_rows < len(labels):
        why = f": the row of {NA} was not counted" * (n_rows == len(ids) < len(labels))
        sentence = f"There are {len(labels)} {side}s by row, and {n_rows} rows in their table{why}."
        cure = f"nn.Embedding({len(labels)}, n_factors)  # for {side}s"
        facts.append(_fact("vocabulary-size", sentence, cure))
    elif n_rows > len(labels):
        sentence = f"{n_rows - len(labels)} of {n_rows} rows belong to no {side}."
        facts.append(_fact("rows-of-nobody", sentence, "Only weight decay moves them.", False))
    if _sorted_as_text(ids):
        sentence = (
            f"The {side}s are numbers, sorted as text: {ids[0]!r}, {ids[1]!r}, {ids[2]!r}, ... "
            "Who takes an id, or its rank as a number, for its row takes another's."
        )
        cure = f"frame['{side}'] = frame['{side}'].astype(int)  # before the vocabulary is built"
        facts.append(_fact("sorted-as-text", sentence, cure, False))
    return facts


def _sorted_as_text(ids: Sequence[Any]) -> bool:
    """Whether ids are texts of whole numbers whose order is that of texts, not of numbers."""
    if len(ids) < 3 or not all(isinstance(x, str) and x.isascii() and x.isdigit() for x in ids):
        return False
    return list(ids) == sorted(ids) != sorted(ids, key=int)


def learner_facts(learner: Any, n_users: int, n_items: int) -> list[Fact]:
    """Look at the vocabularies of a fastai Learner, `dls.classes`: users, then items."""
    classes: Any = getattr(getattr(learner, "dls", None), "classes", None)
    if not hasattr(classes, "values") or len(classes) != len(SIDES):
        return []
    sides = zip(classes.values(), (n_users, n_items), SIDES, strict=True)
    return [fact for labels, n, side in sides for fact in vocabulary_facts(labels, n, side)]


def split_facts(training: Any, validation: Any, side: str = "user") -> list[Fact]:
    """Look whether a row belongs to the same id in the vocabularies of two splits."""
    first, second = labels_of(training), labels_of(validation)
    other = [row for row, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]]
    if not other and len(second) <= len(first):
        return []
    row = other[0] if other else len(first)
    there = repr(first[row]) if row < len(first) else "nobody"
    sentence = (
        f"Row {row} of the {side}s is {second[row]!r} in validation and {there} in training: ids "
        "were given rows anew for each split."
    )
    cure = "vocabulary = Vocabulary(all_ids)  # once, before the ratings are split"
    return [_fact("remapped-for-each-split", sentence, cure)]


def frame_facts(
    batch: tuple[Any, Any, Any], frame: tuple[Any, Any, Any], labels: tuple[Any, Any]
) -> list[Fact]:
    """Look whether each row of a batch is in the frame that it was made from.

    Parameters
    ----------
    batch : (users, items, rating)
        Rows of the tables, and ratings.
    frame : (users, items, rating)
        Columns of the frame: ids, and ratings; these are compared in float32.
    labels : (users, items)
        The ids by row.
    """
    known = [labels_of(side) for side in labels]
    users, items, rating = _columns(batch)
    there = {*zip(*_columns(frame), strict=True)}

    def missing(shift: int) -> list[int]:
        def label(side: int, row: int) -> Any:
            at = row + shift
            return known[side][at] if 0 <= at < len(known[side]) else None

        triples = [
            (label(0, u), label(1, i), r) for u, i, r in zip(users, items, rating, strict=True)
        ]
        return [b for b, triple in enumerate(triples) if triple not in there]

    absent = missing(0)
    if not absent:
        return []
    b = absent[0]
    sentence = f"{len(absent)} of {len(users)} rows of the batch are in no row of the frame, "
    sentence += f"first row {b}: user {users[b]}, item {items[b]}, rating {rating[b]}."
    for shift in (1, -1):
        if not missing(shift):
            how = (
                f"All are if {abs(shift)} is {'added to' if shift > 0 else 'taken from'} each row."
            )
            return [_fact("rows-off-by-one", f"{sentence} {how}", f"x = x {shift:+d}")]
    cure = "x = stack([user_vocab.rows(frame.user), item_vocab.rows(frame.item)], 1)"
    return [_fact("batch-not-in-frame", sentence, cure)]


def _columns(three: tuple[Any, Any, Any]) -> tuple[list[Any], list[Any], list[Any]]:
    users, items, rating = (np.asarray(column).ravel() for column in three)
    return users.tolist(), items.tolist(), rating.astype(np.float32).tolist()


def time_facts(training: Any, validation: Any) -> list[Fact]:
    """Say, without judging, how much of the training happened after the validation began."""
    training, validation = np.asarray(training), np.asarray(validation)
    if not len(training) or not len(validation):
        return []
    later = float((training > validation.min()).mean())
    if not later:
        return []
    sentence = (
        f"{later:.0%} of the training ratings are later than the first validation rating: the "
        "model is asked about a past whose future it has seen."
    )
    cure = "training, validation = npcf.data.by_time(ratings)  # if that is not meant"
    return [_fact("split-in-time", sentence, cure, False)]
