"""A progress bar where somebody watches, and nothing elsewhere."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any


def with_progress(things: Iterable[Any], total: int, label: str, show: bool | None) -> Any:
    """Return `things`, wrapped in a tqdm bar on standard error if wanted and possible.

    `show=None` means: only on a terminal.  Without tqdm (extra `progress`) there is no bar.
    """
    bar = _bar(things, total, label, show)
    return things if bar is None else bar


@contextmanager
def progress_bar(total: int, label: str, show: bool | None) -> Iterator[Callable[[int], Any]]:
    """Give a function to call with the number of steps done so far; shown as by `with_progress`."""
    bar = _bar(None, total, label, show)
    if bar is None:
        yield lambda done: None
        return
    with bar:
        yield lambda done: bar.update(done - bar.n)


def _bar(things: Iterable[Any] | None, total: int, label: str, show: bool | None) -> Any:
    if show is None:
        show = sys.stderr.isatty()
    if not show:
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(things, total=total, desc=label, leave=False, file=sys.stderr)
