"""Parameter groups in which something is missing, foreign, or treated differently."""

import copy

from torch import optim

from compare.crosscheck.programs.configured import ADAMW, SGD, SGD_L2
from compare.crosscheck.programs.entering import settings, wrong_optimizer
from compare.crosscheck.right import BookParams, Embeddings, TwoColumns


def factors_and_biases(model):
    """Parameters by their names."""
    named = list(model.named_parameters())
    biases = [p for name, p in named if "bias" in name or name.startswith("b")]
    factors = [p for name, p in named if not ("bias" in name or name.startswith("b"))]
    return factors, biases


@wrong_optimizer("biases_do_not_decay", intended=ADAMW)
def biases_without_decay(model):
    factors, biases = factors_and_biases(model)
    groups = [{"params": factors}, {"params": biases, "weight_decay": 0.0}]
    return optim.AdamW(groups, **settings(ADAMW))


@wrong_optimizer("users_do_not_decay", intended=SGD_L2, model=BookParams)
def only_movies_decay(model):
    users = [p for name, p in model.named_parameters() if name.startswith("user")]
    movies = [p for name, p in model.named_parameters() if name.startswith("movie")]
    return optim.SGD([{"params": users}, {"params": movies, "weight_decay": 0.1}], lr=0.1)


@wrong_optimizer("biases_at_twice_the_rate", intended=SGD)
def rates_of_caffe(model):
    factors, biases = factors_and_biases(model)
    return optim.SGD([{"params": factors}, {"params": biases, "lr": 0.2}], lr=0.1)


@wrong_optimizer("table_left_out", intended=SGD, stage=("contract", "step"), model=TwoColumns)
def item_bias_forgotten(model):
    return optim.SGD([model.P, model.Q, model.bu], lr=0.1)


@wrong_optimizer("table_left_out", intended=ADAMW, stage=("contract", "step"), model=Embeddings)
def items_forgotten(model):
    params = [*model.user_factors.parameters(), *model.user_bias.parameters()]
    return optim.AdamW(params + list(model.item_bias.parameters()), **settings(ADAMW))


@wrong_optimizer(
    "table_left_out", "step_not_taken", intended=SGD, stage=("contract", "step"), real=(28,)
)
def parameters_of_a_copy(model):
    return optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)


@wrong_optimizer(
    "table_left_out", "step_not_taken", intended=ADAMW, stage=("contract", "step"), real=(28,)
)
def optimizer_before_the_cast(model):
    optimizer = optim.AdamW(model.parameters(), **settings(ADAMW))
    for name, p in list(model.named_parameters()):  # parameters are replaced afterwards
        owner = model
        *path, last = name.split(".")
        for part in path:
            owner = getattr(owner, part)
        setattr(owner, last, type(p)(p.detach().clone()))
    return optimizer
