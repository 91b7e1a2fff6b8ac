"""Mistakes that show over several steps, or when a run is saved and taken up again."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import clip, mistake


def _decay(f: Any, settings: Any, factor: Any) -> Any:
    return settings | {"weight_decay": settings.get("weight_decay", 0.0) * factor}


def _raised(f: Any, params: Any, batch: Any, y_range: Any, state: Any) -> Any:
    """Return loss and gradients, these with those of earlier steps added."""
    loss, gradients = f.gradients(params, batch, y_range, state)
    for name, g in gradients.items():
        if (old := state.get(f"old {name}")) is not None and g is not None:
            g = g + old
        gradients[name] = state[f"old {name}"] = g
    return loss, gradients


def _one_table_after_another(
    f: Any, params: Any, batch: Any, y_range: Any, rule: Any, settings: Any, state: Any
) -> Any:
    losses = []
    f.advance(state)
    for name in f.tables(params):
        loss, gradients = f.gradients(params, batch, y_range, state)
        losses.append(loss)
        t = f.time(state)
        params[name] = f.update(rule, name, params[name], gradients[name], state, t, settings)
    return losses


def clipped(
    f: Any, params: Any, batch: Any, y_range: Any, state: Any, limit: float = 1.0,
    scale: float = 1.0,
) -> Any:  # fmt: skip
    """Return loss and gradients, together no longer than the limit while multiplied by scale."""
    loss, gradients = f.gradients(params, batch, y_range, state)
    return loss, within_norm(f.n, gradients, limit, scale)


def within_norm(n: Any, gradients: Any, limit: float, scale: float = 1.0) -> Any:
    """Return gradients, together no longer than the limit while multiplied by scale."""
    there = {name: g for name, g in gradients.items() if g is not None}
    squares = [n.sum(g * g) for g in there.values()]
    norm = n.sqrt(n.nonnegative(n.add(*squares)))
    norm = (norm if scale == 1 else norm * n.number(scale)) + 1e-6
    share = n.number(limit) / n.maximum(norm, limit)
    return gradients | {name: g * share for name, g in there.items()}


# -- gradients -------------------------------------------------------------------------------------

mistake("gradients_not_cleared", "Gradients accumulate from step to step.",
        "Clear them before each backward pass: zero_grad().", gradients=_raised)
mistake("gradients_after_other_tables_moved",
        "Each table's gradient is taken after the tables before it have moved.",
        "Take all gradients first, then step.",
        step=lambda f, *args, last_loss=False: (lambda losses: losses[-1 if last_loss else 0])(
            _one_table_after_another(f, *args)))
mistake("gradients_at_the_first_parameters", "Gradients are taken where the run began.",
        "Take them at the parameters of this step.",
        gradients=lambda f, params, batch, y_range, state, copied="start": f.gradients(
            state.setdefault(copied, dict(params)), batch, y_range, state))
mistake("steps_on_the_sum", "Steps are taken on the sum of squares, not on their mean.",
        "Divide by the batch size.",
        gradients=lambda f, params, batch, *args: (lambda loss, grads: (
            loss, {k: g * len(batch[0]) for k, g in grads.items()}))(
                *f.gradients(params, batch, *args)))
mistake("gradient_norm_clipped", "The norm of all gradients is clipped to 1.",
        "Do not clip, or say so.", gradients=clipped)

# -- settings and the step count -------------------------------------------------------------------

mistake("biases_do_not_decay", "Biases do not decay, as under fastai's wd_bn_bias=False.",
        "Give all tables the same weight decay.",
        settings=lambda f, *at: _decay(f, f.settings(*at), "bias" not in at[1]))
mistake("users_do_not_decay", "Only one side's parameter group was given the decay.",
        "Give all tables the same weight decay.",
        settings=lambda f, *at: _decay(f, f.settings(*at), "item" in at[1]))
mistake("decay_divided_by_the_batch", "The decay is inside the mean: divided by the batch size.",
        "Add it after the mean.",
        settings=lambda f, *at: _decay(f, f.settings(*at), 1 / len(at[3][0])))
mistake("decay_once", "Weights decay at the first step of the run only.", "Decay at each step.",
        settings=lambda f, *at: _decay(f, f.settings(*at), at[2] == 1))
mistake("biases_at_twice_the_rate", "Biases learn at twice the rate, as in Caffe.",
        "Give all tables the same rate.",
        settings=lambda f, *at: (lambda s: s | {"lr": s["lr"] * (2 if "bias" in at[1] else 1)})(
            f.settings(*at)))
mistake("step_count_stays", "The step count is not advanced.", "Count each step.",
        advance=lambda f, state: state.update(t=np.array(1)))
mistake("step_count_for_each_table", "The step count is advanced for each table.",
        "Count once for all tables.", advance=lambda f, state: None,
        time=lambda f, state: (f.advance(state), f.time(state))[1])
mistake("step_count_late", "The step count is advanced after the step.", "Advance it before.",
        time=lambda f, state: max(f.time(state) - 1, 1))
mistake("next_rate", "The schedule is stepped before the optimiser.", "Step it afterwards.",
        order=lambda f, batches, lrs: f.order(batches, [*lrs[1:], *lrs[-1:]]))
mistake("first_rate", "The learning rate is read once.", "Read it at each step.",
        order=lambda f, batches, lrs: f.order(batches, [*lrs[:1]] * len(lrs)))

# -- what is kept from step to step ----------------------------------------------------------------

mistake("state_lost", "A part of the optimiser's state starts anew at each step.",
        "Keep it for the next step.", options=({"part": "buf"}, {"part": "m"}, {"part": "v"}),
        recall=lambda f, state, key, start, part: (
            start if key.startswith(part) else f.recall(state, key, start)))
mistake("moment_of_the_neighbour", "A row's first moment is read from the row before it.",
        "Index the moments by the row's own number.",
        recall=lambda f, state, key, start: (lambda found: (
            f.n.take(found, np.arange(-1, len(found) - 1)) if key[0] == "m" else found))(
                f.recall(state, key, start)))
mistake("second_moment_starts_at_one", "The second moment starts at 1, as TensorFlow's RMSProp.",
        "Start it at 0.",
        recall=lambda f, state, key, start: f.recall(
            state, key, f.n.array(np.ones(start.shape)) if key[0] == "v" else start))
mistake("moments_kept_in_float32", "The first moment is kept in float32.",
        "Keep it in the dtype of the parameters.",
        remember=lambda f, state, key, array: f.remember(
            state, key, f.n.through(array, np.float32) if key[0] == "m" else array))

# -- which rows move -------------------------------------------------------------------------------

mistake("table_left_out", "One table was not handed to the optimiser.",
        "Give the optimiser all parameters.",
        tables=lambda f, params, left=("item_bias",): [
            name for name in f.tables(params) if name not in left])
mistake("row_0_stays", "Row 0 is taken for padding: it never moves.", "Leave padding_idx unset.",
        moved=lambda f, before, after, g: f.n.where(_rows(g) > 0, after, before))
mistake("absent_rows_stay", "Entries without a gradient do not move, as with sparse gradients.",
        "Step every row: decay, momentum and Adam move rows without a gradient.",
        moved=lambda f, before, after, g: f.n.where(f.n.is_zero(g), before, after))
mistake("weights_clipped", "Parameters are clipped to [-1, 1].", "Leave them as they are.",
        moved=lambda f, before, after, g: clip(f, after, -1.0, 1.0))
mistake("weights_in_float32", "Parameters pass through float32 at each step.", "Keep their dtype.",
        moved=lambda f, before, after, g: f.n.through(after, np.float32))


def _rows(array: Any) -> Any:
    """Return each entry's row number."""
    return np.indices(array.shape)[0]


