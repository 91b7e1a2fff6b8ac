"""`python -m compare.proof.mutation [run | report | plant]`: see the package."""

import argparse
import gc
import json
import os
import sys
import time


def main() -> int:
    """Return 0 if every survivor is explained and nothing is left to run; `plant`: if it died."""
    parser = argparse.ArgumentParser(prog="compare.proof.mutation", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="test what has not been tested yet; may be interrupted")
    run.add_argument("--room", choices=("ops", "models", "optim"), action="append")
    run.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    run.add_argument("--sample", type=int, help="so many changes of each room, at random")
    report = verbs.add_parser("report", help="killed, survived and explained, of the latest run")
    report.add_argument("--json", action="store_true")
    report.add_argument("--every", action="store_true", help="explained survivors too")
    plant = verbs.add_parser("plant", help="test one change of your own")
    plant.add_argument("module", help="npcf/ops/mse.py")
    plant.add_argument("old", help="text that stands in it once")
    plant.add_argument("new")
    plant.add_argument("--stages", type=int, help="how many to go through; 1 is quick")
    arguments = parser.parse_args(sys.argv[1:] or ["run"])
    try:
        return {"run": _run, "report": _report, "plant": _plant}[arguments.verb](arguments)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.", file=sys.stderr)
        return 130


def _prepare() -> None:
    """Import what the forked processes share, and warm it up; npcf must not be among it."""
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ.pop("NPCF_SHARD", None)  # part of the tests would let part of the bugs live
    import mpmath
    import numba
    import pandas

    from compare.proof.mutation.child import warm_up

    warm_up()
    assert all((mpmath, numba, pandas)) and "npcf" not in sys.modules
    gc.collect()
    gc.freeze()  # what no collection touches, the processes go on sharing


def _run(arguments: argparse.Namespace) -> int:
    _prepare()
    from compare.proof.mutation import pool, session

    rooms = arguments.room or list(session.ROOMS)
    began, current = time.monotonic(), session.open_session()
    results = pool.Run(current, rooms, arguments.workers)(arguments.sample)
    for n, (item, result) in enumerate(results, 1):
        (mutation,) = item.mutations
        if result.is_killed and n % 100:
            continue
        where = f"{mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name}"
        print(
            f"{n} in {time.monotonic() - began:.0f} s: {where} {result.test_outcome.value}",
            flush=True,
        )
    _keep()
    return _report(arguments)


def _keep() -> None:
    """Write the figures for `make proof` once nothing is left to run."""
    from compare.proof import results
    from compare.proof.mutation import report, session

    found = report.rooms(session.latest())
    if not any(room.pending for room in found):
        results.save("mutation", {"figures": report.as_json(found)})


def _report(arguments: argparse.Namespace) -> int:
    from compare.proof.mutation import report, session

    found = report.rooms(session.latest())
    if getattr(arguments, "json", False):
        print(json.dumps(report.as_json(found), indent=1))
    else:
        print(report.markdown(found, getattr(arguments, "every", False)))
    return int(any(room.pending or room.explained < len(room.survivors) for room in found))


def _plant(arguments: argparse.Namespace) -> int:
    _prepare()
    from compare.proof.mutation import pool

    by = pool.plant(arguments.module, arguments.old, arguments.new, arguments.stages)
    print(f"killed by {by}" if by else "survived")
    return int(by is None)


if __name__ == "__main__":
    sys.exit(main())
