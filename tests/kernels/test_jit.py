"""Compiling where nothing can be kept on disk: slower at the start, and the same."""

import logging

from npcf.kernels import _jit


def test_without_a_place_for_the_cache_it_compiles_all_the_same(monkeypatch, caplog):
    """Numba raises RuntimeError at decoration: in a read-only installation, at import."""
    asked = []

    def njit(cache=False, **options):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(_jit.numba, "njit", njit)
    with caplog.at_level(logging.WARNING, logger="npcf"):
        assert _jit.jit(abs)(-3) == 3
    assert asked == [True, False]
    assert "no locator available" in caplog.text
