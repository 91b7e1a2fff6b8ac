"""The caller's batch: what is read of it, and what is said about it."""

import numpy as np
import pytest

from npcf.crosscheck.batch import read_batch
from npcf.crosscheck.names import is_mean_name, side_of, without_common_prefix


def test_columns_are_flattened_and_whole_floats_taken_as_ids():
    batch = read_batch(np.array([[1], [2]], np.int32), [0.0, 3.0], np.array([[3], [4]]))
    assert [x.tolist() for x in batch[:3]] == [[1, 2], [0, 3], [3, 4]]
    assert batch.users.dtype == batch.items.dtype == np.int64
    assert [(fact.name, fact.wrong) for fact in batch.facts] == [("float-ids", False)]


@pytest.mark.parametrize(("path", "side"), [
    ("user_factors.weight", "user"), ("net.movieBias", "item"), ("P", "user"), ("bi", "item"),
    ("embedding.0.weight", ""), ("user_item_table", ""), ("u2", "user"),
])  # fmt: skip
def test_what_names_tell(path, side):
    assert side_of(path) == side


def test_names_of_a_mean():
    assert is_mean_name("net.global_bias")
    assert not is_mean_name("user_bias")


def test_what_all_paths_share_is_taken_off():
    paths = ["module.m.u.weight", "module.m.b"]
    assert without_common_prefix(paths) == dict(zip(paths, ["u.weight", "b"], strict=True))
