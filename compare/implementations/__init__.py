"""The protocol in npcf's executions, PyTorch, JAX, plain C, and five functions by hand.

npcf conformance compare.implementations.pytorch      (from the root of the repository)
"""
