"""Optional libraries: a test that fails because one is not installed is skipped, by its name."""

import importlib.util
import re

import pytest

EXTRAS = {"tqdm": "progress", "pooch": "data", "safetensors": "save", "mpmath": "verify",
          "latex2mathml": "teach", "xlsxwriter": "sheet", "python_calamine": "sheet",
          "formulas": "test", "matplotlib": "plot", "nbconvert": "test",
          "distributed": "distributed"}  # fmt: skip


def absent():
    """Return the libraries that are not installed, with the extra that brings each."""
    return {library: extra for library, extra in EXTRAS.items() if not _installed(library)}


def _installed(library):
    try:
        return importlib.util.find_spec(library) is not None
    except ValueError:  # kept from being imported: None stands in sys.modules
        return False


def missing(failure, libraries):
    """Return the library that `failure`, a text, says is not installed; None if it says no such."""
    for library in libraries:
        said = rf"No module named '{library}|\b{library}\b[^\n]{{0,20}}is not installed"
        if re.search(said, failure):
            return library
    return None


ABSENT = absent()
FAILED_FIXTURES = {}  # a fixture's error comes back for each test that asks for it, unexplained


def needs(library):
    """Return the mark of a test whose failure cannot say what is not installed."""
    reason = f"{library} (extra `{EXTRAS[library]}`) is not installed"
    return pytest.mark.skipif(library in ABSENT, reason=reason)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn the failure into a skip; where everything is installed, nothing is looked at."""
    report = (yield).get_result()
    if not ABSENT or not report.failed:
        return
    error = call.excinfo.value
    said = missing(f"{report.longreprtext}\n{report.capstderr}", ABSENT)
    library = said or FAILED_FIXTURES.get(id(error), (None, None))[1]
    if library is not None:
        FAILED_FIXTURES[id(error)] = error, library  # kept, so that the number stays its own
        path, line, _ = item.location
        reason = f"Skipped: {library} (extra `{ABSENT[library]}`) is not installed"
        report.outcome, report.longrepr = "skipped", (path, line, reason)
