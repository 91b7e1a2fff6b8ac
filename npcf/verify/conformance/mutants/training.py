"""Mistakes that show over several steps, or when a run is saved and taken up again."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="training")
COUNT = '        state["t"] = state["t"] + 1\n'
EACH = "        for name in params:\n"
STEP = '            step(name, params, gradients, state, {**settings, "lr": float(lr)})\n'
OPTIONS = '{**settings, "lr": float(lr)}'
PAIRS = "zip(batches, lrs, strict=True)"
FORWARD = "        pred, cache = dot_product_bias_forward(params, users, items, y_range)\n"
LOSS = "        loss, loss_cache = mse_forward(pred, rating)\n"
LOSSES = "        losses.append(loss)\n"
BACKWARD = "        gradients = dot_product_bias_backward(mse_backward(1.0, loss_cache), cache)\n"
IN_DECAY = '"weight_decay": settings["weight_decay"]'

STEPS = [
    M("stale_grad", old=COUNT,
      new="        for k, g in gradients.items():\n"
          "            gradients[k] = state[f'old {k}'] = g + state.get(f'old {k}', 0)\n" + COUNT,
      why="gradients accumulate: zero_grad() is forgotten"),
    M("gauss_seidel", old=EACH,
      new=EACH + "    " + FORWARD + "    " + LOSS + "    " + BACKWARD,
      why="each table's gradient is taken after the tables before it have moved"),
    M("no_wd_bias", old=OPTIONS,
      new=OPTIONS[:-1] + f', {IN_DECAY} * ("bias" not in name)}}',
      why="biases do not decay, as with fastai's wd_bn_bias=False"),
    M("wd_loss_scaled", old=OPTIONS, new=OPTIONS[:-1] + f", {IN_DECAY} / len(users)}}",
      why="the decay is inside the mean"),
    M("decay_of_items_only", old=OPTIONS,
      new=OPTIONS[:-1] + f', {IN_DECAY} * ("item" in name)}}',
      why="one parameter group was given the decay"),
    M("decay_once", old=OPTIONS, new=OPTIONS[:-1] + f', {IN_DECAY} * int(state["t"] == 1)}}',
      why="decay at the first step of the run only"),
    M("biases_at_twice_the_rate", old=OPTIONS,
      new=OPTIONS[:-1] + ', "lr": float(lr) * (2 if "bias" in name else 1)}',
      why="biases learn at twice the rate, as in Caffe"),
    M("t_stays", old=COUNT, new='        state["t"] = np.array(1)\n',
      why="the step count is not advanced"),
    M("t_each_table", old=COUNT + EACH, new=EACH + "    " + COUNT,
      why="the step count is advanced for each table"),
    M("t_late", old='int(state["t"])', new='max(int(state["t"]) - 1, 1)',
      why="the step count is advanced after the step, and its start at 0 mended"),
    M("buffer_reset", old="state.get(key)", new="None", why="the buffer starts anew each step"),
    M("first_moment_reset", old='m = state.get(f"m/{name}", np.zeros_like(w))',
      new="m = np.zeros_like(w)", why="the first moment starts anew each step"),
    M("second_moment_reset", old='v = state.get(f"v/{name}", np.zeros_like(w))',
      new="v = np.zeros_like(w)", why="the second moment starts anew each step"),
    M("moments_of_the_neighbour", old='m = state.get(f"m/{name}", np.zeros_like(w))',
      new='m = np.roll(state.get(f"m/{name}", np.zeros_like(w)), 1, axis=0)',
      why="a row's moment is read from the row before it"),
    M("second_moment_starts_at_one", old='v = state.get(f"v/{name}", np.zeros_like(w))',
      new='v = state.get(f"v/{name}", np.ones_like(w))',
      why="the second moment starts at 1, as in TensorFlow's RMSProp"),
    M("next_lr", old=PAIRS, new="zip(batches, [*lrs[1:], lrs[-1]], strict=True)",
      why="the schedule is stepped before the optimiser"),
    M("first_lr", old=PAIRS, new="zip(batches, [lrs[0]] * len(lrs), strict=True)",
      why="the rate is read once"),
    M("lr_promotes", old='"lr": float(lr)', new='"lr": np.float64(lr)',
      why="a rate out of a NumPy schedule promotes float32"),
    M("last_batch_left_out", old=PAIRS, new="zip(batches[:-1], lrs[:-1], strict=True)",
      why="the last batch is dropped though it was asked for"),
    M("batches_reversed", old=PAIRS, new="zip(batches[::-1], lrs, strict=True)",
      why="the last batch comes first"),
    M("first_batch_again", old=LOSS,
      new="        users, items, rating = batches[0]\n" + FORWARD + LOSS,
      why="overfits one batch, as in a debugging session"),
    M("stale_params", old=FORWARD,
      new="        start = state.setdefault('start', dict(params))\n"
          + FORWARD.replace("(params,", "(start,"),
      why="gradients are taken at the parameters where the run began"),
    M("last_table_stays", old=EACH, new="        for name in list(params)[:-1]:\n",
      why="one table was not handed to the optimiser"),
    M("row_0_stays", old=STEP,
      new="            row = params[name][:1].copy()\n" + STEP
          + "            params[name][:1] = row\n",
      why="row 0 is taken for padding: it never moves"),
    M("absent_rows_stay", old=STEP,
      new="            before = params[name]\n" + STEP
          + "            absent = gradients[name] == 0\n"
            "            params[name][absent] = before[absent]\n",
      why="rows without a gradient do not move, as with sparse gradients"),
    M("weights_float32", old=STEP,
      new=STEP + "            params[name] = params[name].astype(np.float32).astype(dtype)\n",
      why="parameters pass through float32 at each step"),
    M("moments_float32", old="    state[f\"m/{name}\"] = m\n",
      new="    state[f\"m/{name}\"] = m.astype(np.float32).astype(m.dtype)\n",
      why="moments are kept in float32"),
    M("weights_clipped", old=STEP,
      new=STEP + "            params[name] = params[name].clip(-1, 1)\n",
      why="parameters are clipped"),
    M("loss_after", old=LOSSES + BACKWARD + COUNT + EACH + STEP,
      new=BACKWARD + COUNT + EACH + STEP + FORWARD
          + "        losses.append(mse_forward(pred, rating)[0])\n",
      why="losses are those after the steps"),
    M("loss_smoothed", old=LOSSES,
      new="        losses.append(loss if not losses else (loss + losses[-1]) / 2)\n",
      why="losses are smoothed, as fastai shows them"),
    M("losses_in_float64", old="np.array(losses, dtype)", new="np.array(losses, np.float64)",
      why="losses lose their dtype"),
    M("gradient_norm_clipped", old=COUNT,
      new="        norm = np.sqrt(sum(float(np.sum(g * g)) for g in gradients.values()))\n"
          "        gradients = {k: g / max(1.0, float(norm)) for k, g in gradients.items()}\n"
          + COUNT, why="the norm of all gradients is clipped to 1"),
    M("sum_not_mean", old="mse_backward(1.0, loss_cache)",
      new="mse_backward(len(users), loss_cache)", why="steps on the sum of squares"),
]  # fmt: skip

RESUME = [
    M("params_in_place", old="{name: table.copy() for name, table in params.items()}",
      new="params", why="the caller's dict of parameters is trained"),
    M("state_in_place", old="dict(state)\n", new="state\n",
      why="the caller's state goes on: resuming twice from one state differs"),
    M("resume_afresh", old='{"t": np.array(0)} if state is None else dict(state)',
      new='{"t": np.array(0)}', why="the state is ignored: every call starts afresh"),
    M("resume_at_t_0", old='else dict(state)', new='else {**state, "t": np.array(0)}',
      why="the step count starts again, the moments do not"),
    M("resume_at_t_off_by_one", old='else dict(state)',
      new='else {**state, "t": np.array(state["t"] + 1)}',
      why="the step count is advanced on loading too"),
    M("resume_without_buffers", old="else dict(state)",
      new='else {k: a for k, a in state.items() if "buf/" not in k}',
      why="the momentum buffer is not restored"),
    M("state_of_before", old="    return params, np.array(losses, dtype), state\n",
      new='    state["t"] = np.maximum(state["t"] - 1, 0)\n'
          "    return params, np.array(losses, dtype), state\n",
      why="the step count handed back is that before the last step"),
    M("save_float32", old='f"params/{name}": table for', new='f"params/{name}": '
      "table.astype(np.float32) for", why="parameters are saved in float32"),
    M("save_text", old='f"params/{name}": table for',
      new='f"params/{name}": np.round(table, 6) for',
      why="parameters are saved with six decimals, as CSV"),
    M("save_transposed", old='f"params/{name}": table for',
      new='f"params/{name}": table.T.reshape(table.shape) for',
      why="memory is saved in Fortran order and read in C order"),
    M("save_without_t", old='for name, array in (state or {}).items()}',
      new='for name, array in ((state or {}) | {"t": np.array(0)}).items()}',
      why="the step count is not saved"),
    M("save_without_moments", old='for name, array in (state or {}).items()}',
      new='for name, array in (state or {}).items() if name[:2] != "m/"}',
      why="the first moment is not saved"),
    M("save_without_state", old="(state or {}).items()", new="{}.items()",
      why="only the parameters are saved"),
    M("save_half_moments", old='f"state/{name}": array for',
      new='f"state/{name}": array.astype(np.float16).astype(array.dtype) for',
      why="the state is saved in float16 to halve the file"),
    M("load_wrong_order", old='return section(arrays, "params/"), section(',
      new='tables = section(arrays, "params/")\n'
          "    swapped = dict(zip(tables, list(tables.values())[::-1]))\n"
          "    return swapped, section(",
      why="tables are read back in another order than they were written in"),
    M("load_moments_swapped", old='section(arrays, "state/") or None',
      new='{k.replace("m/", "?/").replace("v/", "m/").replace("?/", "v/"): a '
          'for k, a in section(arrays, "state/").items()} or None',
      why="the two moments are read back under each other's name"),
    M("load_float64", old="arrays = {name: file[name] for name in file.files}",
      new="arrays = {k: file[k] * np.float64(1) if file[k].ndim else file[k] for k in file.files}",
      why="numbers are read back as float64"),
]  # fmt: skip

MUTANTS = [*STEPS, *RESUME]
