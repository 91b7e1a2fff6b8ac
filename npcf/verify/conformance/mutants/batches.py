"""Mistakes in shuffling, and in cutting an epoch into batches."""

from functools import partial

from npcf.verify.conformance.mutants.patching import Mutant

M = partial(Mutant, file="batches")
ORDER = "    order = rng.permutation(n)\n"
SEED = "np.random.default_rng([seed, epoch])"
COUNT = "n // bs if drop_last else -(-n // bs)"
CUT = "[order[bs * i : bs * (i + 1)] for i in range(n_batches)]"

MUTANTS = [
    M("no_shuffle", old=ORDER, new="    order = np.arange(n)\n", why="the order of the file"),
    M("same_order_each_epoch", old=SEED, new="np.random.default_rng([seed])",
      why="the generator is seeded anew with the same seed in each epoch"),
    M("seed_ignored", old=SEED, new="np.random.default_rng([epoch])", why="the seed is not used"),
    M("seed_from_the_clock", old=SEED, new="np.random.default_rng()",
      why="no seed: another order in each process"),
    M("with_replacement", old=ORDER, new="    order = rng.integers(0, max(n, 1), n)\n",
      why="draws with replacement, as fastai's loader does"),
    M("rows_from_one", old=ORDER, new="    order = rng.permutation(n) + 1\n",
      why="row numbers from 1"),
    M("last_row_never", old=ORDER, new="    order = rng.permutation(max(n - 1, 0))\n",
      why="the last row is never drawn"),
    M("first_row_never", old=ORDER, new="    order = 1 + rng.permutation(max(n - 1, 0))\n",
      why="row 0 is taken for a header"),
    M("epochs_mixed", old=ORDER,
      new="    order = np.concatenate([rng.permutation(n), rng.permutation(n)])[::2]\n",
      why="half of this epoch and half of the next: rows repeat and rows are missing"),
    M("drop_last_ignored", old=COUNT, new="-(-n // bs)", why="drop_last is ignored"),
    M("drop_last_always", old=COUNT, new="n // bs", why="the smaller last batch is always dropped"),
    M("drop_last_of_all", old=COUNT, new="-(-n // bs) - 1 if drop_last else -(-n // bs)",
      why="drop_last drops a full last batch too"),
    M("drop_last_swapped", old=COUNT, new="-(-n // bs) if drop_last else n // bs",
      why="drop_last means keep_last"),
    M("one_batch_too_many", old=COUNT, new="n // bs if drop_last else n // bs + 1",
      why="an empty batch at the end where bs divides n"),
    M("last_batch_padded", old=CUT,
      new="[np.resize(order, bs * n_batches)[bs * i : bs * (i + 1)] for i in range(n_batches)]",
      why="the last batch is filled up from the start, as a distributed sampler does"),
    M("batches_overlap", old=CUT,
      new="[order[bs * i : bs * (i + 1) + 1] for i in range(n_batches)]",
      why="an end taken as included: neighbours share a row"),
    M("batches_strided", old=CUT, new="[order[i::n_batches] for i in range(n_batches)]",
      why="the batches are shares of a split, of nearly but not quite bs rows"),
    M("last_batch_lost", old=CUT, new=CUT + "[:-1]",
      why="the loop over batches ends one too early"),
    M("batches_of_floats", old=ORDER, new="    order = rng.permutation(n).astype(float)\n",
      why="row numbers as floats, as a CSV reader gives them"),
]  # fmt: skip