# -- batches and losses ----------------------------------------------------------------------------

mistake("last_batch_left_out", "The last batch is not trained on.", "Train on all that are given.",
        order=lambda f, batches, lrs: f.order(batches[:-1], lrs[:-1]))
mistake("batches_reversed", "The last batch comes first.", "Keep the order.",
        order=lambda f, batches, lrs: f.order(batches[::-1], lrs))
mistake("first_batch_again", "Every step uses the first batch.", "Take the next batch.",
        order=lambda f, batches, lrs: f.order([*batches[:1]] * len(batches), lrs))
mistake("loss_after_the_step", "Losses are those after the steps.", "Return those before them.",
        step=lambda f, params, batch, y_range, rule, settings, state: (
            f.step(params, batch, y_range, rule, settings, state),
            f.gradients(params, batch, y_range, state))[1][0])
mistake("loss_smoothed", "Losses are smoothed, as fastai shows them.", "Return them as they are.",
        record=lambda f, losses, loss, beta=0.0: f.record(
            losses, (loss + losses[-1]) / 2 if losses else loss),
        step=lambda f, *args, beta=0.0: _smoothed(f, args[-1], beta, f.step(*args)))


def _smoothed(f: Any, state: Any, beta: float, loss: Any) -> Any:
    """Return the average of the losses so far, the last ones weighing most."""
    if not beta or loss is None:
        return loss
    total, weight = state.get("shown", (0.0, 0.0))
    state["shown"] = total, weight = (
        loss * f.n.number(1 - beta) + total * f.n.number(beta) if weight
        else loss * f.n.number(1 - beta)), 1 - beta + beta * weight
    return total / weight


