"""What a gradient check found: for every method and array, the entry that is worst."""

from typing import Any, NamedTuple

import numpy as np

from npcf import _notebook
from npcf._types import FloatArray


class Mismatch(NamedTuple):
    """The entry of one array that uses most of what is allowed, by one method."""

    method: str
    name: str
    position: tuple[int, ...]  # () where a method has one number for all arrays
    analytic: float
    numeric: float
    error: float
    allowed: float
    relative: float  # largest error of the array against its largest entry

    @property
    def ok(self) -> bool:
        """Whether the error is allowed; NaN is not."""
        return self.error <= self.allowed


class GradcheckReport(NamedTuple):
    """One Mismatch for every method and array; `ok` if all are."""

    worst: tuple[Mismatch, ...]
    entries: int
    skipped: tuple[tuple[str, str], ...] = ()  # a method and why
    hints: tuple[str, ...] = ()  # how a wrong gradient differs from the right one

    @property
    def ok(self) -> bool:
        """Whether every entry lies within its tolerance."""
        return all(mismatch.ok for mismatch in self.worst)

    def __str__(self) -> str:
        header = (
            f"{'method':<20} {'array':<13} {'worst entry':<12} {'analytic':>13} {'numeric':>13}"
        )
        lines = [f"{header} {'error':>8} {'allowed':>8}"]
        for m in self.worst:
            index = ", ".join(map(str, m.position))
            lines.append(
                f"{m.method:<20} {m.name:<13} {'[' + index + ']':<12} {m.analytic:>13.6e} "
                f"{m.numeric:>13.6e} {m.error:>8.1e} {m.allowed:>8.1e}{'' if m.ok else '  WRONG'}"
            )
        lines += [f"{method:<20} skipped: {reason}" for method, reason in self.skipped]
        lines += [f"hint: {hint}" for hint in self.hints]
        return "\n".join([*lines, self._verdict()])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        header = "method", "array", "worst entry", "analytic", "numeric", "error", "allowed", ""
        rows = [
            (m.method, m.name, str(list(m.position) or ""), f"{m.analytic:.6e}", f"{m.numeric:.6e}",
             f"{m.error:.1e}", f"{m.allowed:.1e}", "" if m.ok else "WRONG")
            for m in self.worst
        ]  # fmt: skip
        skipped = "".join(
            _notebook.paragraph(f"{method} skipped: {reason}") for method, reason in self.skipped
        )
        hints = "".join(_notebook.paragraph(f"Hint: {hint}") for hint in self.hints)
        table = _notebook.table(header, rows, align="lllrrrrl")
        return _notebook.paragraph(self._verdict()) + table + hints + skipped

    def _verdict(self) -> str:
        return f"{self.entries} entries by each method: {'all right' if self.ok else 'WRONG'}"


def worst_entry(
    method: str,
    name: str,
    analytic: FloatArray,
    numeric: FloatArray,
    allowed: FloatArray,
    rows: Any = None,
) -> Mismatch:
    """Find the entry whose error is largest in units of what is allowed; NaN is the largest.

    `rows` are the row numbers that the first axis stands for, if not 0, 1, ….
    """
    error = np.abs(analytic - numeric)
    with np.errstate(all="ignore"):  # what is allowed may be the smallest subnormal, or nothing
        used = np.where(error == 0, 0.0, error / allowed)
    used = np.where(np.isnan(error) | np.isnan(used), np.inf, used)
    index = tuple(map(int, np.unravel_index(int(used.argmax()), error.shape)))
    largest = np.abs(numeric).max()
    relative = float(error.max() / largest) if largest else float(error.max())
    position = index if rows is None else (int(rows[index[0]]), *index[1:])
    return Mismatch(
        method, name, position, float(analytic[index]), float(numeric[index]),
        float(error[index]), float(allowed[index]), relative,
    )  # fmt: skip


def scalar_mismatch(method: str, analytic: float, numeric: float, allowed: float) -> Mismatch:
    """Compare one number that stands for all arrays."""
    error = abs(analytic - numeric)
    relative = error / abs(numeric) if numeric else error
    return Mismatch(method, "all arrays", (), analytic, numeric, error, float(allowed), relative)
