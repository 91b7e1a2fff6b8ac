"""Workers are killed and start again, or do not; a fit is broken off and resumed: the same bits."""

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from npcf.data import planted
from npcf.distributed import PerRatingSGD, blocks, cuts, run
from npcf.errors import DataError, UsageError
from tests.conftest import PROFILE
from tests.distributed.conftest import WORKERS, assert_same_fit, one_machine

TRAIN = planted(300, 200, 4_000, seed=1).ratings
SETTINGS = {"n_factors": 8, "lr": 0.02}
KILLS = 20 if PROFILE == "long" else 2
PATIENCE = 300  # seconds until a test gives up


@contextmanager
def killing(client, folder, moments):
    """Kill a worker whenever one of the files `moments` is there, in another thread."""
    over, killed = threading.Event(), []

    def work():
        for moment, number in moments:
            while not (folder / moment).exists() and not over.wait(0.001):
                pass
            pids = sorted(client.run(os.getpid).values())
            if not over.is_set() and pids:
                os.kill(pids[number % len(pids)], signal.SIGKILL)
                killed.append(moment)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


@pytest.mark.slow("workers start again")
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_worker_that_is_killed_changes_nothing(client, four_parts, tmp_path, seed):
    """At a random moment: when some group of users ends some epoch."""
    client.wait_for_workers(WORKERS, PATIENCE)
    draw = random.Random(seed)
    n_epochs, n_workers = 60, draw.choice([2, 3, 4])
    epoch, group = draw.randrange(1, 40), draw.randrange(4)
    moments = [(f"cut-{epoch:08}/group-{group:04}.safetensors", draw.randrange(WORKERS))]
    got, want = PerRatingSGD(**SETTINGS), one_machine(TRAIN, n_epochs, **SETTINGS)
    with killing(client, tmp_path, moments) as killed:
        got.fit(TRAIN, n_epochs, client=client, n_workers=n_workers, folder=tmp_path)
    assert_same_fit(got, want)
    assert len(killed) <= 1


def test_a_fit_that_was_broken_off_is_resumed(client, four_parts, tmp_path):
    """By other workers, from the last whole cut; the history of before is there."""
    client.wait_for_workers(2, PATIENCE)

    def fail(row):
        if row.epoch == 2:
            raise ZeroDivisionError

    first, got = PerRatingSGD(**SETTINGS), PerRatingSGD(**SETTINGS)
    with pytest.raises(ZeroDivisionError):
        first.fit(TRAIN, 7, client=client, n_workers=2, folder=tmp_path, on_epoch=fail)
    seen = []
    got.fit(TRAIN, 7, client=client, n_workers=1, folder=tmp_path, resume=True,
            on_epoch=lambda row: seen.append(row.epoch))  # fmt: skip
    assert seen == [3, 4, 5, 6]
    assert_same_fit(got, one_machine(TRAIN, 7, **SETTINGS))
    got.fit(TRAIN, 7, client=client, n_workers=1, folder=tmp_path, resume=True)
    assert_same_fit(got, one_machine(TRAIN, 7, **SETTINGS))
    with pytest.raises(DataError, match="resume=False"):
        got.fit(TRAIN, 8, client=client, folder=tmp_path, resume=True)
    got.fit(TRAIN, 2, client=client, n_workers=1, folder=tmp_path)
    assert_same_fit(got, one_machine(TRAIN, 2, **SETTINGS))


def test_workers_that_do_not_see_the_folder_say_so(client, tmp_path, monkeypatch):
    client.wait_for_workers(1, PATIENCE)
    here = run.Run._job

    def elsewhere(self, workers):
        return replace(here(self, workers), folder=str(tmp_path / "not mounted"))

    monkeypatch.setattr(run.Run, "_job", elsewhere)
    with pytest.raises(DataError, match="not mounted.*'/shared/run'"):
        PerRatingSGD(**SETTINGS).fit(TRAIN, 2, client=client)


