"""npcf's compiled execution as an implementation of the protocol."""

from npcf import kernels
from npcf.verify.examples.npcf_adapters import functions

LIBRARY = "numba"
globals().update(functions(kernels))
