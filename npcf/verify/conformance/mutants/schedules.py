"""Mistakes in schedules."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="schedules")
LINE = "start + t / n_steps * (end - start)"
POWER = "start * (end / start) ** (t / n_steps)"
HALF = "end + (start - end) * (1 + math.cos(math.pi * place)) / 2"
COSINE = "half_cosine(lr_max, lr_min, t / n_steps)"
RESTART = "        values.extend(cosine(length, lr_max, lr_min))\n"
LONGER = "        length = length * cycle_mult\n"
DECAY = "lr * gamma ** (t // step_size)"
LRS = "lrs = (lr_max / div, lr_max, lr_max / div_final)"
POSITIONS = "positions = [t / n_steps for t in range(n_steps)]"
MOM = "mom = [two_phases(moms, pct_start, position) for position in positions]"
RISE = "return half_cosine(points[0], points[1], position / pct_start)"
PEAK = "peak, last = pct_start * n_steps - 1, n_steps - 1"

MUTANTS = [
    M("linear_reaches_its_end", old=LINE, new=LINE.replace("n_steps", "max(n_steps - 1, 1)"),
      why="the last value is the end"),
    M("linear_a_step_ahead", old=LINE, new=LINE.replace("t /", "(t + 1) /"),
      why="the first value is one step on"),
    M("linear_backwards", old=LINE, new="end + t / n_steps * (start - end)",
      why="start and end change places"),
    M("linear_from_zero", old=LINE, new="t / n_steps * (end - start)",
      why="the start is forgotten"),
    M("linear_float32", old=f"np.array([{LINE} for t in range(n_steps)])",
      new=f"np.array([{LINE} for t in range(n_steps)], np.float32)", why="rates in float32"),
    M("linear_one_too_many", old=f"{LINE} for t in range(n_steps)",
      new=f"{LINE} for t in range(n_steps + 1)", why="the end is a value of its own"),
    M("exponential_is_linear", old=POWER, new=LINE, why="a line for a curve"),
    M("exponential_reaches_its_end", old=POWER,
      new=POWER.replace("n_steps", "max(n_steps - 1, 1)"), why="the last value is the end"),
    M("exponential_base", old=POWER, new="start * math.exp(-t / n_steps * (start - end))",
      why="base e for end / start"),
    M("half_cosine_is_a_quarter", old=HALF,
      new="end + (start - end) * math.cos(math.pi * place / 2)", why="a quarter of a cosine"),
    M("half_cosine_not_halved", old=HALF, new=HALF.removesuffix(" / 2"), why="twice as high"),
    M("half_cosine_to_zero", old=HALF, new="start * (1 + math.cos(math.pi * place)) / 2",
      why="ends at 0 and not at its end"),
    M("half_cosine_full", old=HALF, new=HALF.replace("math.pi", "2 * math.pi"),
      why="comes back to where it began"),
    M("cosine_reaches_its_end", old=COSINE, new=COSINE.replace("n_steps", "max(n_steps - 1, 1)"),
      why="the last value is the end"),
    M("cosine_without_floor", old=COSINE, new=COSINE.replace("lr_min", "0.0"),
      why="lr_min is ignored"),
    M("restarts_never", old=RESTART, new=RESTART.replace("(length,", "(n_steps,"),
      why="one cycle over all steps"),
    M("restarts_equal", old=LONGER, new="", why="cycle_mult is ignored"),
    M("restarts_longer_by_one", old=LONGER, new="        length = length + cycle_mult - 1\n",
      why="cycles grow by adding"),
    M("restarts_squared", old=LONGER,
      new=LONGER + "        cycle_mult = cycle_mult * cycle_mult\n",
      why="the factor itself grows"),
    M("restarts_late", old=RESTART, new=RESTART.replace("(length,", "(length + 1,"),
      why="each cycle is a step too long"),
    M("restarts_lower", old=RESTART, new=RESTART + "        lr_max = lr_max / 2\n",
      why="each cycle starts at half the height"),
    M("step_decay_late", old=DECAY, new="lr * gamma ** (max(t - 1, 0) // step_size)",
      why="decays a step too late"),
    M("step_decay_each_step", old=DECAY, new="lr * gamma**t", why="decays at each step"),
    M("step_decay_once", old=DECAY, new="lr * gamma ** min(t // step_size, 1)",
      why="decays only once"),
    M("step_decay_smooth", old=DECAY, new="lr * gamma ** (t / step_size)",
      why="true division for whole: a curve and no steps"),
    M("step_decay_default", old=DECAY, new="lr * 0.1 ** (t // step_size)",
      why="gamma is always torch's default"),
    M("one_cycle_without_warm_up", old=LRS, new="lrs = (lr_max, lr_max, lr_max / div_final)",
      why="starts at the top"),
    M("one_cycle_ends_as_torchs", old=LRS,
      new="lrs = (lr_max / div, lr_max, lr_max / div / div_final)",
      why="the end is a fraction of the start and not of the top"),
    M("one_cycle_divisors_swapped", old=LRS,
      new="lrs = (lr_max / div_final, lr_max, lr_max / div)",
      why="div and div_final change places"),
    M("one_cycle_each_epoch", old=POSITIONS,
      new="positions = [t % (n_steps // n_epochs) * n_epochs / n_steps for t in range(n_steps)]",
      why="a cycle for each epoch"),
    M("one_cycle_a_step_ahead", old=POSITIONS, new=POSITIONS.replace("[t /", "[(t + 1) /"),
      why="the position is read after the batch"),
    M("one_cycle_momentum_constant", old=MOM, new="mom = [moms[0]] * n_steps",
      why="the momentum is left alone"),
    M("one_cycle_momentum_follows", old=MOM,
      new="mom = [two_phases((moms[1], moms[0], moms[1]), pct_start, position) "
          "for position in positions]",
      why="the momentum rises with the rate and does not fall"),
    M("one_cycle_momentum_ends_at_start", old=MOM,
      new="mom = [two_phases((*moms[:2], moms[0]), pct_start, position) "
          "for position in positions]", why="moms[2] is ignored"),
    M("one_cycle_rises_linearly", old=RISE,
      new="return points[0] + (points[1] - points[0]) * position / pct_start",
      why="a line for the rise"),
    M("one_cycle_pct_default", old="    if position < pct_start:\n",
      new="    pct_start = 0.25\n    if position < pct_start:\n",
      why="pct_start is always fastai's default"),
    M("torch_peak_a_step_late", old=PEAK, new=PEAK.replace("n_steps - 1, ", "n_steps, "),
      why="the peak is where pct_start says, and torch's is a step before"),
    M("torch_end_not_reached", old=PEAK, new=PEAK.removesuffix(" - 1"),
      why="the end lies after the last step, as in fastai's"),
    M("torch_end_as_fastais", old="end = start / final_div_factor",
      new="end = max_lr / final_div_factor", why="the end is a fraction of the top"),
    M("torch_momentum_stays_low", old="mom.append(half_cosine(0.85, 0.95, place))",
      new="mom.append(0.85)", why="the momentum does not come back"),
    M("torch_momentum_swapped", old="mom.append(half_cosine(0.95, 0.85, place))",
      new="mom.append(half_cosine(0.85, 0.95, place))",
      why="the momentum rises with the rate"),
    M("torch_start_ignored", old="start = max_lr / div_factor", new="start = max_lr / 25.0",
      why="div_factor is always torch's default"),
]  # fmt: skip
