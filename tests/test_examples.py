"""The notebook runs as shipped, from its first cell to its last."""

import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "examples" / "quickstart.ipynb"


@pytest.mark.slow
def test_the_quickstart_runs(tmp_path, monkeypatch):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # As committed: no trace of the machine that it was last run on.
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    # The kernel of this interpreter, whatever others are installed.
    monkeypatch.setattr(KernelSpecManager, "ensure_native_kernel", True)
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parent.parent))
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert (tmp_path / "face.tflite").read_bytes()[4:8] == b"TFL3"
    shown = [cell.outputs[-1] for cell in notebook.cells if cell.cell_type == "code" and cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 4
    error = next(cell for cell in notebook.cells if "np.abs(blocks" in cell.source).outputs[-1]
    assert 0 < float(error["data"]["text/plain"].split("(")[-1].rstrip(")")) <= 0.5
    assert sys.version_info[:2] == tuple(
        map(int, notebook.metadata["language_info"]["version"].split(".")[:2])
    )
