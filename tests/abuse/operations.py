"""Abuse of the operations: arguments, caches and buffers, of `npcf.kernels` beside `npcf.ops`."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from npcf import kernels, ops
from npcf.verify import assert_within, bounds
from tests.abuse.damage import HOWS, NAMES, NUMBERS, damaged
from tests.abuse.ledger import attempt, outcome, same_bits, start

ROWS, WIDTH, B = 7, 3, 5
OPERATIONS = ("embedding", "row_dot", "bias", "sigmoid_range", "mse")


class Operations(RuleBasedStateMachine):
    """One operation at a time: forward with damaged arguments, backward with a damaged cache."""

    @initialize(seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(["float32", "float64"]))
    def begin(self, seed, dtype):
        start()
        rng = np.random.default_rng(seed)
        real = lambda *shape: rng.normal(size=shape).astype(dtype)  # noqa: E731
        ids = lambda: rng.integers(0, ROWS, B)  # noqa: E731
        self.good = {
            "embedding": [real(ROWS, WIDTH), ids(), None, False],
            "row_dot": [real(B, WIDTH), real(B, WIDTH)],
            "bias": [real(B), real(ROWS), real(ROWS), ids(), ids()],
            "sigmoid_range": [real(B), 0.0, 5.5],
            "mse": [real(B), real(B)],
        }

    def change(self, arguments, at, how, number):
        """Return the arguments with one of them changed."""
        at %= len(arguments)
        changed = [np.array(a) if isinstance(a, np.ndarray) else a for a in arguments]
        old = changed[at]
        changed[at] = damaged(old, how) if isinstance(old, np.ndarray) else number
        return changed

    @rule(
        name=st.sampled_from(OPERATIONS), at=st.integers(0, 9), how=st.sampled_from(NAMES),
        also=st.integers(0, 9), how_also=st.sampled_from([*NAMES, *["as it was"] * 40]),
        number=st.sampled_from(NUMBERS),
    )  # fmt: skip
    def forward(self, name, at, how, also, how_also, number):
        """Two arguments damaged; then the backward of what came out."""
        arguments = self.change(self.good[name], at, how, number)
        if how_also != "as it was":
            arguments = self.change(arguments, also, how_also, number)
        what = f"argument {at} {how}, argument {also} {how_also}, number {number!r}"
        made = [
            outcome(lambda m=m: getattr(m, f"{name}_forward")(*arguments)) for m in (ops, kernels)
        ]
        attempt(
            f"kernels.{name}_forward", what,
            lambda: _raise(made[1]), lambda: _raise(made[0]),
            lambda a, b: self.close(name, arguments, a, b),
        )  # fmt: skip
        if made[1].error is None and made[0].error is None:
            self.back(name, what, made[0].value[0], *(m.value[1] for m in made))

    def close(self, name, arguments, got, want):
        """Bits where no exp and no mean is taken; otherwise twice what one may be off."""
        got, want = (np.asarray(value[0]) for value in (got, want))
        assert got.dtype == want.dtype
        if name not in ("sigmoid_range", "mse") or not np.isfinite(want).all():
            same_bits(got, want)
            return
        first = np.asarray(arguments[0]).real
        if name == "mse":
            bound = bounds.mse(first, np.asarray(arguments[1]).real.astype(first.dtype))
        else:
            bound = bounds.sigmoid_range(first, float(arguments[1]), float(arguments[2]))
        assert_within(got.real, want.real, 2 * np.asarray(bound))
        same_bits(got.imag, want.imag)

    def back(self, name, what, out, cache, compiled):
        """Backward of either, given the reference's s: the same bits."""
        if name == "sigmoid_range":
            compiled = cache
        attempt(
            f"kernels.{name}_backward", what,
            lambda: getattr(kernels, f"{name}_backward")(out, compiled),
            lambda: getattr(ops, f"{name}_backward")(out, cache), same_bits,
        )  # fmt: skip

    @rule(
        name=st.sampled_from(OPERATIONS), field=st.integers(0, 9), how=st.sampled_from(NAMES),
        number=st.sampled_from(NUMBERS), also=st.none() | st.integers(0, 9),
    )  # fmt: skip
    def forge_a_cache(self, name, field, how, number, also):
        """One field or two of a cache replaced."""
        out, cache = getattr(ops, f"{name}_forward")(*self.good[name])
        for at in (field, also):
            if at is not None:
                at %= len(cache)
                old = cache[at]
                new = damaged(old, how) if isinstance(old, np.ndarray) else number
                cache = cache._replace(**{cache._fields[at]: new})
        self.back(name, f"cache field {field} and {also}: {how}, {number!r}", out, cache, cache)

    @rule(name=st.sampled_from(OPERATIONS), number=st.sampled_from([*NUMBERS, object(), {}, b""]))
    def no_cache(self, name, number):
        """Something else for a cache."""
        out, _ = getattr(ops, f"{name}_forward")(*self.good[name])
        self.back(name, f"cache {number!r}", out, number, number)

    @rule(how=st.sampled_from(["-1 in it", "10**9 in it", "-2**63 in it", "copied"]))
    def use_buffers_again(self, how):
        """The ids of the next batch are written over those of this one, before the backward."""
        for name in ("embedding", "bias"):
            for m in (kernels, ops):
                self.use_again(name, m, how)

    def use_again(self, name, m, how):
        arguments = [a.copy() if isinstance(a, np.ndarray) else a for a in self.good[name]]
        forward, backward = (getattr(m, f"{name}_{way}") for way in ("forward", "backward"))
        out, cache = forward(*arguments)
        for a in arguments:
            if isinstance(a, np.ndarray) and a.dtype == np.int64:
                a[:] = HOWS[how](a)[::-1]
        attempt(
            f"{m.__name__.removeprefix('npcf.')}.{name}_backward", f"ids became {how}",
            lambda: backward(out, cache),
            lambda: backward(out, forward(*self.good[name])[1]), same_bits,
        )  # fmt: skip


def _raise(made):
    if made.error is not None:
        raise made.error
    return made.value
