"""One cluster of processes on this machine, for all tests here; and the fits that are compared."""

import numpy as np
import pytest

from npcf.distributed.cluster import LOOPBACK
from npcf.kernels.blocked_sgd import tiles
from npcf.training import PerRatingSGD
from npcf.verify import assert_same_bits
from tests.extras import needs

WORKERS = 4
COLUMNS = ["epoch", "train_rmse", "valid_rmse", "lr"]


@pytest.fixture(scope="package")
def cluster(tmp_path_factory):
    distributed = pytest.importorskip("distributed", reason=needs("distributed").kwargs["reason"])
    options = LOOPBACK | {
        "silence_logs": 50, "local_directory": str(tmp_path_factory.mktemp("dask"))
    }  # fmt: skip
    with distributed.LocalCluster(n_workers=WORKERS, threads_per_worker=1, **options) as made:
        yield made


@pytest.fixture(scope="package")
def client(cluster):
    from distributed import Client

    with Client(cluster) as made:
        yield made


@pytest.fixture
def four_parts(monkeypatch):
    """Let a few ratings be cut into as many groups as there are workers."""
    monkeypatch.setattr(tiles, "PARTS", ((0, 4),))


def one_machine(ratings, n_epochs, valid=None, **settings):
    trainer = PerRatingSGD(**settings)
    trainer.fit(ratings, n_epochs, valid=valid, threads=2, progress=False)
    return trainer


def assert_same_fit(got, want):
    """Same tables, error sums and history, to the bit."""
    for name, table in want.model.params.items():
        assert_same_bits(got.model.params[name], table, name)
    for name in COLUMNS:
        assert_same_bits(np.array(got.history[name]), np.array(want.history[name]), name)
    assert got.model.mean == want.model.mean
    assert got.interrupted == want.interrupted
