"""Crosscheck on trial: wrong and right PyTorch programs that a person would write.

`programs` has the wrong ones, each with the names that are a right answer; `clean` the right but
unusual ones; `outsiders` mistakes of kinds that no catalogue has.  All were written from the
interface and the catalogue's sentences alone, without a look at what predicts or judges.

    python -m compare.crosscheck [part] [--record]      or: make crosscheck-proof
"""
