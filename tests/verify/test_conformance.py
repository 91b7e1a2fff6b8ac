"""The suite itself: laws are run, broken ones shrunk, shown as code to paste, and reported."""

import json
import subprocess
import sys
import types
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from npcf import errors, ops
from npcf.cli import main
from npcf.verify import assert_same_bits, conformance, strategies
from npcf.verify.conformance import LAWS, Implementation, Law, Report, check, protocol
from npcf.verify.conformance.causes import causes, suspicion
from npcf.verify.conformance.counterexample import as_code, as_script, replay
from npcf.verify.conformance.law import Drawn
from npcf.verify.conformance.preflight import preflight
from npcf.verify.conformance.subjects import SUBJECTS
from npcf.verify.examples import plain
from npcf.verify.strategies import Lookup, lay_out, lookups

RIGHT = Implementation(ops, "npcf.ops")


def keep_one_of_equal_ids(d_out, cache):
    d_weight = np.zeros(cache.table_shape, cache.dtype)
    d_weight[cache.ids] += d_out
    return d_weight


WRONG = types.SimpleNamespace(
    __name__="wrong",
    embedding_forward=ops.embedding_forward,
    embedding_backward=keep_one_of_equal_ids,
)


NEEDS = ("embedding_forward", "embedding_backward")
ONES = lookups(min_batch=1).map(lambda p: p._replace(d_out=np.ones_like(p.d_out)))


def law_of(function, given=ONES, needs=NEEDS, examples=()):
    drawn = given if isinstance(given, Drawn) else Drawn(given)
    return Law(function.__name__, "test", "Rows are summed.", needs, drawn, examples, function)


def counted(impl, p):
    _, cache = impl.embedding_forward(p.weight, p.ids)
    got = impl.embedding_backward(p.d_out, cache)
    want = np.bincount(p.ids, minlength=len(p.weight))[:, None].repeat(p.weight.shape[1], 1)
    assert (got == want).all(), "a row is not summed"


def test_a_law_that_holds():
    outcome = check(law_of(counted), RIGHT, max_examples=50)
    assert (outcome.status, outcome.examples, outcome.counterexample) == ("held", 50, None)


def test_a_broken_law_is_shrunk_to_two_ratings():
    outcome = check(law_of(counted), Implementation(WRONG), max_examples=200)
    assert outcome.status == "broken"
    assert outcome.message.startswith("a row is not summed")
    assert len(outcome.counterexample.ids) == 2
    assert len(set(outcome.counterexample.ids.tolist())) == 1


def test_without_shrinking_the_first_breach_is_kept():
    outcome = check(law_of(counted), Implementation(WRONG), max_examples=200, shrink=False)
    assert outcome.status == "broken"
    with pytest.raises(AssertionError):
        counted(Implementation(WRONG), outcome.counterexample)


def test_of_several_implementations_the_wrong_one_is_named():
    outcome = check(law_of(counted), RIGHT, Implementation(WRONG), max_examples=100)
    assert outcome.message.startswith("wrong: ")


def test_explicit_examples_come_first():
    example = Lookup(np.zeros((1, 1)), np.array([0, 0]), np.ones((2, 1)))
    law = law_of(counted, examples=(example,))
    outcome = check(law, Implementation(WRONG), max_examples=1)
    assert (outcome.status, outcome.examples) == ("broken", 1)
    assert outcome.counterexample is example


def test_whatever_an_implementation_raises_breaks_the_law():
    def embedding_forward(weight, ids):
        raise KeyError("lost")

    bad = types.SimpleNamespace(**(vars(WRONG) | {"embedding_forward": embedding_forward}))
    outcome = check(law_of(counted), Implementation(bad, "bad"), max_examples=5)
    assert outcome.message == "KeyError: 'lost'"


def test_inputs_may_be_moved_and_left_out_before_a_law_sees_them():
    given = Drawn(ONES).map(lambda p: p._replace(ids=p.ids[:1], d_out=p.d_out[:1]))
    assert check(law_of(counted, given), Implementation(WRONG), max_examples=50).status == "held"
    given = Drawn(ONES).filter(lambda p: len(set(p.ids.tolist())) == len(p.ids))
    outcome = check(law_of(counted, given), Implementation(WRONG), max_examples=100)
    assert outcome.status == "held"
    assert 0 < outcome.examples < 100


def test_a_law_broken_only_by_what_an_earlier_call_left_behind_says_so():
    calls = []

    def once(impl, p):
        calls.append(p)
        assert len(calls) != 3, "the third call"

    outcome = check(law_of(once), RIGHT, max_examples=20)
    assert outcome.status == "broken"
    assert "an earlier call has left something behind" in outcome.message


