"""Whatever comes back as a cache, a backward pass ends in a typed error or in the right gradient.

Compiled loops would write to foreign memory where an id lies outside its table; each backward, of
the reference and of its twin, therefore looks at all of a cache again.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import kernels, models, ops
from npcf.errors import IdRangeError, NpcfError
from npcf.verify import assert_same_bits

BACKENDS = (ops, kernels)
ROWS, WIDTH, B = 6, 3, 4
IDS = np.array([5, 0, 5, 2])


def forwards(m):
    """Return each operation's (output, cache) and its backward."""
    rng = np.random.default_rng(0)
    weight, bias, rows = rng.normal(size=(ROWS, WIDTH)), rng.normal(size=ROWS), np.ones((B, WIDTH))
    return {
        "embedding": (*m.embedding_forward(weight, IDS), m.embedding_backward),
        "bias": (*m.bias_forward(np.ones(B), bias, bias, IDS, IDS), m.bias_backward),
        "row_dot": (*m.row_dot_forward(rows, weight[IDS]), m.row_dot_backward),
        "range": (*m.sigmoid_range_forward(np.ones(B), 0.0, 5.5), m.sigmoid_range_backward),
        "mse": (*m.mse_forward(np.ones(B), np.zeros(B)), m.mse_backward),
    }


FIELDS = [(name, field) for name, made in forwards(ops).items() for field in made[1]._fields]
ARRAYS = st.sampled_from([
    np.array([10**9, 0, 0, 0]), np.array([0, -1, 0, 0]), np.full(B, ROWS), np.full(B, -(2**63)),
    np.arange(B, dtype=np.int32), np.arange(B, dtype=np.uint64) + 2**63, np.arange(B) * 1.0,
    np.arange(B)[:, None], np.arange(B)[:2], np.array(3), np.zeros(0, np.int64), np.full(B, "x"),
    np.ones((B, WIDTH))[:, ::-1], np.ones((WIDTH, B)).T, np.ones((B, WIDTH), np.float32),
    np.ones(2 * B)[::2], np.ones((B, WIDTH), np.complex128), np.ones((B, WIDTH, 1)),
    np.ones((B, WIDTH), ">f8"), np.ones((B, 0)), np.ones(B, bool),
    np.ma.masked_array(np.arange(B), mask=True), np.ones(B, "datetime64[s]"),
    np.lib.stride_tricks.as_strided(np.zeros(1, np.int64), (B,), (0,)),
])  # fmt: skip
OTHERS = st.sampled_from([
    None, "float32", np.float16, np.int64, (ROWS, WIDTH + 1), (1, WIDTH), (0, WIDTH),
    (-1, 3), (2**62, 2**62), (ROWS,), (ROWS, WIDTH, 1), (1.5, "x"), 2, -1, 10**13, 10**30, True,
    "x", 1.5, np.nan, np.inf, 3j, [0, 1, 2, 5], {}, np.dtype("V8"), np.float32(2), b"1",
])  # fmt: skip


@given(
    at=st.sampled_from(FIELDS), value=ARRAYS | OTHERS, second=ARRAYS | OTHERS, both=st.booleans()
)
def test_forged_fields_end_in_a_typed_error_or_in_the_reference_s_gradient(at, value, second, both):
    """One field or two; the twin's numbers are the reference's, the errors' types too."""
    name, field = at
    ends = []
    for m in BACKENDS:
        out, cache, backward = forwards(m)[name]
        forged = cache._replace(**{field: value})
        if both:
            forged = forged._replace(**{cache._fields[0]: second})
        ends.append(ending(backward, out, forged))
    if all(isinstance(end, list) for end in ends):
        for got, want in zip(*ends, strict=True):
            assert_same_bits(np.asarray(got), np.asarray(want))
    else:  # the reference also takes numbers that no loop is compiled for
        assert ends[1] in (ends[0], "DTypeError", "UsageError"), ends


def ending(backward, out, cache):
    """Return the gradients as a list, or the name of the typed error."""
    try:
        result = backward(out, cache)
    except NpcfError as error:
        return type(error).__name__
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("m", BACKENDS)
@pytest.mark.parametrize("cache", [None, (), (IDS, (ROWS, WIDTH)), object(), "cache"])
def test_what_is_no_cache_is_refused(m, cache):
    for name, (out, _, backward) in forwards(m).items():
        with pytest.raises(NpcfError, match="cache"):
            backward(out, cache)
        for other, made in forwards(m).items():
            if other != name:
                with pytest.raises(NpcfError, match="cache"):
                    backward(out, made[1])