def test_a_worker_without_room_on_its_disk_says_so(client, four_parts, tmp_path):
    """An error that would come again is the client's, not a reason to try for ever."""
    client.wait_for_workers(1, PATIENCE)
    (tmp_path / "cut-00000002").write_text("a file where a folder is to be")
    sgd = PerRatingSGD(**SETTINGS)
    with pytest.raises(UsageError, match="NotADirectoryError|FileExistsError"):
        sgd.fit(TRAIN, 4, client=client, folder=tmp_path, n_workers=1)
    assert np.isfinite(sgd.evaluate(TRAIN))


def damaged(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["users", "items"])
def test_a_row_outside_its_group_reaches_no_compiled_code(tmp_path, name):
    files = blocks.write_blocks(tmp_path, PerRatingSGD(**SETTINGS)._given(TRAIN), 8, 0)
    b = files.layout.blocks.parts - 1
    path = tmp_path / f"{name}-{b:04}.npy"
    rows = np.load(path)
    for wrong in (-1, 2**20):
        changed = rows.copy()
        changed[len(rows) // 2] = wrong
        np.save(path, changed)
        with pytest.raises(DataError, match="outside their group"):
            blocks.mapped_group(tmp_path, files.layout, b)
    for wrong in (rows[:-1], rows.astype(np.int64), np.array([None] * len(rows), object)):
        np.save(path, wrong)
        with pytest.raises(DataError, match="Write the blocks anew"):
            blocks.mapped_group(tmp_path, files.layout, b)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        blocks.mapped_group(tmp_path, files.layout, b)


def test_a_changed_index_or_cut_is_refused(tmp_path):
    sgd = PerRatingSGD(**SETTINGS)
    files = blocks.write_blocks(tmp_path, sgd._given(TRAIN), 8, 0)
    tables = blocks.SpreadTables(files)
    sides = [tables.part(files.layout, side, 0) for side in (0, 1)]
    cuts.write_cut(tmp_path, "fit", 0, (0, 0), *sides)
    read = tmp_path, "fit", files.layout, 0, 0, 0
    cuts.read_cut(*read)
    with pytest.raises(DataError, match="run is 'fit'"):
        cuts.read_cut(tmp_path, "another", *read[2:])
    with pytest.raises(DataError, match="there is no file"):
        cuts.read_cut(*read[:3], 1, 0, 0)
    cuts.write_cut(
        tmp_path, "fit", 0, (0, 0), sides[0]._replace(factors=np.zeros((2, 2))), sides[1]
    )
    with pytest.raises(DataError, match="a table is float64"):
        cuts.read_cut(*read)
    flip = {-1: lambda data: data.__setitem__(-1, data[-1] ^ 1), 0: lambda data: data.clear()}
    for change in flip.values():
        damaged(tmp_path / "blocks.safetensors", change)
        with pytest.raises(DataError):
            blocks.open_blocks(tmp_path)


@contextmanager
def started(tmp_path, *words):
    """A process of Dask's command line, and its end."""
    command = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=tmp_path) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow("processes of Dask's command line start")
def test_a_scheduler_that_is_killed_ends_the_fit_and_its_cut_is_resumed(
    client, four_parts, tmp_path
):
    from distributed import Client

    file, folder = tmp_path / "scheduler.json", tmp_path / "run"
    here = ["--host", "127.0.0.1", "--scheduler-file", str(file)]
    alone = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0", "--port", "0"]
    sgd, n_epochs = PerRatingSGD(**SETTINGS), 400
    with (
        started(tmp_path, "dask_scheduler", *here, *alone) as scheduler,
        started(tmp_path, "dask_worker", *here, "--no-nanny", "--no-dashboard"),
        Client(scheduler_file=str(file), timeout=PATIENCE) as there,
    ):
        there.wait_for_workers(1, PATIENCE)

        def kill():
            while not (folder / "cut-00000003").exists():
                threading.Event().wait(0.01)
            scheduler.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        with pytest.raises(UsageError, match="lost its scheduler.*resume=True"):
            sgd.fit(TRAIN, n_epochs, client=there, folder=folder)
        thread.join()
    assert sgd.interrupted and np.isfinite(sgd.evaluate(TRAIN))
    got = PerRatingSGD(**SETTINGS)
    got.fit(TRAIN, n_epochs, client=client, n_workers=1, folder=folder, resume=True, save_every=500)
    assert_same_fit(got, one_machine(TRAIN, n_epochs, **SETTINGS))
