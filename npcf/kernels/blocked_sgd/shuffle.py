"""Ratings reordered in place, by a generator small enough to be part of a compiled loop.

SplitMix64: state + golden ratio, three rounds of mixing.  Every tile draws from a state of its own,
made of the seed, the epoch and the tile: what a tile does never depends on what another did before.
A random number below n is the upper half of the product of 64 random bits with n, whose bias is
n / 2**64.  Source: Steele, Lea & Flood 2014; Lemire 2019.
"""

import numpy as np

from npcf.kernels._jit import jit_threads, part

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
LOW = np.uint64(0xFFFFFFFF)


@part
def mixed(state):
    """Return 64 random bits for a state; the next state is state + GOLDEN."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return z ^ (z >> np.uint64(31))


@part
def below(n, bits):
    """Return a number in 0 .. n - 1 from 64 random bits, n < 2**32: floor(n bits / 2**64)."""
    n = np.uint64(n)
    return np.int64(
        (n * (bits >> np.uint64(32)) + (n * (bits & LOW) >> np.uint64(32))) >> np.uint64(32)
    )


@jit_threads
def shuffle(users, items, rating, start, stop, state):
    """Put the ratings start .. stop - 1 in random order (Fisher & Yates)."""
    for last in range(stop - 1, start, -1):
        state += GOLDEN
        other = start + below(last - start + 1, mixed(state))
        users[last], users[other] = users[other], users[last]
        items[last], items[other] = items[other], items[last]
        rating[last], rating[other] = rating[other], rating[last]
