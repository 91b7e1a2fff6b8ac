"""npcf: the collaborative-filtering model of fastai's lesson 5, every gradient written out by hand.

    rating(u, i) = low + (high - low) * sigmoid( P[u] . Q[i] + b[u] + c[i] )

The letters used everywhere: B batch, U users, I items, K factors.
"""

from npcf import errors, models, ops, optim

__all__ = ["errors", "models", "ops", "optim"]
