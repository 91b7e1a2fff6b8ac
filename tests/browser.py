"""Headless Chromium, where it is installed: pages are loaded, their scripts run, the DOM read."""

import shutil
import subprocess

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--hide-scrollbars")  # fmt: skip
needs_browser = pytest.mark.skipif(not BROWSER, reason="chromium is not installed")


def dom_of(path, profile, *options):
    """Return the document at `path` as HTML, after its scripts have run."""
    command = [BROWSER, *OPTIONS, *options, f"--user-data-dir={profile}", "--dump-dom",
               path.as_uri()]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout
