"""Mistakes in schedules, each as what the schedule's function returns instead."""
# fmt: off

import math
from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake

# -- a line, a power, half a cosine ----------------------------------------------------------------

mistake("linear_reaches_its_end", "The last value of a line is its end.",
        "Divide by n_steps: the end is where step n_steps would be.",
        linear=lambda f, n, start, end: np.linspace(start, end, n) if n > 1 else np.full(n, start))
mistake("linear_a_step_ahead", "A line's first value is one step on.", "Begin at t = 0.",
        linear=lambda f, n, start, end: f.linear(n, start, end) + (end - start) / n)
mistake("linear_backwards", "Start and end of a line change places.",
        "Give the start first.", linear=lambda f, n, start, end: f.linear(n, end, start))
mistake("linear_from_zero", "A line begins at 0.", "Add the start.",
        linear=lambda f, n, start, end: f.linear(n, 0.0, end - start))
mistake("linear_float32", "A line's rates are float32.", "Keep them in float64.",
        linear=lambda f, *args: f.linear(*args).astype(np.float32))
mistake("linear_one_too_many", "A line's end is a value of its own.", "Return n_steps values.",
        linear=lambda f, n, start, end: np.append(f.linear(n, start, end), end))
mistake("exponential_is_linear", "An exponential schedule goes along a line.",
        "start * (end / start) ** (t / n_steps).",
        exponential=lambda f, n, start, end: f.linear(n, start, end))
mistake("exponential_reaches_its_end", "The last value of an exponential is its end.",
        "Divide by n_steps.",
        exponential=lambda f, n, start, end: start * (end / start) ** (
            np.arange(n) / max(n - 1, 1)))
mistake("exponential_base", "The base is e and not end / start.",
        "start * (end / start) ** (t / n_steps).",
        exponential=lambda f, n, start, end: start * np.exp(np.arange(n) / n * (end - start)))
mistake("half_cosine_is_a_quarter", "The curve is a quarter of a cosine.",
        "end + (start - end) * (1 + cos(pi * place)) / 2.",
        half_cosine=lambda f, start, end, place: end + (start - end) * math.cos(
            math.pi * place / 2))
mistake("half_cosine_not_halved", "Half a cosine is twice as high.", "Halve 1 + cos.",
        half_cosine=lambda f, start, end, place: 2 * f.half_cosine(start, end, place) - end)
mistake("half_cosine_to_zero", "Half a cosine ends at 0 and not at its end.", "Add the end.",
        half_cosine=lambda f, start, end, place: f.half_cosine(start, 0.0, place))
mistake("half_cosine_full", "The curve comes back to where it began.", "cos(pi * place).",
        half_cosine=lambda f, start, end, place: f.half_cosine(start, end, 2 * place))
mistake("cosine_reaches_its_end", "The last value of a cosine is its end.", "Divide by n_steps.",
        cosine=lambda f, n, top, low: np.array(
            [f.half_cosine(top, low, t / max(n - 1, 1)) for t in range(n)]))
mistake("cosine_without_floor", "lr_min is ignored.", "End at lr_min.",
        cosine=lambda f, n, top, low: f.cosine(n, top, 0.0))

# -- restarts and stairs ---------------------------------------------------------------------------

mistake("restarts_never", "There is one cycle over all steps.", "Restart after cycle_len steps.",
        cycles=lambda f, n, length, mult: [n])
mistake("restarts_equal", "cycle_mult is ignored.", "Multiply the length after each cycle.",
        longer=lambda f, length, mult: length)
mistake("restarts_longer_by_one", "Cycles grow by adding.", "Multiply the length by cycle_mult.",
        longer=lambda f, length, mult: length + mult - 1)
mistake("restarts_squared", "The factor by which cycles grow grows itself.",
        "Leave cycle_mult as it is.",
        cycles=lambda f, n, length, mult: (
            [length * mult**k for k in (0, 1, 3, 7)] if mult > 1 else f.cycles(n, length, mult)))
mistake("restarts_late", "Each cycle is a step too long.", "A cycle has cycle_len steps.",
        cycles=lambda f, n, length, mult: [k + 1 for k in f.cycles(n, length, mult)])
mistake("restarts_lower", "Each cycle starts at half the height.", "Start each at lr_max.",
        cosine_restarts=lambda f, n, top, length, mult, low: np.concatenate(
            [f.cosine(k, top / 2**i, low) for i, k in enumerate(f.cycles(n, length, mult))])[:n])
mistake("step_decay_late", "The rate decays a step too late.", "lr * gamma ** (t // step_size).",
        step_decay=lambda f, n, lr, size, gamma: np.append(
            lr, f.step_decay(n, lr, size, gamma))[:n])
mistake("step_decay_each_step", "The rate decays at each step.", "Divide t by step_size.",
        step_decay=lambda f, n, lr, size, gamma: f.step_decay(n, lr, 1, gamma))
