"""The command line on a cluster; addresses; a cluster of this machine that npcf itself starts."""

import json
import os

import pytest

from npcf.cli import main
from npcf.distributed.cluster import connected, require_address, require_client
from npcf.errors import SettingError, UsageError

TRAIN = ["train", "--bs", "1", "--rows", "touched", "--epochs", "2", "--factors", "4", "--json"]


def test_train_has_the_bits_of_one_machine(cluster, client, capsys):
    told = []
    for where in ([], ["--cluster", cluster.scheduler_address, "--threads", "2"]):
        assert main([*TRAIN, *where]) == 0
        told.append(json.loads(capsys.readouterr().out))
        del told[-1]["settings"]
        for row in told[-1]["history"]:
            del row["seconds"], row["compile_seconds"]
    assert told[0] == told[1]


def test_doctor_asks_the_workers(cluster, client, capsys):
    main(["doctor", "--json", "--cluster", cluster.scheduler_address])
    report = json.loads(capsys.readouterr().out)
    assert report["checks"]["cluster"] == "ok"
    assert set(report["workers"]) == set(client.nthreads())
    assert all(said.endswith("threads 1") for said in report["workers"].values())


def test_a_cluster_of_this_machine_ends_with_its_block(cluster):
    """And listens to this machine alone."""
    psutil = pytest.importorskip("psutil")  # comes with Dask
    with connected("local:1") as client:
        assert require_client(client) is client
        (address,) = client.nthreads()
        assert address.startswith("tcp://127.0.0.1:")
        (pid,) = client.run(os.getpid).values()
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("address", "error"),
    [("local:0", SettingError), ("local", SettingError), ("8786", SettingError),
     ("local:-1", SettingError), ("", SettingError), (None, UsageError), (8786, UsageError)],
)  # fmt: skip
def test_what_is_no_address_is_refused(address, error):
    with pytest.raises(error) as raised:
        require_address("cluster", address)
    assert raised.value.argument == "cluster"
    for right in ("local:2", "tcp://127.0.0.1:8786", "tls://example.org:8786"):
        assert require_address("cluster", right) == right


def test_a_scheduler_that_does_not_answer_is_named(cluster, monkeypatch):
    monkeypatch.setattr("npcf.distributed.cluster.ANSWERS_IN", 0.2)
    with pytest.raises(UsageError, match=r"tcp://127.0.0.1:9 .*Start one: dask scheduler"):
        with connected("tcp://127.0.0.1:9"):
            pass


def test_an_asynchronous_client_is_refused(client, monkeypatch):
    monkeypatch.setattr(type(client), "asynchronous", True)
    with pytest.raises(UsageError, match="is asynchronous"):
        require_client(client)
