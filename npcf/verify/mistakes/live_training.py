"""Mistakes of live programs in the optimiser and the training step: no mutants of the suite."""
# fmt: off

from functools import partial
from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import clip, mistake
from npcf.verify.mistakes.training import clipped

live = partial(mistake, live=True)


def changed(f: Any, at: Any, **settings: Any) -> Any:
    """Return a table's settings with others."""
    return f.settings(*at) | settings


# -- another optimiser, or other settings ----------------------------------------------------------

live("sgd_for_adam", "Plain SGD steps where Adam was meant.", "torch.optim.Adam.",
     options=({"decay": "none"}, {"decay": "coupled"}, {"decay": "decoupled"}),
     update=lambda f, rule, name, w, g, state, t, s, decay: f.update(
         "sgd", name, w, g, state, t, _plain(s, decay)))
live("adam_for_sgd", "Adam steps where SGD was meant.", "torch.optim.SGD.",
     options=({"decay": "none"}, {"decay": "coupled"}, {"decay": "decoupled"}),
     update=lambda f, rule, name, w, g, state, t, s, decay: f.update(
         "adam", name, w, g, state, t, _plain(s, decay)))
live("rmsprop_for_adam", "RMSProp steps where Adam was meant.", "torch.optim.Adam.",
     options=({"decay": "none"}, {"decay": "coupled"}, {"decay": "decoupled"}),
     update=lambda f, rule, name, w, g, state, t, s, decay: f.update(
         "rmsprop", name, w, g, state, t, _plain(s, decay)))
live("sparse_adam_for_adam", "SparseAdam steps where Adam was meant: no decay, and rows without a "
     "gradient stay.", "torch.optim.Adam, with sparse=False in the tables.",
     update=lambda f, rule, name, w, g, state, t, s: f.update(
         "sparse_adam", name, w, g, state, t, {k: s[k] for k in ("lr", "betas", "eps") if k in s}))
live("momentum_left_out", "There is no momentum.", "Pass momentum on.",
     settings=lambda f, *at: (lambda s: s | {
         name: False for name in ("momentum", "nesterov") if name in s})(f.settings(*at)))
live("maximized", "The optimiser maximises.", "maximize=False.",
     settings=lambda f, *at: changed(f, at, maximize=True))
live("another_rate", "The learning rate is another one than was meant.", "Pass lr as meant.",
     settings=lambda f, *at, factor=1.0: (lambda s: s | {"lr": s["lr"] * factor})(
         f.settings(*at)))
live("another_weight_decay", "The weight decay is another one than was meant.",
     "Pass weight_decay as meant.",
     settings=lambda f, *at, weight_decay=0.0, **coupling: changed(
         f, at, weight_decay=weight_decay, **coupling))
live("another_momentum", "The momentum is another one than was meant.", "Pass momentum as meant.",
     settings=lambda f, *at, momentum=0.9: changed(f, at, momentum=momentum))
live("another_beta1", "beta1 is another one than was meant.", "Pass betas as meant.",
     settings=lambda f, *at, beta1=0.9: (lambda s: s | {"betas": (beta1, s["betas"][1])})(
         f.settings(*at)))
live("another_beta2", "beta2 is another one than was meant.", "Pass betas as meant.",
     settings=lambda f, *at, beta2=0.999: (lambda s: s | {"betas": (s["betas"][0], beta2)})(
         f.settings(*at)))
live("another_eps", "eps is another one than was meant.", "Pass eps as meant.",
     settings=lambda f, *at, eps=1e-8: changed(f, at, eps=eps))
live("betas_default", "Both betas are torch's defaults.", "Pass betas on.",
     settings=lambda f, *at: changed(f, at, betas=(0.9, 0.999)))
live("beta1_zero", "beta1 is 0: there is no first moment.", "Pass betas on.",
     settings=lambda f, *at: (lambda s: s | {"betas": (0.0, s["betas"][1])})(f.settings(*at)))
live("nesterov_with_the_old_buffer", "The step looks ahead with the buffer of the step before.",
     "g + momentum * buf, with the new buf.",
     sgd=lambda f, w, g, buf, **s: _with_old_buffer(f, w, g, buf, **s))
live("step_scaled", "The step is multiplied by a constant, the decay is not.", "w - lr * m / root.",
     move=lambda f, w, lr, g, factor=1.0: f.move(w, factor * lr, g),
     adam_update=lambda f, m, lr, *at, factor=1.0: f.adam_update(m, factor * lr, *at))


def _plain(settings: Any, decay: str) -> Any:
    """Return rate and decay only; the other settings are defaults."""
    wd = settings.get("weight_decay", 0.0) if decay != "none" else 0.0
    return {"lr": settings["lr"], "weight_decay": wd, "decoupled": decay == "decoupled"}


def _with_old_buffer(
    f: Any, w: Any, g: Any, buf: Any, *, lr: float, momentum: float = 0.0,
    weight_decay: float = 0.0, decoupled: bool = False, **s: Any,
) -> Any:
    rate, mu, wd = f.n.numbers(lr, momentum, weight_decay)
    _, new = f.sgd(w, g, buf, lr=lr, momentum=momentum, weight_decay=weight_decay,
                   decoupled=decoupled, **s)
    w, g = f.at("sgd").decay(w, g, rate, wd, decoupled)
    return f.move(w, rate, g if buf is None else g + mu * buf), new


