"""npcf against the programs its users have: one question each, measured side by side.

    python -m compare.bench QUESTION | all

Read in this order:

    measuring      contestants that take turns, and what they took
    rows           a line of the table: ours, theirs, the ratio, what it must be
    options        what a question is asked with, and what it answers
    patience       what may never end, in a process of its own
    results        what a run leaves: figures, machine, versions, date, command; pictures
    seed_run, table_growth, start_up, per_rating, threads, memory, accuracy
                   the questions; each has `run(options)`, which returns an Answer
    seed_job, torch_loops, fastai_peer, libmf_peer, roofline
                   what is run, and the contestants of others, each in its best honest setting
    scale          ratings with the shape of MovieLens-20M, planted in chunks

A ratio is the median over rounds of (theirs / ours) within a round, in which both ran one after
the other: on a shared machine times wander by a factor of two, ratios hardly.
"""
