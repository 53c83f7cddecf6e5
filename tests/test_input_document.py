"""docs/input.md: its smallest file is one that we read."""

import re
import runpy
from pathlib import Path

import pytest

from echocast.model.contract import InputContract, split
from echocast.model.formats.readers import read_frames

DOCUMENT = Path(__file__).parents[1] / "docs" / "input.md"


def test_the_smallest_file_makes_a_nowcast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert code is not None
    assert len(list(filter(None, code[1].splitlines()))) <= 6
    (tmp_path / "smallest.py").write_text(code[1])
    monkeypatch.chdir(tmp_path)
    runpy.run_path("smallest.py")
    frames = read_frames([tmp_path / "frames.nc"])
    inputs, later = split(frames, 10, InputContract())
    assert (len(inputs), later, frames.notes) == (10, None, {})
    assert frames.grid.pixel_size_km == pytest.approx(1.0)
