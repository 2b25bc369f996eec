"""The notebook runs from its first cell to its last, shows figures, and is committed without outputs."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"


@pytest.fixture
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_is_committed_without_outputs(notebook: nbformat.NotebookNode) -> None:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not any(cell.outputs or cell.execution_count for cell in code)


# What Jupyter's own packages and the kernel's shutdown warn about is not ours.
@pytest.mark.filterwarnings("ignore")
def test_runs_and_shows_its_figures(notebook: nbformat.NotebookNode) -> None:
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
    client.create_kernel_manager()
    assert client.km is not None
    # Whatever kernels this user has installed, the one of this environment is meant.
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
    tables = [output["data"]["text/plain"] for output in shown if "text/html" in output.get("data", {})]
    assert "shortest-flight" in tables[-1]
    assert "efficiency" in tables[0]