# -- the training step -----------------------------------------------------------------------------

live("step_taken_twice", "optimizer.step() is called twice.", "Call it once.",
     apply=lambda f, *args: (f.apply(*args), f.apply(*args))[1])
live("step_not_taken", "optimizer.step() is not called: nothing moves.",
     "Call it after backward().",
     apply=lambda f, *args: None)
live("backward_twice", "backward() is called twice: gradients are doubled.", "Call it once.",
     gradients=lambda f, *args: _scaled(2, *f.gradients(*args)))
live("gradients_scaled", "All gradients are multiplied by a constant, after the loss.",
     "Step along the gradients as they are; unscale them first.",
     gradients=lambda f, *args, factor=1.0: _scaled(f.n.number(factor), *f.gradients(*args)))
live("micro_batches_not_averaged", "Gradients of parts of the batch are added, and not averaged.",
     "Divide the loss of each part by the number of parts.", options=({"parts": 2}, {"parts": 4}),
     gradients=lambda f, params, batch, *at, parts: _of_parts(f, params, batch, at, parts))
live("optimiser_made_anew", "The optimiser is made anew for each step: its state is lost.",
     "Make it once, before the loop.",
     apply=lambda f, params, gradients, batch, rule, settings, state: f.apply(
         params, gradients, batch, rule, settings, {"t": np.array(0)}))
live("step_before_backward", "optimizer.step() comes before backward(): it takes the gradients of "
     "the batch before.", "loss.backward(), then optimizer.step().",
     step=lambda f, params, batch, y_range, rule, settings, state: _late(
         f, params, batch, y_range, rule, settings, state))
live("training_ratings_in_another_order", "The training step uses the ratings in another order.",
     "Keep ratings and ids in one order.", options=({"by": -1}, {"by": 1}, {"by": 0}),
     gradients=lambda f, params, batch, *at, by: f.gradients(
         params, (*batch[:2], np.roll(batch[2], by) if by else batch[2][::-1]), *at))
live("last_of_the_batch_dropped", "The last rating of each batch is not trained on.",
     "Use the whole batch.",
     gradients=lambda f, params, batch, *at: f.gradients(
         params, tuple(column[:-1] for column in batch), *at))
live("clipped_before_unscaling", "The norm is clipped while the gradients are still multiplied by "
     "the loss's scale: to the limit divided by the scale.",
     "Unscale first: scaler.unscale_(optimizer), then clip_grad_norm_.",
     options=({"scale": 65536.0},), gradients=clipped)
live("gradient_values_clipped", "Every entry of the gradients is clipped.", "Do not clip.",
     gradients=lambda f, *args, limit=1.0: (lambda loss, g: (loss, {
         name: None if x is None else clip(f, x, -limit, limit) for name, x in g.items()}))(
             *f.gradients(*args)))
live("l2_in_the_loss", "The loss has an L2 term.", "Use weight_decay, or leave it out.",
     options=({"on": "tables"}, {"on": "factors"}),
     gradients=lambda f, params, *at, on, c=0.01: _with_l2(
         f, params, on, c, *f.gradients(params, *at)))
live("rate_decays_each_step", "The scheduler is stepped after each batch, not after each epoch.",
     "Call scheduler.step() once an epoch.",
     order=lambda f, batches, lrs, factor=1.0: f.order(
         batches, [lr * factor**t for t, lr in enumerate(lrs)]))
live("scheduler_stepped_twice", "The scheduler is stepped twice a step.",
     "Call scheduler.step() once.",
     order=lambda f, batches, lrs: f.order(batches, [
         lrs[min(2 * t, len(lrs) - 1)] for t in range(len(lrs))]))
live("other_rates", "The learning rates are others than were meant.", "Check the schedule.",
     order=lambda f, batches, lrs, rates=(): f.order(
         batches, [*rates, *lrs[len(rates):]][:len(lrs)]))


def _scaled(factor: Any, loss: Any, gradients: Any) -> Any:
    return loss, {name: None if g is None else g * factor for name, g in gradients.items()}


def _of_parts(f: Any, params: Any, batch: Any, at: Any, parts: int) -> Any:
    """Return the sum of the gradients of parts; which loss is returned is anybody's guess."""
    size = -(-len(batch[0]) // parts)
    cuts = [tuple(column[i : i + size] for column in batch)
            for i in range(0, len(batch[0]), size)]
    _, total = f.gradients(params, cuts[0], *at)
    for cut in cuts[1:]:
        _, more = f.gradients(params, cut, *at)
        total = {name: None if g is None else g + more[name] for name, g in total.items()}
    return None, total


def _late(
    f: Any, params: Any, batch: Any, y_range: Any, rule: Any, settings: Any, state: Any
) -> Any:
    if (held := state.get("held")) is not None:
        f.apply(params, held, batch, rule, settings, state)
    loss, state["held"] = f.gradients(params, batch, y_range, state)
    return loss


def _with_l2(f: Any, params: Any, on: str, c: float, loss: Any, gradients: Any) -> Any:
    more = {name: f.n.number(2 * c) * params[name] for name in gradients
            if on == "tables" or "factors" in name}
    return None, gradients | {
        name: x if gradients[name] is None else gradients[name] + x for name, x in more.items()}