def test_what_an_implementation_lacks_is_skipped_by_name():
    module = types.SimpleNamespace(embedding_forward=ops.embedding_forward)
    outcome = check(law_of(counted), Implementation(module, "half"))
    assert (outcome.status, outcome.message) == ("skipped", "no embedding_backward")


def test_an_implementation_is_asked_in_its_own_dtypes_only():
    seen = []

    def forward(weight, ids):
        seen.append(weight.dtype)
        return ops.embedding_forward(weight, ids)

    module = types.SimpleNamespace(
        embedding_forward=forward, embedding_backward=ops.embedding_backward, DTYPES=("float32",)
    )
    law = law_of(counted)
    assert check(law, Implementation(module, "single"), max_examples=30).status == "held"
    assert set(seen) == {np.dtype("float32")}


class Imported:
    """An array of somebody else's library."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_arrays_of_other_libraries_are_taken_in():
    def mse_forward(pred, rating):
        loss, cache = ops.mse_forward(pred, rating)
        return Imported(np.array(loss)), cache

    implementation = Implementation(types.SimpleNamespace(mse_forward=mse_forward), "other")
    loss, _ = implementation.mse_forward(np.ones(2), np.zeros(2))
    assert_same_bits(loss, np.array(1.0))


def test_a_module_without_any_function_of_the_protocol_is_refused():
    with pytest.raises(errors.UsageError, match="none of the protocol's functions"):
        Implementation(types)
    with pytest.raises(errors.UsageError, match="cannot be imported"):
        Implementation.imported("no_such_package.no_module")
    module = types.SimpleNamespace(embedding_forward=ops.embedding_forward, LIBRARY="abacus")
    with pytest.raises(errors.UsageError, match="abacus"):
        Implementation(module, "m")


def test_a_module_may_say_which_functions_it_means():
    module = types.SimpleNamespace(
        mse_forward=ops.mse_forward, linear=lambda x, weight: x @ weight, PROTOCOL=("mse_forward",)
    )
    assert Implementation(module, "m").lacks(["linear", "mse_forward"]) == ["linear"]


def test_a_wrong_number_of_results_is_said():
    module = types.SimpleNamespace(row_dot_backward=lambda d_out, cache: (d_out, d_out, d_out))
    with pytest.raises(AssertionError, match="must return 2 things, got 3"):
        Implementation(module, "m").row_dot_backward(np.ones(1), None)


def test_the_page_names_every_function_of_the_protocol():
    for name in protocol.FUNCTIONS:
        assert f"{name}(" in protocol.__doc__, name


# ---- counter-examples as code --------------------------------------------------------------------

numbers = arrays(
    st.sampled_from([np.float32, np.float64, np.int32]), st.tuples(st.integers(0, 3), st.just(2))
)


class Pair(NamedTuple):
    left: object
    right: object


@given(array=numbers, layout=st.sampled_from(strategies.LAYOUTS))
def test_code_gives_back_the_array(array, layout):
    array = lay_out(array, layout)
    again = eval(as_code(array), {"np": np, "lay_out": lay_out})
    assert_same_bits(again, array)
    if array.size:
        assert again.flags.writeable == array.flags.writeable


@given(value=st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(), st.booleans()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
))  # fmt: skip
def test_code_gives_back_plain_values(value):
    assert eval(as_code(value), {"np": np}) == value


def test_a_script_replays_the_breach():
    name, law = next(
        (name, law)
        for name, law in LAWS.items()
        if "embedding_backward" in law.needs
        and check(law, Implementation(WRONG), max_examples=60).status == "broken"
    )
    outcome = check(law, Implementation(WRONG))
    script = as_script(name, "wrong", outcome.counterexample)
    sys.modules["wrong"] = WRONG
    try:
        with pytest.raises(AssertionError):
            exec(script, {})
        replay(name, ops, outcome.counterexample)  # the right one obeys
    finally:
        del sys.modules["wrong"]


# ---- reports and commands ------------------------------------------------------------------------


def outcomes_of_wrong():
    held = law_of(lambda impl, p: None)
    return [check(law, Implementation(WRONG), max_examples=20) for law in (
        held, law_of(counted), law_of(counted, needs=("adam_step",)))]  # fmt: skip


def test_the_report_reads_as_it_stands():
    text = str(Report(Implementation(WRONG), outcomes_of_wrong()))
    assert text.startswith("# Conformance of `wrong`\n\n**Broken**, by 1 cause. Of 3 laws 1 held")
    assert "## counted (1 law)" in text
    assert "a row is not summed" in text
    assert 'replay("counted", "wrong", p)' in text
    assert "- 1 law: no adam_step" in text


def test_the_report_as_json():
    found = json.loads(json.dumps(Report(Implementation(WRONG), outcomes_of_wrong()).as_dict()))
    assert not found["ok"]
    assert [law["status"] for law in found["laws"]] == ["held", "broken", "skipped"]
    assert "replay" in found["laws"][1]["counterexample"]


def test_verb_lists_the_laws(capsys):
    assert main(["conformance", "--list"]) == 0
    text = capsys.readouterr().out
    assert text.endswith(f"{len(LAWS)} laws\n")
    for law in LAWS.values():
        assert law.statement in " ".join(text.split())
    assert main(["conformance", "--list", "--json", "--laws", "lookup*"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {law["part"].split("_")[0] for law in listed} == {"lookup"}


def test_verb_prints_the_protocol(capsys):
    assert main(["conformance", "--protocol"]) == 0
    assert "embedding_forward" in capsys.readouterr().out


def test_verb_reports_and_exits_by_the_outcome(capsys, monkeypatch):
    few = ["--max-examples", "10", "--laws", "lookup*"]
    assert main(["conformance", "npcf.ops", *few]) == 0
    assert "**Conforms.**" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "wrong", WRONG)
    assert (
        main(["conformance", "wrong", "--max-examples", "60", "--laws", "lookup*", "--json"]) == 1
    )
    assert not json.loads(capsys.readouterr().out)["ok"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Name a module"),
        (["npcf.ops", "--laws", "nothing"], 2, "no law matches"),
        (["npcf.ops", "--max-examples", "0"], 2, "whole number"),
        (["no_such_module"], 1, "cannot be imported"),
        ([""], 1, "cannot be imported"),
        (["..x"], 1, "cannot be imported"),
        (["ends"], 1, "SystemExit: 3, in "),
        (["divides"], 1, "ZeroDivisionError: division by zero, in "),
        (["torn"], 1, "SyntaxError"),
    ],
)
def test_verb_refuses(arguments, code, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name, text in {"ends": "raise SystemExit(3)", "divides": "1/0", "torn": "def f("}.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert main(["conformance", *arguments]) == code
    assert words in capsys.readouterr().err


@pytest.mark.slow("runs the suite twice")
def test_through_pytest(tmp_path):
    """The entry point adds --impl; a broken law is a failing test with the script in it."""
    (tmp_path / "wrong_kernels.py").write_text(
        "import numpy as np\n"
        "def embedding_forward(weight, ids):\n"
        "    assert ids.dtype.kind in 'iu' and (ids >= 0).all() and (ids < len(weight)).all()\n"
        "    return weight[ids], (ids, weight.shape)\n"
        "def embedding_backward(d_out, cache):\n"
        "    d_weight = np.zeros(cache[1], d_out.dtype)\n"
        "    d_weight[cache[0]] += d_out\n"
        "    return d_weight\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
               "--pyargs", "npcf.verify.conformance", "--max-examples", "40",
               "-k", "embedding or lookup", "--impl"]  # fmt: skip
    good = subprocess.run([*command, "npcf.ops"], capture_output=True, text=True, cwd=tmp_path)
    assert good.returncode == 0, good.stdout
    wrong = subprocess.run(
        [*command, "wrong_kernels"], capture_output=True, text=True, cwd=tmp_path
    )
    assert wrong.returncode == 1, wrong.stdout
    assert '"wrong_kernels", p)' in wrong.stdout


def test_each_law_states_itself():
    for law in LAWS.values():
        assert law.statement.endswith("."), law.name
        assert set(law.needs) <= protocol.FUNCTIONS.keys(), law.name
    assert set(conformance.__all__) <= set(dir(conformance))


def test_list_and_protocol_fit_80_columns(capsys):
    for page in ("--list", "--protocol"):
        main(["conformance", page])
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80, page


# ---- causes, hints, sizes ------------------------------------------------------------------------


def with_bug(**functions):
    """The plain implementation with some functions changed."""
    names = {name: getattr(plain, name) for name in protocol.FUNCTIONS}
    module = types.SimpleNamespace(**names | functions, LIBRARY="numpy")
    return Implementation(module, "bent")


def scaled(function, factor):
    def bent(upstream, cache):
        return getattr(plain, function)(upstream, cache) * factor(upstream, cache)

    return {function: bent}


def swapped_sides(d_out, cache):
    return plain.row_dot_backward(d_out, cache)[::-1]


def halved_item_bias(d_pred, cache):
    grads = plain.dot_product_bias_backward(d_pred, cache)
    return grads | {"item_bias": grads["item_bias"] / 2}


def keeps_one(d_out, cache):
    ids, shape, dtype = cache
    d_weight = np.zeros(shape, dtype)
    d_weight[ids] += d_out
    return d_weight


BENT = {
    "twice": (scaled("embedding_backward", lambda d, c: 2), "embedding_backward",
              "d_weight is 2 times what it should be"),
    "sum": (scaled("mse_backward", lambda d, c: c.dtype.type(c.size)), "mse_backward",
            "d_pred is B = 7 times"),
    "mean of factors": ({"row_dot_forward": lambda p, q: (
        plain.row_dot_forward(p, q)[0] / p.dtype.type(max(p.shape[1], 1)), (p.copy(), q.copy()))},
        "row_dot_forward", "out is 1/K = 1/3 times"),
    "sign": (scaled("sigmoid_range_backward", lambda d, c: -1), "sigmoid_range_backward",
             "d_x is -1 times"),
    "swapped": ({"row_dot_backward": swapped_sides}, "row_dot_backward", "d_left holds d_right"),
    "repeated": ({"embedding_backward": keeps_one}, "embedding_backward",
                 "only in rows named more than once"),
    "halved": ({"dot_product_bias_backward": halved_item_bias}, "dot_product_bias_backward",
               "d_item_bias is 1/2 times"),
}  # fmt: skip


@pytest.mark.parametrize("bug", BENT)
def test_a_wrong_function_is_one_cause_with_a_hint(bug):
    functions, function, words = BENT[bug]
    implementation = with_bug(**functions)
    laws = [law for law in LAWS.values() if function in law.needs]  # the others do not call it
    outcomes = [*conformance.run(implementation, laws, max_examples=10, shrink=False)]
    (cause,) = causes(implementation, outcomes)
    assert cause.title == f"{function} computes wrong numbers"
    assert words in cause.hint
    assert len(cause.outcomes) == sum(one.status == "broken" for one in outcomes) > 1


def test_one_exception_is_one_cause():
    def bias_forward(*arrays):
        if any(array.strides[0] < 0 for array in arrays):
            raise ValueError("negative strides are not supported")
        return plain.bias_forward(*arrays)

    implementation = with_bug(bias_forward=bias_forward)
    assert not preflight(implementation)
    laws = [law for law in LAWS.values() if "bias_forward" in law.needs]
    outcomes = [*conformance.run(implementation, laws, max_examples=10, shrink=False)]
    (cause,) = causes(implementation, outcomes)
    assert str(cause) == "ValueError: negative strides are not supported (1 law)"


@pytest.mark.parametrize(
    ("functions", "line"),
    [
        ({"bias_forward": lambda dot, users: None}, "bias_forward: TypeError: "),
        ({"mse_backward": lambda d, c: plain.mse_backward(d, c).astype(np.float64)},
         "mse_backward: d_pred is float64 where the input is float32"),
        ({"row_dot_forward": lambda p, q: ((p * q).sum(1, keepdims=True), (p, q))},
         "row_dot_forward: out has shape (5, 1), not (5,)"),
        ({"sgd_step": lambda w, g, buf, **settings: w}, "sgd_step: "),
    ],
)  # fmt: skip
def test_signatures_shapes_and_dtypes_are_said_first(functions, line):
    (finding,) = preflight(with_bug(**functions))
    assert str(finding).startswith(line)
    assert "\n" not in str(finding)


def test_a_right_implementation_raises_no_alarm():
    assert not preflight(RIGHT)
    assert not preflight(with_bug())
    assert not [s.name for s in SUBJECTS if not RIGHT.lacks(s.needs) and suspicion(s, RIGHT)]


def test_tiles_of_a_module_are_tried():
    def past(n):
        def embedding_backward(d_out, cache):
            ids, shape, dtype = cache
            skipped = slice(n, n + 1) if len(ids) == n + 2 else slice(0, 0)
            kept = np.delete(np.arange(len(ids)), skipped)
            return plain.embedding_backward(d_out[kept], (ids[kept], shape, dtype))

        return with_bug(embedding_backward=embedding_backward)

    law, bent = LAWS["lookup_is_right_at_every_size"], past(5000)
    assert check(law, bent, max_examples=1).status == "held"
    bent.tiles = (5001,)
    outcome = check(law, bent, max_examples=1)
    assert outcome.status == "broken"
    assert outcome.counterexample.batch == 5002
    assert "from npcf.verify.conformance.sizes import Sized" in as_script(
        law.name, "bent", outcome.counterexample
    )


def test_fixed_shapes_bound_the_number_of_shapes():
    seen = set()

    def row_dot_forward(left, right):
        seen.add(left.shape)
        return plain.row_dot_forward(left, right)

    implementation = with_bug(row_dot_forward=row_dot_forward)
    implementation.fixed_shapes = True
    laws = [law for law in LAWS.values() if law.family == "row_dot"]
    assert all(o.status != "broken" for o in conformance.run(implementation, laws, 50))
    assert len(seen) < 60
