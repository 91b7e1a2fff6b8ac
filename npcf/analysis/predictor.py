"""Predictions by id: a model, and the vocabularies that map ids to its rows.

    prediction(user, item) = model(row of user, row of item)

Three policies for an id that the vocabulary does not hold:

    "raise"  UnknownIdError, naming the first position and value.
    "mean"   An unknown user has the mean factors and the mean bias of all known users, an unknown
             item those of all known items; what is known of the other side still counts:
                 P[unknown] = mean over known u of P[u],   b[unknown] = mean over known u of b[u]
             Where both are unknown, nothing is known of the pair: the mean rating.
    "na"     Row 0, `#na#`, as in fastai.  No rating trained it, it only decayed.

'196' is not 196: ids of another type than the vocabulary's are refused under every policy, because
all of them would be unknown.

Every prediction is computed by the model's own forward, so single pairs, frames, matrices and
recommendations agree to the bit, for any chunk size.

`clip=(low, high)` clips predictions afterwards.  It is not part of the model: `y_range` squashes
and has a gradient; the loss never sees clipping.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from npcf._types import FloatArray
from npcf.analysis.rows import (
    PAIRS_AT_ONCE,
    UNKNOWN,
    clipped,
    find_rows,
    predict_rows,
    with_params,
)
from npcf.data import Ratings, Vocabulary
from npcf.data.columns import require_columns
from npcf.data.frames import require_frame
from npcf.data.validate import require_ratings
from npcf.errors import (
    DataError,
    ShapeError,
    require_choice,
    require_number,
    require_pair,
    require_type,
)
from npcf.models import PARAM_NAMES, PairModel


def require_predictor(value: Any) -> "Predictor":
    """Return `value` if it is a Predictor, or raise."""
    predictor: Predictor = require_type(
        "predictor", value, Predictor, "Pass npcf.analysis.Predictor.of(model, ratings)."
    )
    return predictor


class Predictor:
    """A trained model with its vocabularies.  Built by `Predictor.of(model, ratings)`.

    `titles[row]` labels an item's row; `mean_rating` is the mean of the training ratings; `columns`
    are the names that the id columns of frames have.
    """

    def __init__(
        self,
        model: PairModel,
        user_vocab: Vocabulary,
        item_vocab: Vocabulary,
        titles: Sequence[str],
        mean_rating: float,
        *,
        columns: tuple[str, str] = ("user", "item"),
    ):
        require_type("model", model, PairModel, "Pass the model that was trained.")
        for name, table in model.params.items():
            require_type(f"params[{name!r}]", table, np.ndarray, "Give the model arrays again.")
        for side, vocab in (("user", user_vocab), ("item", item_vocab)):
            cure = "Pass npcf.data.Vocabulary(ids), or use Predictor.of(model, ratings)."
            require_type(f"{side}_vocab", vocab, Vocabulary, cure)
            n_rows = len(model.params[f"{side}_factors"])
            if n_rows != len(vocab):
                raise ShapeError(
                    f"{side}_vocab",
                    f"has {len(vocab)} rows, the model's table has {n_rows}",
                    "Give the vocabulary that the model was trained with.",
                )
        cure = "Pass a list of labels, as ratings.titles."
        titles = require_type(
            "titles", titles, (list, tuple, np.ndarray, pd.Index, pd.Series), cure
        )
        if getattr(titles, "ndim", 1) != 1 or len(titles) != len(item_vocab):
            raise ShapeError(
                "titles", f"are not one label for each of {len(item_vocab)} rows", "Label each row."
            )
        self.model, self.user_vocab, self.item_vocab = model, user_vocab, item_vocab
        self.titles, self.columns = list(titles), require_pair("columns", columns)
        self.mean_rating = require_number("mean_rating", mean_rating, -np.inf)

    @classmethod
    def of(cls, model: PairModel, ratings: Ratings) -> "Predictor":
        """Return the predictor of `model` with the vocabularies, titles and mean of `ratings`."""
        require_ratings("ratings", ratings)
        if not len(ratings):
            raise DataError("ratings", "has no ratings", "Give those the model was trained on.")
        mean, (user, item, _) = ratings.mean_rating, ratings.columns
        vocabs = ratings.user_vocab, ratings.item_vocab
        return cls(model, *vocabs, ratings.titles, mean, columns=(user, item))

    def predict(
        self,
        users: Any,
        items: Any,
        *,
        unknown: str = "raise",
        clip: tuple[float, float] | None = None,
        chunk: int = PAIRS_AT_ONCE,
    ) -> FloatArray:
        """Return predictions (n,) for the ids `users` and `items`, n each."""
        user_rows = find_rows(self.user_vocab, users, "users", unknown)
        item_rows = find_rows(self.item_vocab, items, "items", unknown)
        if len(user_rows) != len(item_rows):
            raise ShapeError(
                "items", f"{len(item_rows)} ids for {len(user_rows)} users", "Give pairs."
            )
        return clipped(self._predict_known(user_rows, item_rows, chunk), clip)

    def predict_ratings(
        self, ratings: Ratings, *, unknown: str = "raise", clip: tuple[float, float] | None = None
    ) -> FloatArray:
        """Return predictions (n,) for the pairs of `ratings`, read under their own vocabularies.

        Ids are looked up once each, not once a rating.
        """
        require_ratings("ratings", ratings)
        users = self._rows_of(ratings.users, ratings.user_vocab, "user", unknown)
        items = self._rows_of(ratings.items, ratings.item_vocab, "item", unknown)
        return clipped(self._predict_known(users, items, PAIRS_AT_ONCE), clip)

    def unknown_counts(self, ratings: Ratings) -> tuple[int, int]:
        """Return how many of `ratings` name a user, and an item, that the model does not know."""
        require_ratings("ratings", ratings)
        users = self.user_vocab.rows_of(ratings.user_vocab, "users")[ratings.users]
        items = self.item_vocab.rows_of(ratings.item_vocab, "items")[ratings.items]
        return int(np.count_nonzero(users < 0)), int(np.count_nonzero(items < 0))

    def predict_frame(
        self,
        frame: pd.DataFrame,
        *,
        user: str | None = None,
        item: str | None = None,
        column: str = "prediction",
        unknown: str = "raise",
        clip: tuple[float, float] | None = None,
        chunk: int = PAIRS_AT_ONCE,
    ) -> pd.DataFrame:
        """Return a copy of `frame` with the predictions in a new column; rows keep their order.

        `user` and `item` name the id columns; if None, as in the training ratings.
        """
        require_frame("frame", frame)
        given = user, item
        names = [self.columns[i] if name is None else name for i, name in enumerate(given)]
        cure = "Name the columns: predict_frame(frame, user=..., item=...)."
        require_columns(frame.columns, names, cure)
        require_type("column", column, str, "Give the new column a name: column='prediction'.")
        if column in frame.columns:
            raise DataError("frame", f"has a column {column!r}", "Choose another: column=....")
        ids = [frame[name] for name in names]
        prediction = self.predict(*ids, unknown=unknown, clip=clip, chunk=chunk)
        return frame.assign(**{column: prediction})

    def predict_matrix(
        self, users: Any, items: Any, *, unknown: str = "raise", clip: Any = None
    ) -> FloatArray:
        """Return predictions (len(users), len(items)): each of `users` with each of `items`."""
        user_rows = find_rows(self.user_vocab, users, "users", unknown)
        item_rows = find_rows(self.item_vocab, items, "items", unknown)
        pairs = np.repeat(user_rows, len(item_rows)), np.tile(item_rows, len(user_rows))
        matrix = self._predict_known(*pairs, PAIRS_AT_ONCE).reshape(len(user_rows), len(item_rows))
        return clipped(matrix, clip)

    def _rows_of(self, rows: Any, source: Vocabulary, side: str, unknown: str) -> NDArray[np.int32]:
        """Return the rows here of rows under `source`; an unknown one as `find_rows` has it."""
        require_choice("unknown", unknown, UNKNOWN)
        vocab: Vocabulary = getattr(self, f"{side}_vocab")
        found: NDArray[np.int32] = vocab.rows_of(source, f"{side}s")[rows]
        strange = found < 0
        if unknown == "raise" and strange.any():
            first = int(strange.argmax())
            vocab.refuse(source.labels[rows[first]], first, f"{side}s")
        if unknown == "na":
            vocab.require_na_row()
            found[strange] = 0
        return found

    def _predict_known(self, users: Any, items: Any, chunk: int) -> FloatArray:
        """Predict rows, where row -1 is the mean row of its side."""
        if not ((users < 0).any() or (items < 0).any()):
            return predict_rows(self.model, users, items, chunk)
        prediction = predict_rows(
            self._with_mean_rows(),
            np.where(users < 0, len(self.user_vocab), users),
            np.where(items < 0, len(self.item_vocab), items),
            chunk,
        )
        prediction[(users < 0) & (items < 0)] = self.mean_rating
        return prediction

    def _with_mean_rows(self) -> PairModel:
        tables = {}
        for name in self.model.params.keys() & set(PARAM_NAMES):
            table = self.model.params[name]
            vocab = self.user_vocab if name.startswith("user") else self.item_vocab
            mean = table[vocab.first_row :].mean(axis=0, keepdims=True, dtype=np.float64)
            tables[name] = np.concatenate([table, mean.astype(table.dtype)])
        return with_params(self.model, tables)
