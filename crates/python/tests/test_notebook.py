"""The notebook runs from top to bottom."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[3]


def test_the_notebook_runs() -> None:
    path = ROOT / "docs" / "notebooks" / "judge.ipynb"
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, resources={"metadata": {"path": str(ROOT)}}, timeout=300)
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    shown = [output.data for output in outputs if output.output_type in ("display_data", "execute_result")]
    assert any("ocean-currents.txt" in data.get("text/html", "") for data in shown)
    assert any("nDCG@10" in data.get("text/html", "") for data in shown)
    assert any("image/png" in data for data in shown)
    assert shown[-1]["text/plain"] == "True"
