"""``make clean`` removes what can be made again, and never data."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = ("echocast-data/store/frames", "demo-output")
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", "build")


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_clean_leaves_data_alone(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (*DATA, *CACHES):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("rain")
    subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
    assert [name for name in (*DATA, *CACHES) if (tmp_path / name).exists()] == [*DATA]
