"""The verbs of `npcf`, in the order of the help page."""

from npcf.commands import conformance, data, doctor, evaluate, predict, recommend, similar, train

VERBS = (train, predict, recommend, evaluate, similar, data, conformance, doctor)
