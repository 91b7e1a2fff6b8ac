"""Trained models from and for others: the sources' layouts of one and the same numbers."""

from typing import TYPE_CHECKING

from npcf.interop.optimizer_states import optimizer_from_state, optimizer_to_state
from npcf.interop.state_dicts import LAYOUTS, convert, detect_layout, model_from_state
from npcf.interop.tensor_files import TensorFile, read_tensors
from npcf.suggestions import suggesting

__all__ = [
    "LAYOUTS",
    "TensorFile",
    "convert",
    "detect_layout",
    "model_from_state",
    "optimizer_from_state",
    "optimizer_to_state",
    "read_tensors",
]

if not TYPE_CHECKING:  # to a type checker every name would be there
    __getattr__ = suggesting(__name__, __all__)
