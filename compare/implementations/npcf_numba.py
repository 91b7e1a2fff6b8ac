"""npcf's compiled execution as an implementation of the protocol."""

from compare.implementations.npcf_adapters import functions
from npcf import kernels

LIBRARY = "numba"
globals().update(functions(kernels))
