"""Jobs done by one thread or several, while somebody listens for whoever wants to stop.

Compiled loops let go of the interpreter's lock, so plain Python threads are enough.  Results come
in the order of the jobs, whoever did them: a sum over them is the same to the bit.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

WAIT = 0.1  # seconds between two looks at whether somebody wants to stop

Listen = Callable[[], Any]
Job = Callable[[Listen], Any]
Run = Callable[[Sequence[Job], Listen], list[Any]]


@contextmanager
def pool(threads: int) -> Iterator[Run]:
    """Give `run(jobs, listen)`: the jobs' results in order; `listen()` is called at times.

    One thread listens itself, inside its jobs: to hand small jobs to another thread would cost up
    to half of their time.  Several do not listen: who waits for them does.  After an exception,
    such as Ctrl-C, jobs that have not begun never do.
    """
    if threads == 1:
        yield lambda jobs, listen: [job(listen) for job in jobs]
        return
    workers = ThreadPoolExecutor(threads)

    def run(jobs: Sequence[Job], listen: Listen) -> list[Any]:
        futures = [workers.submit(job, lambda: None) for job in jobs]
        while wait(futures, timeout=WAIT).not_done:
            listen()
        return [future.result() for future in futures]

    try:
        yield run
    finally:
        workers.shutdown(cancel_futures=True)