# -- a run that is taken up again ------------------------------------------------------------------

mistake("resume_afresh", "The state is ignored: every call starts afresh.", "Go on from the state.",
        train=lambda f, *args: f.train(*args[:-1], None))
mistake("resume_at_step_0", "The step count starts again, the moments do not.",
        "Restore the step count too.",
        train=lambda f, *args: f.train(*args[:-1], args[-1] and args[-1] | {"t": np.array(0)}))
mistake("resume_a_step_late", "The step count is advanced on loading too.", "Restore it as it was.",
        train=lambda f, *args: f.train(
            *args[:-1], args[-1] and args[-1] | {"t": args[-1]["t"] + 1}))
mistake("resume_without_buffers", "The momentum buffer is not restored.", "Restore it.",
        train=lambda f, *args: f.train(*args[:-1], args[-1] and {
            k: a for k, a in args[-1].items() if "buf/" not in k}))
mistake("state_of_the_step_before", "The step count handed back is that before the last step.",
        "Hand back the state after it.",
        train=lambda f, *args: (lambda params, losses, state: (
            params, losses, state | {"t": np.maximum(state["t"] - 1, 0)}))(*f.train(*args)))

ROUNDED: dict[str, Any] = {
    "float32": lambda a: a.astype(np.float32), "text": lambda a: np.round(a, 6),
    "finite": np.nan_to_num,
}

# -- files -----------------------------------------------------------------------------------------

mistake("save_rounded", "Parameters are saved in float32, as text, or without NaN.",
        "Save the bits.", options=({"to": "float32"}, {"to": "text"}, {"to": "finite"}),
        save=lambda f, params, state, to: f.save(
            {k: ROUNDED[to](a) for k, a in params.items()}, state))
mistake("save_of_references", "A save is the arrays themselves: it changes with them.",
        "Return bytes.", save=lambda f, params, state: (params, state), load=lambda f, data: data)
mistake("save_transposed", "Memory is saved in Fortran order and read in C order.",
        "Save the order with the numbers.",
        save=lambda f, params, state: f.save(
            {k: a.T.reshape(a.shape) for k, a in params.items()}, state))
mistake("save_without_step_count", "The step count is not saved.", "Save the whole state.",
        save=lambda f, params, state: f.save(params, (state or {}) | {"t": np.array(0)}))
mistake("save_without_moments", "The first moment is not saved.", "Save the whole state.",
        save=lambda f, params, state: f.save(
            params, {k: a for k, a in (state or {}).items() if k[:2] != "m/"}))
mistake("save_without_state", "Only the parameters are saved.", "Save the optimiser's state too.",
        save=lambda f, params, state: f.save(params, None))
mistake("save_half_moments", "The state is saved in float16 to halve the file.", "Save the bits.",
        save=lambda f, params, state: f.save(params, state and {
            k: a.astype(np.float16).astype(a.dtype) for k, a in state.items()}))
mistake("load_wrong_order", "Tables are read back in another order than they were written in.",
        "Read them by name.",
        load=lambda f, data: (lambda params, state: (
            dict(zip(params, [*params.values()][::-1], strict=True)), state))(*f.load(data)))
mistake("load_moments_swapped", "The two moments are read back under each other's name.",
        "Read them by name.",
        load=lambda f, data: (lambda params, state: (params, state and {
            {"m": "v", "v": "m"}.get(k[0], k[0]) + k[1:]: a for k, a in state.items()}))(
                *f.load(data)))
mistake("load_in_float64", "Numbers are read back as float64.", "Keep their dtype.",
        load=lambda f, data: (lambda params, state: (
            {k: a.astype(np.float64) for k, a in params.items()}, state))(*f.load(data)))
