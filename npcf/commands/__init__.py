"""The verbs of `npcf`, one a file: `add(verbs)` declares it, `run(args)` returns an exit code."""
