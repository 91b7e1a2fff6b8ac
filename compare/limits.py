"""Limits that are not derived: how far a run of ours may stray from one that was recorded once.

A recorded trajectory is one run of the real fastai.  Over a thousand steps Adam's division
amplifies rounding beyond any useful a-priori bound.  (npcf's own runs are checked by windows:
`tests.kernels.bounded_run`.)  So these limits are set from measurements: the largest value of all
runs that they apply to, at the levels default, avx2 and mixed of `tests.processors`: the reference,
the compiled operations, and fused steps, with and without lagged updates.
All other tolerances come from `npcf.verify`; `tests/test_tolerances.py` sees to it.
"""

from typing import NamedTuple


class Limit(NamedTuple):
    """Largest |ours - recorded|, over all four tables where there are tables, in rating units."""

    limit: float
    measured: float


def with_room(measured: float) -> Limit:
    """Return ten times what was measured: room for processors and libraries that were not.

    Levels of one processor differ by up to 1.5, executions by up to 11; a wrong beta, eps or decay
    is a thousand limits off after ten steps (`compare/test_trajectories.py`).
    """
    return Limit(10 * measured, measured)


# (recording, after how many steps): Limit
TRAJECTORY = {
    ("adam_emb_f64_1ep", 1): with_room(3.5e-18),
    ("adam_emb_f64_1ep", 2): with_room(7.0e-18),
    ("adam_emb_f64_1ep", 10): with_room(1.4e-17),
    ("adam_emb_f64_1ep", 100): with_room(6.5e-17),
    ("adam_emb_f64_1ep", 1250): with_room(2.6e-14),
    ("adam_emb_f32_1ep", 1250): with_room(6.8e-6),
    ("sgd_emb_f64_1ep", 1): with_room(7.0e-18),
    ("sgd_emb_f64_1ep", 1250): with_room(2.0e-15),
    ("sgdl2_emb_f64_1ep", 1): with_room(7.0e-18),
    ("sgdl2_emb_f64_1ep", 1250): with_room(2.4e-15),
}

# fastai's recorder computes the losses of an epoch in float32, whatever the model is
RECORDED_LOSS = with_room(2.9e-7)
# a batch's loss before its step, the largest difference over all 1,250
STEP_LOSS = {"f64": with_room(1.8e-15), "f32": with_room(7.2e-7)}

# test RMSE on the first fold of ML-100k, preset "ml-100k" with 64 factors; the room is for another
# machine's exp and sums over 3.6 million steps
PER_RATING_U1 = Limit(0.9140, 0.9134)
# a number that `npcf train` prints against the README's, before both are rounded to what is printed
PRINTED = with_room(1e-6)
# a gradient against the complex step, in units of the array's largest entry, logits up to 4
COMPLEX_STEP = Limit(1e-14, 7.8e-16)
# weights, statistics and losses of a network against 200 recorded steps of fastai's in float64
NETWORK = Limit(1e-12, 8.7e-15)


class Band(NamedTuple):
    """Where the mean final validation MSE of seeds 0-4 must lie, and what was measured.

    Final means after five epochs of lesson 5 on ML-100k: fastai's split with seed 42, batch 64,
    k = 50, lr 5e-3, wd 0.1, y_range 0 5.5.  The bands hold fastai's own results (replacement:
    .8474 +- .0013 Embedding, .8508 +- .0023 create_params; published .8416, .8496).
    """

    low: float
    high: float
    measured: float


LESSON_5 = {
    ("embedding", "replacement"): Band(0.843, 0.855, 0.8504),
    ("create_params", "replacement"): Band(0.843, 0.855, 0.8508),
    ("embedding", "permutation"): Band(0.805, 0.816, 0.8082),
    ("create_params", "permutation"): Band(0.805, 0.816, 0.8096),
}
