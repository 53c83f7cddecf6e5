"""A decoder reads no settings of the user whose service it is: some name hosts and hold secrets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from echocast.service.decoding.child_process import ChildLimits
from echocast.service.decoding.pool import Pool
from tests.fuzz.service import STRACE, foreign
from tests.model.formats.foreign_files import FOREIGN
from tests.service.decoding.test_pool import MIB, good, request, with_pool

__all__ = ["good"]
LIMITS = ChildLimits(2048 * MIB, 20)
OF_LIBRARIES = (".ncrc", ".dodsrc", ".daprc", ".aws/config", ".aws/credentials")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and working folder, whose settings hold up everybody who reads them."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    for name in OF_LIBRARIES:
        os.mkfifo(home / name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return home


def test_no_setting_of_the_user_is_read(home: Path, good: Path, tmp_path: Path) -> None:
    async def work(pool: Pool) -> None:
        assert await pool.ask(request(good, tmp_path / "good"))

    assert with_pool(work, LIMITS) == []


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_gdal_looks_for_no_settings_and_no_plugins(tmp_path: Path) -> None:
    """Found by the fuzz: it looked below /usr/local, where whoever installs software may write."""
    trace, image = tmp_path / "opened", FOREIGN["geotiff"].write(tmp_path)
    record = (*(part for part in STRACE if part != "-D"), "-o", str(trace))
    child = (sys.executable, "-m", "echocast.service.decoding.child", "decode")
    line = json.dumps(request(image, tmp_path / "upload")).encode() + b"\n"
    limits = str(LIMITS.memory_bytes), str(LIMITS.seconds)
    done = subprocess.run([*record, *child, *limits], input=line, capture_output=True, check=True)
    assert json.loads(done.stdout)["error"]["rule"] == "frame-count"  # the image was read
    assert foreign(trace.read_text(errors="replace"), (str(tmp_path),)) == set()
