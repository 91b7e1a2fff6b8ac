"""Trained models from and for others: the sources' layouts of one and the same numbers."""

from typing import TYPE_CHECKING

from npcf.interop.state_dicts import LAYOUTS, convert, detect_layout
from npcf.suggestions import suggesting

__all__ = ["LAYOUTS", "convert", "detect_layout"]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)
