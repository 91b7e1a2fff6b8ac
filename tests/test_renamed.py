"""Old names: they work, and the warning names the new one and the caller's line."""

import importlib
import sys

import numpy as np
import pytest

from npcf import fused
from npcf._renamed import MODULES, renamed_arguments
from npcf.analysis import Predictor, fold_in
from npcf.data import Batches, planted
from npcf.models import DotProductBiasCP
from npcf.suggestions import suggesting
from npcf.training import PerRatingSGD


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


@pytest.mark.parametrize("old", MODULES)
def test_a_module_that_has_moved_is_imported_by_its_old_name_too(old):
    importlib.import_module(old.rpartition(".")[0])
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is now {MODULES[old]};"):
        assert importlib.import_module(old) is importlib.import_module(MODULES[old])


def test_fused_steps_are_found_where_they_were():
    from npcf.kernels import fused as before

    with pytest.warns(DeprecationWarning, match="is now npcf.fused.trainer_for"):
        assert before.trainer_for is fused.trainer_for
    with pytest.raises(AttributeError, match="trainer_of"):
        getattr(before, "trainer_of")  # noqa: B009


def test_the_old_keywords_of_this_version():
    """`Batches`, `fold_in`, `PerRatingSGD`; those of `CollabRegressor` are tried with it."""
    ratings = planted(4, 5, 12).ratings
    with pytest.warns(DeprecationWarning, match="is now batch_size="):
        batches = Batches(ratings, bs=3, rng=np.random.default_rng(0))
    with pytest.warns(DeprecationWarning, match="is now Batches.batch_size"):
        assert batches.bs == batches.batch_size == 3
    asked = Predictor.of(DotProductBiasCP(5, 6, 2), ratings)
    with pytest.warns(DeprecationWarning, match="is now weight_decay="):
        user = fold_in(asked, [1], [3.0], wd=0.5)
    assert user.bias == fold_in(asked, [1], [3.0], weight_decay=0.5).bias
    with pytest.warns(DeprecationWarning, match="is now bias_weight_decay="):
        trainer = PerRatingSGD(bias_wd=0.5)
    assert trainer.settings.bias_weight_decay == 0.5
