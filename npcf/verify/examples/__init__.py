"""Implementations of the protocol to look at: plain NumPy.

Npcf's own executions, PyTorch, JAX and C are in the repository, `compare/implementations/`.

Each is a module for `npcf conformance npcf.verify.examples.plain`.  `plain` is written from the
protocol's page alone.
"""
