"""Implementations of the protocol to look at: plain NumPy, npcf's own executions, torch, JAX, C.

Each is a module for `npcf conformance npcf.verify.conformance.examples.plain`.  `plain` is written
from the protocol's page alone; it is also the correct one that `mutants` make wrong.
"""
