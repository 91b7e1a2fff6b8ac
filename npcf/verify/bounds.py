"""A-priori bounds: how far a right implementation may lie from the exact result.

For every operation, the model, its loss and gradients, and the step of every optimiser: any order
of the additions, fused multiply-add or not.  Each function is that of `npcf.verify.operations`, has
the name and arguments of the exact one in `npcf.verify.exact`, and returns float64 arrays: the
running error (`npcf.verify.bounded`) from exact arguments, infinite where the computation may
overflow.  `library` says whose exp and sqrt are used, and whether it flushes subnormals to zero.
Two implementations may differ by twice the bound.
"""

from operator import attrgetter

from npcf.verify.libraries import ANY as ANY
from npcf.verify.libraries import LIBRARIES as LIBRARIES
from npcf.verify.libraries import Library as Library
from npcf.verify.operations import Operations
from npcf.verify.precision import PRECISION as PRECISION
from npcf.verify.precision import Precision as Precision
from npcf.verify.running_error import RunningError

_bounds = Operations(RunningError, attrgetter("bound"))
adam_step = _bounds.adam_step
batch_norm = _bounds.batch_norm
batch_norm_backward = _bounds.batch_norm_backward
batch_norm_running = _bounds.batch_norm_running
bias = _bounds.bias
bias_backward = _bounds.bias_backward
concatenate = _bounds.concatenate
concatenate_backward = _bounds.concatenate_backward
dot_product_bias = _bounds.dot_product_bias
dot_product_bias_all = _bounds.dot_product_bias_all
dot_product_bias_backward = _bounds.dot_product_bias_backward
dot_product_bias_gradients = _bounds.dot_product_bias_gradients
dot_product_bias_loss = _bounds.dot_product_bias_loss
dropout = _bounds.dropout
dropout_backward = _bounds.dropout_backward
embedding_backward = _bounds.embedding_backward
linear = _bounds.linear
linear_backward = _bounds.linear_backward
lookup = _bounds.lookup
mse = _bounds.mse
mse_backward = _bounds.mse_backward
one_hot = _bounds.one_hot
relu = _bounds.relu
relu_backward = _bounds.relu_backward
renormalise_rows = _bounds.renormalise_rows
rmsprop_step = _bounds.rmsprop_step
row_dot = _bounds.row_dot
row_dot_backward = _bounds.row_dot_backward
sgd_step = _bounds.sgd_step
sigmoid = _bounds.sigmoid
sigmoid_range = _bounds.sigmoid_range
sigmoid_range_backward = _bounds.sigmoid_range_backward
sparse_adam_step = _bounds.sparse_adam_step
