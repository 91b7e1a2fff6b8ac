"""Implementations of the protocol to look at: plain NumPy, and npcf's own executions.

PyTorch, JAX and C are in the repository under `compare/implementations/`.

Each is a module for `npcf conformance npcf.verify.examples.plain`.  `plain` is written from the
protocol's page alone.
"""
