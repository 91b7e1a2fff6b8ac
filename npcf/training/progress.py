"""A progress bar where somebody watches, and nothing elsewhere."""

import sys
from collections.abc import Iterable
from typing import Any


def with_progress(batches: Iterable[Any], total: int, label: str, show: bool | None) -> Any:
    """Return `batches`, wrapped in a tqdm bar on standard error if wanted and possible.

    `show=None` means: only on a terminal.  Without tqdm (extra `progress`) there is no bar.
    """
    if show is None:
        show = sys.stderr.isatty()
    if not show:
        return batches
    try:
        from tqdm import tqdm
    except ImportError:
        return batches
    return tqdm(batches, total=total, desc=label, leave=False, file=sys.stderr)
