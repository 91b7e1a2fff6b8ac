"""Trained models from and for others: the sources' layouts of one and the same numbers."""

from npcf.interop.state_dicts import LAYOUTS, convert, detect_layout

__all__ = ["LAYOUTS", "convert", "detect_layout"]
