"""The model with any gradient from above: an input of its laws."""

from typing import Any, NamedTuple

from hypothesis import strategies as st

from npcf._types import FloatArray, Params, YRange
from npcf.verify.strategies import problems
from npcf.verify.strategies.source import sources

MAX_BATCH = 8
_upstream = sources(MAX_BATCH)


class Pull(NamedTuple):
    """Parameters, a batch, a range, and how the loss pulls at each prediction."""

    params: Params
    users: Any  # (B,)
    items: Any  # (B,)
    d_pred: FloatArray  # (B,)
    y_range: YRange

    @property
    def dtype(self) -> Any:
        """The dtype of the parameters."""
        return self.params["user_factors"].dtype


@st.composite
def pulls(draw: st.DrawFn) -> Pull:
    """Problems with any upstream gradient, |d_pred| <= 4, in the place of ratings."""
    p, source = draw(problems()), draw(_upstream)
    d_pred = source.floats(p.dtype, (MAX_BATCH,), p.users.shape)
    return Pull(p.params, p.users, p.items, d_pred, p.y_range)
