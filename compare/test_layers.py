"""Layers of networks against PyTorch beyond `test_conformance`: bits, and running statistics."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from compare.implementations.pytorch import layers as oracle
from npcf import ops
from npcf.verify import assert_same_bits, assert_within, bounds
from npcf.verify.strategies import batch_norm_inputs, dropout_inputs, sides, unit_inputs
from tests.backends import both_backends


def both_ways(functions, name, d_out, *arguments):
    """Return output and gradients."""
    out, cache = getattr(functions, f"{name}_forward")(*arguments)
    grads = getattr(functions, f"{name}_backward")(d_out, cache)
    return (out, *(grads if isinstance(grads, tuple) else (grads,)))


@given(units=unit_inputs(), parts=sides(), dropped=dropout_inputs())
@both_backends
def test_what_copies_copies_to_the_bit_and_dropout_by_powers_of_two_does_too(
    backend, units, parts, dropped
):
    cases = [("relu", units.d_out, units.x), ("concatenate", parts.d_out, [*parts[:2]]),
             ("dropout", dropped.d_out, dropped.x, 0.5, dropped.keep)]  # fmt: skip
    for name, *case in cases:
        results = both_ways(backend, name, *case), both_ways(oracle, name, *case)
        for got, want in zip(*results, strict=True):
            assert_same_bits(got, want, name)


@given(p=batch_norm_inputs(), momentum=st.sampled_from([0.1, 0.25, 1.0]))
def test_running_statistics_within_the_bound(p, momentum):
    running = p.weight, np.abs(p.bias)
    _, cache = ops.batch_norm_forward(*p[:-1])
    got = ops.batch_norm_running(*running, cache, momentum)
    want = oracle.batch_norm_running(*running, p.x, momentum)
    allowed = bounds.batch_norm_running(*running, p.x, momentum)
    for name, a, b, room in zip(("mean", "var"), got, want, allowed, strict=True):
        assert_within(a, b, 2 * room, name)
