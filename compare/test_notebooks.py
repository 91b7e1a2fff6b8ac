"""A notebook that has no page runs from top to bottom; what it asserts on the way must hold."""

from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(
    path for path in (ROOT / "notebooks").glob("*.py") if not path.with_suffix(".md").exists()
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_notebook_runs(path):
    notebook = jupytext.read(path)
    NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}, timeout=600).execute()
    assert any(cell.get("outputs") for cell in notebook.cells)
