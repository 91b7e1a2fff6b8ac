"""Schedules and splits against fastai's and torch's own code."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compare import torch_models as oracle
from npcf.data import split_indices, torch_randperm
from npcf.optim import (
    cosine,
    cosine_restarts,
    flat_cosine,
    one_cycle_fastai,
    one_cycle_torch,
    step_decay,
)
from npcf.verify import assert_same_bits


@given(
    n_epochs=st.integers(1, 5), per_epoch=st.integers(1, 60),
    lr_max=st.sampled_from([5e-3, 1e-3, 1.0]), pct=st.sampled_from([0.25, 0.3, 0.1, 0.5, 0.9]),
    div=st.sampled_from([25.0, 10.0]), div_final=st.sampled_from([1e5, 1e4]),
    moms=st.sampled_from([(0.95, 0.85, 0.95), (0.9, 0.8, 0.85)]),
)  # fmt: skip
def test_one_cycle_equals_fastais_to_the_bit(
    n_epochs, per_epoch, lr_max, pct, div, div_final, moms
):
    got = one_cycle_fastai(
        n_epochs * per_epoch, lr_max, div, div_final, pct, moms, n_epochs=n_epochs
    )
    want = oracle.fastai_one_cycle(n_epochs, per_epoch, lr_max, div, div_final, pct, moms)
    for ours, theirs in zip(got, want, strict=True):
        assert_same_bits(ours, theirs)


@given(n=st.integers(1, 60), low=st.sampled_from([0.0, 1e-4]))
def test_cosine_is_torchs_cosine_annealing(n, low):
    """torch advances a recursion, we evaluate the closed form: rounding adds up over n steps."""
    got, want = cosine(n, 0.1, low), oracle.cosine_annealing(n, 0.1, low)
    # the recursion divides by 1 + cos, which is (pi / n)**2 / 2 one step before the end
    assert np.abs(got - want).max() <= 8 * n**2 * 2.0**-53 * 0.1


@given(
    n_epochs=st.integers(1, 5), per_epoch=st.integers(1, 60), pct=st.sampled_from([0.75, 0.5, 0.1]),
    lr=st.sampled_from([5e-3, 1.0]), div_final=st.sampled_from([1e5, 1e4]),
)  # fmt: skip
def test_flat_cosine_equals_fastais_to_the_bit(n_epochs, per_epoch, pct, lr, div_final):
    """fit_flat_cos is combined_cos(pct_start, lr, lr, lr / div_final)."""
    moms = (0.9, 0.9, 0.9)
    want = oracle.fastai_one_cycle(n_epochs, per_epoch, lr, 1.0, div_final, pct, moms)[0]
    got = flat_cosine(n_epochs * per_epoch, lr, div_final, pct, n_epochs=n_epochs)
    assert_same_bits(got, want)


@given(
    n=st.integers(1, 200), max_lr=st.sampled_from([5e-3, 1.0]), three=st.booleans(),
    pct=st.sampled_from([0.3, 0.25, 0.5, 0.123, 0.9]), div=st.sampled_from([25.0, 10.0]),
    final=st.sampled_from([1e4, 1e2]), anneal=st.sampled_from(["cos", "linear"]),
    moms=st.sampled_from([(0.85, 0.95), (0.8, 0.9)]),
)  # fmt: skip
def test_one_cycle_equals_torchs_to_the_bit(n, max_lr, three, pct, div, final, anneal, moms):
    got = one_cycle_torch(n, max_lr, pct, div, final, anneal, *moms, three_phase=three)
    options = {"max_lr": max_lr, "total_steps": n, "pct_start": pct, "anneal_strategy": anneal,
               "base_momentum": moms[0], "max_momentum": moms[1], "div_factor": div,
               "final_div_factor": final, "three_phase": three}  # fmt: skip
    try:
        want = oracle.scheduled("OneCycleLR", n, 1.0, **options)
    except ZeroDivisionError:  # a phase without length, at whose end we are
        assert abs(got[0][0] - max_lr) <= 4 * 2.0**-53 * max_lr
        return
    for ours, theirs in zip(got, want, strict=True):
        assert_same_bits(ours, theirs)


@given(
    n=st.integers(1, 120), length=st.integers(1, 20), mult=st.integers(1, 3),
    low=st.sampled_from([0.0, 1e-3]),
)  # fmt: skip
def test_cosine_restarts_equal_torchs_to_the_bit(n, length, mult, low):
    want, _ = oracle.scheduled(
        "CosineAnnealingWarmRestarts", n, 0.1, T_0=length, T_mult=mult, eta_min=low
    )
    assert_same_bits(cosine_restarts(n, 0.1, length, mult, low), want)


@given(n=st.integers(1, 100), size=st.integers(1, 30), gamma=st.sampled_from([0.1, 0.5, 0.97]))
def test_step_decay_equals_torchs_to_the_bit(n, size, gamma):
    want, _ = oracle.scheduled("StepLR", n, 0.3, step_size=size, gamma=gamma)
    assert_same_bits(step_decay(n, 0.3, size, gamma), want)


@given(n=st.integers(0, 3000), seed=st.integers(0, 2**32 - 1))
def test_randperm_is_torchs(n, seed):
    assert_same_bits(torch_randperm(n, seed), oracle.randperm(n, seed))


def test_randperm_is_torchs_at_the_size_of_movielens():
    assert_same_bits(torch_randperm(100_836, 42), oracle.randperm(100_836, 42))


@given(n=st.integers(1, 500), pct=st.sampled_from([0.1, 0.2, 0.33]), seed=st.integers(0, 99))
def test_split_is_fastais_random_splitter(n, pct, seed):
    order, cut = oracle.randperm(n, seed), int(pct * n)
    train, valid = split_indices(n, pct, seed)
    assert_same_bits(train, order[cut:])
    assert_same_bits(valid, order[:cut])
