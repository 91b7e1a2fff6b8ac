r"""SGD without a gradient is linear: what many skipped steps do to a row is one 2x2 matrix.

With g = 0 a step of SGD maps a weight and its buffer to

    w   <- a w + b buf        a = keep - lr (use_g + use_buffer buffer_take) coupled
    buf <- c w + d buf        b = -lr use_buffer buffer_keep
                              c = buffer_take coupled        d = buffer_keep

and skipping the steps since + 1 .. now is the product of their matrices, the latest on the left.
Schedules change the matrix at every step, so there is no power to take.  Products over any range
come from a tree: node i of level l is the product of the 2**l steps from i 2**l on.  Appending a
step completes one node on average; a range of n steps is a product of at most 2 log2(n) nodes.
Nothing is ever divided: decay may be total, or turn the sign.

Without momentum the matrix is the number a = 1 - lr weight_decay, and the product over a range is a
quotient of two running products (`SGDTable.shrink`).
"""

import numpy as np

from npcf.kernels._jit import jit, part


@part
def times(late, early):
    """Return the matrix product late @ early, each as (a, b, c, d)."""
    return (
        late[0] * early[0] + late[1] * early[2],
        late[0] * early[1] + late[1] * early[3],
        late[2] * early[0] + late[3] * early[2],
        late[2] * early[1] + late[3] * early[3],
    )


@part
def node(tree, level, i):
    """Return one node as a tuple."""
    return tree[level, i, 0], tree[level, i, 1], tree[level, i, 2], tree[level, i, 3]


@part
def product(tree, since, now):
    """Return the product of the steps since + 1 .. now; step h is node h - 1 of level 0."""
    early = late = (1.0, 0.0, 0.0, 1.0)
    left, right, level = since, now, 0
    while left < right:
        if left % 2:
            early = times(node(tree, level, left), early)
            left += 1
        if right % 2:
            right -= 1
            late = times(late, node(tree, level, right))
        left, right, level = left // 2, right // 2, level + 1
    return times(late, early)


@jit
def append(tree, matrices, count):
    """Append `matrices` (n, 4) to a tree of `count` steps, whose arrays have room for them."""
    for h in range(matrices.shape[0]):
        i, level = count + h, 0
        tree[0, i] = matrices[h]
        while i % 2:
            i, level = i // 2, level + 1
            pair = times(node(tree, level - 1, 2 * i + 1), node(tree, level - 1, 2 * i))
            for entry in range(4):
                tree[level, i, entry] = pair[entry]


def empty_tree(capacity: int) -> np.ndarray:
    """Return a tree with room for `capacity` steps; untouched memory costs nothing."""
    return np.empty((capacity.bit_length(), capacity, 4))
