"""Files of streams in an object store (``s3://`` and all others that fsspec knows).

An object store has no rename and no append, but an object is there as a whole or not at all, and
one may be written on the condition that it is not there yet. No more is needed.
"""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from echocast.model.atomic_files import FileDigest, scratch_file, write_whole
from echocast.workers.archive.damage import FORECAST, Verdicts, difference_from_name
from echocast.workers.archive.files import Entry, Files
from echocast.workers.archive.local_files import LocalFiles
from echocast.workers.errors import ArchiveDamaged, ArchiveError, NotInArchive
from echocast.workers.settings import WorkerSettings

MOST_COPIES = 64  # of forecasts, on the local disk


def stream_files(settings: WorkerSettings) -> Files:
    """The files of streams: on the archive's disk, or in the object store that is set.

    Raises:
        ArchiveError: fsspec does not know the store, or lacks the package for it.
    """
    if settings.streams_url:
        return ObjectFiles(settings.streams_url, settings.data_dir / "copies")
    return LocalFiles(settings.archive_root, free_space_floor_bytes=settings.free_space_floor_bytes)


class ObjectFiles:
    """Objects below an URL.

    Args:
        url: Like ``s3://bucket/prefix``; credentials and endpoint are taken from the environment,
            as fsspec and the store's own client do.
        copies: Local folder for copies of forecasts.

    Raises:
        ArchiveError: fsspec does not know the protocol, or lacks the package for it.
    """

    def __init__(self, url: str, copies: Path) -> None:
        self._fs, self._root = _opened(url)
        self._copies = copies
        self._verdicts = Verdicts()

    def check_space(self) -> None:
        """A store has no end."""

    def spare_bytes(self) -> int | None:
        """See :class:`.files.Files`; a store grows."""
        return None

    def disk_bytes(self) -> int | None:
        """See :class:`.files.Files`; a store grows."""
        return None

    def put(self, path: str, content: bytes) -> None:
        """See :class:`.files.Files`."""
        self._fs.pipe_file(self._place(path), content)

    def create(self, path: str, content: bytes) -> bool:
        """See :class:`.files.Files`."""
        try:
            self._fs.pipe_file(self._place(path), content, mode="create")
        except FileExistsError:
            return False
        return True

    def get(self, path: str) -> bytes:
        """See :class:`.files.Files`."""
        try:
            content: bytes = self._fs.cat_file(self._place(path))
        except FileNotFoundError:
            raise NotInArchive(f"The archive holds no {path!r}.") from None
        return content

    def version(self, path: str) -> str | None:
        """See :class:`.files.Files`."""
        try:
            return _version(self._fs.info(self._place(path)))
        except FileNotFoundError:
            return None

    def listing(self, folder: str) -> list[Entry]:
        """See :class:`.files.Files`."""
        entries = [
            Entry(f"{folder}/{item['name'].rpartition('/')[2]}", _version(item), item["size"])
            for item in self._list(folder)
            if item["type"] == "file"
        ]
        return sorted(entries, key=lambda entry: entry.path)

    def folder_bytes(self, folder: str) -> int:
        """See :class:`.files.Files`."""
        return sum(entry.size for entry in self.listing(folder))

    def folders(self, folder: str) -> list[str]:
        """See :class:`.files.Files`."""
        names = [item["name"] for item in self._list(folder) if item["type"] == "directory"]
        return sorted(name.rstrip("/").rpartition("/")[2] for name in names)

    def delete(self, path: str) -> None:
        """See :class:`.files.Files`."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(self._place(path))

    def remove_folder(self, folder: str) -> None:
        """A store has no folders."""

    def add(
        self, write: Callable[[Path], object], name: Callable[[FileDigest], str], suffix: str = ""
    ) -> str:
        """See :class:`.files.Files`."""
        with tempfile.TemporaryDirectory(prefix="echocast-") as folder:
            local = Path(folder) / f"new{suffix}"
            write(local)
            digest = FileDigest.of(local)
            path = name(digest)
            self._fs.put_file(str(local), self._place(path))
        if (size := self._fs.info(self._place(path))["size"]) != digest.size:
            raise OSError(errno.EIO, f"{size} of {digest.size} bytes were stored", path)
        return path

    def local(self, path: str) -> Path:
        """See :class:`.files.Files`; forecasts never change, so a copy will do."""
        name = f"{hashlib.sha256(path.encode()).hexdigest()[:16]}_{Path(path).name}"
        copy = self._copies / name
        if not copy.is_file():
            self._copies.mkdir(parents=True, exist_ok=True)
            self._remove_old_copies()
            with scratch_file(self._copies) as part:
                write_whole(part, self.get(path))
                part.replace(copy)
        try:
            return self._verdicts.check(copy, FORECAST, difference_from_name)
        except ArchiveDamaged:
            copy.unlink(missing_ok=True)  # the object may be whole
            raise

    def _remove_old_copies(self) -> None:
        copies = sorted(self._copies.iterdir(), key=lambda copy: copy.stat().st_mtime)
        for copy in copies[:-MOST_COPIES]:
            copy.unlink(missing_ok=True)

    def _list(self, folder: str) -> list[dict[str, Any]]:
        try:
            items: list[dict[str, Any]] = self._fs.ls(self._place(folder), detail=True)
        except FileNotFoundError:
            return []
        return items

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}"


def _opened(url: str) -> tuple[Any, str]:
    """File system and root of an URL; listings are asked for anew, as other hosts write too."""
    import fsspec

    try:
        fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ArchiveError(f"The archive {url} cannot be opened: {error}.") from error
    return fs, root.rstrip("/")


def _version(item: dict[str, Any]) -> str:
    """The store's own mark of the content; else time and size."""
    tag = item.get("ETag") or f"{item.get('mtime', item.get('LastModified'))}"
    return f"{tag}-{item['size']}"
