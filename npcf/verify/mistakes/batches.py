"""Mistakes in shuffling, and in cutting an epoch into batches."""
# fmt: off

from typing import Any

import numpy as np

from npcf.verify.mistakes.catalogue import mistake

KEPT: dict[Any, Any] = {}  # what `batches_kept` keeps

mistake("no_shuffle", "Batches come in the order of the file.", "Permute the rows in each epoch.",
        shuffled=lambda f, rng, n: np.arange(n))
mistake("same_order_each_epoch", "Every epoch has the same order: its generator is seeded anew.",
        "Seed once, or with the number of the epoch too.",
        generator=lambda f, seed, epoch: np.random.default_rng([seed]))
mistake("seed_ignored", "The seed is not used.", "Give the seed to the generator.",
        generator=lambda f, seed, epoch: np.random.default_rng([epoch]))
mistake("seed_from_the_clock", "The order cannot be repeated: nothing seeds the generator.",
        "Give the seed to the generator.",
        generator=lambda f, seed, epoch: np.random.default_rng())
mistake("with_replacement", "Ratings are drawn with replacement.", "Permute, do not draw.",
        shuffled=lambda f, rng, n: rng.integers(0, max(n, 1), n))
mistake("global_generator", "The global generator is drawn from too: other code's numbers change.",
        "Use a generator of your own.",
        shuffled=lambda f, rng, n: (np.random.random(), f.shuffled(rng, n))[1])  # noqa: NPY002
mistake("batches_kept", "Batches are kept and handed out again, to be written to by all.",
        "Make new arrays in each call.",
        epoch_batches=lambda f, *args: KEPT.setdefault(args, f.epoch_batches(*args)))
mistake("rows_from_one", "Row numbers begin at 1.", "Count rows from 0.",
        shuffled=lambda f, rng, n: f.shuffled(rng, n) + 1)
mistake("last_row_never", "The last row is never drawn.", "Permute all n rows.",
        shuffled=lambda f, rng, n: f.shuffled(rng, max(n - 1, 0)))
mistake("first_row_never", "Row 0 is taken for a header.", "Permute all n rows.",
        shuffled=lambda f, rng, n: 1 + f.shuffled(rng, max(n - 1, 0)))
mistake("epochs_mixed", "An epoch is half of one order and half of the next: rows repeat.",
        "Use up an order before you draw another.",
        shuffled=lambda f, rng, n: np.concatenate([f.shuffled(rng, n), f.shuffled(rng, n)])[::2])
mistake("rows_are_floats", "Row numbers are floats, as a CSV reader gives them.",
        "Convert them to integers.", shuffled=lambda f, rng, n: f.shuffled(rng, n).astype(float))
mistake("drop_last_ignored", "drop_last is ignored.", "With it, make n // bs batches.",
        n_batches=lambda f, n, bs, drop_last: f.n_batches(n, bs, False))
mistake("drop_last_always", "The smaller last batch is always dropped.",
        "Drop it only with drop_last.",
        n_batches=lambda f, n, bs, drop_last: f.n_batches(n, bs, True))
mistake("drop_last_drops_full_batches", "drop_last drops a full last batch too.",
        "Drop the last batch only if it is smaller.",
        n_batches=lambda f, n, bs, drop_last: f.n_batches(n, bs, False) - drop_last)
mistake("drop_last_inverted", "drop_last means keep_last.", "Turn the condition round.",
        n_batches=lambda f, n, bs, drop_last: f.n_batches(n, bs, not drop_last))
mistake("one_batch_too_many", "There is an empty batch at the end where bs divides n.",
        "Round n / bs up.",
        n_batches=lambda f, n, bs, drop_last: n // bs if drop_last else n // bs + 1)
mistake("last_batch_padded", "The last batch is filled up from the start of the epoch.",
        "Leave it smaller.",
        cut=lambda f, order, bs, n: f.cut(np.resize(order, bs * n), bs, n))
mistake("batches_overlap", "Neighbouring batches share a row.", "Do not include the end.",
        cut=lambda f, order, bs, n: [order[bs * i : bs * (i + 1) + 1] for i in range(n)])
mistake("batches_strided", "Batches are shares of nearly, not quite, bs rows.",
        "Cut the order after every bs rows.",
        cut=lambda f, order, bs, n: [order[i::n] for i in range(n)])
mistake("last_batch_lost", "The loop over batches ends one too early.", "Let it run to the last.",
        cut=lambda f, order, bs, n: f.cut(order, bs, n)[:-1])