mistake("step_decay_once", "The rate decays only once.", "lr * gamma ** (t // step_size).",
        step_decay=lambda f, n, lr, size, gamma: np.where(np.arange(n) < size, lr, lr * gamma))
mistake("step_decay_smooth", "A curve and no steps: true division for whole.", "t // step_size.",
        step_decay=lambda f, n, lr, size, gamma: lr * gamma ** (np.arange(n) / size))
mistake("step_decay_default", "gamma is always torch's default.", "Pass gamma on.",
        step_decay=lambda f, n, lr, size, gamma: f.step_decay(n, lr, size, 0.1))

# -- one-cycle, fastai's ---------------------------------------------------------------------------

mistake("one_cycle_without_warm_up", "The cycle starts at the top.", "Start at lr_max / div.",
        one_cycle_fastai=lambda f, n, top, div, *args: f.one_cycle_fastai(n, top, 1.0, *args))
mistake("one_cycle_ends_as_torch_does", "The end is a fraction of the start, not of the top.",
        "End at lr_max / div_final.",
        one_cycle_fastai=lambda f, n, top, div, div_final, *args: f.one_cycle_fastai(
            n, top, div, div * div_final, *args))
mistake("one_cycle_divisors_swapped", "div and div_final change places.", "Give div first.",
        one_cycle_fastai=lambda f, n, top, div, div_final, *args: f.one_cycle_fastai(
            n, top, div_final, div, *args))
mistake("one_cycle_each_epoch", "There is a cycle for each epoch.",
        "Let the position run over all epochs.",
        one_cycle_fastai=lambda f, n, *args: [
            np.tile(x, args[-1]) for x in f.one_cycle_fastai(n // args[-1], *args[:-1], 1)])
mistake("one_cycle_a_step_ahead", "The position is read after the batch.",
        "Read it before the batch.",
        positions=lambda f, n: f.positions(n) + 1 / n)
mistake("one_cycle_momentum_constant", "The momentum is left alone.", "Let it fall and rise.",
        one_cycle_fastai=lambda f, n, top, div, final, pct, moms, n_epochs: f.one_cycle_fastai(
            n, top, div, final, pct, moms[:1] * 3, n_epochs))
mistake("one_cycle_momentum_follows_the_rate", "The momentum rises with the rate.",
        "Let it fall while the rate rises.",
        one_cycle_fastai=lambda f, n, top, div, final, pct, moms, n_epochs: f.one_cycle_fastai(
            n, top, div, final, pct, (moms[1], moms[0], moms[1]), n_epochs))
mistake("one_cycle_momentum_ends_at_start", "moms[2] is ignored.", "End at moms[2].",
        one_cycle_fastai=lambda f, n, top, div, final, pct, moms, n_epochs: f.one_cycle_fastai(
            n, top, div, final, pct, (*moms[:2], moms[0]), n_epochs))
mistake("one_cycle_rises_linearly", "The rise is a line.", "Rise along half a cosine.",
        two_phases=lambda f, points, pct, position: (
            points[0] + (points[1] - points[0]) * position / pct if position < pct
            else f.two_phases(points, pct, position)))
mistake("one_cycle_pct_default", "pct_start is always fastai's default.", "Pass pct_start on.",
        two_phases=lambda f, points, pct, position: f.two_phases(points, 0.25, position))

# -- one-cycle, torch's ----------------------------------------------------------------------------

mistake("torch_peak_a_step_late", "The peak is where pct_start says; torch's is a step before.",
        "The rise ends at step pct_start * n_steps - 1.",
        torch_phases=lambda f, n, pct_start: (pct_start * n, n - 1))
mistake("torch_end_not_reached", "The end lies after the last step, as in fastai's.",
        "The last step is the end.",
        torch_phases=lambda f, n, pct_start: (f.torch_phases(n, pct_start)[0], n))
mistake("torch_ends_as_fastai_does", "The end is a fraction of the top.",
        "End at max_lr / div_factor / final_div_factor.",
        one_cycle_torch=lambda f, n, top, pct, div, final: f.one_cycle_torch(
            n, top, pct, div, final / div))
mistake("torch_momentum_stays_low", "The momentum does not come back.", "Let it rise again.",
        one_cycle_torch=lambda f, n, top, pct, div, final: _momenta(
            f, (n, top, pct, div, final), lambda lr, mom: np.minimum.accumulate(mom)))
mistake("torch_momentum_swapped", "The momentum rises with the rate.",
        "Let it fall while the rate rises.",
        one_cycle_torch=lambda f, n, top, pct, div, final: _momenta(
            f, (n, top, pct, div, final), lambda lr, mom: 1.8 - mom))
mistake("torch_start_ignored", "div_factor is always torch's default.", "Pass div_factor on.",
        one_cycle_torch=lambda f, n, top, pct, div, final: f.one_cycle_torch(
            n, top, pct, 25.0, final))


def _momenta(f: Any, args: Any, change: Any) -> Any:
    """Return torch's one-cycle with other momenta."""
    lr, mom = f.one_cycle_torch(*args)
    return lr, change(lr, mom)
