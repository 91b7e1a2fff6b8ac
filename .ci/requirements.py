"""Print what pip installs for npcf and some of its extras, without what is named by --without.

python .ci/requirements.py verify save --without numba > requirements.txt

Where a dependency does not exist, as Numba in a browser, the others are installed by this list, and
npcf itself by `pip install --no-deps`.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path


def requirements(project: dict, extras: list[str], without: list[str]) -> list[str]:
    """Return the requirements of the package and of `extras`; none whose name is in `without`."""
    lists = [project["dependencies"], *(project["optional-dependencies"][name] for name in extras)]
    names = {text: re.match(r"[\w.-]+", text)[0] for texts in lists for text in texts}
    return [text for text, name in names.items() if name not in without]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("extras", nargs="*")
    parser.add_argument("--without", action="append", default=[])
    args = parser.parse_args()
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    project = tomllib.loads(pyproject.read_text())["project"]
    sys.stdout.write("\n".join(requirements(project, args.extras, args.without)) + "\n")
