"""Thread pool that polls for cancellation, and a gate for reading tables while it works.

Compiled loops let go of the interpreter's lock, so plain Python threads are enough.  Results come
in the order of the jobs, whoever did them: a sum over them is the same to the bit.

An exception may reach whoever waits here at any moment: Ctrl-C, a signal handler that raises, an
asynchronous one.  Threads therefore share nothing but queues written in C, in which an exception
cannot leave a lock behind, and they look at `closing` after each job and each slice of one.
"""

import time
from _thread import start_new_thread
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import RLock, get_ident
from typing import Any, TypeVar

from npcf.errors import SettingError

WAIT = 0.1  # seconds between two polls
MOST = 256  # threads
NAP, NAPS = 1e-3, 100  # seconds; how often a training thread gives way to readers before it goes on

Read = TypeVar("Read")

Poll = Callable[[], Any]
Job = Callable[[Poll], Any]
Run = Callable[[Sequence[Job], Poll], list[Any]]


class Closed(Exception):  # noqa: N818 : not an error
    """The pool is closing: a job ends where it stands."""


@contextmanager
def pool(threads: int) -> Iterator[Run]:
    """Give `run(jobs, poll)`: the jobs' results in order; `poll()` is called at times.

    With one thread the jobs call it themselves: to hand small jobs to another thread would cost up
    to half of their time.  With several, the thread that waits for them does.  After an exception,
    such as Ctrl-C, jobs that have not begun never do, and others end where they poll; when the
    exception arrives outside, no thread is at work any more.
    """
    if threads == 1:
        yield lambda jobs, poll: [job(poll) for job in jobs]
        return
    workers = Workers()
    try:
        yield lambda jobs, poll: workers.run(jobs, poll, min(threads, MOST))
    finally:
        workers.close()


class Workers:
    """Threads that take jobs from a queue.

    An asynchronous exception that is meant for whoever starts a thread may meet the new thread, at
    its first line (Python < 3.12 gives both one number).  `threading.Thread.start` would then wait
    for ever.  So they are started by `_thread`, in the midst of a generator, where it is caught.
    """

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Any] = SimpleQueue()
        self.news: SimpleQueue[Any] = SimpleQueue()
        self.alive: set[int] = set()
        self.died: list[BaseException] = []
        self.started, self.closing = 0, False

    def run(self, jobs: Sequence[Job], poll: Poll, threads: int) -> list[Any]:
        """Return the results of all jobs, or raise the first job's exception."""
        results: list[Any] = [None] * len(jobs)
        for task in enumerate(jobs):
            self.jobs.put((*task, results))
        while self.started < min(threads, len(jobs)):
            self._start()
        left = len(jobs)
        while left:
            try:
                left -= self.news.get(timeout=WAIT)
            except Empty:
                poll()
            if self.died:
                _raise(self.died)
        errors = [result.error for result in results if isinstance(result, Failed)]
        if errors:
            results.clear()
            _raise(errors)
        return results

    def close(self) -> None:
        """Let all threads end, and wait until they have, whatever is raised meanwhile."""
        late: list[BaseException] = []
        while self.alive or not self.closing:
            try:
                self.closing = True
                self._send_home()
            except BaseException as error:
                late.append(error)
        if late:
            _raise(late)

    def _start(self) -> None:
        self.started += 1
        work = self._work(self.started)
        next(work)
        try:
            start_new_thread(next, (work, None))
        except RuntimeError as error:
            raise SettingError("threads", f"cannot be so many: {error}", "Take fewer.") from None

    def _send_home(self) -> None:
        with suppress(Empty):
            while True:
                self.jobs.get_nowait()
        for _ in range(len(self.alive)):
            self.jobs.put(None)
        while self.alive:
            with suppress(Empty):
                self.news.get(timeout=WAIT)

    def _work(self, number: int) -> Iterator[None]:
        self.alive.add(number)
        try:
            yield  # what follows is done by the new thread
            while not self.closing and (task := self.jobs.get()) is not None:
                at, job, results = task
                try:
                    results[at] = job(self._poll)
                except BaseException as error:
                    results[at] = Failed(error)
                del task, job, results
                self.news.put(1)
        except BaseException as error:  # between two jobs: whoever waits for them hears of it
            if not isinstance(error, GeneratorExit):
                self.died.append(error)
        finally:
            self.alive.discard(number)
            self.news.put(0)

    def _poll(self) -> None:
        if self.closing:
            raise Closed


class Failed:
    """A job that has raised."""

    def __init__(self, error: BaseException):
        self.error = error


def _raise(errors: list[BaseException]) -> None:
    """Raise the first; the list is emptied, or the traceback, which holds it, would hold itself."""
    try:
        raise errors[0]
    finally:
        errors.clear()


class Gate:
    """Lets tables be read between two stretches of training, never inside one.

    Training threads hold a lock each while a compiled loop changes rows, for about a hundredth of a
    second; a reader holds all of them.  A thread may read what it trains itself: then no loop of
    its own is running.

        with gate.changing(b): ...        while a loop changes rows of block b
        gate.reading(work)

    An exception may arrive anywhere: locks are taken by `with` statements alone, which cannot leave
    one behind.  Nor does anything hang on `readers`, who are only given the way.
    """

    def __init__(self, n: int):
        self.n, self.locks, self.readers = n, [RLock() for _ in range(n)], set[int]()

    def __reduce__(self) -> Any:  # locks cannot be copied, and a copy of the tables has its own
        return Gate, (self.n,)

    def changing(self, b: int) -> Any:
        """Return the lock to hold, after those who want to read have had their chance."""
        for _ in range(NAPS):
            if not self.readers or self.readers == {get_ident()}:
                break
            time.sleep(NAP)
        return self.locks[b % self.n]

    def reading(self, work: Callable[[], Read]) -> Read:
        """Return `work()`, done between two stretches of all threads."""
        me = get_ident()
        inside = me in self.readers
        try:
            self.readers.add(me)
            return self._holding(work, 0)
        finally:
            if not inside:
                self.readers.discard(me)

    def _holding(self, work: Callable[[], Read], first: int) -> Read:
        if first == self.n:
            return work()
        with self.locks[first]:
            return self._holding(work, first + 1)
