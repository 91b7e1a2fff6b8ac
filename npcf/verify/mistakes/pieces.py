"""Pieces of the right program that a mistake may change: where each is seen first.

A piece is a method of the formulas or of the training loop, or a function of the plain example.
"""

STAGES = ("contract", "data", "output", "loss", "gradient", "step", "loop", "schedule", "files")
# For each stage, the functions of the protocol in which pieces are seen first, and the pieces.
PIECES = {
    "data": {"epoch_batches": "epoch_batches generator shuffled n_batches cut"},
    "output": {
        "embedding_forward": "written lookup", "row_dot_forward": "dot",
        "bias_forward": "bias_rows logit",
        "sigmoid_range_forward": "height sigmoid range_forward",
        "dot_product_bias_forward": "ids forward",
        "linear_forward": "affine", "relu_forward": "relu", "concatenate_forward": "concatenate",
        "dropout_forward dropout_backward": "kept",
        "batch_norm_forward": "mean_of variance_of inverse_root scaled batch_norm",
        "": "running unbiased",
    },
    "loss": {"mse_forward": "residual loss", "mse_backward": "loss_gradient"},
    "gradient": {
        "embedding_backward": "scatter", "row_dot_backward": "dot_gradients",
        "bias_backward": "bias_gradients", "sigmoid_range_backward": "range_backward",
        "dot_product_bias_backward": "backward", "": "scatter_mean",
        "linear_backward": "affine_gradients", "relu_backward": "relu_gradient",
        "concatenate_backward": "parts_of",
        "batch_norm_backward": "batch_norm_gradients batch_norm_slope",
    },
    "step": {
        "sgd_step adam_step": "l2 shrink decay decay_after",
        "sgd_step": "first_buffer buffer look_ahead move sgd",
        "adam_step": "average average_square correction adam_root adam_update adam",
        "": "lerp variance sparse_adam rmsprop rmsprop_root",
    },
    "loop": {
        "train": "order gradients advance time settings tables recall remember moved step update "
                 "apply record train",
    },
    "schedule": {
        "linear": "linear", "exponential": "exponential", "cosine": "cosine half_cosine",
        "cosine_restarts": "cosine_restarts cycles longer", "step_decay": "step_decay",
        "one_cycle_fastai": "one_cycle_fastai positions two_phases",
        "one_cycle_torch": "one_cycle_torch torch_phases",
    },
    "files": {"save": "save", "load": "load"},
}  # fmt: skip
_PLACES = [
    (piece, stage, functions.split())
    for stage, parts in PIECES.items()
    for functions, pieces in parts.items()
    for piece in pieces.split()
]
STAGE_OF = {piece: stage for piece, stage, _ in _PLACES}
FUNCTIONS_OF = {piece: functions for piece, _, functions in _PLACES}
