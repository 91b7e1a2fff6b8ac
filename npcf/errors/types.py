"""Exception types, each with a stable `code`.

Each names the argument, the first offending position and value, and the cure.  Each is also the
built-in exception that a caller would expect (`ShapeError` is a `ValueError`), so `except
IndexError` around a lookup keeps working.
"""

import pickle
from typing import Any


class NpcfError(Exception):
    """Base of all errors raised by npcf: `argument`, `position`, `value`, `cure`, `code`."""

    code = "NPCF-E000"

    def __init__(
        self, argument: str, problem: str, cure: str, *, position: Any = None, value: Any = None
    ):
        where = argument if position is None else f"{argument}[{position}]"
        self.argument, self.position, self.value, self.cure = argument, position, value, cure
        # on one line, also where another library's message has several
        self.message = " ".join(f"{where}: {problem}. {cure} [{self.code}]".splitlines())
        super().__init__(self.message)

    def __str__(self) -> str:  # KeyError would print the repr
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy as (class, args, attributes): unpickling does not call `__init__`.

        An attribute that cannot be pickled, such as a `value` that is a generator, travels as its
        repr: a worker process that fails to send its error would hide the reason.
        """
        state = {name: _portable(value) for name, value in self.__dict__.items()}
        return _rebuild, (type(self), *self.args), state


class ShapeError(NpcfError, ValueError):
    """Shapes that do not belong together."""

    code = "NPCF-E001"


class DTypeError(NpcfError, TypeError):
    """A number type that cannot be computed with, or that would silently change another."""

    code = "NPCF-E002"


class IdRangeError(NpcfError, IndexError):
    """A row number outside its table."""

    code = "NPCF-E003"


class EmptyBatchError(NpcfError, ValueError):
    """A mean over nothing."""

    code = "NPCF-E004"


class SettingError(NpcfError, ValueError):
    """A hyper-parameter outside the range in which its formula means something."""

    code = "NPCF-E005"


class DataError(NpcfError, ValueError):
    """A file or table that cannot be used as it stands: a missing value, a torn line, a bad bit."""

    code = "NPCF-E006"


class UnknownIdError(NpcfError, KeyError):
    """A user or item that the vocabulary does not hold."""

    code = "NPCF-E007"


class DivergenceError(NpcfError, ArithmeticError):
    """A number on the way that is not finite: a loss, an overflowing logit."""

    code = "NPCF-E008"


class UsageError(NpcfError, TypeError):
    """Used in a way that is not meant: wrong brackets, a missing table, an extra not installed."""

    code = "NPCF-E009"


class WriteError(NpcfError, OSError):
    """A file that could not be written: a full disk, a folder that may not be written to."""

    code = "NPCF-E010"


class RangeWarning(UserWarning):
    """Ratings lie outside the range of the model that is trained on them."""


def _rebuild(cls: type[NpcfError], *args: Any) -> NpcfError:
    error = cls.__new__(cls)
    error.args = args  # OSError.__new__ would leave them to __init__
    return error


def _portable(value: Any) -> Any:
    try:
        pickle.dumps(value)
    except Exception:  # whatever the object's own __reduce__ raises
        return repr(value)
    return value


for _class in (NpcfError, *NpcfError.__subclasses__(), RangeWarning):
    _class.__module__ = "npcf.errors"  # where it is public: in tracebacks, and in pickles
