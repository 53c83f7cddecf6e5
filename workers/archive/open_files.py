"""Where the files of streams lie, by the settings."""

from __future__ import annotations

from echocast.workers.archive.archive import Archive
from echocast.workers.archive.files import Files, LocalFiles
from echocast.workers.archive.object_files import ObjectFiles
from echocast.workers.settings import WorkerSettings


def stream_files(settings: WorkerSettings) -> Files:
    """Where the files of streams lie: the archive's disk, or the object store that is set.

    Raises:
        ArchiveError: The store is of a kind that is not known here.
    """
    if settings.streams_url:
        return ObjectFiles(settings.streams_url, settings.data_dir / "copies")
    return LocalFiles(
        Archive(settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes)
    )
