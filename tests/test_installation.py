"""The package is found wherever Python is started, as it was installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_folder_that_holds_the_clone_does_not_hide_the_package(tmp_path):
    """`npcf/`, a folder without __init__.py, is a namespace package of the same name.

    A package on a later entry of the path wins over it; a finder behind the path would not.
    """
    (tmp_path / "npcf").mkdir()
    for path in (ROOT / "npcf", ROOT / "README.md"):
        (tmp_path / "npcf" / path.name).symlink_to(path)
    code = "import npcf; print(npcf.Learner.__name__, npcf.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, f"install it again: pip install -e .\n{done.stderr}"
    name, file = done.stdout.split(maxsplit=1)
    assert name == "Learner"
    assert Path(file.strip()).parent.name == "npcf"
    assert Path(file.strip()).resolve() == (ROOT / "npcf" / "__init__.py").resolve()
