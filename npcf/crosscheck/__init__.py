"""Hold a PyTorch model of collaborative filtering against the formulas, and name what is wrong.

    report = npcf.crosscheck(model, users, items, rating, y_range=(0, 5.5))

The module is the function: `npcf.crosscheck(...)` calls `npcf.crosscheck.run.crosscheck`, and
`from npcf.crosscheck import Report` works as from any other module.  torch is never imported; who
hands over a model has it.
"""

import importlib
import inspect
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from npcf.suggestions import missing_name

if TYPE_CHECKING:
    from npcf.crosscheck.callback import CrosscheckCallback
    from npcf.crosscheck.evidence import Evidence
    from npcf.crosscheck.report import Report
    from npcf.crosscheck.run import crosscheck
    from npcf.crosscheck.verdict import Diagnosis, Reduced, Stage

__all__ = [
    "CrosscheckCallback",
    "Diagnosis",
    "Evidence",
    "Reduced",
    "Report",
    "Stage",
    "crosscheck",
]

_NAMES = {  # and where they live; loaded on first use
    "CrosscheckCallback": "callback",
    "Diagnosis": "verdict",
    "Evidence": "evidence",
    "Reduced": "verdict",
    "Report": "report",
    "Stage": "verdict",
    "crosscheck": "run",
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    if name == "__signature__":  # what help() shows of something that can be called
        return inspect.signature(__getattr__("crosscheck"))
    raise missing_name(__name__, name, __all__)


class _Callable(ModuleType):
    """A module that can be called: the function that it is named after."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from npcf.crosscheck.run import crosscheck

        return crosscheck(*args, **options)


sys.modules[__name__].__class__ = _Callable
