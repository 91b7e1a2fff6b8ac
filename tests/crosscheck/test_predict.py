"""What programs predict: crashes, writes, and the same on fewer rows."""

import numpy as np

from npcf.crosscheck.candidates import made
from npcf.crosscheck.compact import compact
from npcf.crosscheck.evidence import Raised
from npcf.crosscheck.predict import STAGES, outputs
from npcf.crosscheck.program import Program, arithmetic
from npcf.crosscheck.shares import shares
from tests.crosscheck.synthetic import observe


def test_a_wrong_program_predicts_itself_on_few_rows_too():
    wrong = made("items_shifted_by_an_unknown", (), {"strict": True})
    evidence = observe(wrong, seed=2)
    assert any(isinstance(seen.output, Raised) for seen in evidence.seen)
    for seen in (evidence, compact(evidence)):
        for predict in STAGES.values():
            pairs = list(predict(Program((wrong,)), seen, arithmetic(seen)))
            assert pairs and all(shares(pair).max() <= 1 for pair in pairs)


def test_writes_in_place_are_predicted_by_who_makes_them():
    sites = ("user_factors",)
    wrong = made("max_norm_in_place", sites, {"limit": 1.0})
    evidence = observe(wrong, training=False)
    n = arithmetic(evidence)
    own = list(outputs(Program((wrong,)), evidence, n))
    assert all(shares(pair).max() <= 1 for pair in own)
    right = [pair for pair in outputs(Program(), evidence, n) if pair.what == "user_factors"]
    assert right and all(np.isinf(shares(pair)).all() for pair in right)
