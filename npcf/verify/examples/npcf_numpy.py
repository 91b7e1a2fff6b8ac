"""npcf's reference, NumPy, as an implementation of the protocol."""

from npcf import ops
from npcf.verify.examples.npcf_adapters import functions

LIBRARY = "numpy"
globals().update(functions(ops))
