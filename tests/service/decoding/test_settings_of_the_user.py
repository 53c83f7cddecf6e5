"""A decoder reads no settings of the user whose service it is: some name hosts and hold secrets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echocast.service.decoding.child_process import ChildLimits
from echocast.service.decoding.pool import Pool
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
