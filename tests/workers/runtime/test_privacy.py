"""Files of a service belong to its user."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from echocast.workers.runtime.privacy import keep_private


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("taken", "folder_mode", "file_mode"), [("077", 0o700, 0o600), ("27", 0o750, 0o640)]
)
def test_old_folders_and_new_files_lose_permissions(
    tmp_path: Path, taken: str, folder_mode: int, file_mode: int
) -> None:
    old, missing = tmp_path / "store", tmp_path / "models"
    old.mkdir(0o755)
    keep_private(taken, [old, missing])
    missing.mkdir()
    (missing / "file").write_text("")
    assert (mode(old), mode(missing), mode(missing / "file")) == (
        folder_mode,
        folder_mode,
        file_mode,
    )


def test_a_folder_that_is_private_already_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir(0o500)
    keep_private("077", [folder])
    assert mode(folder) == 0o500


def test_a_folder_of_somebody_else_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    tmp_path = tmp_path / "store"
    tmp_path.mkdir(0o755)
    keep_private("077", [tmp_path])
    assert f"Others may read {tmp_path}: Operation not permitted." in caplog.text