@pytest.mark.parametrize("m", BACKENDS)
def test_an_id_outside_the_table_is_named(m):
    out, cache, backward = forwards(m)["embedding"]
    forged = cache._replace(ids=np.array([0, 1, ROWS, -1]))
    with pytest.raises(IdRangeError, match=r"cache.ids\[2\]: id 6 is outside \[0, 6\)") as caught:
        backward(out, forged)
    assert (caught.value.position, caught.value.value) == (2, ROWS)
    out, cache, backward = forwards(m)["bias"]
    with pytest.raises(IdRangeError, match=r"cache.items\[1\]: id -7"):
        backward(out, cache._replace(items=np.array([0, -7, 0, 0])))


def test_twins_refuse_objects():
    """Which the reference takes: symbols of a computer algebra system can be differentiated."""
    for at, (name, field) in enumerate(FIELDS):
        out, cache, backward = forwards(kernels)[name]
        value = np.dtype(object) if field == "dtype" else np.array([None] * B)
        if field not in ("table_shape", "padding_idx", "scale_grad_by_freq", "n_users", "n_items"):
            with pytest.raises(NpcfError):
                backward(out, cache._replace(**{field: value}))
                pytest.fail(f"{at}: {name}.{field}")


@pytest.mark.parametrize("m", BACKENDS)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_a_buffer_used_again_for_the_next_batch_changes_no_gradient(m, dtype):
    """The ids of the forward count, whatever is in their buffer by the time of the backward."""
    rng = np.random.default_rng(1)
    params = {"user_factors": rng.normal(size=(ROWS, WIDTH)), "user_bias": rng.normal(size=ROWS)}
    params |= {n.replace("user", "item"): t.copy() for n, t in params.items()}
    users, items = IDS.astype(dtype), IDS[::-1].astype(dtype)
    pred, cache = models.dot_product_bias_forward(params, users, items, backend=m)
    want = models.dot_product_bias_backward(pred, cache)
    users[:], items[:] = 1, np.iinfo(dtype).max
    for name, grad in models.dot_product_bias_backward(pred, cache).items():
        assert_same_bits(grad, want[name], name)


@given(seed=st.integers(0, 2**32 - 1))
def test_odd_layouts_give_the_same_bits(seed):
    """Transposed, strided, read-only, unaligned and broadcast inputs are whatever they hold."""
    rng = np.random.default_rng(seed)
    weight, ids = rng.normal(size=(ROWS, WIDTH)), rng.integers(0, ROWS, (2, B))
    for m in BACKENDS:
        want = m.embedding_forward(weight, ids)[0]
        for table in layouts(weight):
            for rows in layouts(ids):
                out, cache = m.embedding_forward(table, rows)
                assert_same_bits(out, want)
                for d_out in layouts(want):
                    got = m.embedding_backward(d_out, cache)
                    assert_same_bits(got, m.embedding_backward(want, cache))


def layouts(array):
    """Go through the same numbers as they may lie in memory."""
    yield np.asfortranarray(array)
    wide = np.repeat(array, 2, axis=-1)
    yield wide[..., ::2]
    fixed = array.copy()
    fixed.flags.writeable = False
    yield fixed
    raw = np.zeros(array.nbytes + 1, np.uint8)
    odd = raw[1:].view(array.dtype).reshape(array.shape)
    odd[...] = array
    yield odd


@pytest.mark.parametrize("m", BACKENDS)
def test_a_single_number_is_a_batch_of_no_dimension(m):
    """0-d in, 0-d out, forward and backward, of twins as of the reference."""
    out, cache = m.sigmoid_range_forward(np.float64(0.3), 0.0, 5.5)
    d_x = m.sigmoid_range_backward(out, cache)
    loss, loss_cache = m.mse_forward(out, 1.0)
    d_pred = m.mse_backward(1.0, loss_cache)
    row, row_cache = m.embedding_forward(np.ones((ROWS, WIDTH)), 2)
    d_weight = m.embedding_backward(row, row_cache)
    assert np.shape(out) == np.shape(d_x) == np.shape(loss) == np.shape(d_pred) == ()
    assert row.shape == (WIDTH,)
    assert np.flatnonzero(d_weight.any(axis=1)).tolist() == [2]
