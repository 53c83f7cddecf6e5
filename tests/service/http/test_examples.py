"""The examples of docs/http.md, run as they stand against a real service."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr

from echocast.model.synthetic.storms import storm
from tests.patience import PATIENCE_SECONDS
from tests.service.bodies import written
from tests.service.real_processes import Gateway

DOCUMENT = Path(__file__).parents[3] / "docs" / "http.md"
BLOCK = re.compile(r"```(bash|python|javascript)\n(.*?)```", re.DOTALL)
BLOCKS = BLOCK.findall(DOCUMENT.read_text())
RUNNERS: dict[str, list[str]] = {
    "bash": ["bash", "-euo", "pipefail", "-c"],
    "python": [sys.executable, "-c"],
    "javascript": ["node", "--input-type=module", "-e"],
}
NODE = pytest.mark.skipif(shutil.which("node") is None, reason="NODE IS NOT INSTALLED")


@pytest.fixture
def run(gate: Gateway, tmp_path: Path) -> Callable[[str, str], str]:
    """Runs a block in a folder with the files that the document names; gives what it prints."""
    event = storm(4, frames=20, height=64, width=64)
    for name, part in {"frames": event[:10], "later": event[10:], "frame": event[:1]}.items():
        (tmp_path / f"{name}.nc").write_bytes(written(part))
    url = str(gate.client.base_url).rstrip("/")

    def printed(language: str, text: str) -> str:
        done = subprocess.run(
            [*RUNNERS[language], text.replace("http://127.0.0.1:8000", url)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return printed


def is_whole(forecast: Path) -> bool:
    with xr.open_dataset(forecast) as dataset:
        return dataset.reflectivity.shape == (10, 64, 64)


def blocks(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def test_curl(run: Callable[[str, str], str], tmp_path: Path) -> None:
    forecast, stream = blocks("bash")
    run("bash", forecast)
    assert is_whole(tmp_path / "forecast.nc")
    assert (tmp_path / "forecast.png").read_bytes()[1:4] == b"PNG"
    assert '"newest_frame":"2026-07-01T12:00:00Z"' in run("bash", stream).replace('": ', '":')


def test_python(run: Callable[[str, str], str], tmp_path: Path) -> None:
    run("bash", blocks("bash")[1])
    forecast, stream, refusal = (run("python", text) for text in blocks("python"))
    assert forecast.startswith("succeeded ")
    assert is_whole(tmp_path / "forecast.nc")
    assert stream.startswith("2026-07-01T12:00:00Z")
    assert refusal.startswith("422 urn:echocast:problem:")


@NODE
def test_javascript(run: Callable[[str, str], str], tmp_path: Path) -> None:
    assert run("javascript", blocks("javascript")[0]).startswith("succeeded ")
    assert (tmp_path / "forecast.png").read_bytes()[1:4] == b"PNG"
