"""What is proven: for each operation and step its draws, exact results and bounds.

A subject's exact value and bounds are mappings from the name of a result to an array, in the order
in which the executions return it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from compare.proof import draws, layers


class Subject(NamedTuple):
    """One operation or step, forward and backward together."""

    name: str  # the method of the executions
    draw: Callable[..., Any]
    results: tuple[str, ...]  # names of what it returns
    values: Callable[..., Any]  # of the module `exact` or `bounds`: a tuple


def _embedding(module: Any, a: Any, **library: Any) -> Any:
    n_rows = len(a["weight"])
    return (
        module.lookup(a["weight"], a["ids"]),
        module.embedding_backward(a["ids"], a["d_out"], n_rows, **library),
    )


def _by_frequency(module: Any, a: Any, **library: Any) -> Any:
    n_rows, options = len(a["weight"]), {"scale_grad_by_freq": True} | library
    return (module.embedding_backward(a["ids"], a["d_out"], n_rows, **options),)


def _row_dot(module: Any, a: Any, **library: Any) -> Any:
    rows = (a["left"], a["right"])
    return (
        module.row_dot(*rows, **library),
        *module.row_dot_backward(a["d_out"], *rows, **library),
    )


def _bias(module: Any, a: Any, **library: Any) -> Any:
    ids, sizes = (a["users"], a["items"]), (len(a["user_bias"]), len(a["item_bias"]))
    out = module.bias(a["dot"], a["user_bias"], a["item_bias"], *ids, **library)
    return (out, *module.bias_backward(a["d_out"], *ids, *sizes, **library))


def _sigmoid_range(module: Any, a: Any, **library: Any) -> Any:
    ends = (a["low"], a["high"])
    return (
        module.sigmoid(a["x"], **library),
        module.sigmoid_range(a["x"], *ends, **library),
        module.sigmoid_range_backward(a["d_out"], a["x"], *ends, **library),
    )


def _mse(module: Any, a: Any, **library: Any) -> Any:
    return (
        module.mse(a["pred"], a["rating"], **library),
        module.mse_backward(a["d_loss"], a["pred"], a["rating"], **library),
    )


def _model(module: Any, a: Any, **library: Any) -> Any:
    ids, options = (a["params"], a["users"], a["items"]), {"mean": a["mean"]} | library
    pred, loss, grads = module.dot_product_bias_all(*ids, a["rating"], a["y_range"], **options)
    return pred, loss, *grads.values()


def _renormalised(module: Any, a: Any, **library: Any) -> Any:
    return (module.renormalise_rows(a["weight"], a["ids"], a["max_norm"], **library),)


def _step(name: str, *arguments: str) -> Callable[..., Any]:
    def values(module: Any, a: Any, **library: Any) -> Any:
        return getattr(module, name)(*(a[x] for x in arguments), **a["settings"], **library)

    return values


GRADIENTS = ("d_user_factors", "d_item_factors", "d_user_bias", "d_item_bias")
SUBJECTS = (
    Subject("embedding", draws.lookups, ("out", "d_weight"), _embedding),
    Subject("embedding_by_frequency", draws.lookups, ("d_weight",), _by_frequency),
    Subject("one_hot", draws.lookups, ("out", "d_weight"), _embedding),
    Subject("row_dot", draws.row_pairs, ("out", "d_left", "d_right"), _row_dot),
    Subject("bias", draws.biases, ("out", "d_dot", "d_user_bias", "d_item_bias"), _bias),
    Subject("sigmoid_range", draws.ranges, ("s", "out", "d_x"), _sigmoid_range),
    Subject("mse", draws.losses, ("loss", "d_pred"), _mse),
    Subject("dot_product_bias", draws.models, ("pred", "loss", *GRADIENTS), _model),
    Subject("renormalise_rows", draws.norms, ("w",), _renormalised),
    Subject("sgd_step", draws.sgd_steps, ("w", "buf"), _step("sgd_step", "w", "g", "buf")),
    Subject(
        "adam_step",
        draws.adam_steps,
        ("w", "m", "v"),
        _step("adam_step", "w", "g", "m", "v", "t"),
    ),
    Subject(
        "sparse_adam_step",
        draws.sparse_adam_steps,
        ("w", "m", "v"),
        _step("sparse_adam_step", "w", "g", "m", "v", "t"),
    ),
    Subject(
        "rmsprop_step",
        draws.rmsprop_steps,
        ("w", "v", "a", "buf"),
        _step("rmsprop_step", "w", "g", "v", "a", "buf"),
    ),
    # at the end: the seeds of a round's problems are counted from the front
    *(
        Subject(name, draw, layers.results(name), layers.values(name))
        for name, draw in layers.DRAWS.items()
    ),
)
