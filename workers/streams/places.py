"""Where the files of streams lie, by the settings."""

from __future__ import annotations

from workers.archive import Archive
from workers.settings import WorkerSettings
from workers.streams.files import Files, LocalFiles


def stream_files(settings: WorkerSettings) -> Files:
    """Where the files of streams lie."""
    return LocalFiles(
        Archive(settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes)
    )
