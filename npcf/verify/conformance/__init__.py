"""The suite for somebody else's implementation: laws, a runner, a report.

    npcf conformance package.module
    pytest --pyargs npcf.verify.conformance --impl package.module

Needs the extra `verify`.  The page to write an implementation from is `protocol`; the laws stand in
`laws`, implementations to look at in `npcf.verify.examples`, wrong ones in `npcf.verify.mistakes`.
"""

from npcf.verify.conformance import contracts_of_arguments as _contracts  # noqa: F401  (register laws)
from npcf.verify.conformance import laws as _laws  # noqa: F401
from npcf.verify.conformance import sizes as _sizes  # noqa: F401
from npcf.verify.conformance.counterexample import replay
from npcf.verify.conformance.implementation import Implementation
from npcf.verify.conformance.law import LAWS, Law, law
from npcf.verify.conformance.report import Report
from npcf.verify.conformance.runner import Outcome, check, run

__all__ = ["LAWS", "Implementation", "Law", "Outcome", "Report", "check", "law", "replay", "run"]
