"""Limits that are not derived: how far a run of ours may stray from one that was recorded once.

A recorded trajectory is one run of the real fastai; over a thousand steps rounding is amplified by
Adam's division, which no a-priori bound follows usefully.  So these limits are set from what was
measured (AMD EPYC, NumPy 2.4.6, Numba 0.68.1), with room for another machine's exp and sums.
All other tolerances come from `npcf.verify`; `tests/test_tolerances.py` sees to it.
"""

from typing import NamedTuple


class Limit(NamedTuple):
    """Largest |ours - recorded|, over all four tables where there are tables, in rating units."""

    limit: float
    measured: float  # the larger of the reference's and of the compiled operations' value


# (recording, after how many steps): Limit
TRAJECTORY = {
    ("adam_emb_f64_1ep", 1): Limit(1e-16, 3.5e-18),
    ("adam_emb_f64_1ep", 2): Limit(1e-16, 3.5e-18),
    ("adam_emb_f64_1ep", 10): Limit(1e-16, 3.5e-18),
    ("adam_emb_f64_1ep", 100): Limit(1e-15, 1.6e-17),
    ("adam_emb_f64_1ep", 1250): Limit(5e-14, 8.4e-15),
    ("adam_emb_f32_1ep", 1250): Limit(1e-5, 3.2e-6),
    ("sgd_emb_f64_1ep", 1): Limit(1e-13, 6.9e-18),
    ("sgd_emb_f64_1ep", 1250): Limit(1e-13, 3.3e-16),
    ("sgdl2_emb_f64_1ep", 1): Limit(1e-13, 6.9e-18),
    ("sgdl2_emb_f64_1ep", 1250): Limit(1e-13, 2.2e-16),
}

# fastai's recorder computes the losses of an epoch in float32, whatever the model is
RECORDED_LOSS = Limit(1e-6, 2.9e-7)
# a batch's loss before its step, the largest difference over all 1,250
STEP_LOSS = {"f64": Limit(1e-13, 1.2e-15), "f32": Limit(1e-5, 7.2e-7)}

# npcf with itself: the RMSE after one small training (`tests/training/test_learner.py`), NumPy
# against Numba; measured is the largest of five seeds
EXECUTIONS = {"float32": Limit(2e-6, 2.2e-8), "float64": Limit(1e-13, 0.0)}
# predictions of the per-rating loop against the model, in rating units: two orders of addition
# in float32 (`tests/training/test_per_rating.py`)
PER_RATING = Limit(1e-5, 1.0e-6)
# test RMSE on the first fold of ML-100k, preset "ml-100k" with 64 factors; the room is for another
# machine's exp and sums over 3.6 million steps
PER_RATING_U1 = Limit(0.9140, 0.9134)
# a number that `npcf train` prints against the README's, NumPy against Numba: another machine's exp
PRINTED = Limit(2e-3, 0.0)
# a gradient against the complex step, in units of the array's largest entry, logits up to 4
COMPLEX_STEP = Limit(1e-14, 7.8e-16)


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
