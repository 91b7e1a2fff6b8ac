"""`npcf conformance package.module`: run the laws against an implementation."""

import argparse
import fnmatch
import sys
import textwrap
import time
from typing import Any

from npcf.commands.common import add_verb, print_json, require_effect
from npcf.errors import SettingError, UsageError, require_count


def add(verbs: Any) -> None:
    """Declare the verb."""
    parser = add_verb(verbs, "conformance", "run the laws against an implementation of yours",
                      "npcf conformance my_package.kernels --max-examples 1000", run)  # fmt: skip
    parser.add_argument("module", nargs="?", help="dotted name of a module of plain functions")
    parser.add_argument("--list", action="store_true", help="list the laws and stop")
    parser.add_argument("--protocol", action="store_true", help="print the functions to write")
    parser.add_argument("--max-examples", type=int, help="inputs a law (200)")
    parser.add_argument("--laws", metavar="PATTERN",
                        help="only laws of this name or part; * and ? are wild cards")  # fmt: skip
    parser.add_argument("--seed", type=int, help="which inputs are drawn (0)")
    parser.add_argument("--sizes", metavar="N,N",
                        help="more sizes to try around: tiles, vector lengths")  # fmt: skip
    parser.add_argument("--fixed-shapes", action="store_true",
                        help="few shapes only, for kernels that compile once a shape")  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Print the report; 1 if a law is broken."""
    _check_effects(args)
    suite = _suite()
    if args.protocol:
        from npcf.verify.conformance import protocol

        print(protocol.__doc__, end="")
        return 0
    laws = _chosen(suite.LAWS.values(), "*" if args.laws is None else args.laws)
    if args.list:
        _print_list(laws, args.json)
        return 0
    if args.module is None:
        raise SettingError("module", "is missing", "Name a module, or --list, or --protocol.")
    implementation = suite.Implementation.imported(args.module)
    implementation.tiles += tuple(_sizes(args.sizes or ""))
    implementation.fixed_shapes |= args.fixed_shapes
    n_examples = 200 if args.max_examples is None else args.max_examples
    require_count("--max-examples", n_examples)
    from npcf.training.monitor import with_progress
    from npcf.verify.conformance.preflight import preflight
    from npcf.verify.conformance.report import Report, untouched

    findings = preflight(implementation)
    laws = untouched(laws, findings)
    found = suite.run(implementation, laws, n_examples, random_seed=args.seed or 0)
    outcomes = with_progress(_told(found), len(laws), "laws", None)
    report = Report(implementation, outcomes, findings)
    if args.json:
        print_json(report.as_dict())
    else:
        print(report, end="")
    return int(not report.ok)


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(word) for word in text.split(",") if word.strip()]
    except ValueError:
        sizes = [-1]
    if any(n < 1 for n in sizes):
        raise SettingError("--sizes", f"{text!r} is no list of sizes", "Write --sizes 100,256.")
    return sizes


def _told(outcomes: Any) -> Any:
    """Report progress on standard error if it is no terminal."""
    part, start = None, time.perf_counter()
    for outcome in outcomes:
        if outcome.law.family != part and not sys.stderr.isatty():
            part = outcome.law.family
            print(f"{time.perf_counter() - start:5.0f} s  {part}", file=sys.stderr, flush=True)
        yield outcome


def _check_effects(args: argparse.Namespace) -> None:
    """Raise SettingError at an option that has no effect with --protocol or --list."""
    runs = ("max_examples", "seed", "sizes", "fixed_shapes")
    require_effect(args, (*runs, "laws", "list", "json"), not args.protocol, "with --protocol")
    require_effect(args, runs, not args.list, "with --list")
    if args.module is not None and (args.list or args.protocol):
        option = "--protocol" if args.protocol else "--list"
        raise SettingError("module", f"is not looked at with {option}", "Leave it out.")


def _suite() -> Any:
    try:
        from npcf.verify import conformance
    except ImportError as error:
        raise UsageError(
            "npcf conformance", f"needs the extra verify ({error})", 'pip install "npcf[verify]"'
        ) from None
    return conformance


def _chosen(laws: Any, pattern: str) -> list[Any]:
    chosen = [
        law for law in laws
        if fnmatch.fnmatch(law.name, pattern) or fnmatch.fnmatch(law.family, pattern)
    ]  # fmt: skip
    if not chosen:
        raise SettingError("--laws", f"no law matches {pattern!r}", "--list shows all.")
    return chosen


def _print_list(laws: list[Any], as_json: bool) -> None:
    if as_json:
        print_json([{"name": w.name, "part": w.family, "statement": w.statement} for w in laws])
        return
    family = None
    for law in laws:
        if law.family != family:
            family = law.family
            print(f"{family}")
        print(f"  {law.name}")
        print(textwrap.fill(law.statement, 79, initial_indent=" " * 6, subsequent_indent=" " * 6))
    print(f"{len(laws)} laws")
