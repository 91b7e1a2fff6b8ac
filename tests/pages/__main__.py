"""`make notebooks`: run every page, and fail where one says something else than what is stored.

python -m tests.pages [--write] [--movielens] [NAME ...]

--write      store what the pages say now
--movielens  run them on the data in $NPCF_DATA instead: nothing is compared or stored
"""

import argparse
import sys
import time

from tests.pages.page import changes, execute, sources, stale, stored, write
from tests.pages.prose import typed_digits


def main() -> int:
    """Run the pages named, or all; return 1 if one is not as it is stored."""
    parser = argparse.ArgumentParser(prog="python -m tests.pages", description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--movielens", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    known = {source.stem: source for source in sources()}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no page {unknown[0]}: {', '.join(known)}")
    failed = False
    for name in options.names or known:
        start = time.perf_counter()
        problems = run(known[name], options.write, options.movielens)
        print(f"{name:30} {time.perf_counter() - start:5.1f} s", *problems, sep="\n  ", flush=True)
        failed |= bool(problems)
    return int(failed)


def run(source, writing, movielens):
    """Run one page; return its problems."""
    problems = [f"line {line}: a number typed by hand: {text}"
                for line, text in typed_digits(source.read_text(encoding="utf-8"))]  # fmt: skip
    page = execute(source, movielens=movielens)
    if movielens:
        return problems
    if writing:
        write(source, page)
        return problems
    why = stale(source)
    before = stored(source)
    return problems + ([why] if why else []) + (changes(page, before) if before else [])


if __name__ == "__main__":
    sys.exit(main())
