"""The protocol in other people's libraries: PyTorch, JAX, plain C, and five functions by hand.

npcf conformance compare.implementations.pytorch      (from the root of the repository)
"""
