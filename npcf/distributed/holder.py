"""A worker's share of a fit: a Dask actor that holds groups of users and trains their blocks.

The tables of its users stay here, and its ratings are mapped from files; the tables of a group of
items come from the worker that trained them last and go on to the next one, from worker to worker,
without the scheduler.  A message is named by the run, the epoch, the place in the epoch and the
group, so one that comes twice, or late, is known for what it is.

Tables change in place, which no task that Dask may run a second time must do: these are an
actor's own, and an actor is never run again.  If a worker is lost, the client makes new actors, and
they begin from the last cut (`cuts`).

The client's calls are coroutines, which run on the worker's event loop at once; blocks are trained
on threads of the actor's own.
"""

import asyncio
import multiprocessing
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from npcf.distributed.cuts import owned
from npcf.distributed.job import Ending, Facts, Job, News
from npcf.distributed.order import Order, Turn
from npcf.distributed.share import Share, cut_of
from npcf.errors import DataError
from npcf.kernels.blocked_sgd.sgd_loop import Side

WAIT = 0.5  # seconds after which whoever waits looks whether the worker is still there


class Holder:
    """Groups of users on worker number `me`; see the module."""

    def __init__(self, job: Job, me: int):
        from distributed import get_worker

        self.job, self.me, self.worker = job, me, get_worker()
        self.order = Order(job.layout.blocks.parts, job.layout.seed)
        for path in (job.folder, job.blocks):
            if not Path(path).is_dir():
                problem = f"worker {self.worker.address} has no folder {path}"
                cure = "Name one that client and workers share: folder='/shared/run'."
                raise DataError("folder", problem, cure)
        self.share, begin = Share(job, me), Turn(job.begin, 0)
        self.at = dict.fromkeys(self.share.users, begin)
        self.inbox: dict[tuple[Turn, int], Side] = {}
        for b in self.at:
            c = self.order.items_of(begin, b)
            self.inbox[begin, c] = cut_of(job, 1, c)
        self.busy: set[int] = set()
        self.endings: list[Ending] = []
        self.sends: set[Any] = set()
        self.changed = threading.Condition()
        self.last, self.running, self.stopping = job.begin, 0, False
        self.failed: Exception | None = None
        self.done, self.moved, self.waited = 0, 0, 0.0  # ratings, bytes, seconds

    # ---- what the client asks: on the event loop, at once ----------------------------------------

    async def connect(self, addresses: list[str]) -> None:
        """Take messages from now on; `addresses` are those of the workers."""
        self.addresses, self.quiet = addresses, asyncio.Event()
        self.interrupt = ignore_ctrl_c()
        self.worker.handlers[self._handler] = self._receive

    async def train(self, last: int) -> None:
        """Begin to train, up to epoch `last`."""
        self.quiet.clear()
        with self.changed:
            self.last, self.stopping = last, False
            self.running = self.job.threads[self.me]
        for _ in range(self.running):
            threading.Thread(target=self._work, name="npcf", daemon=True).start()

    async def stop(self) -> None:
        """End training between two blocks."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()

    async def news(self, seen: int, patience: float) -> News:
        """Return what has happened, at the latest after `patience` seconds."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.quiet.wait(), patience)
        error, endings = self.failed, self.endings[seen:]
        said = None if error is None else f"{type(error).__name__}: {error}"
        return News(self.done, endings, self._resting, said, error)

    async def held(self) -> list[int]:
        """Return the groups of items that are here."""
        return [c for _, c in self.inbox]

    async def table(self, side: int, n: int) -> Side:
        """Return the tables of a group of users (side 0) or items (side 1) that is here."""
        if side == 0:
            return self.share.users[n]
        return next(table for (_, c), table in self.inbox.items() if c == n)

    async def facts(self) -> Facts:
        """Return what this worker has done."""
        return Facts(self.moved, self.waited)

    async def close(self) -> None:
        """Take no more messages, and end."""
        self.worker.handlers.pop(self._handler, None)
        if self.interrupt is not None:
            signal.signal(signal.SIGINT, self.interrupt)
        await self.stop()

    def _look(self) -> None:
        """Tell the client, if it waits for news, that nothing goes on any more."""
        if self._resting or self.failed is not None:
            self.quiet.set()

    @property
    def _handler(self) -> str:
        return f"npcf-{self.job.run}"

    @property
    def _resting(self) -> bool:
        return not self.running and not self.sends

    # ---- training: on threads of our own ---------------------------------------------------------

    def _work(self) -> None:
        try:
            while (task := self._next()) is not None:
                self._train(*task)
        except Exception as error:
            self._fail(error)
        finally:
            with self.changed:
                self.running -= 1
                self.changed.notify_all()
            self.worker.loop.add_callback(self._look)

    def _next(self) -> tuple[int, Turn, int, Side] | None:
        """Wait for a block whose users and items are here; return (b, turn, c, items), or None."""
        with self.changed:
            start = time.perf_counter()
            while True:
                left = [b for b, turn in self.at.items() if turn.epoch < self.last]
                if not left or self.stopping or self.failed is not None or self._worker_ends:
                    return None
                ready = [b for b in left if b not in self.busy and self._key(b) in self.inbox]
                if ready:
                    break
                self.changed.wait(WAIT)
            self.waited += time.perf_counter() - start
            b = min(ready, key=lambda b: (self.at[b], self._stays(b)))
            turn, c = self._key(b)
            self.busy.add(b)
            return b, turn, c, self.inbox.pop((turn, c))

    def _train(self, b: int, turn: Turn, c: int, items: Side) -> None:
        """Train a block, save what is at the end of its epoch, and pass the items on."""
        n = self.share.train(b, turn, c, items)
        following = self.order.after(turn)
        if following.place == 0:
            self.endings.append(self.share.end_epoch(b, turn.epoch, c, items))
        self._pass_on(following, c, items)
        with self.changed:
            self.done += n
            self.busy.discard(b)
            self.at[b] = following
            self.changed.notify_all()

    # ---- messages --------------------------------------------------------------------------------

    def _pass_on(self, turn: Turn, c: int, items: Side) -> None:
        to = self.job.owner[self.order.users_of(turn, c)]
        if to == self.me:
            with self.changed:
                self.inbox[turn, c] = items
            return
        self.moved += items.factors.nbytes + items.scalars.nbytes
        send = self._send(self.addresses[to], turn, c, items)
        future = asyncio.run_coroutine_threadsafe(send, self.worker.loop.asyncio_loop)
        self.sends.add(future)
        future.add_done_callback(self._sent)

    async def _send(self, address: str, turn: Turn, c: int, items: Side) -> None:
        from distributed.protocol import to_serialize

        message = {"epoch": turn.epoch, "place": turn.place, "c": c,
                   "factors": to_serialize(items.factors),
                   "scalars": to_serialize(items.scalars)}  # fmt: skip
        await getattr(self.worker.rpc(address), self._handler)(**message)

    def _sent(self, future: Any) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, Exception):
            self._fail(error)
        self.sends.discard(future)
        self.worker.loop.add_callback(self._look)

    async def _receive(self, epoch: int, place: int, c: int, factors: Any, scalars: Any) -> None:
        """Take the tables of a group of items; what has been here before is left."""
        turn = Turn(epoch, place)
        b = self.order.users_of(turn, c)
        with self.changed:
            late = turn < self.at[b] or (turn == self.at[b] and b in self.busy)
            if not late and (turn, c) not in self.inbox:
                self.inbox[turn, c] = owned(_array(factors), _array(scalars))
                self.changed.notify_all()

    def _key(self, b: int) -> tuple[Turn, int]:
        turn = self.at[b]
        return turn, self.order.items_of(turn, b)

    def _stays(self, b: int) -> bool:
        """Whether the items of the next block of `b` stay here: others' can be waited for."""
        turn, c = self._key(b)
        return self.job.owner[self.order.users_of(self.order.after(turn), c)] == self.me

    @property
    def _worker_ends(self) -> bool:
        return self.worker.status.name not in ("running", "paused", "init")

    def _fail(self, error: Exception) -> None:
        with self.changed:
            self.failed = self.failed or error
            self.changed.notify_all()


def ignore_ctrl_c() -> Any:
    """Ignore SIGINT where a nanny has started this worker; return the handler before, or None.

    A terminal sends Ctrl-C to the workers of a LocalCluster as well.  It is meant for the client,
    which ends training between two blocks; a nanny ends its worker by other means.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or multiprocessing.parent_process() is None:
        return None
    return signal.signal(signal.SIGINT, signal.SIG_IGN)


def _array(value: Any) -> Any:
    """Return an array that came in a message, unpacked or not."""
    return value if isinstance(value, np.ndarray) else value.data
