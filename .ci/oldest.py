"""Print the oldest versions that pyproject.toml allows, as constraints for pip.

    python .ci/oldest.py > constraints.txt
    pip install --constraint constraints.txt --editable ".[test]"

Every requirement of the package and of its extras has the form `name>=version` or `name==version`;
anything else is an error here, because it would name no oldest version.
"""

import re
import sys
import tomllib
from pathlib import Path

FORM = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?(>=|==)(?P<version>[\w.]+)")


def oldest(project: dict) -> dict[str, str]:
    """Return the oldest version of every requirement by name; npcf's own extras are left out."""
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    versions = {}
    for requirement in (text for texts in lists for text in texts):
        if requirement.startswith(f"{project['name']}["):
            continue
        match = FORM.fullmatch(requirement)
        if match is None:
            raise ValueError(f"{requirement!r} names no oldest version")
        if versions.setdefault(match["name"], match["version"]) != match["version"]:
            raise ValueError(f"{match['name']} has two oldest versions")
    return versions


if __name__ == "__main__":
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    for name, version in oldest(tomllib.loads(pyproject.read_text())["project"]).items():
        sys.stdout.write(f"{name}=={version}\n")
