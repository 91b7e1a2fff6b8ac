"""torch's own optimisers, told something else than was meant."""

import torch
from torch import optim

from compare.crosscheck.programs.entering import settings, wrong_optimizer
from compare.crosscheck.right import Embeddings

ADAMW = {"optimizer": "adamw", "lr": 5e-3, "weight_decay": 0.1, "betas": (0.9, 0.99), "eps": 1e-5}
ADAM = {"optimizer": "adam", "lr": 5e-3, "betas": (0.9, 0.99), "eps": 1e-5}
ADAM_L2 = ADAM | {"weight_decay": 0.1}
SGD = {"optimizer": "sgd", "lr": 0.1}
SGD_L2 = SGD | {"weight_decay": 0.1}
MOMENTUM = SGD | {"momentum": 0.9}
NESTEROV = MOMENTUM | {"nesterov": True}
RMSPROP = {"optimizer": "rmsprop", "lr": 0.01, "alpha": 0.9, "eps": 1e-8}


@wrong_optimizer("decay_coupling_swapped", "decay_never_decoupled", intended=ADAMW, real=(15,))
def adam_for_adamw(model):
    return optim.Adam(model.parameters(), lr=5e-3, weight_decay=0.1, betas=(0.9, 0.99), eps=1e-5)


@wrong_optimizer("decay_coupling_swapped", "decay_always_decoupled", intended=ADAM_L2, real=(15,))
def adamw_for_adam(model):
    return optim.AdamW(model.parameters(), **settings(ADAM_L2))


@wrong_optimizer("no_weight_decay", intended=ADAM_L2)
def decay_not_passed_on(model):
    return optim.Adam(model.parameters(), lr=5e-3, betas=(0.9, 0.99), eps=1e-5)


@wrong_optimizer("no_weight_decay", intended=SGD_L2)
def decay_not_passed_on_to_sgd(model):
    return optim.SGD(model.parameters(), lr=0.1)


@wrong_optimizer("decay_doubled", "another_weight_decay", intended=SGD_L2)
def gradient_of_the_penalty(model):
    return optim.SGD(model.parameters(), lr=0.1, weight_decay=2 * 0.1)


@wrong_optimizer("betas_swapped", intended=ADAM, needs="two steps")
def betas_in_the_other_order(model):
    return optim.Adam(model.parameters(), **settings(ADAM, betas=(0.99, 0.9)))


@wrong_optimizer(
    "beta2_default", "betas_default", "another_beta2", intended=ADAMW, needs="two steps"
)
def beta2_of_torch(model):
    return optim.AdamW(model.parameters(), **settings(ADAMW, betas=(0.9, 0.999)))


@wrong_optimizer("eps_default", "another_eps", intended=ADAM)
def eps_of_torch(model):
    return optim.Adam(model.parameters(), lr=5e-3, betas=(0.9, 0.99))


@wrong_optimizer("no_eps", "another_eps", intended=ADAM | {"eps": 1e-3})
def eps_zero(model):
    return optim.Adam(model.parameters(), **settings(ADAM, eps=0.0))


@wrong_optimizer("amsgrad", intended=ADAM, needs="a gradient that becomes smaller")
def amsgrad_on(model):
    return optim.Adam(model.parameters(), **settings(ADAM), amsgrad=True)


@wrong_optimizer("nesterov_ignored", intended=NESTEROV)
def nesterov_not_set(model):
    return optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@wrong_optimizer("nesterov_always", intended=MOMENTUM)
def nesterov_set(model):
    return optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)


@wrong_optimizer("dampening_ignored", intended=MOMENTUM | {"dampening": 0.9}, needs="two steps")
def dampening_not_set(model):
    return optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


@wrong_optimizer("sgd_climbs", "maximized", intended=SGD)
def maximising(model):
    return optim.SGD(model.parameters(), lr=0.1, maximize=True)


@wrong_optimizer("adam_climbs", "maximized", intended=ADAM)
def adam_maximising(model):
    return optim.Adam(model.parameters(), **settings(ADAM), maximize=True)


@wrong_optimizer("rmsprop_climbs", "maximized", intended=RMSPROP)
def rmsprop_maximising(model):
    return optim.RMSprop(model.parameters(), **settings(RMSPROP), maximize=True)


@wrong_optimizer("alpha_default", intended=RMSPROP)
def alpha_of_torch(model):
    return optim.RMSprop(model.parameters(), lr=0.01)


@wrong_optimizer("never_centered", intended=RMSPROP | {"centered": True})
def not_centered(model):
    return optim.RMSprop(model.parameters(), **settings(RMSPROP))


@wrong_optimizer("always_centered", intended=RMSPROP)
def centered(model):
    return optim.RMSprop(model.parameters(), **settings(RMSPROP), centered=True)


@wrong_optimizer(
    "rmsprop_momentum_ignored", intended=RMSPROP | {"momentum": 0.9}, needs="two steps"
)
def rmsprop_without_momentum(model):
    return optim.RMSprop(model.parameters(), **settings(RMSPROP))


@wrong_optimizer(
    "beta1_zero", "adam_without_momentum", "another_beta1", intended=ADAM, needs="two steps"
)
def beta1_zero(model):
    return optim.Adam(model.parameters(), **settings(ADAM, betas=(0.0, 0.99)))


@wrong_optimizer("momentum_left_out", "state_lost", intended=MOMENTUM, needs="two steps")
def momentum_not_passed_on(model):
    return optim.SGD(model.parameters(), lr=0.1)


@wrong_optimizer("squares_summed", intended=RMSPROP | {"alpha": 0.99, "eps": 1e-10})
def adagrad_for_rmsprop(model):
    return optim.Adagrad(model.parameters(), lr=0.01, eps=1e-10)


class SparseEmbeddings(Embeddings):
    """The same tables with sparse gradients."""

    def __init__(self, *sizes):
        super().__init__(*sizes, sparse=True)


@wrong_optimizer("adam_skips_zero_gradients", "absent_rows_stay", "sparse_adam_for_adam",
                 intended=ADAM,
                 model=SparseEmbeddings, real=(19, 20),
                 needs="a row touched, then absent")  # fmt: skip
def sparse_adam(model):
    return optim.SparseAdam(list(model.parameters()), **settings(ADAM))


@wrong_optimizer(intended=SGD_L2, model=SparseEmbeddings, stage=("step", "contract"), real=(19,),
                 needs="torch refuses it: nothing but the exception is seen")  # fmt: skip
def sparse_gradients_with_decay(model):
    return optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)


@wrong_optimizer("no_weight_decay", intended=ADAMW)
def adam_and_no_decay(model):
    optimizer = torch.optim.Adam(model.parameters())
    for group in optimizer.param_groups:
        group.update(lr=5e-3, betas=(0.9, 0.99), eps=1e-5)
    return optimizer
