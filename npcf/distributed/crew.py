"""The client's side: one actor on each worker, made, told what to do, listened to, and given up.

Whatever goes wrong with a worker (it is killed, it restarts under another address, its machine is
cut off) ends in `Lost`, and whoever asked makes a new crew of the workers that are there then.
"""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from npcf.distributed.blocks import SpreadTables
from npcf.distributed.holder import Holder
from npcf.distributed.job import Ending, Facts, Job, News
from npcf.errors import NpcfError, UsageError

PATIENCE = 0.25  # seconds until workers say how far they are
ROLL_CALL = 1.0  # seconds between two looks at which workers the scheduler has
BACK_IN = 10.0  # seconds that a lost worker has to restart before the others go on without it
ANY_IN = 120.0  # seconds until some worker must be there


Endings = dict[int, list[Ending]]


class Lost(Exception):  # noqa: N818 : no error of a user's
    """A worker is not there any more, or its part of the fit is not."""


class Crew:
    """The actors of one attempt, one for each of `addresses`."""

    def __init__(self, client: Any, job: Job, addresses: list[str]):
        self.client, self.job, self.addresses = client, job, addresses
        self.endings: dict[int, list[Ending]] = {}  # by epoch
        self.seen = [0] * len(addresses)
        self.looked = time.monotonic()
        self.futures = [
            client.submit(
                Holder, job, me, actor=True, pure=False, workers=[address],
                key=f"npcf-holder-{job.run}-{me}",
            )
            for me, address in enumerate(addresses)
        ]  # fmt: skip
        self.holders = self._settled(self.futures)
        self._all("connect", addresses)

    def train(
        self, last: int, on_news: Callable[[int, Endings], Any], asked: Callable[[], bool]
    ) -> bool:
        """Train up to epoch `last`; return whether that was reached, or else `asked` was true.

        `on_news(ratings done, endings of each epoch)` is called at times; if it raises, or anything
        else does, the workers end between two blocks.
        """
        try:
            self._all("train", last)
            while True:
                news = self._news()
                on_news(sum(each.done for each in news), self.endings)
                if all(each.resting for each in news):
                    return len(self.endings.get(last - 1, ())) == len(self.job.owner)
                if asked():
                    self.stop()
        except Lost:
            raise
        except BaseException:
            with suppress(Lost):
                self.stop()
                while not all(each.resting for each in self._news()):
                    pass
            raise

    def stop(self) -> None:
        """Let the workers end between two blocks."""
        self._all("stop")

    def gather(self, tables: SpreadTables) -> None:
        """Copy the workers' tables into `tables`; they rest."""
        layout = self.job.layout
        for b, worker in enumerate(self.job.owner):
            self._copy(tables, 0, b, worker)
        places = {c: w for w, held in enumerate(self._all("held")) for c in held}
        for c in range(layout.blocks.parts):
            if c not in places:
                raise Lost(f"group {c} of items is on no worker")
            self._copy(tables, 1, c, places[c])

    def facts(self) -> list[Facts]:
        """Return what each worker has done."""
        return self._all("facts")

    def close(self) -> None:
        """Give the actors up."""
        for holder in self.holders:
            with suppress(Exception):  # it is lost, and so is its actor
                holder.close().result(timeout=1)
        for future in self.futures:
            with suppress(Exception):
                future.release()
        self.holders, self.futures = [], []

    def _copy(self, tables: SpreadTables, side: int, n: int, worker: int) -> None:
        factors, scalars = self._answer(self._call(worker, "table", side, n))
        part = tables.part(self.job.layout, side, n)
        part.factors[:], part.scalars[:] = factors, scalars

    def _news(self) -> list[News]:
        calls = [
            self._call(worker, "news", seen, PATIENCE) for worker, seen in enumerate(self.seen)
        ]
        news: list[News] = [self._answer(call) for call in calls]
        for worker, each in enumerate(news):
            if isinstance(each.error, NpcfError):
                raise each.error
            if each.failed is not None:
                raise Lost(each.failed)
            self.seen[worker] += len(each.endings)
            for ending in each.endings:
                self.endings.setdefault(ending.epoch, []).append(ending)
        return news

    def _all(self, method: str, *args: Any) -> list[Any]:
        calls = [self._call(worker, method, *args) for worker in range(len(self.holders))]
        return [self._answer(call) for call in calls]

    def _call(self, worker: int, method: str, *args: Any) -> Any:
        """Begin to call an actor's method."""
        try:
            return getattr(self.holders[worker], method)(*args)
        except RuntimeError as error:  # Dask knows already that its worker is gone
            require_scheduler(self.client)
            raise Lost(str(error)) from None

    def _answer(self, call: Any) -> Any:
        """Return the result of an actor's method, unless its worker is gone."""
        while True:
            try:
                return call.result(timeout=ROLL_CALL)
            except TimeoutError:
                self._call_the_roll()
            except NpcfError:
                raise
            except Exception as error:
                require_scheduler(self.client)
                raise Lost(f"{type(error).__name__}: {error}") from None

    def _settled(self, futures: list[Any]) -> list[Any]:
        """Return the actors, once they are made."""
        return [self._answer(future) for future in futures]

    def _call_the_roll(self) -> None:
        missing = set(self.addresses) - set(workers_of(self.client))
        if missing:
            raise Lost(f"workers {sorted(missing)} are gone")


def workers_of(client: Any) -> dict[str, int]:
    """Return the workers that the scheduler has: address and number of threads."""
    require_scheduler(client)
    try:
        workers = client.scheduler_info(n_workers=-1)["workers"]
    except Exception as error:  # whatever its connection ended with
        raise _no_scheduler(error) from None
    return {address: worker["nthreads"] for address, worker in sorted(workers.items())}


def require_scheduler(client: Any) -> None:
    """Raise UsageError unless the client still has its scheduler."""
    if client.status != "running":
        raise _no_scheduler(client.status)


def some_workers(client: Any, wanted: int | None, gone: int) -> dict[str, int]:
    """Return workers to train with: `wanted`, or all; wait for as many as were there before.

    A worker that restarts has BACK_IN seconds; then the others go on, at least one, whose groups
    are then more.  `gone` is how many there were before.
    """
    start, enough = time.monotonic(), wanted or max(gone, 1)
    while True:
        workers = workers_of(client)
        waited = time.monotonic() - start
        if len(workers) >= enough or (workers and gone and waited > BACK_IN):
            return dict(list(workers.items())[:wanted])
        if waited > ANY_IN:
            problem = f"has {len(workers)} workers after {ANY_IN:.0f} s, not {enough}"
            raise UsageError("client", problem, "Start workers: dask worker SCHEDULER.")
        time.sleep(0.05)


def new_run() -> str:
    """Return a name that no other attempt's messages have."""
    return secrets.token_hex(8)


def _no_scheduler(said: Any) -> UsageError:
    problem = f"has lost its scheduler ({said})"
    cure = "Start one, and go on from the last cut: fit(..., folder=FOLDER, resume=True)."
    return UsageError("client", problem, cure)
