"""What a gradient check found: for every method and array, the entry that is worst."""

from typing import NamedTuple


class Mismatch(NamedTuple):
    """The entry of one array that uses most of what is allowed, by one method."""

    method: str
    name: str
    position: tuple[int, ...]
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
        lines.append(
            f"{self.entries} entries by each method: {'all right' if self.ok else 'WRONG'}"
        )
        return "\n".join(lines)
