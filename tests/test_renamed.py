"""Old names: they work, and the warning names the new one and the caller's line."""

import pytest

from npcf._renamed import renamed_arguments
from npcf.suggestions import suggesting


@renamed_arguments(bs="batch_size", wd="weight_decay")
def load(batch_size=64, *, weight_decay=0.0):
    return batch_size, weight_decay


def test_an_old_keyword_is_taken_for_the_new_one():
    with pytest.warns(DeprecationWarning, match=r"load\(bs=...\) is now batch_size=") as warned:
        assert load(bs=5) == (5, 0.0)
    assert warned[0].filename == __file__
    assert load(5, weight_decay=1.0) == (5, 1.0)
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="got bs and batch_size"):
        load(bs=5, batch_size=5)


def test_an_old_name_of_a_module_is_what_it_is_called_now():
    find = suggesting("npcf.data", ["planted"], {"plant": "planted", "Own": "npcf.Learner"})
    import npcf

    with pytest.warns(DeprecationWarning, match="npcf.data.plant is now planted"):
        assert find("plant") is npcf.data.planted
    with pytest.warns(DeprecationWarning, match="npcf.data.Own is now npcf.Learner"):
        assert find("Own") is npcf.Learner
    with pytest.raises(AttributeError, match="planted"):
        find("plantd")
