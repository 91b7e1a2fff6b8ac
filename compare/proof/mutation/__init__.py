"""Mutation testing of npcf itself: small bugs planted in ops, models and optim, and who finds them.

`make mutate` (`python -m compare.proof.mutation run`) lets cosmic-ray write every small change it
knows of into those three rooms, one at a time, and runs the laws against each.  A change that no
law notices has survived: either a law is missing, or the change is none (`survivors.md` says why).

    rules      which of cosmic-ray's changes are not counted, and why
    stages     which tests are run against a change, nearest first
    session    what is kept in `.mutation/`: one work list a room, for one state of the sources
    child      a forked process that imports npcf with the change in it and runs one stage
    pool       the processes side by side, and what became of each change
    survivors  reads survivors.md
    report     killed, survived, explained

The compiled loops run as plain Python: JIT is off, and the changes are to the reference.
"""
