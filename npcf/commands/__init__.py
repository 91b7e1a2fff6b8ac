"""The verbs of `npcf`, one a file: `add(verbs)` declares it, `run(args)` returns an exit code."""

from npcf.commands import conformance, data, doctor, evaluate, predict, recommend, similar, train

VERBS = (train, predict, recommend, evaluate, similar, data, conformance, doctor)

__all__ = ["VERBS"]
