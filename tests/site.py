"""The built site: every link leads somewhere in it, and nothing of a page is loaded from elsewhere.

python -m tests.site build/site
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADING = {"src", "srcset", "data", "poster", "action"}  # what makes a browser load something
PAGES = {"a", "area"}  # whose href a reader follows, or does not


class Links(HTMLParser):
    """What a page loads, where it leads, and where one may lead in it."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.followed, self.places = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.places.add(value)
            elif name in LOADING or (name == "href" and tag not in PAGES):
                self.loaded.append(value or "")
            elif name == "href":
                self.followed.append(value or "")


def problems(folder):
    """Return what is wrong with the site in `folder`, one line each."""
    pages = {path: Links(path.read_text("utf-8")) for path in sorted(folder.rglob("*.html"))}
    found = [] if pages else [f"{folder}: no page"]
    for path, links in pages.items():
        name = path.relative_to(folder)
        found += [f"{name} loads {link}" for link in links.loaded if _leaves(link)]
        for link in (*links.loaded, *links.followed):
            parts = urlsplit(link)
            if _leaves(link) or parts.scheme or not link:
                continue
            goal = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not goal.exists():
                found.append(f"{name} leads to {link}, which is not there")
            elif goal in pages and parts.fragment not in {"", *pages[goal].places}:
                found.append(f"{name} leads to {link}, a place that the page does not have")
    for path in sorted(folder.rglob("*.css")):
        loaded = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", path.read_text("utf-8"))
        found += [f"{path.relative_to(folder)} loads {link}" for link in loaded if _leaves(link)]
    return found


def _leaves(link):
    return urlsplit(link).scheme in ("http", "https", "ftp") or link.startswith("//")


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]).resolve())
    sys.stdout.write("".join(f"{line}\n" for line in wrong))
    sys.exit(bool(wrong))
