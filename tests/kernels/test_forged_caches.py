"""Whatever comes back as a cache, a backward pass ends in a typed error or in the right gradient.

Compiled loops would write to foreign memory where an id lies outside its table; each backward, of
the reference and of its twin, therefore looks at all of a cache again.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from npcf import kernels, ops
from npcf.errors import IdRangeError, NpcfError
from npcf.verify import assert_same_bits
from tests.abuse.damage import NAMES, NUMBERS, damaged

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
        "linear": (*m.linear_forward(rows, weight), m.linear_backward),
        "relu": (*m.relu_forward(bias), m.relu_backward),
        "concatenate": (*m.concatenate_forward([rows, rows]), m.concatenate_backward),
        "dropout": (*m.dropout_forward(rows, 0.5, rows > 0), m.dropout_backward),
        "batch_norm": (
            *m.batch_norm_forward(weight, np.ones(3), np.ones(3)),
            m.batch_norm_backward,
        ),
    }


FIELDS = [(name, field) for name, made in forwards(ops).items() for field in made[1]._fields]


@given(at=st.sampled_from(FIELDS), how=st.sampled_from(NAMES), number=st.sampled_from(NUMBERS),
       both=st.booleans())  # fmt: skip
def test_forged_fields_end_in_a_typed_error_or_in_the_reference_s_gradient(at, how, number, both):
    """One field or two; the twin's numbers are the reference's, the errors' types too."""
    name, field = at
    ends = []
    for m in BACKENDS:
        out, cache, backward = forwards(m)[name]
        forged = cache
        for forgery in (field, cache._fields[0]) if both else (field,):
            old = getattr(cache, forgery)
            new = damaged(old, how) if isinstance(old, np.ndarray) else number
            forged = forged._replace(**{forgery: new})
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
