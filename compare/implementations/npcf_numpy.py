"""npcf's reference, NumPy, as an implementation of the protocol."""

from compare.implementations.npcf_adapters import functions
from npcf import ops

LIBRARY = "numpy"
globals().update(functions(ops))
