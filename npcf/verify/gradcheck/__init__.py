"""Is a hand-written gradient right?  One entry, for npcf's models and for functions of your own.

    gradcheck(model, batch)       every gradient of the mean squared error of a model
    gradcheck(f, vjp, inputs)     f(*inputs) -> out;  vjp(d_out, *inputs) -> the gradients

Four ways, of which the first two look at every entry:

    complex step         Im f(x + i h) / h for a tiny h: no subtraction, so no cancellation; exact
                         but for rounding (Squire & Trapp 1998).  Needs an f free of abs, max and
                         conj; where there is none it is skipped, and the report says why.
    central differences  (f(x + h) - f(x - h)) / (2 h),  h = eps**(1/3) times the entry's size
    random direction     the same quotient along one direction v through all arrays at once, <g, v>
    adjoint identity     <J v, w> = <v, J^T w> for a fresh v and a fresh upstream gradient w

What each may differ by is derived (`tolerances`): for models from the running-error bound of every
entry, for functions from one stated assumption on their rounding.
"""

from npcf.verify.gradcheck.check import gradcheck as gradcheck
from npcf.verify.gradcheck.subject import as_vjp as as_vjp
