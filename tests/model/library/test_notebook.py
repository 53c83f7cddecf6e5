"""The notebook of ``docs/``: its file holds no output, and all of it runs."""

from __future__ import annotations

import signal
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
NOTEBOOK = ROOT / "docs" / "ten-minutes.ipynb"
COLUMNS = 120
# Plain steps: to compile the kernels anew takes a minute.
FIRST_CELL = "import sys\n\nsys.modules['numba'] = None"


@pytest.fixture(scope="module")
def notebook() -> NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def data(cell: NotebookNode) -> dict[str, str]:
    """What a cell shows, by media type."""
    return {key: shown for output in cell.outputs for key, shown in output.get("data", {}).items()}


def test_its_file_holds_no_output_and_short_lines(notebook):
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
    assert not [cell for cell in notebook.cells if cell.get("execution_count")]
    lines = [line for cell in notebook.cells for line in cell.source.splitlines()]
    assert max(map(len, lines)) <= COLUMNS


@pytest.fixture
def interrupts():
    """nbclient takes SIGINT, also where it was ignored, as in a background job of a shell."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_every_cell_runs(notebook, tmp_path, monkeypatch):
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    small = cells[0].source.replace("height=128, width=128", "height=64, width=64")
    assert small != cells[0].source
    cells[0].source = f"{FIRST_CELL}\n{small}"
    client = NotebookClient(notebook, timeout=int(PATIENCE_SECONDS), kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    plots = ["plot" in cell.source for cell in cells[1:]]
    assert plots == ["image/png" in data(cell) for cell in cells[1:]]
    scores = next(cell for cell in cells if "verify" in cell.source)
    for word in ("model", "extrapolation", "persistence", "csi", "bias"):
        assert word in data(scores)["text/plain"]
